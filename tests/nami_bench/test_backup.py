"""Back-ups and restores of both kinds of database: while people write, after an erasure, gone wrong."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from nami_bench.config import init_workspace
from nami_bench.domain import (
    Agreement,
    Annotator,
    Came,
    Criterion,
    Entry,
    Identity,
    ModelCard,
    Prompt,
    PromptSet,
    Study,
)
from nami_bench.errors import InputError, LockedError, StorageError, VersionError
from nami_bench.store import Store, backup, backup_postgresql
from nami_bench.store.backup import SUFFIXES, back_up, restore
from nami_bench.store.crowd_admission import Coming
from tests.support.crowd import AGE, CONSENT
from tests.support.databases import new_sqlite, raw
from tests.support.program import nami_bench


def add(url: str, *names: str) -> None:
    with Store.open(url) as store:
        store.accounts.add_all([Annotator(name) for name in names])


def erase(url: str, name: str, *, keep_ratings: bool = False) -> None:
    with Store.open(url) as store:
        store.erasures.erase(name, keep_ratings=keep_ratings)
        store.erasures.wipe_traces()


def names(url: str) -> list[str]:
    with Store.open(url) as store:
        return [one.name for one in store.accounts.all()]


@pytest.fixture
def made(tmp_path: Path, seldom_postgresql: str) -> Path:
    """A back-up of `seldom_postgresql` in which there are ann and bob."""
    add(seldom_postgresql, "ann", "bob")
    suffix = SUFFIXES["sqlite" if seldom_postgresql.startswith("sqlite") else "postgresql"]
    target = tmp_path / "kept" / f"first{suffix}"
    assert back_up(seldom_postgresql, target) == target.stat().st_size > 0
    assert target.stat().st_mode & 0o77 == 0, "others can read personal data"
    assert list(target.parent.iterdir()) == [target]
    return target


def test_a_restore_brings_back_what_was_and_keeps_what_is(
    made: Path, seldom_postgresql: str, tmp_path: Path
) -> None:
    add(seldom_postgresql, "cem")
    done = restore(seldom_postgresql, made, tmp_path / "backups")
    assert names(seldom_postgresql) == ["ann", "bob"]
    assert done.erased == 0
    assert done.kept is not None
    restore(seldom_postgresql, done.kept, tmp_path / "backups")
    assert names(seldom_postgresql) == ["ann", "bob", "cem"]
    left = [path.name for path in tmp_path.rglob("*") if "partial" in path.name or path.suffix == ".sql"]
    assert left == []


@pytest.mark.slow
def test_the_erased_stay_erased(made: Path, seldom_postgresql: str, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    add(seldom_postgresql, "cem")
    later = made.with_stem("later")
    back_up(seldom_postgresql, later)
    erase(seldom_postgresql, "bob", keep_ratings=True)
    erase(seldom_postgresql, "cem")
    assert restore(seldom_postgresql, made, folder).erased == 1
    with Store.open(seldom_postgresql) as store:
        assert not store.erasures.owes_wiping()
    found = names(seldom_postgresql)
    assert (len(found), found[0]) == (2, "ann")
    assert found[1].startswith("erased-")
    if seldom_postgresql.startswith("sqlite"):
        assert b"bob" not in (tmp_path / "nami.db").read_bytes()
    # Cem is in the later one alone: that he was erased is known still.
    assert restore(seldom_postgresql, later, folder).erased == 2
    assert names(seldom_postgresql)[0] == "ann"
    assert not {"bob", "cem"} & {*names(seldom_postgresql)}


@pytest.mark.slow
def test_who_withdrew_has_withdrawn(seldom_postgresql: str, tmp_path: Path) -> None:
    suffix = SUFFIXES["sqlite" if seldom_postgresql.startswith("sqlite") else "postgresql"]
    first, later, folder = tmp_path / f"first{suffix}", tmp_path / f"later{suffix}", tmp_path / "backups"
    with Store.open(seldom_postgresql) as store:
        store.catalog.add_prompt_set(PromptSet("p", (Prompt("00000", "a fox"),)))
        store.catalog.add_model(ModelCard("m", "folder"))
        entry = Entry(CONSENT, provider=Came.PROLIFIC, questions=(AGE,))
        criteria = (Criterion("r", 1.0),)
        store.studies.add(Study("pilot", "p", ("m",), criteria, languages=("en", "zh"), entry=entry))
        keeps, deletes, paid = (admit(store, number) for number in (1, 2, 3))
    back_up(seldom_postgresql, first)
    with Store.open(seldom_postgresql) as store:
        newcomer = admit(store, 4)
    back_up(seldom_postgresql, later)
    with Store.open(seldom_postgresql) as store:
        store.crowd.withdraw(keeps, keep=True)
        store.crowd.withdraw(deletes, keep=False)
        with raw(store) as session:
            done = "UPDATE participant SET way_out = 'completed', left_at = joined_at WHERE id = 3"
            session.execute(text(done))
            session.commit()
        store.crowd.withdraw(paid, keep=False)
        store.crowd.withdraw(newcomer, keep=False)
        store.erasures.wipe_traces()
    for source, came, withdrawn in ((first, 3, 3), (later, 4, 4), (later, 4, 4)):
        assert restore(seldom_postgresql, source, folder).withdrawn == withdrawn
        with Store.open(seldom_postgresql) as store:
            ways = [one.way_out for one in store.crowd_reports.participants("pilot")]
            assert ways == ["withdrew", "withdrew", "completed", "withdrew"][:came]
            assert [*store.crowd_reports.answers("pilot")] == [keeps]
            assert not store.erasures.owes_wiping()
    newest = tmp_path / f"newest{suffix}"
    back_up(seldom_postgresql, newest)
    assert restore(seldom_postgresql, newest, folder).withdrawn == 0  # it knows them all


def admit(store: Store, number: int) -> str:
    """Somebody who agreed and said how old they are; their random name."""
    agreement = Agreement("1", "en", CONSENT.sha256("en"))
    coming = Coming(Identity("prolific", f"{number:024x}"))
    name = store.crowd.admit("pilot", coming, agreement, "desktop").name
    store.crowd.answer(name, {"age": "30"})
    return name


def test_nobody_else_may_be_at_work(made: Path, seldom_postgresql: str, tmp_path: Path) -> None:
    add(seldom_postgresql, "cem")
    with Store.open(seldom_postgresql) as other:
        assert other.accounts.all()
        with pytest.raises(LockedError, match="in use: stop the annotation app"):
            restore(seldom_postgresql, made, tmp_path / "backups")
        other.accounts.add(Annotator("dora"))  # and work goes on
    assert names(seldom_postgresql) == ["ann", "bob", "cem", "dora"]


def test_what_was_saved_before_is_in_a_backup_that_was_made_under_load(
    seldom_postgresql: str, tmp_path: Path
) -> None:
    acknowledged: list[str] = []
    is_over = threading.Event()

    def write() -> None:
        with Store.open(seldom_postgresql) as store:
            while not is_over.is_set():
                name = f"p{len(acknowledged)}"
                store.accounts.add(Annotator(name))
                acknowledged.append(name)

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    try:
        for number in range(3):
            while len(acknowledged) < 5 * (number + 1):
                is_over.wait(0.001)
            seen.append(len(acknowledged))
            back_up(seldom_postgresql, tmp_path / f"{number}.copy")
    finally:
        is_over.set()
        writer.join()
    assert len(acknowledged) > seen[-1], "nobody wrote while it was copied"
    for number, least in enumerate(seen):
        restore(seldom_postgresql, tmp_path / f"{number}.copy", tmp_path / "backups")
        found = names(seldom_postgresql)
        assert found == acknowledged[: len(found)]
        assert len(found) >= least


def test_an_older_one_is_brought_up_to_date_and_a_newer_one_refused(tmp_path: Path) -> None:
    url = new_sqlite(tmp_path / "nami.db")
    with Store.open(url) as store, raw(store) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    newer = tmp_path / "newer.db"
    (tmp_path / "nami.db").rename(newer)
    add(url, "ann")
    with pytest.raises(VersionError, match="newer version"):
        restore(url, newer, tmp_path)
    assert names(url) == ["ann"]


def test_a_lost_database_comes_back(tmp_path: Path) -> None:
    url = new_sqlite(tmp_path / "nami.db")
    add(url, "ann")
    back_up(url, tmp_path / "copy.db")
    (tmp_path / "nami.db").unlink()
    assert restore(url, tmp_path / "copy.db", tmp_path) == backup.Restored(None, None, None)
    assert names(url) == ["ann"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        (b"", "not of NAMI-Bench"),
        (b"junk" * 999, "no SQLite database"),
        (b"PGDMP\x01", "PostgreSQL"),
    ],
)
def test_no_backup_at_all(tmp_path: Path, content: bytes | None, says: str) -> None:
    url, source = new_sqlite(tmp_path / "nami.db"), tmp_path / "source"
    if content is not None:
        source.write_bytes(content)
    before = (tmp_path / "nami.db").read_bytes()
    with pytest.raises(InputError, match=says):
        restore(url, source, tmp_path)
    assert (tmp_path / "nami.db").read_bytes() == before


def test_a_torn_backup_is_refused(tmp_path: Path) -> None:
    url = new_sqlite(tmp_path / "nami.db")
    back_up(url, tmp_path / "copy.db")
    whole = (tmp_path / "copy.db").read_bytes()
    (tmp_path / "copy.db").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged"):
        restore(url, tmp_path / "copy.db", tmp_path)
    assert names(url) == []


def test_what_is_no_place_for_a_file(tmp_path: Path) -> None:
    url = new_sqlite(tmp_path / "nami.db")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        back_up(url, tmp_path / "file" / "below.db")
    with pytest.raises(InputError, match="replaces nothing"):
        back_up(url, tmp_path / "file")
    with pytest.raises(InputError, match="no file"):
        back_up("sqlite:///:memory:", tmp_path / "x.db")


@pytest.mark.slow
def test_without_postgresqls_programs(
    new_postgresql: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(backup_postgresql, "_FOLDERS", str(tmp_path))
    with pytest.raises(InputError, match="pg_dump, which is not installed"):
        back_up(new_postgresql(), tmp_path / "x.dump")
    assert list(tmp_path.iterdir()) == []


def test_the_commands(tmp_path: Path) -> None:
    workspace = init_workspace(tmp_path / "w")
    add(workspace.database_url, "ann")
    for _ in range(3):
        done = nami_bench("--workspace", workspace.root, "db", "backup", "--keep", 2)
        assert done.returncode == 0, done.stderr
    newest = sorted(workspace.backups_dir.iterdir())
    assert len(newest) == 2
    erase(workspace.database_url, "ann")
    refused = nami_bench("--workspace", workspace.root, "db", "restore", newest[-1])
    assert (refused.returncode, "add --yes" in refused.stderr) == (2, True)
    done = nami_bench("--workspace", workspace.root, "db", "restore", newest[-1], "--yes")
    assert (done.returncode, "1 people who were erased" in done.stderr) == (0, True), done.stderr
    assert names(workspace.database_url) == []
    wrong = nami_bench("--workspace", workspace.root, "db", "backup", "x.db", "--keep", 2)
    assert wrong.returncode == 2


def test_the_url_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = init_workspace(tmp_path / "w")
    (tmp_path / "secret").write_text("postgresql://nami:word@db/nami\n")
    monkeypatch.setenv("NAMI_DATABASE_URL_FILE", str(tmp_path / "secret"))
    assert workspace.database_url == "postgresql://nami:word@db/nami"
    monkeypatch.setenv("NAMI_DATABASE_URL_FILE", str(tmp_path / "none"))
    with pytest.raises(InputError, match="cannot read NAMI_DATABASE_URL_FILE"):
        assert workspace.database_url
