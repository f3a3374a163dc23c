"""Databases that are sound, older, newer, damaged, locked, foreign, or on a server that does not answer."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nami_bench.config import Workspace, init_workspace
from nami_bench.doctor.finding import Finding
from nami_bench.doctor.workspace import database, workspace
from nami_bench.errors import InputError
from nami_bench.store import Store, health
from nami_bench.store.database import HEAD_REVISION
from nami_bench.store.health import look_at


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "nämi %20 db.sqlite"
    with Store.open(url(path)):
        pass
    return path


def url(path: Path) -> str:
    return f"sqlite:///{str(path).replace('%', '%25')}"


def found(path: Path) -> Finding:
    return database(look_at(url(path)), "ext4")


def test_a_sound_one(file: Path) -> None:
    before = sorted(file.parent.iterdir())
    one = found(file)
    assert one.status == "ok" and f"schema {HEAD_REVISION}" in one.found and one.found.endswith("no damage")
    assert sorted(file.parent.iterdir()) == before


def test_none_yet_is_not_made(tmp_path: Path) -> None:
    assert found(tmp_path / "none.db").found.endswith("not made yet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("revision", "status", "words"), [("0001", "ok", "migrates"), ("9999", "fail", "newer")]
)
def test_schemas(file: Path, revision: str, status: str, words: str) -> None:
    with closing(sqlite3.connect(file)) as opened, opened:
        opened.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    one = found(file)
    assert one.status == status and words in one.found
    assert look_at(url(file)).revision == revision, "and it was left as it is"


def test_one_that_is_being_written(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        one = found(file)
    assert one.status == "warn" and "locked" in one.found


def test_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("this is a text, and no database at all\n" * 100)
    one = found(tmp_path / "x.db")
    assert one.status == "fail" and "not a database" in one.found


def test_a_damaged_one(file: Path) -> None:
    content = bytearray(file.read_bytes())
    page = 4096
    content[page * 5 : page * 40] = b"\xff" * (page * 35)
    file.write_bytes(content)
    one = found(file)
    assert one.status == "fail" and one.remedy


def test_a_large_one_is_looked_through_in_part(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_STEPS", 1)
    one = database(look_at(url(file), look_s=-1), "ext4")
    assert one.status == "ok" and "in part looked through" in one.found


def test_one_on_a_network_file_system(file: Path) -> None:
    one = database(look_at(url(file)), "nfs4")
    assert one.status == "warn" and "PostgreSQL" in one.remedy


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    one = database(look_at("postgresql+psycopg://me:geheim@127.0.0.1:1/nami"), None)
    assert one.status == "fail" and "127.0.0.1" in one.found and "geheim" not in one.found


@pytest.mark.slow
def test_a_server_that_answers(new_postgresql: Callable[..., str]) -> None:
    one = database(look_at(new_postgresql()), None)
    assert one.status == "ok" and f"schema {HEAD_REVISION}, answers" in one.found
    assert "schema none" in database(look_at(new_postgresql(tables=False)), None).found


def test_addresses_that_are_none() -> None:
    with pytest.raises(InputError):
        look_at("mysql://x/y")
    assert database(InputError("no URL"), None).status == "fail"
    assert database(None, None).status == "ok"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Workspace]:
    yield init_workspace(tmp_path / "w")


def test_workspaces(tmp_path: Path, opened: Workspace) -> None:
    assert workspace(opened.root, opened).found == str(opened.root)
    assert "nami-bench init" in workspace(tmp_path, None).found
    assert workspace(tmp_path, InputError("nami.toml is broken")).status == "fail"
