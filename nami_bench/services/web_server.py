"""A web server that ends as it should: one process, or several on one port."""

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from nami_bench.errors import InputError, WorkError

START_SECONDS = 300.0
_FAILED = "the server did not start: the lines above say why"


def run(config: uvicorn.Config, listener: socket.socket, on_ready: Callable[[], object]) -> None:
    """Serve in this process until a signal ends it; raises WorkError where it does not start."""
    server = uvicorn.Server(config)
    # uvicorn raises the signal that stopped it once more: SIGTERM then ends like Ctrl-C.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        on_ready()
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
    if not server.started:
        raise WorkError(_FAILED)


def supervise(config: uvicorn.Config, listener: socket.socket, on_ready: Callable[[], object]) -> None:
    """Serve in `config.workers` processes, of which one that dies is started again; raises WorkError where
    they do not start. `config.app` makes the application in each of them, after `end_with_parent`."""

    class Workers(Multiprocess):
        def init_processes(self) -> None:
            super().init_processes()
            if all(p.wait_until_ready(START_SECONDS, self.should_exit) for p in self.processes):
                on_ready()

    workers = Workers(config, [listener])
    workers.run()
    if any(process.exitcode == STARTUP_FAILURE for process in workers.processes):
        raise WorkError(_FAILED)


def end_with_parent() -> None:
    """Without this, workers would hold the port after their parent was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections, at a free port where `port` is 0; raises InputError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with --port or --host"
        ) from error


def shown_host(host: str) -> str:
    """The host in an address for people."""
    if host in ("0.0.0.0", "::", ""):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
