"""A database's file that is deleted, moved, replaced or damaged while it is open: no write to it counts."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from nami_bench.domain import Annotator
from nami_bench.errors import DatabaseDamagedError, DatabaseLostError, InputError
from nami_bench.store import Store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database in a folder of its own, and a sound copy beside that folder."""
    path = tmp_path / "w" / "nami.db"
    path.parent.mkdir()
    with Store.open(f"sqlite:///{path}") as store:
        store.accounts.add(Annotator("ada"))
    shutil.copy(path, tmp_path / "backup.db")
    return path


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{file}") as opened:
        opened.accounts.add(Annotator("bob"))
        yield opened


def delete_all(file: Path) -> None:
    for path in file.parent.glob("nami.db*"):
        path.unlink()


def rename_another_over(file: Path) -> None:
    shutil.copy(file.parent.parent / "backup.db", file.with_name("restored"))
    file.with_name("restored").rename(file)


def delete_journal(file: Path) -> None:
    file.with_name("nami.db-wal").unlink()


def delete_index(file: Path) -> None:
    file.with_name("nami.db-shm").unlink()


def rename_folder(file: Path) -> None:
    file.parent.rename(file.parent.with_name("elsewhere"))


def replace_folder(file: Path) -> None:
    """What a bind mount over the folder looks like: the same names, other files."""
    rename_folder(file)
    shutil.copytree(file.parent.with_name("elsewhere"), file.parent)


@pytest.mark.parametrize(
    "lose",
    [
        Path.unlink,
        delete_all,
        rename_another_over,
        delete_journal,
        delete_index,
        rename_folder,
        replace_folder,
    ],
)
def test_a_write_to_a_lost_file_is_never_said_to_be_saved(
    store: Store, file: Path, lose: Callable[[Path], object]
) -> None:
    lose(file)
    before = sorted(file.parent.glob("*"))
    for write in (
        lambda: store.accounts.add(Annotator("cyd")),
        lambda: store.annotation.run(lambda desk: None),
        lambda: store.annotation.secret("a"),
    ):
        with pytest.raises(DatabaseLostError, match=r"nami\.db.* (deleted|replaced).*start again") as lost:
            write()
        assert "\n" not in str(lost.value)
    assert sorted(file.parent.glob("*")) == before, "SQLite made a new, empty database"


def test_what_is_lost_within_a_transaction_is_not_saved_either(store: Store, file: Path) -> None:
    with pytest.raises(DatabaseLostError), store._database.writing() as session:
        session.execute(text("DELETE FROM annotator"))
        file.unlink()
    with pytest.raises(DatabaseLostError), store.together():
        store.accounts.add(Annotator("cyd"))


def test_a_file_that_comes_back_is_written_again(store: Store, file: Path) -> None:
    file.parent.rename(file.parent.with_name("elsewhere"))
    with pytest.raises(DatabaseLostError):
        store.accounts.add(Annotator("cyd"))
    with pytest.raises(DatabaseLostError):
        store.check()
    file.parent.with_name("elsewhere").rename(file.parent)
    store.check()
    store.accounts.add(Annotator("cyd"))
    assert [annotator.name for annotator in store.accounts.all()] == ["ada", "bob", "cyd"]


def test_a_link_to_another_file_is_another_database(tmp_path: Path, file: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(file)
    with Store.open(f"sqlite:///{link}") as store:
        store.accounts.add(Annotator("cyd"))
        link.unlink()
        link.symlink_to(tmp_path / "backup.db")
        with pytest.raises(DatabaseLostError):
            store.accounts.add(Annotator("dan"))


def test_new_connections_are_not_made_to_another_file(store: Store, file: Path) -> None:
    store._database.engine.dispose()
    rename_another_over(file)
    with pytest.raises(DatabaseLostError):
        store.accounts.all()


def test_other_programs_and_long_reads_lose_nothing(store: Store, file: Path) -> None:
    """What rightly happens to a database in use is no loss: others come and go, the file is written anew."""
    for number in range(3):
        with Store.open(f"sqlite:///{file}") as other:
            other.accounts.add(Annotator(f"other-{number}"))
        store.erasures.erase(f"other-{number}")
        store.erasures.wipe_traces()
        store.accounts.add(Annotator(f"own-{number}"))
    with Store.open("sqlite://") as in_memory:
        in_memory.accounts.add(Annotator("ada"))
        in_memory.check()


def damage(file: Path) -> None:
    """Overwrite every page but the first, and the journal."""
    for path in (file, file.with_name("nami.db-wal")):
        with path.open("r+b") as opened:
            size = opened.seek(0, 2)
            opened.seek(4096)
            opened.write(b"\xa5" * max(0, size - 4096))


def test_damage_is_said_as_such_and_remembered(file: Path) -> None:
    with Store.open(f"sqlite:///{file}") as store:
        damage(file)
        store._database.engine.dispose()
        for attempt in (store.accounts.all, lambda: store.accounts.add(Annotator("cyd"))):
            with pytest.raises(DatabaseDamagedError, match=r"nami\.db is damaged .*sound copy") as damaged:
                attempt()
            assert "\n" not in str(damaged.value)
        with pytest.raises(DatabaseDamagedError):
            store.check()
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(InputError, match="damaged or no database"):
        Store.open(f"sqlite:///{file}")
