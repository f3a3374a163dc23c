"""A Ray cluster of two machines: network namespaces with a cable between, on one kernel. Needs root."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HEAD, NODE = "10.231.7.1", "10.231.7.2"
_RAY = [sys.executable, "-m", "ray.scripts.scripts"]
_SOON = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "3",
}
"""So that the head takes a machine that does not answer for gone after 20 seconds, not after a minute."""


def missing() -> str | None:
    """Why there can be no two machines here, or None."""
    if os.name != "posix" or os.geteuid() != 0:
        return "NO NAMESPACES: only root may make networks"
    for program in ("ip", "unshare", "mount"):
        if shutil.which(program) is None:
            return f"NO NAMESPACES: no program {program!r} (Debian's iproute2, util-linux)"
    try:
        _run("ip", "netns", "add", (name := f"nb{os.getpid()}x"))
        _run("ip", "netns", "delete", name)
    except subprocess.CalledProcessError as error:
        return f"NO NAMESPACES: {error.stderr.strip()}"
    return None


class TwoNodes:
    """Head and node, each with one processor core for Ray, and a driver beside the head."""

    def __init__(self, environment: Mapping[str, str], hidden: Path, temporary: Path) -> None:
        """`environment` is added to that of every process. The node does not see what is in `hidden`."""
        # As the documentation says. Without the two, a token that an earlier cluster left in ~/.ray is asked
        # for by the head and not shown by the node.
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self._environment = {**os.environ, **_SOON, **token, "RAY_USAGE_STATS_ENABLED": "0", **environment}
        self._environment.pop("RAY_ADDRESS", None)
        self._hidden = hidden
        self._temporary = temporary
        self.head, self.node = f"nb{os.getpid()}h", f"nb{os.getpid()}n"

    def start(self) -> None:
        """Lay the cable and start Ray on both."""
        for name in (self.head, self.node):
            _run("ip", "netns", "add", name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        _run(
            "ip", "link", "add", "nb0", "netns", self.head, "type", "veth",
            "peer", "name", "nb1", "netns", self.node,
        )  # fmt: skip
        for name, link, address in ((self.head, "nb0", HEAD), (self.node, "nb1", NODE)):
            _run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", link)
            _run("ip", "-n", name, "link", "set", link, "up")
        self._ray(
            self.head, "--head", "--port", "6379", "--node-ip-address", HEAD, "--include-dashboard=false",
            "--temp-dir", str(self._temporary),
        )  # fmt: skip
        self.start_node()

    def start_node(self) -> None:
        """Start Ray on the node, where it is not running."""
        self._ray(self.node, "--address", f"{HEAD}:6379", "--node-ip-address", NODE, apart=True)

    def restore(self) -> None:
        """The node as after `start`, whatever was done to it."""
        self._end(self.node)
        _run("ip", "-n", self.head, "link", "set", "nb0", "up")
        self.start_node()
        self.wait_for(2)

    def wait_for(self, machines: int) -> None:
        """Wait until the head knows of so many."""
        script = (
            "import ray, time\n"
            f"ray.init('{HEAD}:6379', logging_level='ERROR', log_to_driver=False)\n"
            f"while sum(node['Alive'] for node in ray.nodes()) != {machines}: time.sleep(0.2)\n"
        )
        subprocess.run(
            [*self._in(self.head), sys.executable, "-c", script],
            env=self._environment, check=True, capture_output=True, timeout=300,
        )  # fmt: skip

    def cut(self) -> None:
        """Pull the cable."""
        _run("ip", "-n", self.head, "link", "set", "nb0", "down")

    def kill(self) -> None:
        """Kill the node's raylet."""
        killed = 0
        for process in self._processes(self.node):
            if b"raylet/raylet" in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0]:
                os.kill(process, signal.SIGKILL)
                killed += 1
        assert killed == 1

    def driver(self, *command: str, cwd: Path) -> "subprocess.Popen[str]":
        """Start `nami-bench` beside the head."""
        return subprocess.Popen(
            [*self._in(self.head), sys.executable, "-m", "nami_bench", *command],
            cwd=cwd, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def network(self, name: str) -> str:
        """What a process in that namespace calls its network."""
        command = [*self._in(name), "readlink", "/proc/self/ns/net"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def end(self) -> None:
        """End everything, whatever was started."""
        for name in (self.head, self.node):
            self._end(name)
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)

    def _ray(self, namespace: str, *arguments: str, apart: bool = False) -> None:
        start = [
            *_RAY, "start", *arguments, "--num-cpus", "1", "--num-gpus", "0",
            "--object-store-memory", "80000000", "--disable-usage-stats",
        ]  # fmt: skip
        if apart:
            hide = 'mount -t tmpfs none "$1" && shift && exec "$@"'
            start = ["unshare", "-m", "sh", "-c", hide, "sh", str(self._hidden), *start]
        done = subprocess.run(
            [*self._in(namespace), *start],
            env=self._environment, capture_output=True, text=True, check=False, timeout=400,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    @staticmethod
    def _in(namespace: str) -> list[str]:
        return ["ip", "netns", "exec", namespace]

    @staticmethod
    def _processes(namespace: str) -> list[int]:
        found = subprocess.run(
            ["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False
        )
        return [int(number) for number in found.stdout.split()]

    def _end(self, namespace: str) -> None:
        while processes := self._processes(namespace):
            for process in processes:
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.05)


@contextmanager
def two_nodes(environment: Mapping[str, str], hidden: Path) -> Iterator[TwoNodes]:
    """The cluster, while it runs."""
    temporary = Path(tempfile.mkdtemp(prefix="nb", dir="/tmp"))  # sockets' names must be short
    nodes = TwoNodes(environment, hidden, temporary)
    try:
        nodes.start()
        yield nodes
    finally:
        nodes.end()
        shutil.rmtree(temporary, ignore_errors=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
