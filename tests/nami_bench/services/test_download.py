"""Downloads from a real server on this machine that does everything servers do wrong."""

import gzip
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nami_bench.errors import StorageError
from nami_bench.services import bounded_client, download, retrying_client
from nami_bench.services.download import DownloadError, Pin, partial_file
from tests.support.file_server import FileServer, broken_after, status
from tests.support.http_server import Reply, http_server

DATA = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
PIN = Pin(SHA256, "this test")


class Site(FileServer):
    address: str

    @property
    def ranges_asked(self) -> list[str]:
        return [wanted for _, wanted in self.asked]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> Iterator[Site]:
    monkeypatch.setattr(retrying_client, "_FIRST_WAIT", 0.01)
    files = Site({"/w.pth": DATA})
    with http_server(files.answer) as files.address:
        yield files


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a folder" / "w.pth"


def fetch(site: Site, path: Path, pin: Pin = PIN, **options: object) -> str:
    return download.download(f"{site.address}/w.pth", path, pin, **options)  # type: ignore[arg-type]


def left(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir() if file.suffix != ".lock")


def test_a_file_is_downloaded_once(site: Site, path: Path) -> None:
    assert fetch(site, path) == fetch(site, path) == SHA256
    assert path.read_bytes() == DATA and left(path) == ["w.pth"]
    assert path.stat().st_mode & 0o777 == 0o644
    assert site.ranges_asked == [""]


def test_progress_is_told_in_bytes_of_a_total(site: Site, path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    fetch(site, path, report=lambda done, total: told.append((done, total)))
    assert told[0] == (0, len(DATA)) and told[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_broken_download_goes_on_where_it_broke(site: Site, path: Path) -> None:
    site.faults["/w.pth"] = [broken_after(100_000), broken_after(50_000)]
    assert fetch(site, path) == SHA256
    assert site.ranges_asked == ["", "bytes=100000-", "bytes=150000-"]
    assert path.read_bytes() == DATA and left(path) == ["w.pth"]


def test_what_came_before_a_failure_is_kept_for_the_next_run(site: Site, path: Path) -> None:
    site.faults["/w.pth"] = [broken_after(100_000), *[status(503, Retry_After="0")] * 9]
    with pytest.raises(DownloadError, match="the server answered 503"):
        fetch(site, path)
    assert not path.exists() and partial_file(path).read_bytes() == DATA[:100_000]
    site.faults.clear()
    assert fetch(site, path) == SHA256
    assert site.ranges_asked[-1] == "bytes=100000-"


def test_a_server_that_is_busy_is_asked_again(site: Site, path: Path) -> None:
    site.faults["/w.pth"] = [status(503, Retry_After="0"), status(500), status(429, Retry_After="0")]
    assert fetch(site, path) == SHA256
    assert len(site.asked) == 4


def test_progress_renews_patience(site: Site, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying_client, "_PROGRESS", 20_000)
    site.faults["/w.pth"] = [broken_after(25_000)] * 10
    assert fetch(site, path) == SHA256


def test_a_server_that_makes_it_begin_again_and_again_is_given_up(site: Site, path: Path) -> None:
    site.ranges = False
    site.faults["/w.pth"] = [broken_after(100_000)] * 50
    with pytest.raises(DownloadError, match="peer closed connection"):
        fetch(site, path)
    assert len(site.asked) == 4


def test_without_ranges_it_begins_again(site: Site, path: Path) -> None:
    site.ranges = False
    site.faults["/w.pth"] = [broken_after(100_000)]
    assert fetch(site, path) == SHA256
    assert path.read_bytes() == DATA


def test_redirects_are_followed_and_resumed(site: Site, path: Path) -> None:
    site.files["/there.pth"] = site.files.pop("/w.pth")
    leads_on = status(302, Location="/there.pth")
    site.faults = {"/w.pth": [leads_on] * 2, "/there.pth": [broken_after(1000)]}
    assert fetch(site, path) == SHA256
    assert site.asked[-1] == ("/there.pth", "bytes=1000-")


def test_redirects_for_ever_end(site: Site, path: Path) -> None:
    site.faults["/w.pth"] = [status(302, Location="/w.pth")] * 99
    with pytest.raises(DownloadError, match="leads on more than 10 times"):
        fetch(site, path)
    assert left(path) == []


@pytest.mark.parametrize(("digits", "said"), [("0" * 64, "0" * 64), ("0" * 8, r"00000000\.\.\.")])
def test_a_wrong_hash_leaves_nothing(site: Site, path: Path, digits: str, said: str) -> None:
    with pytest.raises(
        DownloadError, match=rf"SHA-256 {SHA256}, expected {said}.* \(not verified.*this test\): nothing"
    ):
        fetch(site, path, Pin(digits, "this test"))
    assert left(path) == [] and len(site.asked) == 1


def test_the_first_digits_of_a_hash_are_enough(site: Site, path: Path) -> None:
    assert fetch(site, path, Pin(SHA256[:8], "its name")) == SHA256


def test_a_missing_file_is_said_and_leaves_nothing(site: Site, path: Path) -> None:
    site.files.clear()
    with pytest.raises(DownloadError, match="the server answered 404"):
        fetch(site, path)
    assert left(path) == [] and len(site.asked) == 1


def test_a_file_that_changed_while_it_came_is_fetched_whole(site: Site, path: Path) -> None:
    site.faults["/w.pth"] = [lambda said: broken_after(1000)(Reply(200, b"x" * 400_000))]
    assert fetch(site, path) == SHA256
    # The rest is one of another size: not taken.
    assert site.ranges_asked == ["", "bytes=1000-", ""]


def test_parts_of_two_versions_are_fetched_whole(site: Site, path: Path) -> None:
    path.parent.mkdir()
    partial_file(path).write_bytes(b"an older version")
    assert fetch(site, path) == SHA256
    assert site.ranges_asked == ["bytes=16-", ""]


def test_more_than_the_server_has_is_fetched_whole(site: Site, path: Path) -> None:
    path.parent.mkdir()
    partial_file(path).write_bytes(DATA + b"and more")
    assert fetch(site, path) == SHA256
    assert site.ranges_asked == [f"bytes={len(DATA) + 8}-", ""]


def test_a_download_killed_at_the_last_step_needs_no_network(site: Site, path: Path) -> None:
    path.parent.mkdir()
    partial_file(path).write_bytes(DATA)
    assert fetch(site, path) == SHA256
    assert site.asked == [] and left(path) == ["w.pth"]


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Range": "bytes 5-9/10"}, {"Content-Range": "nonsense"}], ids=str
)
def test_another_part_than_was_asked_for_is_not_used(site: Site, path: Path, headers: dict[str, str]) -> None:
    site.faults["/w.pth"] = [broken_after(1000), lambda said: Reply(206, b"other", headers)]
    assert fetch(site, path) == SHA256
    assert path.read_bytes() == DATA


def test_a_damaged_file_is_replaced(site: Site, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"damaged")
    assert fetch(site, path) == SHA256 and path.read_bytes() == DATA


@pytest.mark.parametrize(
    "answer",
    [
        lambda said: said,
        lambda said: Reply(200, gzip.compress(bytes(300_000)), {"Content-Encoding": "gzip"}),
    ],
    ids=["said", "unsaid"],
)
def test_too_large_a_file_is_refused(site: Site, path: Path, answer: Callable[[Reply], Reply]) -> None:
    site.faults["/w.pth"] = [answer]
    with pytest.raises(DownloadError, match="larger than 1000 bytes"):
        fetch(site, path, max_bytes=1000)
    assert left(path) == [] and len(site.asked) == 1


def test_a_server_that_packs_unasked_is_understood(site: Site, path: Path) -> None:
    packed = gzip.compress(DATA)
    site.faults["/w.pth"] = [lambda said: Reply(200, packed, {"Content-Encoding": "gzip"})]
    assert fetch(site, path) == SHA256 and path.read_bytes() == DATA


def test_a_slow_drip_is_given_up_and_kept(site: Site, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "STALL_SECONDS", 0.2)
    enough = threading.Event()

    def drops() -> Iterator[bytes]:
        for place in range(len(DATA)):
            if enough.wait(0.02):
                return
            yield DATA[place : place + 1]

    drip = Reply(200, b"", {"Content-Length": str(len(DATA)), "Connection": "close"}, rest=drops())
    site.faults["/w.pth"] = [lambda said: drip] + [status(404)] * 9
    with pytest.raises(DownloadError, match="the server answered 404"):
        fetch(site, path)
    enough.set()
    came = partial_file(path).read_bytes()
    assert 0 < len(came) < 1000 and DATA.startswith(came)


def test_a_line_that_is_slow_and_steady_is_waited_for(
    site: Site, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(bounded_client, "SLOWEST", 10)
    pause = threading.Event()

    def pieces() -> Iterator[bytes]:  # for longer than may pass without any
        for start in range(0, len(DATA), 20_000):
            pause.wait(0.06)
            yield DATA[start : start + 20_000]

    steady = Reply(200, b"", {"Content-Length": str(len(DATA))}, rest=pieces())
    site.faults["/w.pth"] = [lambda said: steady]
    assert fetch(site, path) == SHA256 and len(site.asked) == 1


def test_a_refused_connection_is_said(path: Path, site: Site) -> None:
    with http_server(site.answer) as address:
        pass  # and it is gone
    with pytest.raises(DownloadError, match="refused"):
        download.download(f"{address}/w.pth", path, PIN)
    assert left(path) == []


PROGRAM = """
import sys
from pathlib import Path
from nami_bench.services.download import Pin, download
address, path, sha256 = sys.argv[1:]
print(download(address, Path(path), Pin(sha256, "a test")))
"""


def start(site: Site, path: Path, *before: str) -> "subprocess.Popen[str]":
    command = [*before, sys.executable, "-c", PROGRAM, f"{site.address}/w.pth", str(path), SHA256]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def stalling(site: Site, size: int) -> Callable[[], None]:
    """The first answer stops after `size` bytes until the function is called."""
    go_on = threading.Event()

    def rest() -> Iterator[bytes]:
        go_on.wait(12)
        yield DATA[size:]

    headers = {"Content-Length": str(len(DATA))}
    site.faults["/w.pth"] = [lambda said: Reply(200, DATA[:size], headers, rest=rest())]
    return go_on.set


@pytest.mark.slow
def test_two_processes_fetch_a_file_once(site: Site, path: Path) -> None:
    go_on = stalling(site, 1000)
    first = start(site, path)
    while not site.asked:
        assert first.poll() is None
        time.sleep(0.01)
    second = start(site, path)
    assert second.stderr is not None
    assert "another process is downloading" in second.stderr.readline()
    go_on()
    assert [process.communicate()[0] for process in (first, second)] == [f"{SHA256}\n"] * 2
    assert site.ranges_asked == [""]


def test_after_ctrl_c_the_next_run_goes_on(site: Site, path: Path) -> None:
    go_on = stalling(site, 65_536)
    process = start(site, path)
    while not partial_file(path).is_file() or not partial_file(path).stat().st_size:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate()
    go_on()
    came = partial_file(path).stat().st_size
    assert process.returncode != 0 and not path.exists() and 0 < came <= 65_536
    assert fetch(site, path) == SHA256
    assert site.ranges_asked == ["", f"bytes={came}-"]


def test_a_full_disk_is_one_sentence_and_what_came_is_kept(site: Site, path: Path) -> None:
    # A limit on the size of files is refused as a full disk is, but by another number.
    full = (
        "import resource, runpy, signal, sys;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
    )
    command = [sys.executable, "-c", full + PROGRAM, f"{site.address}/w.pth", str(path), SHA256]
    done = subprocess.run(command, capture_output=True, text=True)
    assert f"StorageError: cannot write {path}: File too large" in done.stderr
    assert not path.exists() and 0 < partial_file(path).stat().st_size <= 100_000
    assert fetch(site, path) == SHA256 and path.read_bytes() == DATA


def test_no_room_is_said_with_the_remedy(site: Site, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(self: object, data: bytes) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(download._Partial, "take", no_room)
    with pytest.raises(StorageError, match=r"No space left on device: make room and try again"):
        fetch(site, path)
