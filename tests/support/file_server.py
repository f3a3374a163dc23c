"""Files on a real HTTP server on this machine, given as a test says: whole, in part, broken, wrong."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.http_server import Asked, Reply


@dataclass
class FileServer:
    """`answer` for `http_server`. Files by path; `faults` by path are used up, one for each request.

    It keeps ranges unless `ranges` is false. `asked` are (path, Range header or "") in order.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    faults: dict[str, list[Callable[[Reply], Reply]]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        wanted = asked.headers.get("Range", "")
        self.asked.append((asked.path, wanted))
        said = self._file(asked.path, wanted)
        faults = self.faults.get(asked.path)
        return faults.pop(0)(said) if faults else said

    def _file(self, path: str, wanted: str) -> Reply:
        data = self.files.get(path)
        if data is None:
            return Reply(404, b"no such file")
        found = re.fullmatch(r"bytes=(\d+)-", wanted) if self.ranges else None
        if found is None:
            return Reply(200, data)
        start = int(found[1])
        if start >= len(data):
            return Reply(416, headers={"Content-Range": f"bytes */{len(data)}"})
        extent = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return Reply(206, data[start:], {"Content-Range": extent})


def broken_after(size: int) -> Callable[[Reply], Reply]:
    """The connection ends after so many bytes of the body."""

    def fault(said: Reply) -> Reply:
        headers = {**said.headers, "Content-Length": str(len(said.raw)), "Connection": "close"}
        return Reply(said.status, said.raw[:size], headers)

    return fault


def status(number: int, **headers: str) -> Callable[[Reply], Reply]:
    """Another answer; of a header's name, _ becomes -."""
    return lambda said: Reply(number, b"", {name.replace("_", "-"): value for name, value in headers.items()})
