"""`nami-bench evaluate --audit` of a study of questions; and Likert data of five workers as ratings."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from nami_bench.cli.app import cli
from nami_bench.config import Workspace, init_workspace
from nami_bench.domain import Criterion, ModelCard, Prompt, PromptSet, Rating, Score, Study
from nami_bench.domain.question import NOT_ASKED
from nami_bench.evaluation.questions.judge import Answer
from nami_bench.evaluation.questions.results import Answered
from nami_bench.store import Store
from tests.support.question_studies import CATS, DOG, MODELS, add_pictures, add_question_study
from tests.support.studies import put_image

SAID = {
    MODELS[0]: {"00000": (1.0, 1.0, 0.0, 1.0), "00001": (1.0, 0.0, 1.0)},
    MODELS[1]: {"00000": (0.0, NOT_ASKED, NOT_ASKED, NOT_ASKED), "00001": (0.0, 1.0, NOT_ASKED)},
}


def run(workspace: Workspace, *arguments: str) -> Result:
    command = ["--workspace", str(workspace.root), *arguments]
    return CliRunner().invoke(cli, command, env={"COLUMNS": "200"})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two people agree; the judge "yes-sayer" calls everything right, "seer" says what they say."""
    made = init_workspace(tmp_path / "bench")
    with Store.open(made.database_url) as store:
        add_pictures(store, made.images_dir)
        add_question_study(store, tmp_path)
        store.ratings.add(
            Rating(
                "asked",
                name,
                model,
                prompt,
                0,
                str(at),
                *((None, one) if isinstance(one, str) else (one, None)),
            )
            for name in ("ada", "bob")
            for model, by_prompt in SAID.items()
            for prompt, answers in by_prompt.items()
            for at, one in enumerate(answers, start=1)
        )
        for instrument, sees in (("yes-sayer", False), ("seer", True)):
            store.scores.put(_scores(instrument, sees=sees))
    return made


def _scores(instrument: str, *, sees: bool) -> list[Score]:
    scores = []
    for model, by_prompt in SAID.items():
        for prompt, answers in by_prompt.items():
            entries = []
            for question, said in zip(DOG if prompt == "00000" else CATS, answers, strict=True):
                wrong = said == (1.0 if question.expected == "no" else 0.0)
                value = 0.0 if sees and wrong else 1.0
                probability = 0.1 + 0.8 * value if sees else None
                entries.append(Answered(question, Answer("yes", probability), value).to_json())
            details = {"answers": entries}
            scores.append(Score(model, "pets", prompt, 0, "dsg", instrument, 1.0, details=details))
    return scores


def test_each_judge_beside_people_by_category(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    result = run(workspace, "evaluate", "--audit", "--json", "--csv", str(path))
    assert result.exit_code == 0, result.output
    audit = json.loads(result.stdout)
    assert (audit["study"], audit["annotators"], audit["answers"]) == ("asked", 2, 20)
    seer, sayer = audit["judges"]
    assert [judge["instrument"] for judge in audit["judges"]] == ["seer", "yes-sayer"]
    assert seer["overall"]["kappa"]["value"] == 1.0
    assert seer["overall"]["calibration"]["value"] == pytest.approx(0.1)
    assert seer["overall"]["brier"]["value"] == pytest.approx(0.01)
    assert sayer["overall"]["sensitivity"]["value"] == 1.0
    assert sayer["overall"]["specificity"]["value"] == 0.0
    assert sayer["overall"]["calibration"]["value"] is None
    counted = {one["category"]: one["questions"] for one in seer["categories"]}
    assert counted["entity - whole"] == 5
    assert sum(counted.values()) == seer["overall"]["questions"] == 10
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert {row["statistic"] for row in rows} == {
        "sensitivity", "specificity", "kappa", "calibration", "brier"
    }  # fmt: skip
    assert len(rows) == 5 * sum(1 + len(judge["categories"]) for judge in audit["judges"])


def test_the_table_sets_the_judges_of_a_category_beneath_each_other(workspace: Workspace) -> None:
    words = run(workspace, "evaluate", "--audit", "--study", "asked", "--without", "bob").stdout
    assert "- dsg 1: dsg by seer" in words
    lines = [line.split() for line in words.splitlines() if line.strip().startswith("entity - whole")]
    assert [line[3:5] for line in lines] == [["dsg", "1"], ["dsg", "2"]]
    assert "one annotator only: the intervals are over prompts alone" in words
    assert "ratings of 1 of 2 annotators are left out" in words


@pytest.mark.parametrize("option", [("--criterion", "1"), ("--threshold", "60")])
def test_what_belongs_to_ratings_is_refused(workspace: Workspace, option: tuple[str, str]) -> None:
    error = run(workspace, "evaluate", "--audit", *option).exception
    assert "this study asks questions" in str(error)


def test_likert_data_of_five_models_and_five_workers_go_in_as_ratings(tmp_path: Path) -> None:
    """As TIFA's human annotation is: 1 to 5 for each image."""
    made = init_workspace(tmp_path / "bench")
    models = ("mini-dalle", "sd1dot1", "sd1dot5", "sd2dot1", "vq-diffusion")
    prompts = tuple(Prompt(f"{i:05d}", f"prompt {i}", "tifa") for i in range(4))
    with Store.open(made.database_url) as store:
        store.catalog.add_prompt_set(PromptSet("tifa", prompts))
        for model in models:
            store.catalog.add_model(ModelCard(model, "folder"))
            for prompt in prompts:
                put_image(store, made.images_dir, model, "tifa", prompt.id, Image.new("RGB", (8, 8)))
        faithfulness = Criterion("faithfulness", 1.0, 1, 5)
        store.studies.add(Study("likert", "tifa", models, (faithfulness,), control="buttons"))
    lines = [
        f"likert,worker {worker},{model},{prompt.id},0,faithfulness,{1 + (at + number + worker // 4) % 5}"
        for at, model in enumerate(models)
        for number, prompt in enumerate(prompts)
        for worker in range(5)
    ]
    path = tmp_path / "likert.csv"
    path.write_text("\n".join(["study,annotator,model,prompt_id,sample,criterion,value", *lines]))
    imported = run(made, "ratings", "import", str(path))
    assert imported.exit_code == 0, imported.output
    found = run(made, "agreement", "--level", "ordinal", "--replicates", "50", "--json")
    (criterion,) = json.loads(found.stdout)["criteria"]
    assert criterion["alpha"]["units"] == 20
    assert 0 < criterion["alpha"]["alpha"] < 1
