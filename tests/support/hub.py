"""A Hugging Face hub on this machine: as much of its protocol as the hub's own library speaks."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.support.http_server import Asked, Reply, http_server

COMMIT = "c0ffee" + "0" * 34
_LARGE = (".safetensors", ".bin", ".pt", ".pth")


@dataclass
class Hub:
    """`repositories`: by name, the content of the files. `asked`: the paths, in order."""

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def add(self, name: str, folder: Path) -> None:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        self.repositories[name] = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    def answer(self, asked: Asked) -> Reply:
        path = asked.path.partition("?")[0]
        self.asked.append(f"{asked.method} {path}")
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/[^/]+", path):
            files = self.repositories.get(found[1])
            if files is None:
                return Reply(404, {}, {"X-Error-Code": "RepoNotFound"})
            if found[2] == "revision":
                siblings = [{"rfilename": name} for name in files]
                return _json({"id": found[1], "sha": COMMIT, "siblings": siblings})
            return _json([_tree_row(name, data) for name, data in files.items()])
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
            data = self.repositories.get(found[1], {}).get(found[2])
            if data is None:
                return Reply(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            etag = f'"{_hash_of(found[2], data)}"'
            return Reply(200, data, {"ETag": etag, "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"})
        return Reply(404)


@contextmanager
def hub_server(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Hub]:
    """The hub that this process's library asks, with an empty cache in `cache`."""
    hub = Hub()
    with http_server(hub.answer) as hub.address:
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            hub.address + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield hub


def hub_environment(hub: Hub, cache: Path) -> Mapping[str, str]:
    """The same for a process that is started."""
    return {"HF_ENDPOINT": hub.address, "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "0"}


def _json(value: object) -> Reply:
    return Reply(200, json.dumps(value).encode(), {"Content-Type": "application/json"})


def _tree_row(name: str, data: bytes) -> dict[str, object]:
    row: dict[str, object] = {"type": "file", "path": name, "size": len(data), "oid": _git_hash(data)}
    if name.endswith(_LARGE):
        row["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return row


def _hash_of(name: str, data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if name.endswith(_LARGE) else _git_hash(data)


def _git_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
