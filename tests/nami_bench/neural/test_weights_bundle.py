"""Weights carried in a tar file from one machine's caches to another's."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from nami_bench.errors import InputError, StorageError
from nami_bench.neural.hub_weights import HubFiles
from nami_bench.neural.weights import WebFile, Weights
from nami_bench.neural.weights_bundle import SCHEMA, bundle, unbundle
from nami_bench.services.download import Pin
from tests.support.hub import Hub, hub_server

DATA = b"tensors" * 1000
FILE = WebFile(
    address="http://127.0.0.1:9/net.pth",
    pin=Pin(hashlib.sha256(DATA).hexdigest()[:8], "its name"),
    licence="MIT",
)
NET = HubFiles(repository="o/net", patterns=("*",), signs=("model.safetensors",), licence="MIT")
BOTH: list[Weights] = [FILE, NET]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, no_proxy: None, tmp_path: Path) -> Iterator[Hub]:
    """The machine that has a network, and both of the weights."""
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "a" / "nami"))
    with hub_server(monkeypatch, tmp_path / "a" / "hub") as hub:
        hub.repositories["o/net"] = {"config.json": b"{}", "model.safetensors": bytes(1000)}
        NET.fetch()
        FILE.path.parent.mkdir(parents=True)
        FILE.path.write_bytes(DATA)
        FILE.fetch()
        yield hub


@pytest.fixture
def there(here: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Go to the other machine."""

    def go() -> None:
        monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "b" / "nami"))
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "b" / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        assert not any(weights.files() for weights in BOTH)

    return go


def test_everything_is_found_on_the_other_machine(there: Callable[[], None], tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    size = bundle(BOTH, tmp_path / "w.tar", lambda done, total: told.append((done, total)))
    assert told[-1] == (size, size)
    there()
    places = unbundle(tmp_path / "w.tar")
    assert all(place.exists() for place in places)
    assert FILE.fetch() == FILE.path and FILE.hash().seen == hashlib.sha256(DATA).hexdigest()
    assert [path.name for path in NET.files()] == ["config.json", "model.safetensors"]
    assert [weights.damage() for weights in BOTH] == [[], []]
    assert NET.files()[0].is_symlink()


def test_what_is_there_already_is_left_alone(there: Callable[[], None], tmp_path: Path) -> None:
    bundle(BOTH, tmp_path / "w.tar")
    there()
    unbundle(tmp_path / "w.tar")
    before = FILE.path.stat().st_ino
    NET.files()[1].resolve().write_bytes(b"damaged")
    unbundle(tmp_path / "w.tar")
    assert FILE.path.stat().st_ino == before and NET.damage() == []


def test_a_file_system_without_links_gets_copies(
    there: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(1, "Operation not permitted")

    bundle([NET], tmp_path / "w.tar")
    there()
    monkeypatch.setattr(Path, "symlink_to", refuse)
    unbundle(tmp_path / "w.tar")
    files = NET.files()
    assert [path.read_bytes() for path in files] == [b"{}", bytes(1000)]
    assert not any(path.is_symlink() for path in files)


def test_what_is_missing_or_damaged_is_not_bundled(here: Hub, tmp_path: Path) -> None:
    output = tmp_path / "w.tar"
    FILE.path.write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"its SHA-256 is .*: fetch it again before it is carried away"):
        bundle(BOTH, output)
    FILE.path.unlink()
    with pytest.raises(InputError, match=r"net\.pth is not on this machine: fetch it first"):
        bundle(BOTH, output)
    assert not output.exists()


@pytest.mark.parametrize("cut", [100, 12_000, -20_000])
def test_a_bundle_that_was_cut_off_is_one_sentence(
    there: Callable[[], None], tmp_path: Path, cut: int
) -> None:
    path = tmp_path / "w.tar"
    bundle(BOTH, path)
    path.write_bytes(path.read_bytes()[:cut])
    there()
    with pytest.raises(InputError, match=r"damaged or no bundle|is damaged: "):
        unbundle(path)
    assert not list(tmp_path.joinpath("b").rglob("*.partial"))


def test_a_byte_that_changed_on_the_way_is_noticed(there: Callable[[], None], tmp_path: Path) -> None:
    path = tmp_path / "w.tar"
    bundle([FILE], path)
    path.write_bytes(path.read_bytes().replace(b"tensors", b"tensorz", 1))
    there()
    with pytest.raises(InputError, match=r"weights/net\.pth is not the file that was bundled"):
        unbundle(path)
    assert FILE.files() == []


def written(path: Path, *rows: dict[str, object], schema: str = SCHEMA) -> Path:
    """A bundle by somebody who means harm."""
    with tarfile.open(path, "w") as tar:
        data = json.dumps({"schema": schema, "files": rows}).encode()
        member = tarfile.TarInfo("weights.json")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
        for row in rows:
            if row.get("link") is None:
                tar.addfile(tarfile.TarInfo(f"files/{row['home']}/{row['name']}"))
    return path


@pytest.mark.parametrize(
    "row",
    [
        {"home": "nami", "name": "../evil"},
        {"home": "nami", "name": "/evil"},
        {"home": "nami", "name": "C:\\evil"},
        {"home": "root", "name": "evil"},
        {"home": "nami", "name": ""},
        {"home": "hub", "name": "models--a/snapshots/x", "link": "../../../evil"},
        {"home": "hub", "name": "models--a/snapshots/x", "link": "../../models--b/x"},
        {"home": "hub", "name": "models--a/snapshots/x", "link": "/etc/passwd"},
        {"name": "no home"},
        {"home": "nami", "name": "x", "unknown": 1},
    ],
    ids=str,
)
def test_nothing_is_put_or_led_outside_of_the_caches(
    there: Callable[[], None], tmp_path: Path, row: dict[str, object]
) -> None:
    there()
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as tar:
        data = json.dumps({"schema": SCHEMA, "files": [row]}).encode()
        member = tarfile.TarInfo("weights.json")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    with pytest.raises(InputError, match="its list of files cannot be read"):
        unbundle(path)
    assert not (tmp_path / "b").exists()


def test_what_is_no_bundle_is_said(here: Hub, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*none\.tar"):
        unbundle(tmp_path / "none.tar")
    (tmp_path / "text.tar").write_text("text" * 1000)
    with pytest.raises(InputError, match=r"text\.tar is damaged or no bundle"):
        unbundle(tmp_path / "text.tar")
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("other"))
    with pytest.raises(InputError, match=r"does not begin with weights\.json"):
        unbundle(tmp_path / "other.tar")
    with pytest.raises(InputError, match="of another kind, 'future/9': upgrade"):
        unbundle(written(tmp_path / "new.tar", schema="future/9"))


def test_members_that_the_list_does_not_have_are_refused(here: Hub, tmp_path: Path) -> None:
    path = written(tmp_path / "w.tar", {"home": "nami", "name": "weights/x", "size": 5, "sha256": "0"})
    with pytest.raises(InputError, match="its list does not have files/nami/weights/x as it is"):
        unbundle(path)


def test_another_commit_of_the_same_revision_is_not_overwritten(
    there: Callable[[], None], tmp_path: Path
) -> None:
    bundle([NET], tmp_path / "w.tar")
    there()
    reference = Path(constants.HF_HUB_CACHE) / "models--o--net" / "refs" / "main"
    reference.parent.mkdir(parents=True)
    reference.write_text("another")
    with pytest.raises(InputError, match=r"names another commit than .*: delete .*models--o--net first"):
        unbundle(tmp_path / "w.tar")
    assert reference.read_text() == "another"


def test_a_disk_that_refuses_is_one_sentence_and_nothing_stays(here: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match=r"cannot write .*file/w\.tar: "):
        bundle([FILE], tmp_path / "file" / "w.tar")
    (tmp_path / "w.tar").mkdir()
    with pytest.raises(StorageError, match="cannot write"):
        bundle([FILE], tmp_path / "w.tar")
    assert not list(tmp_path.glob("*.partial"))
