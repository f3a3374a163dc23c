"""Reading ahead: order, bounds, and processes that end with whoever asked."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import psutil
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


def children(pid=None):
    """A process's children that have not ended."""
    return [child for child in psutil.Process(pid).children() if running(child)]


def running(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(autouse=True)
def others(monkeypatch):
    """Processes that tests before these left for a while, such as that of an app's overviews."""
    monkeypatch.setattr(sys.modules[__name__], "OTHERS", frozenset(children()))


OTHERS = frozenset()


def readers(pid=None):
    """Those that decode: multiprocessing's own resource tracker stays for the whole program."""
    found = []
    for child in children(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            if child not in OTHERS and any("popen_loky" in word for word in child.cmdline()):
                found.append(child)
    return found


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
    readers()[0].kill()
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
