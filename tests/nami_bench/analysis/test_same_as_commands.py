"""From Python come the numbers of the commands, to the last digit, from a file, a frame and a workspace."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nami_bench import Criterion, agreement, leaderboard, strengths
from nami_bench.analysis.question_agreement import QuestionAgreementResult
from nami_bench.domain import Rating
from nami_bench.domain.question import CANNOT_TELL
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store import Store
from tests.support.program import nami_bench
from tests.support.question_studies import add_pictures, add_question_study
from tests.support.small_study import CRITERIA, drawn_ratings, small_files, small_workspace

TEXTS = {"prompt_id": str}
QUICK = {"replicates": 60}


def printed(*arguments: object) -> str:
    done = nami_bench(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def words(options: dict[str, Any]) -> list[str]:
    """Options as a command has them."""
    return [part for name, value in options.items() for part in (f"--{name}", str(value))]


def incomplete() -> list[Rating]:
    """A rating out of five is not there, and one out of seven could not be given."""
    return [
        replace(one, value=None, reason="cannot tell") if at % 7 == 0 else one
        for at, one in enumerate(drawn_ratings())
        if at % 5
    ]


STUDIES: dict[str, list[Rating]] = {
    "complete": drawn_ratings(),
    "incomplete": incomplete(),
    "one annotator": [one for one in drawn_ratings() if one.annotator == "mei"],
    "all equal": [replace(one, value=3.0) for one in drawn_ratings()],
    "simulated": [replace(one, annotator=f"simulated-{one.annotator}") for one in drawn_ratings()],
}
OPTIONS: list[dict[str, Any]] = [
    {"criteria": "criteria.toml"},
    {"criteria": "criteria.toml", "intervals": "none"},
    {"criteria": "criteria.toml", "intervals": "bca", "over": "prompts", "seed": 3, **QUICK},
    {"criteria": "criteria.toml", "sort": "relevance", "level": 0.9, "correction": "none", "samples": 1},
    {"criteria": "criteria.toml", "prompts": "prompts.jsonl", "stratum": "short"},
]


@pytest.mark.parametrize("study", STUDIES)
def test_a_leaderboard_of_a_file_or_frame_is_the_commands(folder: Path, study: str) -> None:
    small_files(folder, STUDIES[study])
    expected = json.loads(printed("leaderboard", "--ratings", "ratings.csv", *words(OPTIONS[0]), "--json"))
    printed("leaderboard", "--ratings", "ratings.csv", *words(OPTIONS[0]), "-o", "command.csv")
    for source in ("ratings.csv", folder / "ratings.csv", pd.read_csv("ratings.csv", dtype=TEXTS)):
        found = leaderboard(source, **OPTIONS[0])
        assert found.to_json() == expected
        found.save("python.csv")
        assert (folder / "python.csv").read_bytes() == (folder / "command.csv").read_bytes()


@pytest.mark.parametrize("options", OPTIONS[1:])
def test_options_mean_what_they_mean_to_the_command(folder: Path, options: dict[str, Any]) -> None:
    expected = json.loads(printed("leaderboard", "--ratings", "ratings.csv", *words(options), "--json"))
    assert leaderboard(pd.read_csv("ratings.csv", dtype=TEXTS), **options).to_json() == expected


def test_criteria_may_be_a_file_values_or_weights(folder: Path) -> None:
    expected = leaderboard("ratings.csv", criteria="criteria.toml").to_json()
    assert leaderboard("ratings.csv", criteria=CRITERIA).to_json() == expected
    by_weight = leaderboard("ratings.csv", criteria={"relevance": 0.5, "aesthetics": 0.5}, scale="1-5")
    assert by_weight.to_json() == expected
    heavier = leaderboard(
        "ratings.csv", criteria={"relevance": 3, "aesthetics": 1}, scale=["1-5"], without="tom"
    )
    row = heavier.rows[0]
    assert row.total == pytest.approx((3 * row.criteria["relevance"] + row.criteria["aesthetics"]) / 4)
    assert any("1 of 3 annotators are left out" in note for note in heavier.notes)


def test_weights_do_not_say_a_scale(folder: Path) -> None:
    small_files(folder)
    weights = {"relevance": 1, "aesthetics": 1}
    with pytest.raises(InputError, match="say which scale they are on, as --scale 1-5"):
        leaderboard("ratings.csv", criteria=weights)
    with pytest.raises(InputError, match=r'the data frame: .* as scale="1-5" or by a study file'):
        leaderboard(pd.read_csv("ratings.csv", dtype=TEXTS), criteria=weights)
    assert leaderboard("ratings.csv", criteria=weights, scale="0-100").rows[0].total is not None


def test_a_leaderboard_of_a_workspace_is_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = small_workspace(tmp_path / "nami-workspace")
    monkeypatch.chdir(tmp_path)
    expected = json.loads(printed("leaderboard", "--study", "pilot", "--published", "--json"))
    for place in (None, workspace, "nami-workspace", tmp_path / "nami-workspace"):
        found = leaderboard(workspace=place, study="pilot", published=True)
        assert found.to_json() == expected
    printed("leaderboard", "--study", "pilot", "-o", "command.csv")
    leaderboard(study="pilot").save("python.csv")
    for ending in (".csv", ".provenance.csv"):
        assert Path(f"python{ending}").read_bytes() == Path(f"command{ending}").read_bytes()


@pytest.mark.parametrize("study", STUDIES)
def test_agreement_is_the_commands(folder: Path, study: str) -> None:
    small_files(folder, STUDIES[study])
    options = {"criteria": "criteria.toml", "level": "ordinal", "by": "model", **QUICK}
    arguments = ("agreement", "--ratings", "ratings.csv", *words(options))
    expected = json.loads(printed(*arguments, "--json", "--csv", "command.csv"))
    for source in ("ratings.csv", pd.read_csv("ratings.csv", dtype=TEXTS)):
        found = agreement(source, **options)  # type: ignore[arg-type]
        assert json.loads(json.dumps(found.to_json())) == expected
        found.save("python.csv")
        assert Path("python.csv").read_bytes() == Path("command.csv").read_bytes()
    assert printed(*arguments).startswith("Agreement: study pilot\n")


def test_agreement_of_a_workspace_is_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = small_workspace(tmp_path / "nami-workspace")
    monkeypatch.chdir(tmp_path)
    command = printed("agreement", "--study", "pilot", "--without", "tom", "--replicates", "60", "--json")
    found = agreement(workspace=workspace, study="pilot", without=["tom"], replicates=60)
    assert json.loads(json.dumps(found.to_json())) == json.loads(command)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ties": "half"},
        {"errors": "model", "prior": 0.5, "level": 0.9},
        pytest.param({"errors": "bootstrap"}, marks=pytest.mark.slow),
    ],
)
def test_strengths_are_the_commands(folder: Path, options: dict[str, Any]) -> None:
    arguments = ("strengths", "--comparisons", "comparisons.csv", *words(options), "--side")
    expected = json.loads(printed(*arguments, "--json", "--csv", "command.csv"))
    for source in ("comparisons.csv", pd.read_csv("comparisons.csv", dtype=TEXTS)):
        found = strengths(source, side=True, **options)
        assert json.loads(json.dumps(found.to_json())) == expected
        found.save("python.csv")
        assert Path("python.csv").read_bytes() == Path("command.csv").read_bytes()


def test_strengths_of_a_workspace_are_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = small_workspace(tmp_path / "nami-workspace")
    small_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    expected = json.loads(printed("strengths", "--beside", "pilot", "--json"))
    assert json.loads(json.dumps(strengths(workspace=workspace, beside="pilot").to_json())) == expected
    of_file = strengths("comparisons.csv", workspace=workspace, beside="pilot")
    assert any("beside ratings" in note for note in of_file.notes)
    with pytest.raises(InputError, match="a workspace and comparisons from elsewhere contradict"):
        strengths("comparisons.csv", workspace=workspace)


def answers() -> list[Rating]:
    """Of two people, who mostly agree, about the images of `tests.support.question_studies`."""
    asked = [("00000", "1"), ("00000", "2"), ("00000", "3"), ("00001", "1"), ("00001", "2")]
    return [
        Rating("asked", who, model, prompt, 0, question, None, CANNOT_TELL)
        if who == "bob" and at == 4
        else Rating(
            "asked", who, model, prompt, 0, question, float((at + number + (who == "bob") * (at == 3)) % 2)
        )
        for who in ("ada", "bob")
        for number, model in enumerate(("zebrafish-xl", "quokka-9b"))
        for at, (prompt, question) in enumerate(asked)
    ]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a study of questions, and its answers as answers.csv and as a dataset folder."""
    monkeypatch.chdir(tmp_path)
    printed("init", "nami-workspace")
    with Store.open(f"sqlite:///{tmp_path / 'nami-workspace' / 'nami.db'}") as store:
        add_pictures(store, tmp_path / "nami-workspace" / "images")
        add_question_study(store, tmp_path)
        store.ratings.add(answers())
    printed("ratings", "export", "--study", "asked", "-o", "answers.csv")
    printed("ratings", "export", "--study", "asked", "--format", "dataset", "-o", "dataset")
    return tmp_path


def test_agreement_on_questions_is_the_commands(asked: Path) -> None:
    options = ("--by", "model", "--replicates", "60")
    expected = json.loads(
        printed("agreement", "--study", "asked", *options, "--json", "--csv", "command.csv")
    )
    assert [one["category"] for one in expected["agreement"]].count("all") == 3
    frame = pd.read_csv("answers.csv", dtype=TEXTS)
    sources: Sequence[Any] = (None, "answers.csv", "dataset", frame)
    for source in sources:
        found = agreement(source, study="asked", by="model", replicates=60)
        assert isinstance(found, QuestionAgreementResult)
        assert json.loads(json.dumps(found.to_json())) == expected
        found.save("python.csv")
        assert Path("python.csv").read_bytes() == Path("command.csv").read_bytes()
        assert len(found.to_frame()) == len(found.categories) and "alpha (nominal)" in found.to_html()


def test_questions_are_no_leaderboard(asked: Path) -> None:
    with pytest.raises(InputError, match=r"holds answers to questions: see `nami_bench\.agreement`"):
        leaderboard(pd.read_csv("answers.csv", dtype=TEXTS))
    with pytest.raises(InputError, match="asks questions, whose answers are no scores"):
        leaderboard(study="asked")
    with pytest.raises(InputError, match="--criteria and --scale belong to ratings"):
        agreement("answers.csv", scale="0-1")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"intervals": "crosed"}, "unknown method 'crosed': did you mean 'crossed'"),
        ({"over": "prompt"}, "did you mean 'prompts'"),
        ({"level": 95}, "the level 95 is not between 0 and 1"),
        ({"replicates": 10}, "10 replicates are too few"),
        ({"seed": -1}, "seed is -1, but must be at least 0"),
        ({"samples": 0}, "samples is 0, but must be at least 1"),
        ({"correction": "holms"}, "did you mean 'holm'"),
        ({"without": "tim"}, "unknown annotator 'tim': did you mean 'tom'"),
        ({"sort": "relevanc"}, "did you mean 'relevance'"),
        ({"study": "pilots"}, "unknown study 'pilots': did you mean 'pilot'"),
        ({"workspace": "elsewhere"}, "contradict each other"),
        ({"scale": "1-5"}, "--criteria and --scale contradict each other"),
        ({"criteria": {"relevance": "much"}}, "the weight 'much' is no number"),
        ({"criteria": ["relevance"]}, "criteria must be a study file's path, weights by name, or Criterion"),
        ({"criteria": [Criterion("relevance", 1)]}, "unknown criterion 'aesthetics'"),
        ({"stratum": "long"}, "name their prompt set too"),
    ],
)
def test_an_option_that_cannot_be_is_refused_in_one_sentence(
    folder: Path, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError) as caught:
        leaderboard("ratings.csv", **{"criteria": "criteria.toml", **options})
    assert problem in str(caught.value) and "\n" not in str(caught.value)


def test_options_of_the_others_are_refused_as_well(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ordinal'"):
        agreement("ratings.csv", criteria="criteria.toml", level="ordnal")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="unknown kind 'prompt'"):
        agreement("ratings.csv", criteria="criteria.toml", by="prompt")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="replicates is 10"):
        agreement("ratings.csv", criteria="criteria.toml", replicates=10)
    with pytest.raises(UnknownNameError, match="did you mean 'half'"):
        strengths("comparisons.csv", ties="halve")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="prior is -1"):
        strengths("comparisons.csv", prior=-1)
    with pytest.raises(InputError, match="the level 1 is not between"):
        strengths("comparisons.csv", level=1)
    with pytest.raises(InputError, match=r"see `nami-bench leaderboard --ratings ratings\.csv`"):
        strengths("ratings.csv")
    with pytest.raises(InputError, match="no workspace at"):
        leaderboard()
    with pytest.raises(InputError, match="--scale belongs to --ratings"):
        leaderboard(scale="1-5")
