"""`nami-bench evaluate --audit` on the shapes world, with a disagreement of known size."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nami_bench import pipeline
from nami_bench.cli.app import cli
from nami_bench.config import init_workspace
from nami_bench.domain import (
    Annotator,
    Comparison,
    Criterion,
    Mode,
    ModelCard,
    Outcome,
    Rating,
    Role,
    Study,
)
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.audit import statistics
from nami_bench.prompts.assembly import build_prompt_set
from nami_bench.store import Store

MODELS = {"good": 0.05, "fair": 0.3, "poor": 0.6}
HARD = "counting"
"""The task of which people call every image wrong."""


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 200)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose images GenEval has judged, and a study without ratings."""
    workspace = init_workspace(tmp_path_factory.mktemp("audit") / "bench")
    prompt_set = build_prompt_set("shapes-demo")
    with Store.open(workspace.database_url) as store:
        pipeline.save_prompt_set(workspace, store, prompt_set)
        for seed, (name, rate) in enumerate(MODELS.items()):
            store.catalog.add_model(ModelCard(name, "shapes", {"error_rate": rate, "size": 128}))
            pipeline.generate(store, workspace.images_dir, name, prompt_set, samples=1, seed=seed)
        options = {"detector": "shapes"}
        pipeline.evaluate(store, workspace.images_dir, "geneval", options, [*MODELS], prompt_set.name)
        store.studies.add(Study("pilot", prompt_set.name, tuple(MODELS), (Criterion("relevance", 1.0),)))
    return workspace.root


@pytest.fixture
def root(judged: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(judged, tmp_path / "bench")


def rate(root: Path, annotators: tuple[str, ...] = ("ann", "bob")) -> dict[str, dict[str, list[float]]]:
    """People agree with every verdict but those of HARD. The verdicts, by model and task."""
    verdicts: dict[str, dict[str, list[float]]] = {}
    with Store.open(f"sqlite:///{root / 'nami.db'}") as store:
        tasks = {p.id: str(p.task) for p in store.catalog.prompt_set("shapes-demo").prompts}
        for name in annotators:
            role = Role.SIMULATED if name.startswith("simulated") else Role.ANNOTATOR
            store.accounts.add(Annotator(name, role))
        ratings = []
        for score in store.scores.find(metric="geneval"):
            task = tasks[score.prompt_id]
            verdicts.setdefault(score.model, {}).setdefault(task, []).append(score.value or 0.0)
            value = 90.0 if score.value and task != HARD else 10.0
            ratings += [
                Rating("pilot", name, score.model, score.prompt_id, 0, "relevance", value)
                for name in annotators
            ]
        store.ratings.add(ratings)
    return verdicts


def run(root: Path, *arguments: object) -> Result:
    words = ["--workspace", str(root), "evaluate", *map(str, arguments)]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


@pytest.mark.slow
def test_the_planted_drift_is_found_where_it_was_planted(root: Path, tmp_path: Path) -> None:
    verdicts = rate(root)
    found = json.loads(run(root, "--audit", "--json", "--csv", tmp_path / "audit.csv").stdout)
    (judge,) = found["judges"]
    by_task = {task["task"]: task for task in judge["tasks"]}
    hard = [value for tasks in verdicts.values() for value in tasks[HARD]]
    assert by_task[HARD]["agreement"]["value"] == pytest.approx(1 - sum(hard) / len(hard))
    assert by_task[HARD]["only_verdict_right"] == sum(hard) > 5
    others = [task for name, task in by_task.items() if name != HARD]
    assert len(others) == 5 and all(task["agreement"]["value"] == 1.0 for task in others)
    assert [d["model"] for d in judge["drift"]] == sorted(MODELS)
    for drift in judge["drift"]:
        tasks = verdicts[drift["model"]]
        expected = sum(tasks[HARD]) / len(tasks[HARD]) / len(tasks)
        assert drift["difference"]["value"] == pytest.approx(expected)
    assert found["simulated_annotators"] == 0 and found["ratings"] == 2 * 3 * 48
    rows = list(csv.DictReader((tmp_path / "audit.csv").read_text().splitlines()))
    drifts = {
        r["name"]: float(r["value"]) for r in rows if (r["table"], r["statistic"]) == ("drift", "difference")
    }
    assert drifts == {d["model"]: d["difference"]["value"] for d in judge["drift"]}


@pytest.mark.slow
def test_the_tables_say_what_they_rest_on(root: Path) -> None:
    rate(root, ("ann", "simulated-1"))
    shown = run(root, "--audit", "--threshold", "60").stdout
    assert "SIMULATED: 1 of 2 annotators are programs" in shown
    assert "reaches 60 of 100" in shown
    for word in ("kappa", "AUC", "Spearman", "Kendall", "GenEval less people", *MODELS, "color_attr"):
        assert word in shown
    assert "people called every image wrong: kappa says nothing" in shown
    assert "the intervals are too narrow" in shown
    two = run(root, "--audit", "--model", "good", "--model", "poor").stdout
    assert "fair" not in two and "2 models: a correlation over models needs 3" in two


@pytest.mark.slow
def test_metrics_run_before_the_audit(root: Path) -> None:
    rate(root)
    done = run(root, "geneval", "--detector", "shapes", "--audit", "--json")
    assert "144 kept" in done.stderr and json.loads(done.stdout)["study"] == "pilot"


def vote(root: Path) -> dict[str, int]:
    """Two people compare good with poor, and follow GenEval's verdicts where these differ; the counts."""
    counts = {"told": 0, "all": 0}
    with Store.open(f"sqlite:///{root / 'nami.db'}") as store:
        verdicts = {(s.model, s.prompt_id): s.value for s in store.scores.find(metric="geneval")}
        store.studies.add(
            Study("duel", "shapes-demo", ("good", "poor"), (Criterion("better", 1.0),), mode=Mode.PAIRWISE)
        )
        votes = []
        for name in ("ann", "bob"):
            store.accounts.add(Annotator(name, Role.ANNOTATOR))
            for _, prompt in (key for key in verdicts if key[0] == "good"):
                good, poor = (verdicts[model, prompt] or 0.0 for model in ("good", "poor"))
                outcome = Outcome.LEFT if good > poor else Outcome.RIGHT if good < poor else Outcome.TIE
                votes.append(Comparison("duel", name, prompt, 0, "better", "good", "poor", outcome))
                counts["told"] += good != poor
                counts["all"] += 1
        store.comparisons.add(votes)
    return counts


@pytest.mark.slow
def test_a_study_of_pairs_is_what_metrics_are_audited_by(root: Path, tmp_path: Path) -> None:
    counts = vote(root)
    found = json.loads(run(root, "--audit", "--study", "duel", "--json", "--csv", tmp_path / "a.csv").stdout)
    assert (found["criterion"], found["ratings"], found["annotators"]) == ("better", counts["all"], 2)
    (metric,) = found["accuracies"]
    by_protocol = {one["protocol"]: one for one in metric["accuracies"]}
    assert by_protocol["unifiedreward-diff"]["value"]["value"] == 1.0
    assert by_protocol["unifiedreward-diff"]["pairs"] == counts["told"]
    assert by_protocol["unifiedreward-all"]["value"]["value"] == pytest.approx(counts["told"] / counts["all"])
    assert by_protocol["unifiedreward-all"]["over"] == "prompts and people"
    (ceiling,) = metric["ceilings"]  # both said the same
    assert (ceiling["people"]["value"], ceiling["difference"]["value"]) == (1.0, 0.0)
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert {row["table"] for row in rows} >= {"accuracy", "ceiling", "audit"}
    shown = run(root, "--audit", "--study", "duel").stdout
    assert "unifiedreward-all: ties of people wrong" in shown and "verdicts by better" in shown
    alone = json.loads(run(root, "--audit", "--study", "duel", "--without", "bob", "--json").stdout)
    assert alone["accuracies"][0]["accuracies"][0]["over"] == "prompts"


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ((), InputError, "name at least one metric"),
        (("geneval", "--threshold", "60"), InputError, "--threshold: belongs to --audit"),
        (("--audit",), InputError, "no image has a rating of relevance"),
        (("--audit", "--criterion", "relevanse"), UnknownNameError, "did you mean 'relevance'"),
        (("--audit", "--study", "pilott"), UnknownNameError, "did you mean 'pilot'"),
        (("--audit", "--model", "god"), UnknownNameError, "did you mean 'good'"),
        (("geneval", "clip-skore"), UnknownNameError, "did you mean 'clip-score'"),
        (("geneval", "-O", "fid.reference=x"), InputError, "the metric 'fid' was not asked for"),
    ],
)
def test_wrong_use_is_one_sentence(
    root: Path, arguments: tuple[str, ...], kind: type[Exception], words: str
) -> None:
    result = CliRunner().invoke(cli, ["--workspace", str(root), "evaluate", *arguments])
    assert isinstance(result.exception, kind), result.output
    assert words in str(result.exception)
