"""People who come into a study by themselves, over HTTP, as the pages of static/ do it."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any
from urllib.parse import urlencode

import httpx

from nami_bench.domain import Came, Consent, Entry, EntryQuestion, Study, WayOut
from nami_bench.domain.entry_question import Option
from nami_bench.store import Store

CONSENT = Consent(
    {"en": "We study *pictures*.", "zh": "我们研究图片。"},
    version="2026-11",
    boxes=({"en": "I am 18 or older.", "zh": "我已年满 18 岁。"},),
)
AGE = EntryQuestion(
    "age", {"en": "How old are you?"}, kind="number", minimum=0, maximum=120, qualifies_from=18
)
EXPERTISE = EntryQuestion(
    "expertise",
    {"en": "Do you draw?"},
    options=(Option("yes", {"en": "Yes"}), Option("no", {"en": "No"})),
    required=False,
)
CODES = {way: f"C-{way.value.upper().replace('_', '-')}" for way in WayOut if way is not WayOut.NOTHING_LEFT}
STUDY_ID = "5f0000000000000000000abc"
_numbers = count()


def with_entry(store: Store, study: Study, **entry: Any) -> Study:
    """Give a study an `[entry]`, Prolific's unless said otherwise; the study as it is now."""
    of_study = {*Study.__dataclass_fields__} - {*Entry.__dataclass_fields__}
    mode = {key: entry.pop(key) for key in {*entry} & of_study}
    values: dict[str, Any] = {"consent": CONSENT, "provider": Came.PROLIFIC, "codes": CODES}
    changed = replace(study, languages=("en", "zh"), entry=Entry(**(values | entry)), **mode)
    store.studies.change(changed)
    return changed


def pid(number: int) -> str:
    """A participant's id as Prolific gives them."""
    return f"{number:024x}"


def arrival(number: int, **more: str) -> str:
    """The parameters of a Prolific participant's address."""
    return urlencode({"PROLIFIC_PID": pid(number), "STUDY_ID": STUDY_ID, "SESSION_ID": f"s{number}", **more})


class Visitor:
    """A browser at a study's door, with what it was opened with."""

    def __init__(self, address: str, study: str, query: str = "", link: str = "") -> None:
        self.client = httpx.Client(base_url=address, timeout=30, verify=False)  # no TLS: nothing to load
        self.study, self.query, self.link = study, query, link

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *error: object) -> None:
        self.client.close()

    def ask(self, what: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """Send something to the door."""
        return self.client.post(f"/join/{self.study}/{what}", json=body or {})

    def door(self) -> dict[str, Any]:
        """What the door says; `code` where it refuses."""
        found: dict[str, Any] = self.ask("door", {"query": self.query, "link": self.link}).json()
        return found

    def agree(self, agrees: bool = True, **more: Any) -> dict[str, Any]:
        """Choose; what comes of it."""
        consent = self.door().get("study", {}).get("consent", {}).get("en", {"sha256": "", "boxes": []})
        body = {
            "query": self.query,
            "link": self.link,
            "agrees": agrees,
            "sha256": consent["sha256"],
            "ticked": len(consent["boxes"]),
            "width": 1280,
            "touch": False,
        }
        found: dict[str, Any] = self.ask("agree", body | more).json()
        return found

    def return_(self) -> dict[str, Any]:
        """Come back in another browser."""
        found: dict[str, Any] = self.ask("return", {"query": self.query, "link": self.link}).json()
        return found

    def session(self) -> dict[str, Any]:
        """Where the work is."""
        found: dict[str, Any] = self.client.get(f"/study/{self.study}/session").json()
        return found

    def rate(self, most: int = 1000, value: float = 3.0) -> int:
        """Rate items, with values that vary, until none is left; how many."""
        state, done = self.session(), 0
        while state.get("items") and done < most:
            item = state["items"][0]
            values = {one["name"]: value + (done % 2) for one in state["study"]["criteria"]}
            sent = {"client_token": f"v{next(_numbers)}", "values": values, "duration_ms": 4000}
            answer = self.client.post(f"/study/{self.study}/item/{item['token']}", json=sent)
            assert answer.status_code == 200, answer.text
            state, done = {"study": state["study"], **answer.json()}, done + 1
        return done

    def leave(self) -> dict[str, Any]:
        """Ask for the way out."""
        found: dict[str, Any] = self.ask("leave").json()
        return found
