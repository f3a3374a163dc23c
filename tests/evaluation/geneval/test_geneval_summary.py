"""The figures, against pandas, and the intervals, against what they claim."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from nami_bench.domain import GENEVAL_TASKS
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.results import ImageResult, read_results
from nami_bench.evaluation.geneval.summary import summarize


def metadata(task, number):
    return {
        "tag": task,
        "include": [{"class": f"thing {number}", "count": 1}],
        "prompt": f"{task} of thing {number}",
    }


def result(task, number, sample, correct, detector="d"):
    line = metadata(task, number)
    return ImageResult(
        filename=f"m/{task}{number}/samples/{sample:04d}.png",
        tag=task,
        prompt=line["prompt"],
        correct=bool(correct),
        reason="",
        metadata=json.dumps(line),
        details="{}",
        detector=detector,
    )


def results(outcomes):
    """From {task: [[outcome of each image] of each prompt]}."""
    return [
        result(task, number, sample, correct)
        for task, prompts in outcomes.items()
        for number, images in enumerate(prompts)
        for sample, correct in enumerate(images)
    ]


def random_outcomes(seed, prompts=12, samples=4):
    rng = np.random.default_rng(seed)
    return {task: rng.random((prompts + i, samples)) < 0.2 + i / 10 for i, task in enumerate(GENEVAL_TASKS)}


def reference_lines(rows):
    """The reference implementation's report, from the definitions, by pandas."""
    frame = pd.DataFrame([{"tag": r.tag, "metadata": r.metadata, "correct": r.correct} for r in rows])
    by_prompt = frame.groupby("metadata")["correct"].any()
    by_task = frame.groupby("tag", sort=False)["correct"].agg(["mean", "sum", "size"])
    tasks = [
        f"{tag:<16} = {100 * r['mean']:.2f}% ({r['sum']:.0f} / {r['size']:.0f})"
        for tag, r in by_task.iterrows()
    ]
    return [
        "Summary",
        "=======",
        f"Total images: {len(frame)}",
        f"Total prompts: {len(by_prompt)}",
        f"% correct images: {100 * frame['correct'].mean():.2f}%",
        f"% correct prompts: {100 * by_prompt.mean():.2f}%",
        "",
        "Task breakdown",
        "==============",
        *tasks,
        "",
        f"Overall score (avg. over tasks): {by_task['mean'].mean():.5f}",
    ]


@pytest.mark.parametrize("seed", range(5))
def test_the_report_begins_with_the_lines_that_scripts_parse(seed):
    rows = results(random_outcomes(seed))
    order = np.random.default_rng(seed).permutation(len(rows))
    rows = [rows[i] for i in order]
    expected = reference_lines(rows)
    assert summarize(rows).to_text().split("\n")[: len(expected)] == expected


def test_our_own_lines_cannot_be_taken_for_the_reference_ones():
    text = summarize(results(random_outcomes(0))).to_text()
    assert len(re.findall(r"^\w+ += ", text, re.MULTILINE)) == 6
    assert text.count("Overall score") == text.count("Total") - 1 == 1


def test_overall_is_the_unweighted_mean_over_tasks():
    outcomes = {"single_object": [[1]] * 9, "counting": [[0], [1]]}
    summary = summarize(results(outcomes))
    assert [task.accuracy for task in summary.tasks] == [1.0, 0.5]
    assert summary.overall == 0.75
    assert (summary.correct_images, summary.images) == (10, 11)


def test_a_prompt_is_correct_with_any_correct_image():
    summary = summarize(results({"counting": [[0, 0, 1], [0, 0, 0], [1, 1, 1]]}))
    assert (summary.correct_prompts, summary.prompts) == (2, 3)


def test_the_interval_is_that_of_a_naive_bootstrap_over_prompts():
    prompts = np.random.default_rng(5).random((30, 4)) < np.linspace(0.1, 0.9, 30)[:, None]
    [task] = summarize(results({"colors": prompts})).tasks
    rng = np.random.default_rng(6)
    draws = [prompts[rng.integers(0, 30, 30)].mean() for _ in range(20_000)]
    assert task.interval == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.009)


def test_images_that_agree_within_prompts_widen_the_interval():
    rng = np.random.default_rng(7)
    alike = np.repeat(rng.random((100, 1)) < 0.5, 4, axis=1)
    apart = rng.permuted(alike.ravel()).reshape(100, 4)

    def width(prompts):
        [task] = summarize(results({"colors": prompts})).tasks
        return task.interval[1] - task.interval[0]

    assert width(alike) / width(apart) == pytest.approx(2, abs=0.25)  # sqrt(4 images)


@pytest.mark.slow
def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(8)
    covered = {"task": 0, "overall": 0}
    runs = 150
    for _ in range(runs):
        outcomes = {task: rng.random((50, 4)) < rng.beta(3, 2, (50, 1)) for task in GENEVAL_TASKS}
        summary = summarize(results(outcomes))
        low, high = summary.tasks[0].interval
        covered["task"] += low <= 0.6 <= high
        low, high = summary.overall_interval
        covered["overall"] += low <= 0.6 <= high
    assert 0.89 * runs <= covered["task"] <= 0.99 * runs
    assert 0.89 * runs <= covered["overall"] <= 0.99 * runs


def test_intervals_contain_the_figure_and_are_the_same_again():
    rows = results(random_outcomes(3))
    first, second = summarize(rows), summarize(rows)
    assert first == second
    for task in first.tasks:
        assert task.interval[0] <= task.accuracy <= task.interval[1]
    widths = [task.interval[1] - task.interval[0] for task in first.tasks]
    assert first.overall_interval[1] - first.overall_interval[0] < min(widths)


@pytest.mark.parametrize(
    ("outcome", "interval"), [(1, (0.025 ** (1 / 8), 1.0)), (0, (0.0, 1 - 0.025 ** (1 / 8)))]
)
def test_a_task_without_spread_has_the_exact_interval_of_its_prompts(outcome, interval):
    """Clopper and Pearson in closed form: n of n has the lower limit alpha/2 to the power of 1/n."""
    [task] = summarize(results({"colors": [[outcome] * 4] * 8})).tasks
    assert task.interval == pytest.approx(interval)


def test_one_prompt_is_worth_one_trial():
    summary = summarize(results({"counting": [[1, 1]], "colors": [[1, 0], [1, 1]]}))
    assert summary.tasks[0].interval == pytest.approx((0.025, 1.0))
    low, high = summary.overall_interval
    assert 0 < low < 0.5
    assert 0.99 < high <= 1.0


def test_an_overall_score_of_nothing_or_all_is_not_certain():
    sizes = dict(zip(GENEVAL_TASKS, (80, 99, 80, 94, 100, 100), strict=True))
    nothing = summarize(results({task: [[0]] * n for task, n in sizes.items()}))
    everything = summarize(results({task: [[1]] * n for task, n in sizes.items()}))
    low, high = nothing.overall_interval
    assert low == 0.0
    # As of one share of 553: 1 - 0.025 ** (1 / 553), a little more for tasks of unlike sizes.
    assert high == pytest.approx(1 - 0.025 ** (1 / 553), rel=0.03)
    assert everything.overall_interval == pytest.approx((1 - high, 1.0))


def test_a_saturated_task_adds_to_the_width_of_the_overall_score():
    half = {task: [[1], [0]] * 40 for task in GENEVAL_TASKS[1:]}
    saturated = summarize(results({"single_object": [[1]] * 80, **half}))
    known = 1.96 * np.sqrt(5 * 0.25 / 80) / 6  # if 100 % were a fact
    low, high = saturated.overall_interval
    assert (high - low) / 2 > 1.02 * known


def test_missing_tasks_and_uneven_prompts_are_noted():
    full = random_outcomes(1)
    assert summarize(results(full)).notes == ()
    outcomes = {task: full[task].tolist() for task in GENEVAL_TASKS[:4]}
    del outcomes["colors"][3][0]
    missing, uneven = summarize(results(outcomes)).notes
    assert missing == (
        "no results of the tasks position, color_attr: "
        "the mean over the 4 present is not GenEval's overall score"
    )
    assert uneven.endswith("prompts have fewer than 4 images")
    assert uneven.startswith("1 of ")


def test_prompts_that_the_expected_set_has_and_the_results_have_not_are_noted():
    rows = results(random_outcomes(1))
    expected = [json.loads(line) for line in dict.fromkeys(row.metadata for row in rows)]
    assert summarize(rows, [dict(reversed(line.items())) for line in expected]).notes == ()
    more = [*expected, metadata("colors", 98), metadata("colors", 99)]
    assert summarize(rows, more).notes == (f"2 of the {len(more)} expected prompts have no results",)
    assert summarize(rows, expected[1:]).notes == (
        f"1 prompts are not of the expected set of {len(expected) - 1}",
    )
    assert summarize(rows, [*expected, {"prompt": "a mood, without clauses"}]).notes == ()
    [note] = summarize(rows, [metadata("other", 1)]).notes
    assert "not of the expected set" in note


def test_results_of_several_detectors_are_refused():
    with pytest.raises(InputError, match="different detectors, a and b"):
        summarize([result("colors", 0, 0, True, "a"), result("colors", 0, 1, True, "b")])
    with pytest.raises(InputError, match="an unnamed detector"):
        summarize([result("colors", 0, 0, True, "a"), result("colors", 0, 1, True, None)])
    with pytest.raises(InputError, match="no results"):
        summarize([])


def test_the_json_document_has_shares_and_intervals():
    document = json.loads(json.dumps(summarize(results(random_outcomes(2))).to_json()))
    assert document["correct_image_share"] == document["correct_images"] / document["images"]
    assert {task["task"] for task in document["tasks"]} == set(GENEVAL_TASKS)
    assert (
        document["tasks"][0]["accuracy"] == document["tasks"][0]["correct"] / document["tasks"][0]["images"]
    )
    assert len(document["overall_interval"]) == 2


def test_files_as_pandas_writes_them_for_the_reference_are_read(tmp_path):
    rows = results(random_outcomes(4))
    frame = pd.DataFrame([{k: getattr(r, k) for k in ImageResult.__slots__} for r in rows])
    path = tmp_path / "results.jsonl"
    frame.drop(columns=["detector", "sha256"]).to_json(path, orient="records", lines=True)
    assert "\\/" in path.read_text()
    read = read_results(path)
    assert [r.filename for r in read] == [r.filename for r in rows]
    assert summarize(read).detector is None
    assert summarize(read).overall == summarize(rows).overall


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "holds no results"),
        ("{}", "line 1 is not a GenEval result: 'filename' is not a text"),
        ("[]", "line 1 is not a GenEval result: not an object"),
        ('{"filename": "a', "line 1 is not a GenEval result"),
        ("GOOD\nhello", "line 2 is not a GenEval result"),
        ("GOOD\nGOOD", "line 2 is a second result of"),
        ("NUMBER", "'correct' is not true or false"),
        ("BYTES", "line 1 is not a GenEval result"),
    ],
)
def test_a_file_that_holds_anything_else_is_refused_with_the_line(tmp_path, text, complaint):
    good = {k: getattr(result("colors", 0, 0, True), k) for k in ImageResult.__slots__}
    text = text.replace("GOOD", json.dumps(good)).replace("NUMBER", json.dumps({**good, "correct": 1}))
    path = tmp_path / "results.jsonl"
    path.write_bytes(b"\xff\xfe{" if text == "BYTES" else text.encode())
    with pytest.raises(InputError, match=complaint):
        read_results(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.jsonl does not exist"):
        read_results(tmp_path / "none.jsonl")
