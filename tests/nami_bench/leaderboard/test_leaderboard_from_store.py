from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from nami_bench.domain import (
    ImageRecord,
    ImageState,
    ModelCard,
    Prompt,
    PromptSet,
    Rating,
    Score,
    SetScore,
    Study,
)
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.table import ratings_table
from nami_bench.evaluation.leaderboard.rows import Leaderboard, LeaderboardRow, Status
from nami_bench.export.html import leaderboard_html
from nami_bench.export.sections import notes
from nami_bench.pipeline.leaderboard_from_ratings import leaderboard_from_ratings
from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store
from nami_bench.store import Store

SHARP = "geneval:stars:sharp"
BLUNT = "geneval:stars:blunt"


def by_model(board: Leaderboard) -> dict[str, LeaderboardRow]:
    return {row.model: row for row in board.rows}


def a_rating(study: str, annotator: str, model: str, prompt: int, value: float, criterion: str) -> Rating:
    return Rating(study, annotator, model, f"{prompt:05d}", 0, criterion, value)


def test_human_and_automatic_scores_stand_in_one_row(rated: Store) -> None:
    board = leaderboard_from_store(rated)
    alpha = board.rows[0]
    assert (alpha.model, alpha.rank, alpha.status) == ("alpha", 1, Status.MEASURED)
    assert alpha.criteria == {"relevance": 80, "beauty": 50}
    assert alpha.total == 65
    # single_object 3 of 4, counting 1 of 2; overall is the mean over tasks, not over images.
    assert alpha.automatic[SHARP].tasks == {"single_object": 0.75, "counting": 0.5}
    assert alpha.automatic[SHARP].value == 0.625
    assert (alpha.images, alpha.ratings, alpha.annotators, alpha.parameters) == (4, 16, 2, 2_100_000_000)
    assert (alpha.complete, alpha.gaps, alpha.images_failed) == (True, (), 0)
    assert (board.study, board.annotators, board.ranked_by) == ("study", 2, "total")
    assert board.prompt_sets == {"stars": rated.catalog.prompt_set("stars").sha256}
    assert board.latest_rating is not None and board.latest_rating.day == 4


def test_what_is_missing_is_counted_and_said(rated: Store) -> None:
    beta = by_model(leaderboard_from_store(rated))["beta"]
    assert beta.criteria == {"relevance": 30, "beauty": 25}
    assert beta.complete is False
    assert (beta.images, beta.images_expected, beta.images_failed) == (2, 4, 1)
    assert (beta.ratings, beta.withheld, beta.missing_share) == (3, 1, 0.25)
    assert beta.gaps == (
        "2 of 4 images rated (1 failed or refused, 1 not rated)",
        "some images have only 1 of 2 annotators",
        "geneval on stars by sharp: 5 of 6 images scored",
    )


def test_images_never_made_are_missing_too(rated: Store) -> None:
    rated.catalog.add_prompt_set(PromptSet("more", (Prompt("00000", "one"), Prompt("00001", "two"))))
    rated.studies.add(replace(rated.studies.get("study"), name="later", prompt_set="more", models=("alpha",)))
    (alpha,) = leaderboard_from_store(rated, study="later").rows
    assert alpha.gaps == ("0 of 2 images rated (2 not made)",)
    assert (alpha.total, alpha.rank) == (None, None)


def test_a_criterion_nobody_could_judge_leaves_no_total_and_no_rank(rated: Store) -> None:
    rated.studies.add(replace(rated.studies.get("study"), name="hard"))
    rated.ratings.add(
        one
        for prompt in range(4)
        for annotator in ("ann", "ben")
        for one in (
            a_rating("hard", annotator, "alpha", prompt, 50, "relevance"),
            Rating("hard", annotator, "alpha", f"{prompt:05d}", 0, "beauty", None, "cannot tell"),
        )
    )
    alpha = by_model(leaderboard_from_store(rated, study="hard"))["alpha"]
    assert (alpha.criteria, alpha.total, alpha.rank) == ({"relevance": 50, "beauty": None}, None, None)
    assert alpha.gaps == ("no value for beauty, so no total",)


def test_the_newest_study_with_ratings_is_shown_unless_another_is_named(rated: Store) -> None:
    rated.studies.add(replace(rated.studies.get("study"), name="fresh"))
    assert leaderboard_from_store(rated).study == "study"
    fresh = leaderboard_from_store(rated, study="fresh")
    assert (fresh.study, fresh.annotators, fresh.latest_rating) == ("fresh", 0, None)
    assert [row.total for row in fresh.rows] == [None, None]
    assert [row.automatic[SHARP].value for row in fresh.rows] == [0.625, pytest.approx(1 / 3)]


def test_without_a_study_there_are_automatic_scores_of_all_models(images_only: Store) -> None:
    board = leaderboard_from_store(images_only)
    assert (board.study, board.criteria, board.ranked_by) == (None, (), f"{SHARP}:overall")
    assert [(row.model, row.rank) for row in board.rows] == [("alpha", 1), ("beta", 2)]
    # beta: single_object 2 of 3, counting 0 of 2.
    assert board.rows[1].automatic[SHARP].value == pytest.approx(1 / 3)
    assert board.rows[1].gaps == ("geneval on stars by sharp: 5 of 6 images scored",)


def test_an_empty_store_has_nothing_to_rank(images_only: Store) -> None:
    images_only.catalog.add_prompt_set(PromptSet("other", (Prompt("00000", "x"),)))
    with pytest.raises(InputError, match="nothing to rank yet"):
        leaderboard_from_store(images_only, prompt_set="other")


def test_a_stratum_without_images_has_nothing_to_rank(images_only: Store) -> None:
    prompts = (Prompt("00000", "x"), Prompt("00001", "y", "long"))
    images_only.catalog.add_prompt_set(PromptSet("part", prompts))
    record = images_only.images.find(models=["alpha"])[0]
    images_only.images.put(replace(record, prompt_set="part"))
    images_only.scores.put([Score("alpha", "part", "00000", 0, "clip-score", "v1", 0.3)])
    assert leaderboard_from_store(images_only, prompt_set="part").rows[0].rank == 1
    with pytest.raises(InputError, match="no model has images of the stratum 'long'"):
        leaderboard_from_store(images_only, prompt_set="part", stratum="long")


def test_two_instruments_never_share_a_column(images_only: Store) -> None:
    images_only.scores.put(
        Score("alpha", "stars", f"{prompt:05d}", sample, "geneval", "blunt", 0.0)
        for prompt in range(3)
        for sample in range(2)
    )
    alpha, beta = (by_model(leaderboard_from_store(images_only))[name] for name in ("alpha", "beta"))
    assert (alpha.automatic[SHARP].value, alpha.automatic[BLUNT].value) == (0.625, 0)
    assert set(beta.automatic) == {SHARP}
    with pytest.raises(InputError, match=f"sort by {BLUNT}:overall or {SHARP}:overall"):
        leaderboard_from_store(images_only, sort="geneval")
    assert leaderboard_from_store(images_only, sort=f"{SHARP}:overall").rows[0].model == "alpha"


def test_scores_on_two_prompt_sets_never_share_a_column(images_only: Store) -> None:
    prompts = images_only.catalog.prompt_set("stars").prompts[:2]
    images_only.catalog.add_prompt_set(PromptSet("again", prompts))
    for prompt in prompts:
        record = images_only.images.find(models=["alpha"], prompt_set="stars")[0]
        images_only.images.put(replace(record, prompt_set="again", prompt_id=prompt.id))
        images_only.scores.put([Score("alpha", "again", prompt.id, 0, "geneval", "sharp", 1.0)])
    board = leaderboard_from_store(images_only)
    alpha = by_model(board)["alpha"]
    assert (alpha.automatic[SHARP].value, alpha.automatic["geneval:again:sharp"].value) == (0.625, 1)
    assert set(board.prompt_sets) == {"stars", "again"}
    limited = leaderboard_from_store(images_only, prompt_set="again")
    assert [column.key for column in limited.automatic] == ["geneval:again:sharp"]


def test_a_task_without_a_scored_image_leaves_no_overall(images_only: Store) -> None:
    """Otherwise a model would gain by failing where the task is hard."""
    images_only.scores.put(
        Score("beta", "stars", "00001", sample, "geneval", "sharp", None, "unreadable") for sample in range(2)
    )
    beta = by_model(leaderboard_from_store(images_only))["beta"]
    assert beta.automatic[SHARP].value is None
    assert beta.automatic[SHARP].tasks == {"single_object": pytest.approx(2 / 3), "counting": None}
    assert beta.gaps == ("geneval on stars by sharp: 3 of 6 images scored",)
    assert beta.rank is None


def test_other_metrics_are_means_over_images(images_only: Store) -> None:
    values = {"00000": 20.0, "00001": 22.0, "00002": None, "00003": 24.0}
    images_only.scores.put(
        Score("alpha", "stars", prompt, 0, "pickscore", "v1", value, None if value else "unreadable")
        for prompt, value in values.items()
    )
    alpha = by_model(leaderboard_from_store(images_only, sort="pickscore"))["alpha"]
    assert alpha.automatic["pickscore:stars:v1"].value == 22
    assert alpha.gaps == ("pickscore on stars by v1: 3 of 8 images scored",)
    assert alpha.rank == 1


def test_a_stratum_limits_everything(rated: Store) -> None:
    board = leaderboard_from_store(rated, stratum="long")
    alpha, beta = (by_model(board)[name] for name in ("alpha", "beta"))
    assert (alpha.images, alpha.images_expected, alpha.ratings) == (2, 2, 8)
    assert alpha.automatic[SHARP].tasks == {"single_object": 0.5}
    assert beta.gaps == (
        "0 of 2 images rated (1 failed or refused, 1 not rated)",
        "geneval on stars by sharp: 1 of 2 images scored",
    )
    with pytest.raises(UnknownNameError, match="unknown stratum 'lang': did you mean 'long'"):
        leaderboard_from_store(rated, stratum="lang")


def test_rows_with_simulated_annotators_are_marked(rated: Store) -> None:
    rated.ratings.add([a_rating("study", "simulated-1", "beta", 3, 10, "relevance")])
    board = leaderboard_from_store(rated)
    assert {row.model: row.status for row in board.rows} == {
        "alpha": Status.MEASURED,
        "beta": Status.SIMULATED,
    }
    assert (board.annotators, board.simulated_annotators) == (3, 1)


def test_sorting_by_any_column_and_by_none_that_exists(rated: Store) -> None:
    assert leaderboard_from_store(rated, sort="beauty").ranked_by == "beauty"
    assert leaderboard_from_store(rated, sort="geneval").ranked_by == f"{SHARP}:overall"
    with pytest.raises(UnknownNameError, match="unknown column 'totl': did you mean 'total'"):
        leaderboard_from_store(rated, sort="totl")


def test_unknown_studies_sets_and_mismatches_are_refused(rated: Store) -> None:
    rated.catalog.add_prompt_set(PromptSet("other", (Prompt("00000", "x"),)))
    with pytest.raises(UnknownNameError, match="unknown study 'x'"):
        leaderboard_from_store(rated, study="x")
    with pytest.raises(UnknownNameError, match="unknown prompt set 'x'"):
        leaderboard_from_store(rated, prompt_set="x")
    with pytest.raises(InputError, match="on the prompt set 'stars', not on 'other'"):
        leaderboard_from_store(rated, study="study", prompt_set="other")


def test_a_ratings_table_gives_the_same_human_scores_as_the_store(rated: Store) -> None:
    table = ratings_table(rated.ratings.all("study"))
    study: Study = rated.studies.get("study")
    board = leaderboard_from_ratings(table, study.criteria, prompt_set=rated.catalog.prompt_set("stars"))
    of_store = by_model(leaderboard_from_store(rated))
    for row in board.rows:
        stored = of_store[row.model]
        assert (row.criteria, row.total, row.rank) == (stored.criteria, stored.total, stored.rank)
        assert (row.images, row.images_expected) == (stored.images, stored.images_expected)
    assert board.prompt_sets == {"stars": rated.catalog.prompt_set("stars").sha256}


def test_a_ratings_table_without_its_prompts_expects_what_any_model_was_rated_on(rated: Store) -> None:
    table = ratings_table(rated.ratings.all("study"))
    rows = by_model(leaderboard_from_ratings(table, rated.studies.get("study").criteria))
    assert rows["alpha"].complete is True
    assert rows["beta"].gaps == ("2 of 4 images rated (2 not rated)",)


def test_a_ratings_tables_stratum_keeps_models_without_ratings_in_it(rated: Store) -> None:
    table = ratings_table(rated.ratings.all("study"))
    criteria, prompts = rated.studies.get("study").criteria, rated.catalog.prompt_set("stars")
    rows = by_model(leaderboard_from_ratings(table, criteria, prompt_set=prompts, stratum="long"))
    assert (rows["alpha"].images, rows["beta"].images, rows["beta"].rank) == (2, 0, None)
    with pytest.raises(InputError, match="name their prompt set"):
        leaderboard_from_ratings(table, criteria, stratum="long")


def test_ratings_of_several_studies_or_of_other_prompts_are_refused(rated: Store) -> None:
    first = rated.ratings.all("study")
    table = ratings_table([*first, *(replace(one, study="two") for one in first)])
    criteria = rated.studies.get("study").criteria
    with pytest.raises(InputError, match=r"2 studies \(study, two\): choose one with --study"):
        leaderboard_from_ratings(table, criteria)
    assert leaderboard_from_ratings(table, criteria, study="two").rows[0].ratings == 16
    with pytest.raises(UnknownNameError, match="unknown study 'three'"):
        leaderboard_from_ratings(table, criteria, study="three")
    with pytest.raises(InputError, match=r"does not hold 3 of the rated prompts \(00001, 00002, 00003\)"):
        only = PromptSet("only", (Prompt("00000", "x"),))
        leaderboard_from_ratings(table, criteria, study="two", prompt_set=only)
    with pytest.raises(InputError, match="no ratings"):
        leaderboard_from_ratings(ratings_table([]), criteria)


def test_of_a_set_score_the_lower_is_the_better(images_only: Store) -> None:
    for model, value in (("alpha", 12.5), ("beta", 9.75)):
        images_only.scores.put_of_set(
            SetScore(model, "stars", "fid", "real-1", value, 8, lower_is_better=True)
        )
    board = leaderboard_from_store(images_only, sort="fid")
    assert [(row.model, row.rank) for row in board.rows] == [("beta", 1), ("alpha", 2)]
    assert by_model(board)["alpha"].automatic["fid:stars:real-1"].value == 12.5
    assert by_model(board)["alpha"].gaps == ()
    assert "fid ↓: one value for all images, lower is better; by real-1 on stars." in notes(board)
    assert '<td class="lead best">' in leaderboard_html(board).decode()
    assert "fid:stars:real-1" not in leaderboard_from_store(images_only, stratum="long").rows[0].automatic


def test_a_set_score_alone_makes_a_leaderboard_and_its_failure_is_a_gap(images_only: Store) -> None:
    images_only.catalog.add_prompt_set(PromptSet("again", (Prompt("00000", "x"), Prompt("00001", "y"))))
    for prompt in ("00000", "00001"):
        record = images_only.images.find(models=["alpha"], prompt_set="stars")[0]
        images_only.images.put(replace(record, prompt_set="again", prompt_id=prompt))
    failed = SetScore("alpha", "again", "kid", "real-1", None, 0, True, "numbers that are not finite")
    images_only.scores.put_of_set(failed)
    (alpha,) = leaderboard_from_store(images_only, prompt_set="again").rows
    assert (alpha.automatic["kid:again:real-1"].value, alpha.rank) == (None, None)
    assert alpha.gaps == ("kid on again by real-1: 0 of 2 images scored",)


def test_totals_are_given_by_stratum_task_and_tag(rated: Store) -> None:
    groups = {group.key: group for group in leaderboard_from_store(rated).groups}
    assert list(groups) == ["stratum=short", "stratum=long", "task=single_object", "task=counting"]
    assert groups["stratum=long"].prompts == 2
    assert groups["stratum=long"].scores["alpha"].total == 65
    assert "beta" not in groups["stratum=long"].scores
    assert [group.kind for group in leaderboard_from_store(rated, by=["task"]).groups] == ["task", "task"]
    with pytest.raises(UnknownNameError, match="unknown kind of prompts 'strata': did you mean 'stratum'"):
        leaderboard_from_store(rated, by=["strata"])


def test_an_annotator_can_be_left_out(rated: Store) -> None:
    board = leaderboard_from_store(rated, without=["ben"])
    assert by_model(board)["alpha"].criteria["relevance"] == 60
    assert any("1 of 2 annotators are left out" in note for note in notes(board))
    with pytest.raises(UnknownNameError, match="unknown annotator 'bin': did you mean 'ben'"):
        leaderboard_from_store(rated, without=["bin"])


def test_intervals_of_other_metrics_are_over_prompts(images_only: Store) -> None:
    values = {"00000": (20.0, 22.0), "00001": (21.0, 25.0), "00002": (24.0, 24.0)}
    images_only.scores.put(
        Score("alpha", "stars", prompt, sample, "pickscore", "v1", value)
        for prompt, pair in values.items()
        for sample, value in enumerate(pair)
    )
    score = by_model(leaderboard_from_store(images_only))["alpha"].automatic["pickscore:stars:v1"]
    # Prompt means 21, 23, 24: their mean and t interval with two degrees of freedom.
    expected = stats.t.interval(0.95, 2, 68 / 3, np.std([21, 23, 24], ddof=1) / 3**0.5)
    assert score.value == pytest.approx(68 / 3)
    assert score.interval is not None
    assert (score.interval.low, score.interval.high) == pytest.approx(expected)


def test_the_interval_of_a_metric_with_a_range_stays_within_it(images_only: Store) -> None:
    values = {"00000": 0.0, "00001": 0.0, "00002": 9.0}
    images_only.scores.put(
        Score("alpha", "stars", prompt, 0, metric, "v1", value, value_range=bounds)
        for metric, bounds in (("clip-score", (0.0, 100.0)), ("pickscore", None))
        for prompt, value in values.items()
    )
    scores = by_model(leaderboard_from_store(images_only))["alpha"].automatic
    bounded, free = (scores[f"{metric}:stars:v1"].interval for metric in ("clip-score", "pickscore"))
    assert bounded is not None
    assert free is not None
    assert 0 <= bounded.low < 3 < bounded.high <= 100
    assert free.low < 0


@pytest.mark.parametrize(("value", "has_interval"), [(0.0, True), (40.0, False), (100.0, True)])
def test_values_that_are_all_equal_are_no_certainty(
    images_only: Store, value: float, has_interval: bool
) -> None:
    images_only.scores.put(
        Score("alpha", "stars", prompt, 0, metric, "v1", value, value_range=bounds)
        for metric, bounds in (("clip-score", (0.0, 100.0)), ("pickscore", None))
        for prompt in ("00000", "00001", "00002")
    )
    scores = by_model(leaderboard_from_store(images_only))["alpha"].automatic
    found = scores["clip-score:stars:v1"].interval
    assert (found is not None) is has_interval
    assert found is None or found.low < found.high
    assert scores["pickscore:stars:v1"].interval is None


def _made(model: str, prompt: str) -> ImageRecord:
    return ImageRecord(
        model, "stars", prompt, 0, ImageState.DONE, path=f"{model}/{prompt}.png", sha256=prompt
    )


def test_a_limited_run_is_starred_with_what_it_is(images_only: Store) -> None:
    images_only.catalog.add_model(ModelCard("part", "shapes"))
    for prompt in ("00001", "00002"):
        how = {"selection": "balanced over strata and tasks"}
        images_only.images.put(replace(_made("part", prompt), provenance=how))
        images_only.scores.put([Score("part", "stars", prompt, 0, "geneval", "sharp", 1.0)])
    row = by_model(leaderboard_from_store(images_only))["part"]
    assert row.gaps == (
        "stars: 2 of 4 prompts, balanced over strata and tasks",
        "geneval on stars by sharp: 2 of 3 images scored",
    )
    [score_of_part] = row.automatic.values()
    assert (score_of_part.images, score_of_part.expected) == (2, 3), "what was left out counts as not made"
    for prompt in ("00000", "00003"):
        images_only.images.put(_made("part", prompt))
    gaps = by_model(leaderboard_from_store(images_only))["part"].gaps
    assert not any("prompts" in gap for gap in gaps), "a whole run came after it"
