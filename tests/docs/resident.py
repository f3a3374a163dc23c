"""`nami-bench` without its start: a process that has loaded the libraries and forks for every command.

The documentation's commands are many and small, and most of what each takes is loading pandas and its like.

    python resident.py SOCKET        serves on that socket until it is killed
    python resident.py SOCKET shim   prints a program that runs `nami-bench` by that server

The shim hands over its arguments, folder, environment and standard streams, passes on signals, and ends with
the command's exit code.
"""

import importlib
import json
import os
import signal
import socket
import sys

PRELOADED = (
    "nami_bench.annotator_app.app",
    "nami_bench.evaluation.audit.audit",
    "matplotlib.pyplot",
    "nami_bench.cli.app",
    "nami_bench.pipeline.leaderboard_from_store",
    "nami_bench.evaluation.leaderboard.plan",
    "nami_bench.export.ratings_parquet",
    "nami_bench.report.write",
    "nami_bench.store",
    "pydantic",
    "scipy.stats",
)
SHIM = """\
#!{python} -SE
import json, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [request + b"\\n"], [0, 1, 2])
reply = server.makefile()
worker = int(reply.readline())
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda received, frame: os.kill(worker, received))
sys.exit(int(reply.readline()))
"""


def main(address: str) -> None:
    """Wait for shims; only a command's own process returns from here, by `SystemExit`."""
    for name in PRELOADED:
        importlib.import_module(name)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    listener.settimeout(5)
    parent = os.getppid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes that wait for commands
    while os.getppid() == parent:  # it does not outlive tests that are killed
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        connection.setblocking(True)
        if os.fork() == 0:
            listener.close()
            handle(connection)
        connection.close()


def handle(connection: socket.socket) -> None:
    """Run one command in a process of its own and tell the shim how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    received, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not received.endswith(b"\n"):
        received += connection.recv(1 << 20)
    arguments, folder, environment = json.loads(received)
    worker = os.fork()
    if worker == 0:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        run(arguments, folder, environment)
    for stream in streams:
        os.close(stream)
    connection.sendall(f"{worker}\n".encode())
    _, status = os.waitpid(worker, 0)
    code = os.waitstatus_to_exitcode(status)
    connection.sendall(f"{code if code >= 0 else 128 - code}\n".encode())
    os._exit(0)


def run(arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """What the installed program does, in the shim's folder and environment."""
    from nami_bench.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # Python reads it when it starts, which was earlier.
    sys.path[1:1] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = ["nami-bench", *arguments]
    main()


if __name__ == "__main__":
    if sys.argv[2:] == ["shim"]:
        sys.stdout.write(SHIM.format(python=sys.executable, address=sys.argv[1]))
    else:
        main(sys.argv[1])
