"""Work that was done elsewhere counts as work, is not asked about again, and is never silently replaced."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.engine.view import Item
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.cli.app import cli
from nami_bench.domain import Checks, Comparison, ImageRecord, Outcome, Pairs, Panel, Rating
from nami_bench.errors import InputError, RefusedError
from nami_bench.pipeline.screening import annotator_checks
from nami_bench.store import progress_of

_numbers = count()
BOTH = ("relevance", "realism")
VALUES = {"relevance": 10.0, "realism": 2.0}
AT = datetime(2026, 3, 1, 10, tzinfo=UTC)


def session(bench: Any, name: str, study: str = "trial") -> AnnotationSession:
    return AnnotationSession(bench.store, bench.images_dir, study, name)


def ratings(
    images: Sequence[ImageRecord],
    name: str,
    criteria: Sequence[str] = BOTH,
    study: str = "trial",
    **more: Any,
) -> list[Rating]:
    return [
        Rating(
            study, name, i.model, i.prompt_id, i.sample, c, VALUES[c], duration_ms=900, created_at=AT, **more
        )
        for i in images
        for c in criteria
    ]


def work_through(bench: Any, name: str, study: str = "trial", value: float = 70.0) -> list[tuple[str, str]]:
    """Do everything; (model, prompt) in the order in which they came."""
    own, seen = session(bench, name, study), []
    view = own.state()
    while view.items:
        image = bench.store.annotation.assignment(view.items[0].token, name).image
        seen.append((image.model, image.prompt_id))
        values = {"relevance": value, "realism": float(1 + next(_numbers) % 5)}
        view = own.submit(view.items[0].token, Answers(f"c{next(_numbers)}", values, duration_ms=5000))
        assert view.progress.done <= view.progress.total
    return seen


def so_far(bench: Any, study: str = "trial") -> tuple[int, int]:
    return progress_of(bench.store.studies.get(study), bench.store.items.progress(study))


def in_force(bench: Any, name: str, image: ImageRecord) -> dict[str, Any]:
    return {
        r.criterion: r.value
        for r in bench.store.ratings.all("trial")
        if (r.annotator, r.model, r.prompt_id) == (name, image.model, image.prompt_id)
    }


def before_all(own: AnnotationSession) -> list[Item]:
    """Everything that can be gone back to, the last first."""
    found, at = [], "now"
    while (item := own.before(at)) is not None:
        found.append(item)
        at = item.token
    return found


def test_imported_work_counts_and_is_not_asked_about_again(bench: Any) -> None:
    done, rest = bench.images[:8], bench.images[8:]
    bench.store.ratings.add(ratings(done, "ada"))
    assert so_far(bench) == (8, 24)
    assert bench.store.annotation.completed("trial") == {"ada": 8}
    view = session(bench, "ada").state()
    assert (view.progress.done, view.progress.total, view.progress.today) == (8, 12, 0)
    assert set(work_through(bench, "ada")) == {(i.model, i.prompt_id) for i in rest}
    assert all(in_force(bench, "ada", image) == VALUES for image in done)
    assert work_through(bench, "bob") and so_far(bench) == (24, 24)
    report = {member.name: member for member in bench.store.oversight.members("trial")}
    assert report["ada"].done == 12


def test_more_work_than_was_wanted_does_not_exceed_the_total(bench: Any) -> None:
    for name in ("eve", "ida", "udo"):
        bench.store.ratings.add(ratings(bench.images[:3], name))
    assert so_far(bench) == (6, 24)
    assert bench.store.annotation.completed("trial") == {"eve": 3, "ida": 3, "udo": 3}
    assert len(work_through(bench, "ada")) == 9 == len(work_through(bench, "bob"))
    assert so_far(bench) == (24, 24)
    bench.store.exclusions.exclude("eve")
    assert so_far(bench) == (24, 24)
    bench.store.exclusions.exclude("ida")
    assert so_far(bench) == (21, 24)
    bench.store.erasures.erase("udo")
    assert so_far(bench) == (18, 24)


@pytest.mark.slow
def test_a_server_that_runs_takes_note_of_an_import(bench: Any) -> None:
    own = session(bench, "ada")
    view = own.state()
    for _ in range(2):
        view = own.submit(view.items[0].token, Answers(f"c{next(_numbers)}", VALUES))
    held = [bench.store.annotation.assignment(item.token, "ada").image for item in view.items]
    on_its_way = view.items[0].token
    bench.store.ratings.add(ratings(held[:1], "ada") + ratings(held[1:2], "ada", ["relevance"]))
    for token in (on_its_way, view.items[1].token):
        with pytest.raises(RefusedError) as refused:  # it was given without seeing what stands now
            own.submit(token, Answers(f"c{next(_numbers)}", {"relevance": 99.0, "realism": 5.0}))
        assert refused.value.code == "not_yours"
    view = own.state()
    assert view.progress.done == 3
    given = {
        bench.store.annotation.assignment(i.token, "ada").image.key: i.given and dict(i.given.values)
        for i in view.items
    }
    assert held[0].key not in given
    assert given[held[1].key] == {"relevance": 10.0}
    assert len(work_through(bench, "ada")) == 9
    assert in_force(bench, "ada", held[0]) == VALUES


@pytest.mark.slow
def test_imported_work_is_gone_back_to_after_that_of_the_screen_and_may_be_corrected(bench: Any) -> None:
    own = session(bench, "ada")
    view = own.state()
    first = bench.store.annotation.assignment(view.items[0].token, "ada").image
    own.submit(view.items[0].token, Answers("first", {"relevance": 70.0, "realism": 3.0}))
    done = [image for image in bench.images if image.key != first.key][:2]
    reason = "I was not sure, and said so"
    told = ratings(done[:1], "ada") + ratings(done[1:], "ada", ["relevance"])
    told.append(replace(told[-1], criterion="realism", value=None, reason=reason))
    bench.store.ratings.add(told)
    last, *others = before_all(own)
    assert last.given is not None and last.given.values["relevance"] == 70.0
    assert [item.given is not None and item.given.values["relevance"] for item in others] == [10.0, 10.0]
    (item,) = (one for one in others if one.given and one.given.reasons)
    assert item.given is not None and item.given.reasons == {"realism": reason}
    own.submit(item.token, Answers("correction", {"relevance": 20.0}, {"realism": reason}))
    (corrected,) = (i for i in before_all(own) if i.token == item.token)
    assert corrected.given is not None and corrected.given.values == {"relevance": 20.0}
    assert in_force(bench, "ada", done[1]) == {"relevance": 20.0, "realism": None}
    assert [r.duration_ms for r in bench.store.ratings.all("trial") if r.value == 20.0] == [900]
    assert bench.count("rating") == 7  # one revision
    with pytest.raises(InputError, match="1 of 4 judgements are recorded with another value or reason"):
        bench.store.ratings.add(told)


@pytest.mark.slow
def test_an_item_that_is_judged_in_part_is_asked_about_with_what_stands(bench: Any) -> None:
    part = bench.images[:3]
    bench.store.ratings.add(ratings(part, "ada", ["relevance"]))
    assert so_far(bench) == (0, 24) and bench.store.annotation.completed("trial") == {}
    own = session(bench, "ada")
    view, shown = own.state(), {}
    assert (view.progress.done, view.progress.total) == (0, 12)
    while view.items:
        item = view.items[0]
        image = bench.store.annotation.assignment(item.token, "ada").image
        shown[image.key] = item.given and dict(item.given.values)
        values = {"relevance": 55.0, "realism": 4.0} | (shown[image.key] or {})
        view = own.submit(item.token, Answers(f"c{next(_numbers)}", values))
    assert shown == {i.key: {"relevance": 10.0} if i in part else None for i in bench.images}
    assert in_force(bench, "ada", part[0]) == {"relevance": 10.0, "realism": 4.0}
    assert bench.count("rating") == 24  # nothing was revised
    assert so_far(bench) == (12, 24)


@pytest.mark.slow
def test_the_criteria_that_were_missing_may_come_by_a_second_file(bench: Any) -> None:
    bench.store.ratings.add(ratings(bench.images[:2], "ada", ["relevance"]))
    held = session(bench, "ada").state()
    bench.store.ratings.add(ratings(bench.images[:2], "ada", ["realism"]))
    assert so_far(bench) == (2, 24)
    assert len(work_through(bench, "ada")) == 10
    assert len(held.items) == 3


@pytest.mark.slow
def test_replacing_has_to_be_asked_for_and_is_a_correction(bench: Any) -> None:
    work_through(bench, "ada", value=70.0)
    told = ratings(bench.images[:4], "ada") + ratings(bench.images[:1], "eve")
    before = bench.store.ratings.all("trial")
    with pytest.raises(
        InputError, match="of 10 judgements are recorded with another value or reason"
    ) as found:
        bench.store.ratings.add(told)
    assert "'ada' on relevance of" in str(found.value) and "--replace" in str(found.value)
    assert bench.store.ratings.all("trial") == before and len(bench.store.accounts.all()) == 2
    recorded = bench.store.ratings.add(told, replace=True)
    assert recorded.added == 2 and 4 <= recorded.replaced <= 8
    assert bench.store.ratings.add(told, replace=True).replaced == 0
    assert so_far(bench) == (13, 24)
    own = session(bench, "ada")
    given = [item.given for item in before_all(own)]
    assert sum(one is not None and one.values == VALUES for one in given) == 4
    with pytest.raises(InputError, match="two answers are given for one thing"):
        bench.store.ratings.add([told[0], replace(told[0], value=11.0)], replace=True)


@pytest.mark.slow
def test_the_rules_look_at_work_that_was_done_here_and_repeat_nothing_else(bench: Any) -> None:
    checks = Checks(constant=5, fastest_ms=2000, window=4, repeat_every=3, repeat_distance=1)
    bench.store.studies.add(replace(bench.study, name="checked", checks=checks))
    done = bench.images[:6]
    bench.store.ratings.add(ratings(done, "ada", study="checked"))
    view = session(bench, "ada", "checked").state()
    total = view.progress.total
    seen = work_through(bench, "ada", "checked")
    final = session(bench, "ada", "checked").state()
    assert (final.phase, final.progress.median_ms) == ("finished", 5000)
    assert final.progress.done == 6 + len(seen) <= total
    assert len(seen) > 6 and len(set(seen)) == 6  # repeats, and of those that came here
    assert not set(seen) & {(i.model, i.prompt_id) for i in done}
    (checked,) = annotator_checks(bench.store, "checked", bench.study.criteria)
    assert checked.repeats is not None


@pytest.mark.slow
def test_a_limit_counts_what_was_imported(bench: Any) -> None:
    bench.store.studies.add(replace(bench.study, name="short", items_per_annotator=5, panel=Panel.SPREAD))
    bench.store.ratings.add(ratings(bench.images[:3], "ada", study="short"))
    assert session(bench, "ada", "short").state().progress.total == 5
    assert len(work_through(bench, "ada", "short")) == 2
    bench.store.ratings.add(ratings(bench.images, "eve", study="short"))
    assert session(bench, "eve", "short").state().phase == "finished"


@pytest.mark.slow
def test_authors_without_a_log_in_take_no_share_of_what_is_left(bench: Any) -> None:
    bench.store.studies.add(replace(bench.study, name="spread", panel=Panel.SPREAD, overlap=1))
    bench.store.ratings.add(ratings(bench.images[:4], "eve", study="spread"))
    assert session(bench, "ada", "spread").state().progress.total == 8


@pytest.fixture
def pairs(new_bench: Callable[..., Any]) -> Any:
    bench = new_bench("pairs", strata=("short",) * 6, overlap=2)
    study = replace(bench.study, name="pairs", mode="pairwise")
    bench.store.studies.add(study)
    return replace(bench, study=study)


def comparison(prompt: int, left: str, right: str, criterion: str, outcome: Outcome | None) -> Comparison:
    reason = None if outcome else "other"
    return Comparison(
        "pairs", "ada", f"{prompt:05d}", 0, criterion, left, right, outcome, reason, created_at=AT
    )


@pytest.mark.slow
@pytest.mark.parametrize("turned", [False, True])
def test_pairs_count_on_whichever_side_the_images_stood(pairs: Any, turned: bool) -> None:
    a, b = ("quokka-9b", "zebrafish-xl") if turned else ("zebrafish-xl", "quokka-9b")
    told = [
        comparison(0, a, b, "relevance", Outcome.LEFT),
        comparison(0, b, a, "realism", Outcome.LEFT),  # the same pair, the other way round
        *(comparison(p, a, b, "relevance", Outcome.RIGHT) for p in (1, 2, 3)),
    ]
    pairs.store.comparisons.add(told)
    assert so_far(pairs, "pairs") == (1, 12)
    turned_round = [
        replace(c, left=c.right, right=c.left, outcome=Outcome.RIGHT if c.outcome == "left" else Outcome.LEFT)
        for c in told
    ]
    assert pairs.store.comparisons.add(turned_round).added == 0  # the same verdicts
    own = session(pairs, "ada", "pairs")
    view = own.state()
    assert (view.progress.done, view.progress.total) == (1, 6)
    done = own.before()
    assert done is not None and done.given is not None
    left = pairs.store.annotation.assignment(done.token, "ada").images[0].model
    wins = {"relevance": a, "realism": b}
    assert done.given.values == {c: "left" if model == left else "right" for c, model in wins.items()}
    own.submit(done.token, Answers("same", done.given.values))
    assert pairs.count("comparison") == len(told)
    prompts = set()
    while view.items:
        item = view.items[0]
        shown = pairs.store.annotation.assignment(item.token, "ada")
        prompts.add(shown.prompt.id)
        values = {"relevance": "tie", "realism": "tie"}
        if shown.prompt.id in ("00001", "00002", "00003"):
            assert item.given is not None
            wanted = "left" if shown.images[0].model == b else "right"
            assert item.given.values == {"relevance": wanted}
            values |= item.given.values
        view = own.submit(item.token, Answers(f"c{next(_numbers)}", values))
    assert prompts == {f"{i:05d}" for i in range(1, 6)}
    assert pairs.count("comparison") == 12
    winners = {(c.prompt_id, c.criterion): c.winner for c in pairs.store.comparisons.all("pairs")}
    assert winners["00001", "relevance"] == winners["00003", "relevance"] == b


@pytest.mark.slow
def test_an_adaptive_study_is_done_by_imported_verdicts_too(pairs: Any) -> None:
    study = replace(pairs.study, name="adaptive", pairs=Pairs(choice="adaptive", comparisons=4))
    pairs.store.studies.add(study)
    told = [
        replace(comparison(p, "zebrafish-xl", "quokka-9b", c, Outcome.TIE), study="adaptive", annotator=name)
        for p in range(3)
        for c in BOTH
        for name in ("ada", "bob", "eve")
    ]
    pairs.store.comparisons.add(told)
    assert so_far(pairs, "adaptive") == (4, 4)
    assert session(pairs, "ada", "adaptive").state().phase == "finished"


@pytest.mark.slow
def test_ratings_of_pairs_are_refused_and_verdicts_on_single_images(pairs: Any) -> None:
    with pytest.raises(InputError, match="takes comparisons"):
        pairs.store.ratings.add(ratings(pairs.images[:1], "ada", study="pairs"))
    with pytest.raises(InputError, match="takes ratings"):
        pairs.store.comparisons.add(
            [replace(comparison(0, "zebrafish-xl", "quokka-9b", "relevance", None), study="trial")]
        )


@pytest.mark.slow
def test_the_command_says_what_it_replaces_and_tries_without_changing(bench: Any, tmp_path: Any) -> None:
    def run(*arguments: object) -> Result:
        return CliRunner().invoke(cli, ["--workspace", str(bench.workspace.root), *map(str, arguments)])

    def write(value: float) -> None:
        header = "study,annotator,model,prompt_id,sample,criterion,value\n"
        rows = (f"trial,eve,{i.model},{i.prompt_id},0,{c},{value}\n" for i in bench.images for c in BOTH)
        file.write_text(header + "".join(rows))

    file = tmp_path / "in.csv"
    write(4)
    options = ("--scale", "relevance=0..100")
    dry = run("ratings", "import", file, *options, "--dry-run")
    assert dry.stderr == "recorded 24 ratings\nnothing was changed (--dry-run)\n"
    assert bench.count("rating") == 0 and len(bench.store.accounts.all()) == 2
    run("ratings", "import", file, *options)
    assert "trial: 12 of 24 ratings" in run("study", "status", "trial").stderr
    write(5)
    refused = run("ratings", "import", file, *options)
    assert isinstance(refused.exception, InputError)
    assert "24 of 24 judgements are recorded with another value" in str(refused.exception)
    done = run("ratings", "import", file, *options, "--replace")
    assert done.stderr == "recorded 0 ratings; 24 replace others\n"
    assert {r.value for r in bench.store.ratings.all("trial")} == {5.0}
