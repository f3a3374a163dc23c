"""The owner's console as its page talks to the server: events over HTTP, without a browser."""

import json
import re
from typing import Any
from uuid import uuid4

import httpx

_CONFIG = re.compile(r"window\.gradio_config = (.*?);</script>", re.DOTALL)
_ROOT = 'new URL(".", location.href).href.slice(0, -1)'


class ConsolePage:
    """A page of the console, open in the browser of who is logged in at `client`."""

    def __init__(self, client: httpx.Client, path: str = "") -> None:
        answer = client.get(f"/admin/{path}")
        assert answer.status_code == 200, answer.text
        found = _CONFIG.search(answer.text)
        assert found is not None
        self.config = json.loads(found[1].replace(_ROOT, '""'))
        self._client = client
        self._session = uuid4().hex[:11]

    @property
    def events(self) -> dict[str, Any]:
        """What the page can ask for, by the names of its functions."""
        return {one["api_name"]: one for one in self.config["dependencies"]}

    def send(
        self, name: str, *values: Any, study: str | None = None, row: list[str] | None = None
    ) -> httpx.Response:
        """Begin an event; `values` of its inputs after the study's selector; `row`: a chosen one."""
        body = {"fn_index": self.events[name]["id"], "data": [study, *values], "session_hash": self._session}
        if row is not None:
            body["event_data"] = {"index": [0, 0], "value": row[0], "row_value": row}
        return self._client.post("/admin/gradio_api/queue/join", json=body)

    def choose(self, name: str, row: list[str], *values: Any) -> tuple[list[Any], list[str]]:
        """`call`, of an event of a table in which a row was chosen."""
        return self.call(name, *values, row=row)

    def call(
        self, name: str, *values: Any, study: str | None = None, row: list[str] | None = None
    ) -> tuple[list[Any], list[str]]:
        """The outputs of an event, and what was said in the corner of the page meanwhile."""
        answer = self.send(name, *values, study=study, row=row)
        assert answer.status_code == 200, answer.text
        said: list[str] = []
        stream = self._client.stream(
            "GET", "/admin/gradio_api/queue/data", params={"session_hash": self._session}
        )
        with stream as lines:
            for line in lines.iter_lines():
                if not line.startswith("data: "):
                    continue
                message = json.loads(line.removeprefix("data: "))
                if message["msg"] == "log":
                    said.append(message["log"])
                if message["msg"] == "process_completed":
                    assert message["success"], message
                    return message["output"]["data"], said
        raise AssertionError("the stream ended before the event did")

    def rows(self, name: str, *values: Any, study: str | None = None, output: int = 0) -> list[list[str]]:
        """The rows of a table that an event fills."""
        return list(self.call(name, *values, study=study)[0][output]["data"])
