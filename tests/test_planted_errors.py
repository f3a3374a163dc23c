"""The whole measurement against known truth: errors drawn into pictures, found again by GenEval.

The drawings know which of them are wrong; the scoring sees only their pixels.
"""

import pytest
from scipy.stats import binomtest

from nami_bench.domain import GENEVAL_TASKS, Prompt, prompt_id
from nami_bench.evaluation.geneval.folder_run import score_folder
from nami_bench.evaluation.geneval.metric import GenEvalMetric
from nami_bench.evaluation.geneval.summary import summarize
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import write_png
from nami_bench.prompts.geneval import Grammar, geneval_prompt_set
from nami_bench.shapes import SHAPES

RATES = dict(zip(GENEVAL_TASKS, (0.02, 0.1, 0.25, 0.5, 0.75, 0.35), strict=True))


def task_requests(images, first_seed):
    """`images` requests of each task, spread evenly over up to 50 of its prompts."""
    prompts = geneval_prompt_set("shapes", Grammar(SHAPES, None), per_task=60).prompts
    index = 0
    for task in GENEVAL_TASKS:
        chosen = [prompt for prompt in prompts if prompt.task == task][:50]
        for number, prompt in enumerate(chosen):
            renumbered = Prompt(prompt_id(index), prompt.text, geneval=prompt.geneval)
            for sample, at in enumerate(range(number, images, len(chosen))):
                yield GenerationRequest(renumbered, sample, first_seed + 1000 * index + at)
            index += 1


def draw_and_score(root, *, images, first_seed=0, **rates):
    """(which pictures carry a planted error, by place; the run; its summary)."""
    generator = ShapesGenerator(ShapesGenerator.Options(size=128, **rates))
    folder = GenEvalFolder(root)
    planted = {}
    for result in generator.generate(list(task_requests(images, first_seed))):
        prompt, sample = result.request.prompt, result.request.sample
        folder.write_metadata(int(prompt.id), prompt.metadata())
        write_png(folder.sample_path(int(prompt.id), sample), result.image)
        planted[f"{prompt.id}/samples/{sample:04d}.png"] = bool(result.provenance.get("planted_error"))
    metric = GenEvalMetric(GenEvalMetric.Options(detector="shapes", batch_size=32))
    run = score_folder(root, metric, root / "results.jsonl")
    assert run.failures == ()
    return planted, run, summarize(run.results)


@pytest.fixture(scope="module", params=[12, pytest.param(400, marks=pytest.mark.slow)])
def measured(tmp_path_factory, request):
    return draw_and_score(tmp_path_factory.mktemp("planted"), images=request.param, **RATES)


def test_each_tasks_accuracy_is_one_minus_its_planted_rate(measured):
    planted, _, summary = measured
    assert [task.task for task in summary.tasks] == list(GENEVAL_TASKS)
    for task in summary.tasks:
        assert task.images == len(planted) / 6
        interval = binomtest(task.correct, task.images).proportion_ci(0.999, method="exact")
        assert interval.low <= 1 - RATES[task.task] <= interval.high, task


def test_every_single_verdict_agrees_with_what_was_drawn(measured):
    planted, run, _ = measured
    wrong = {row.place: row.reason for row in run.results if row.correct is planted[row.place]}
    assert len(run.results) == len(planted)
    assert wrong == {}


@pytest.mark.slow
def test_models_rank_by_their_planted_rates(tmp_path):
    rates = {"middling": 0.3, "good": 0.1, "poor": 0.6}
    summaries = {
        name: draw_and_score(tmp_path / name, images=60, first_seed=10**7 * number, error_rate=rate)[2]
        for number, (name, rate) in enumerate(rates.items(), start=1)
    }
    assert sorted(summaries, key=lambda name: -summaries[name].overall) == ["good", "middling", "poor"]
    for name, summary in summaries.items():
        low, high = summary.overall_interval
        assert low - 0.03 <= 1 - rates[name] <= high + 0.03
