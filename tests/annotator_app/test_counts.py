"""Counts of work: nobody at work, everybody gone, images withdrawn; done never exceeds what is wanted."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text

from nami_bench.annotator_app.admin import overview
from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.engine.view import View
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.domain import CheckItem, CheckKind, Checks, ImageRecord, ModelCard, Panel
from nami_bench.errors import ImageError
from nami_bench.store import Store, progress_of
from tests.support.databases import raw

_numbers = count()
GOOD = {"relevance": 70.0, "realism": 4.0}


def forget(store: Store) -> None:
    """Let whoever serves a study read it anew: totals and shares are counted every so many items only."""
    with raw(store) as connection:
        connection.execute(text("UPDATE study SET version = version + 1"))


def session(bench: Any, name: str = "ada", study: str = "trial") -> AnnotationSession:
    return AnnotationSession(bench.store, bench.images_dir, study, name)


def rate(own: AnnotationSession, view: View, **values: float) -> View:
    return own.submit(view.items[0].token, Answers(f"c{next(_numbers)}", GOOD | values))


def work_through(bench: Any, name: str, study: str = "trial", most: int = 1000) -> View:
    own = session(bench, name, study)
    view = own.state()
    while view.items and most:
        view = rate(own, view)
        most -= 1
    return view


def withdraw(bench: Any, image: ImageRecord, study: str = "trial") -> None:
    bench.store.items.withdraw_image(study, image.path, "gone")


def so_far(bench: Any, study: str = "trial") -> tuple[int, int]:
    """As the organizer reads it; the administrator's page says the same."""
    cells = bench.store.items.progress(study)
    assert all(0 <= cell.done <= cell.total for cell in cells)
    found = progress_of(bench.store.studies.get(study), cells)
    shown = overview(bench.store, study)["progress"]
    assert (shown["done"], shown["total"]) == found
    return found


@pytest.mark.parametrize("mode", ["spread", "adaptive"])
def test_the_only_one_at_work_may_fail_the_qualification(new_bench: Callable[..., Any], mode: str) -> None:
    bench = new_bench("lonely", strata=("short",) * 4)
    protocol: dict[str, Any] = {"panel": Panel.SPREAD}
    expected: Any = (0, 30)
    if mode == "adaptive":
        pairs = replace(bench.study.pairs, choice="adaptive", comparisons=5)
        protocol, expected = {"mode": "pairwise", "pairs": pairs}, "zebrafish-xl"
    models = bench.study.models[: 1 if mode == "spread" else 2]
    item = CheckItem(CheckKind.QUALIFICATION, "00000", models, {"relevance": expected})
    bench.store.studies.add(replace(bench.study, name="checked", check_items=(item,), **protocol))
    own = session(bench, "ada", "checked")
    view = own.state()
    assert view.phase == "qualification"
    values = GOOD if mode == "spread" else dict.fromkeys(GOOD, "both_bad")
    view = own.submit(view.items[0].token, Answers("c", values))
    assert view.phase == "paused" and view.feedback is not None
    assert own.state().phase == "paused"
    assert view.progress.done == 0


@pytest.mark.parametrize("gone", ["paused", "excluded", "disabled"])
def test_a_share_is_of_those_who_can_still_come(new_bench: Callable[..., Any], gone: str) -> None:
    bench = new_bench("shared", strata=("short",) * 4, overlap=1)
    bench.store.studies.add(replace(bench.study, name="spread", panel=Panel.SPREAD))
    own = session(bench, "ada", "spread")
    assert own.state().progress.total == 8
    session(bench, "bob", "spread").state()
    forget(bench.store)  # a share is counted anew every so many items only
    assert own.state().progress.total < 8
    if gone == "paused":
        bench.store.oversight.pause("spread", "bob", "why not")
    elif gone == "excluded":
        bench.store.exclusions.exclude("bob")
    else:
        bench.store.oversight.pause("spread", "bob", "what is in hand goes back")
        bench.store.oversight.resume("spread", "bob")
        bench.store.accounts.set_active("bob", False)
    forget(bench.store)
    assert own.state().progress.total == 8
    assert session(bench, "bob", "spread").state().progress.total > 0  # and nobody divides by nobody


def test_an_absent_image_is_withdrawn_from_the_study_that_missed_it_alone(bench: Any) -> None:
    bench.store.studies.add(replace(bench.study, name="later"))
    for name in ("ada", "bob"):
        work_through(bench, name)
    assert so_far(bench) == (24, 24)
    own = session(bench, "ada", "later")
    item = own.state().items[0]
    image = bench.store.annotation.assignment(item.token, "ada").image
    good = bench.file(image).read_bytes()
    bench.file(image).unlink()
    with pytest.raises(ImageError):
        own.image_png(item.images[0])
    assert so_far(bench) == (24, 24) and bench.store.items.count("trial") == 12
    assert so_far(bench, "later") == (0, 22) and bench.store.items.count("later") == 11
    assert bench.store.oversight.events("trial") == []

    bench.file(image).write_bytes(good)
    bench.store.images.put(image)  # as `generate` and `images import` do
    assert so_far(bench, "later") == (0, 24)
    assert work_through(bench, "ada", "later").progress.done == 12


def test_what_was_judged_of_a_withdrawn_image_counts_and_nothing_more_is_wanted(bench: Any) -> None:
    work_through(bench, "ada")
    for image in bench.images[:3]:
        withdraw(bench, image)
    assert so_far(bench) == (12, 3 + 2 * 9)
    view = work_through(bench, "bob")
    assert (view.progress.done, view.progress.total) == (9, 9)
    assert so_far(bench) == (21, 21)
    assert bench.store.annotation.completed("trial") == {"ada": 12, "bob": 9}
    assert sum(cell.withdrawn for cell in bench.store.items.progress("trial")) == 3
    bench.store.items.restore("trial")
    assert so_far(bench) == (21, 24)


def test_my_total_is_what_i_did_and_may_still_get(bench: Any) -> None:
    view = work_through(bench, "ada", most=5)
    assert (view.progress.done, view.progress.total) == (5, 12)
    done = {(r.model, r.prompt_id) for r in bench.store.ratings.all("trial")}
    kept = next(i for i in bench.images if (i.model, i.prompt_id) in done)
    lost = next(i for i in bench.images if (i.model, i.prompt_id) not in done)
    withdraw(bench, kept)
    withdraw(bench, lost)
    forget(bench.store)  # a total is counted anew every so many items only
    assert session(bench).state().progress.total == 11
    view = work_through(bench, "ada")
    assert (view.phase, view.progress.done, view.progress.total) == ("finished", 11, 11)


def test_images_that_are_removed_after_they_were_withdrawn_leave_no_count_behind(bench: Any) -> None:
    from nami_bench.store import ImageChoice

    work_through(bench, "ada")
    withdraw(bench, bench.images[0])
    choice = ImageChoice(models=[bench.images[0].model], prompts=[bench.images[0].prompt_id])
    bench.store.removals.remove_images(choice, with_ratings=True)
    assert so_far(bench) == (11, 22)
    assert bench.store.annotation.completed("trial") == {"ada": 11}
    assert session(bench).state().progress.done == 11


def test_an_example_that_is_withdrawn_after_somebody_answered_it_spares_nobody_the_others(
    new_bench: Callable[..., Any],
) -> None:
    bench = new_bench("checked", strata=("short",) * 8)
    bench.store.catalog.add_model(ModelCard("broken", "folder"))
    for image in bench.store.images.find(models=["quokka-9b"]):
        bench.store.images.put(replace(image, model="broken"))
    kinds = (CheckKind.TRAINING, CheckKind.QUALIFICATION)
    items = tuple(
        CheckItem(kind, f"{3 * k + i:05d}", ("broken",), {"relevance": (0, 30)})
        for k, kind in enumerate(kinds)
        for i in range(3)
    )
    bench.store.studies.add(
        replace(bench.study, name="checked", check_items=items, checks=Checks(pass_mark=0.5))
    )
    own = session(bench, "ada", "checked")
    view, seen = own.state(), []
    while view.phase != "work":
        assert (view.progress.done, view.progress.total) == (len(seen) % 3, 3)
        image = bench.store.annotation.assignment(view.items[0].token, "ada").image
        seen.append(image.prompt_id)
        view = rate(own, view, relevance=10.0)
        if len(seen) in (1, 4):
            withdraw(bench, replace(image, model="broken"), "checked")
    assert len(seen) == 6
