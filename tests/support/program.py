"""`nami-bench` in the tests' own process: what a command does, prints and ends with, without its start."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

from click.testing import CliRunner

from nami_bench.cli.app import main


def nami_bench(
    *arguments: object,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    input: str | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run one command as the installed program does, in the folder `cwd`, with `input` on its standard input;
    `env` is added to the environment, None takes out.

    Where the process is the subject (a signal, a full disk, what is imported), start one.
    """
    line = ["nami-bench", *map(str, arguments)]
    with (
        contextlib.chdir(cwd or Path.cwd()),
        mock.patch.object(sys, "argv", line),
        mock.patch.dict(os.environ),
        CliRunner().isolation(input, env) as (stdout, stderr, _),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        sys.stdout.flush()
        return subprocess.CompletedProcess(line, code, stdout.getvalue().decode(), stderr.getvalue().decode())
