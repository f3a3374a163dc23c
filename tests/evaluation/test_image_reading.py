"""Reading ahead: order, bounds, and processes that end with whoever asked."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from nami_bench.errors import WorkError
from nami_bench.evaluation.image_reading import FEW, read_ahead
from nami_bench.images import hash_file, write_png


@pytest.fixture
def paths(tmp_path):
    """Images of different widths, one damaged and one missing among them."""
    found = []
    for number in range(FEW + 20):
        found.append(tmp_path / f"{number}.png")
        write_png(found[-1], Image.new("RGB", (number + 1, 4), (number, 0, 0)))
    found[5].write_bytes(found[5].read_bytes()[:-20])
    found[7].unlink()
    return found


def children(pid="self"):
    """Process ids of a process's children that have not ended."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return [child for child in found if running(child)]


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(autouse=True)
def others(monkeypatch):
    """Processes that tests before these left for a while, such as that of an app's overviews."""
    monkeypatch.setattr(sys.modules[__name__], "OTHERS", frozenset(children()))


OTHERS = frozenset()


def readers(pid="self"):
    """Those that decode: multiprocessing's own resource tracker stays for the whole program."""
    return [
        child
        for child in children(pid)
        if child not in OTHERS and b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_contents_come_in_order_with_their_hashes_and_problems(paths, workers):
    contents = list(read_ahead(paths, workers, ahead=8))
    assert len(contents) == len(paths)
    for number, (path, content) in enumerate(zip(paths, contents, strict=True)):
        if number in (5, 7):
            assert content.image is None
            assert ("damaged" if number == 5 else "does not exist") in content.problem
        else:
            assert content.image.size == (number + 1, 4)
            assert content.image.getpixel((0, 0)) == (number, 0, 0)
            assert content.sha256 == hash_file(path)
    assert not readers()


def test_only_so_many_files_are_asked_for_ahead(paths):
    asked = iter(paths)
    contents = read_ahead(asked, 1, ahead=2)
    next(contents)
    assert len(list(asked)) == len(paths) - FEW, "the first ones only, which decide how to read"
    contents.close()
    assert not readers()


def test_few_images_start_no_process(paths, monkeypatch):
    monkeypatch.setattr(ProcessPoolExecutor, "submit", lambda *_: pytest.fail("a process for few images"))
    assert len(list(read_ahead(paths[: FEW - 1], 2, ahead=8))) == FEW - 1


def test_the_processes_end_when_the_reader_of_the_images_fails(paths):
    def fail():
        for _ in read_ahead(paths, 2, ahead=8):
            assert len(readers()) == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not readers()


def test_a_process_that_is_killed_is_said_in_words(paths):
    contents = read_ahead(paths, 1, ahead=2)
    next(contents)
    os.kill(readers()[0], signal.SIGKILL)
    with pytest.raises(WorkError, match="a process that decodes images was killed"):
        list(contents)
    assert not readers()


ENDLESS = """
import sys, time
from itertools import cycle
from pathlib import Path
from nami_bench.evaluation.image_reading import read_ahead
for number, _ in enumerate(read_ahead(cycle([Path(sys.argv[1])]), 2, ahead=8)):
    if number == 0:
        print("reading", flush=True)
    time.sleep(0.01)
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_program_however_it_ends(paths, end):
    """Ctrl-C in a terminal reaches all processes at once; the others are sent to the program alone."""
    command = [sys.executable, "-c", ENDLESS, str(paths[0])]
    pipe = subprocess.PIPE
    program = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    assert program.stdout.readline() == "reading\n"
    started = readers(program.pid)
    assert len(started) == 2
    if end is signal.SIGINT:
        os.killpg(program.pid, end)
    else:
        program.send_signal(end)
    _, errors = program.communicate(timeout=20)
    deadline = time.monotonic() + 10
    while any(map(running, started)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(running, started))
    if end is signal.SIGINT:
        assert errors.count("Traceback") == 1, "only the program itself was interrupted"
