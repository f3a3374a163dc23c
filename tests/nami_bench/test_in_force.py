"""One answer is in force for each thing, however it came to be."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError

from nami_bench.store.annotation_tables import SubmissionRow
from nami_bench.store.in_force import append_revisions
from nami_bench.store.tables import Base


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with engine.connect() as one:
        yield one
    engine.dispose()


def sent(assignment: int, revision: int) -> dict[str, object]:
    return {
        "client_token": f"{assignment} {revision}",
        "assignment_id": assignment,
        "member_id": 1,
        "revision": revision,
        "answers": {},
        "flag": False,
        "comment": "",
        "duration_ms": None,
    }


@settings(deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), max_size=3), max_size=5),
    st.randoms(use_true_random=False),
)
def test_the_last_of_any_batches_is_in_force(
    connection: Connection, batches: list[list[tuple[int, int]]], random: object
) -> None:
    """Batches hold any number of revisions of each thing, in any order."""
    connection.execute(text("DELETE FROM submission"))
    count: dict[int, int] = {}
    for batch in batches:
        rows = []
        for assignment, more in batch:
            first = count.get(assignment, 0)
            rows += [sent(assignment, revision) for revision in range(first, first + more)]
            count[assignment] = first + more
        random.shuffle(rows)  # type: ignore[attr-defined]
        append_revisions(connection, SubmissionRow, rows)
        query = "SELECT assignment_id, revision FROM submission WHERE current"
        assert {tuple(row) for row in connection.execute(text(query))} == {
            (assignment, number - 1) for assignment, number in count.items()
        }


def test_the_database_holds_no_two_in_force(connection: Connection) -> None:
    append_revisions(connection, SubmissionRow, [sent(9, 0)])
    row = {**sent(9, 1), "answers": "{}", "created_at": "2026-01-01"}
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    with pytest.raises(IntegrityError, match="UNIQUE"):
        connection.execute(text(f"INSERT INTO submission ({names}) VALUES ({marks})"), row)
