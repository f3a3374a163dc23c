"""Runs the server: one process for each GPU, on one port."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from nami_bench.errors import InputError, NamiBenchError
from nami_bench.metrics_server.settings import Limits
from nami_bench.services.web_server import end_with_parent, listen, run, shown_host, supervise

if TYPE_CHECKING:
    from fastapi import FastAPI

_HERE = ("127.0.0.1", "::1", "localhost")
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_SECONDS_TO_FINISH = 10


def serve(
    metrics: Sequence[str],
    options: Mapping[str, Any],
    *,
    host: str,
    port: int,
    token: str | None,
    workers: int | None,
    limits: Limits,
    on_ready: Callable[[str], object],
) -> None:
    """Serve metrics until interrupted; port 0 takes a free one.

    `options`: see `nami_bench.scoring.local.create_metrics`. `workers`: processes, by default one for each
    GPU, which each has for itself. `on_ready(address)` is called once it takes requests. Raises InputError
    for what is wrong with metrics or options, for an address that cannot be had, and for one that others
    reach without a token.
    """
    if token is None and host not in _HERE:
        raise InputError(f"others reach {host}: set a token with --token or NAMI_METRICS_TOKEN")
    gpus = _gpus()
    processes = workers or max(1, len(gpus))
    with listen(host, port) as listener, tempfile.TemporaryDirectory() as shared:
        address = f"http://{shown_host(host)}:{listener.getsockname()[1]}"
        make = partial(_make_app, tuple(metrics), dict(options), limits, token)
        config = uvicorn.Config(
            make,
            factory=True,
            workers=processes,
            http="h11",
            ws="none",
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        )
        if processes > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared
            config.app = partial(_worker_app, make, gpus, Path(shared))
            supervise(config, listener, lambda: on_ready(address))
        else:
            app = make()
            config.app = lambda: app
            run(config, listener, lambda: on_ready(address))


def _make_app(
    metrics: tuple[str, ...],
    options: Mapping[str, Any],
    limits: Limits,
    token: str | None,
) -> "FastAPI":
    from nami_bench.metrics_server.app import build_app
    from nami_bench.scoring.local import LocalMetrics, create_metrics

    held = LocalMetrics(create_metrics(metrics, options))
    for name in held.names:
        held.instrument(name)  # finds the weights, or says that there are none
    held.warm_up()
    return build_app(held, limits, token)


def _worker_app(make: Callable[[], "FastAPI"], gpus: Sequence[str], shared: Path) -> "FastAPI":
    """What one of several processes serves, on a GPU of its own where there are any."""
    end_with_parent()
    try:
        if gpus:
            os.environ[_VISIBLE] = free_gpu(gpus, shared)
        return make()
    except NamiBenchError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - there is nobody to raise it to
        sys.exit(STARTUP_FAILURE)


_held: list[Any] = []
"""The lock on this process' GPU, which the system frees when the process dies."""


def free_gpu(gpus: Sequence[str], shared: Path) -> str:
    """A GPU that the fewest other workers have; with more workers than GPUs some share one."""
    from filelock import FileLock, Timeout

    for turn in count():
        for place, gpu in enumerate(gpus):
            lock = FileLock(shared / f"gpu-{place}-{turn}.lock")
            with suppress(Timeout):
                lock.acquire(blocking=False)
                _held.append(lock)
                return gpu
    raise AssertionError  # never reached: some turn is free


def _gpus() -> list[str]:
    """The names of the GPUs that this process may use, without importing torch."""
    if (given := os.environ.get(_VISIBLE)) is not None:
        return [name for name in given.split(",") if name.strip()]
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return found.stdout.split()
