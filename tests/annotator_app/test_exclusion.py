"""An annotator who is excluded, and let in again, while a study runs."""

from itertools import count
from typing import Any

import pytest

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.engine.view import View
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.errors import InputError, RefusedError
from tests.support.databases import raw

_numbers = count()


def session(bench: Any, name: str) -> AnnotationSession:
    return AnnotationSession(bench.store, bench.images_dir, "trial", name)


def answer(own: AnnotationSession, token: str) -> View:
    return own.submit(token, Answers(f"c{next(_numbers)}", {"relevance": 50.0, "realism": 3.0}))


def work(bench: Any, name: str, most: int = 100) -> int:
    own, done = session(bench, name), 0
    view = own.state()
    while view.items and done < most:
        view, done = answer(own, view.items[0].token), done + 1
    return done


def done(bench: Any) -> int:
    return sum(cell.done for cell in bench.store.items.progress("trial"))


def test_who_is_excluded_counts_nowhere_and_others_are_asked_instead(bench: Any) -> None:
    assert work(bench, "ada", 5) == 5
    held = session(bench, "ada").state().items[0].token
    assert bench.store.exclusions.exclude("ada") == {"trial": 10}
    assert (bench.store.ratings.all("trial"), done(bench), bench.store.annotation.completed("trial")) == (
        [],
        0,
        {},
    )
    assert len(bench.store.ratings.table("trial")) == 0
    assert not bench.store.ratings.exist("trial")

    view = session(bench, "ada").state()
    assert (view.phase, view.items) == ("paused", ())
    with pytest.raises(RefusedError, match="paused"):
        answer(session(bench, "ada"), held)
    with pytest.raises(InputError, match="ratings include --annotator ada"):
        bench.store.oversight.resume("trial", "ada")
    (report,) = bench.store.oversight.members("trial")
    assert (report.excluded, report.paused) == (True, "excluded from every count")

    assert work(bench, "bob") == 12
    assert done(bench) == 12
    assert bench.store.exclusions.include("ada") == {"trial": 10}
    assert done(bench) == 17
    assert work(bench, "ada") == 7  # goes on where she was, with what she held
    assert done(bench) == 24 == sum(cell.total for cell in bench.store.items.progress("trial"))
    kinds = [event.kind for event in bench.store.oversight.events("trial")]
    assert kinds == ["included", "excluded"]


def test_the_counters_are_those_of_the_assignments_that_count(bench: Any) -> None:
    """Items that others fill meanwhile are asked of nobody any more."""
    work(bench, "ada", 3)
    bench.store.exclusions.exclude("ada")
    work(bench, "bob", 12)
    bench.store.exclusions.include("ada")
    with raw(bench.store) as connection:
        from sqlalchemy import text

        (worst,) = connection.execute(text("SELECT max(taken) FROM item")).one()
        counted = connection.execute(text("SELECT sum(completed), sum(taken) FROM item")).one()
    assert worst <= 2
    assert tuple(counted) == (15, 15)
