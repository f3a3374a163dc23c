"""A program run to its end together with everything that it starts. POSIX systems only."""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_GRACE_SECONDS = 5.0


def run_group(arguments: Sequence[str], folder: Path, log: Path, timeout: float | None) -> str:
    """Run a program in `folder`, its output in the file `log`, and say how it ended.

    The answer completes "the command ...": "ended with exit code 0", "was killed by signal 9 (Killed)", or
    "did not end within 5 seconds". Whatever the program started is ended with it, also after `timeout`
    seconds, or when an exception such as KeyboardInterrupt arrives. Raises OSError where it cannot be
    started.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            arguments,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            return f"did not end within {timeout:g} seconds"
        finally:
            _end(process)
    if code < 0:
        return f"was killed by signal {-code} ({signal.strsignal(-code)})"
    return f"ended with exit code {code}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the group to end, then make it."""
    try:
        if process.poll() is None:
            _signal_group(process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The group outlives its first process as long as one of its members lives.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
