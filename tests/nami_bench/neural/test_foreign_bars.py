"""Libraries draw no bars in our program, on a terminal."""

import os
import pty
import subprocess
import sys
import termios

import pytest

DRAWS = """
import sys
from nami_bench.neural.foreign_bars import keep_off_this_program
if "keep" in sys.argv: keep_off_this_program()
from tqdm import tqdm
from huggingface_hub.utils import tqdm as hub_tqdm
for kind in (tqdm, hub_tqdm):
    for _ in kind(range(3), desc="foreign"): pass
print("end")
"""


def on_a_terminal(*arguments: str, env: dict[str, str] | None = None) -> str:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    command = [sys.executable, "-c", DRAWS, *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("TQDM_DISABLE", "_BARS"))}
    kept |= env or {}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=kept) as running:
        os.close(theirs)
        said = b""
        while b"end" not in said:
            said += os.read(ours, 65536)
        running.wait()
    os.close(ours)
    return said.decode()


def test_without_us_they_draw_and_with_us_they_do_not() -> None:
    assert on_a_terminal().count("foreign") >= 2
    assert on_a_terminal("keep").strip() == "end"


@pytest.mark.slow
def test_who_wants_them_has_them() -> None:
    assert "foreign" in on_a_terminal("keep", env={"TQDM_DISABLE": "", "HF_HUB_DISABLE_PROGRESS_BARS": "0"})


def test_bars_of_a_program_that_uses_us_come_back() -> None:
    from transformers.utils import logging

    from nami_bench.neural.foreign_bars import without_bars

    before = logging.is_progress_bar_enabled()
    logging.enable_progress_bar()
    with without_bars():
        assert not logging.is_progress_bar_enabled()
    assert logging.is_progress_bar_enabled()
    if not before:
        logging.disable_progress_bar()
