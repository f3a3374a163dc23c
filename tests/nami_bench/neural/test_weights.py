"""Files of weights from a real server on this machine: fetched, remembered, mirrored, damaged."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from nami_bench.errors import InputError, WorkError
from nami_bench.neural import weights
from nami_bench.neural.weights import ByHand, OwnFiles, WebFile
from nami_bench.services import retrying_client
from nami_bench.services.download import Pin
from tests.support.file_server import FileServer, status
from tests.support.http_server import http_server

DATA = b"tensors" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


class Site(FileServer):
    address: str

    def file(self, digits: str = SHA256[:8], **more: str) -> WebFile:
        address = f"{self.address}/models/net-{SHA256[:8]}.pth?token=a"
        return WebFile(address=address, pin=Pin(digits, "its name"), licence="MIT", **more)  # type: ignore[arg-type]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, no_proxy: None, tmp_path: Path) -> Iterator[Site]:
    monkeypatch.setattr(retrying_client, "_FIRST_WAIT", 0.01)
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("NAMI_WEIGHTS_MIRROR", raising=False)
    files = Site({f"/models/net-{SHA256[:8]}.pth?token=a": DATA})
    with http_server(files.answer) as files.address:
        yield files


def other_data(beginning: str) -> bytes:
    """Other bytes whose hash begins alike."""
    number = 0
    while not hashlib.sha256(b"%d" % number).hexdigest().startswith(beginning):
        number += 1
    return b"%d" % number


def test_a_file_is_fetched_once_into_the_cache(site: Site, tmp_path: Path) -> None:
    file = site.file()
    assert file.files() == [] and file.usable() is None
    place = tmp_path / "cache" / "weights" / f"net-{SHA256[:8]}.pth"
    assert file.fetch() == file.fetch() == place == file.path
    assert place.read_bytes() == DATA and len(site.asked) == 1


def test_of_a_pin_of_eight_digits_the_rest_is_remembered_at_first_sight(site: Site) -> None:
    file = site.file()
    assert file.hash().seen is None
    file.fetch()
    assert file.record.read_text() == f"{SHA256}  {file.name}\n"
    known = file.hash()
    assert (known.digits, known.verified, known.seen) == (SHA256[:8], False, SHA256)


def test_a_whole_pin_needs_no_memory(site: Site) -> None:
    file = site.file(SHA256)
    file.fetch()
    assert not file.record.exists()


def test_a_damaged_file_is_said_and_fetched_again(site: Site) -> None:
    file = site.file()
    file.fetch()
    assert file.damage() == []
    file.path.write_bytes(b"damaged")
    (line,) = file.damage()
    found = hashlib.sha256(b"damaged").hexdigest()
    assert line == (
        f"{file.path}: its SHA-256 is {found}, expected {SHA256[:8]}... (not verified when this was written; "
        "from: its name)"
    )
    assert file.usable() is None and file.fetch().read_bytes() == DATA and file.damage() == []


def test_another_file_that_fits_the_pin_is_not_taken_for_the_first(site: Site) -> None:
    file = site.file(SHA256[:2])
    file.fetch()
    file.path.write_bytes(other_data(SHA256[:2]))
    (line,) = file.damage()
    assert f"that of the file fetched first was {SHA256}" in line
    assert file.fetch().read_bytes() == DATA


def test_a_server_whose_file_changed_is_not_believed(site: Site) -> None:
    file = site.file(SHA256[:2])
    file.fetch()
    file.path.unlink()
    site.files = dict.fromkeys(site.files, other_data(SHA256[:2]))
    with pytest.raises(WorkError, match=r"fetched first was .*delete .*\.sha256 if the new one is to be"):
        file.fetch()
    assert not file.path.exists()


def test_what_cannot_be_fetched_is_one_sentence_with_every_remedy(site: Site) -> None:
    file = site.file(option="clip_weights")
    site.faults[next(iter(site.files))] = [status(404)]
    with pytest.raises(WorkError) as caught:
        file.fetch()
    assert str(caught.value) == (
        f"cannot fetch {file.address} to {file.path}: the server answered 404; try again, put the file there "
        "by hand, or name it with clip_weights=FILE"
    )


def test_a_mirror_is_asked_for_the_name_and_believed_no_more(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = site.file()
    monkeypatch.setenv("NAMI_WEIGHTS_MIRROR", f"{site.address}/mirror/")
    site.files[f"/mirror/{file.name}"] = b"something else"
    with pytest.raises(WorkError, match=r"cannot fetch .*/mirror/net-.*SHA-256"):
        file.fetch()
    site.files[f"/mirror/{file.name}"] = DATA
    assert file.fetch().read_bytes() == DATA
    assert {path for path, _ in site.asked} == {f"/mirror/{file.name}"}


def test_torchs_own_copy_is_used_where_it_is_whole(site: Site, tmp_path: Path) -> None:
    file = site.file(SHA256, elsewhere="checkpoints/net.pth")
    theirs = tmp_path / "torch" / "hub" / "checkpoints" / "net.pth"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(DATA)
    assert file.fetch() == theirs and site.asked == []
    (carried,) = file.carried()
    assert (carried.home, carried.name) == ("nami", PurePosixPath("weights", file.name))
    theirs.write_bytes(b"damaged")
    assert file.fetch() == file.path and theirs.read_bytes() == b"damaged"


@pytest.mark.slow
def test_torchs_cache_is_where_torch_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
        assert str(weights.torch_cache()) == torch.hub.get_dir()
        monkeypatch.setenv(name, str(tmp_path / name))
        assert str(weights.torch_cache()) == torch.hub.get_dir()
        monkeypatch.delenv(name)


def test_whoever_does_not_watch_is_told_in_lines(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        site.file().fetch()
    assert [record.getMessage() for record in caplog.records] == [f"fetching {site.file().path}: 0 of 0 MB"]
    caplog.clear()
    site.file().path.unlink()
    told: list[int] = []
    site.file().fetch(lambda done, total: told.append(done))
    assert told[-1] == len(DATA) and not caplog.records


def test_files_of_ones_own_are_neither_fetched_nor_carried(tmp_path: Path) -> None:
    own = OwnFiles(path=tmp_path / "own.pt")
    with pytest.raises(InputError, match=r"there is nothing at .*own\.pt"):
        own.fetch()
    own.path.write_bytes(b"1")
    assert own.fetch() == own.path and own.files() == [own.path] and own.damage() == []
    assert list(own.carried()) == []


def test_what_is_got_by_hand_says_how() -> None:
    with pytest.raises(InputError, match="X is not fetched by this program: ask Y"):
        ByHand(source="X", licence="MIT", how="ask Y").fetch()
