"""Leaderboard, agreement and plan of ratings files without a workspace, of good ones and of odd ones."""

import csv
import io
import json
import math
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nami_bench.cli.app import cli
from nami_bench.errors import InputError, UnknownNameError

CRITERIA = ("relevance", "coherence", "aesthetics", "authenticity")
Value = Callable[[str, int, str], float]


def ratings(models: Iterable[str], prompts: Sequence[int], annotators: Iterable[str], value: Value) -> str:
    header = "study,annotator,model,prompt_id,sample,criterion,value,duration_ms\n"
    return header + "".join(
        f"s,{annotator},{model},{prompt:05d},0,{criterion},{value(model, prompt, annotator)},8000\n"
        for model in models
        for prompt in prompts
        for annotator in annotators
        for criterion in CRITERIA
    )


def noisy(model: str, prompt: int, annotator: str) -> float:
    rng = random.Random(f"{model}{prompt}{annotator}")
    better = 12 if model == "better" else 0
    return round(50 + better + 3 * prompt % 7 + (ord(annotator[0]) - 97) * 4 + rng.uniform(-9, 9), 1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, fails: bool = False) -> Result:
    return CliRunner().invoke(cli, arguments, catch_exceptions=fails)


def document(*arguments: str) -> Any:
    """The JSON that the command prints, in which no number may be anything else."""

    def refuse(name: str) -> float:
        raise AssertionError(f"{name} is not JSON")

    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout, parse_constant=refuse)


@pytest.fixture
def good(folder: Path) -> Path:
    (folder / "good.csv").write_text(ratings(("better", "worse"), range(12), "abcd", noisy))
    return folder / "good.csv"


def test_every_number_of_the_leaderboard_has_its_interval(good: Path) -> None:
    board = document("leaderboard", "--ratings", "good.csv")
    better, worse = board["rows"]
    for row in (better, worse):
        assert row["total_interval"]["low"] < row["total"] < row["total_interval"]["high"]
        assert set(row["intervals"]) == set(CRITERIA) == set(row["adjusted"])
        assert row["total_adjusted"] == pytest.approx(row["total"], abs=3)
    assert (better["rank_low"], better["rank_high"], better["ties"]) == (1, 1, ["a"])
    assert worse["ties"] == ["b"] and better["first_probability"] == 1
    (pair,) = board["pairs"]
    assert pair["significant"] and pair["difference"] == pytest.approx(better["total"] - worse["total"])


def test_adjusted_scores_stand_beside_the_raw_ones_and_rank_nothing(folder: Path) -> None:
    # "worse" was seen by the lenient, "better" by the strict: two of four annotators an image.
    lines = ratings(("better", "worse"), range(60), "abcd", noisy).splitlines(keepends=True)

    def kept(line: str) -> bool:
        _, annotator, model, prompt, *_ = line.split(",")
        usual = ("ab", "cd")[model == "worse"] if int(prompt) % 5 else "bc"
        return annotator in usual

    def strict(line: str) -> str:
        *before, value, duration = line.split(",")
        shift = {"a": -22, "b": -14, "c": 8, "d": 14}[before[1]]
        return ",".join([*before, f"{min(max(float(value) + shift, 0), 100):.1f}", duration])

    (folder / "panel.csv").write_text(lines[0] + "".join(strict(line) for line in lines[1:] if kept(line)))
    board = document("leaderboard", "--ratings", "panel.csv")
    first, second = board["rows"]
    assert (first["model"], first["rank"], second["rank"]) == ("worse", 1, 2)
    assert second["total_adjusted"] - first["total_adjusted"] == pytest.approx(12, abs=3)
    assert board["pairs"][0]["first"] == "worse"
    interval = second["total_adjusted_interval"]
    assert interval["low"] < second["total_adjusted"] < interval["high"]
    assert set(second["adjusted_intervals"]) == set(CRITERIA)


def test_two_annotators_get_one_note_in_the_place_of_adjusted_scores(folder: Path) -> None:
    (folder / "two.csv").write_text(ratings(("better", "worse"), range(12), "ab", noisy))
    board = document("leaderboard", "--ratings", "two.csv")
    assert [(row["adjusted"], row["total_adjusted"]) for row in board["rows"]] == [({}, None)] * 2
    said = [note for note in board["notes"] if "adjusted" in note]
    assert said == ["no adjusted scores: fewer than 3 annotators have 10 images in common with others"]


def test_the_precision_is_that_asked_for(good: Path) -> None:
    options = ("--intervals", "percentile", "--over", "prompts", "--level", "0.9", "--replicates", "200",
               "--seed", "7", "--correction", "none")  # fmt: skip
    board = document("leaderboard", "--ratings", "good.csv", *options)
    assert board["precision"] == {
        "method": "percentile", "over": "prompts", "level": 0.9, "replicates": 200, "seed": 7,
        "correction": "none",
    }  # fmt: skip
    wide = document("leaderboard", "--ratings", "good.csv", "--level", "0.99")["rows"][0]["total_interval"]
    narrow = board["rows"][0]["total_interval"]
    assert narrow["high"] - narrow["low"] < wide["high"] - wide["low"]
    again = document("leaderboard", "--ratings", "good.csv", *options)
    assert again == board
    bare = document("leaderboard", "--ratings", "good.csv", "--intervals", "none")
    assert bare["precision"] is None and bare["rows"][0]["total_interval"] is None


def test_markdown_and_latex_by_the_ending_of_the_output(good: Path, folder: Path) -> None:
    for name, start in (("a.md", "# Leaderboard: study s"), ("a.tex", "% Made with NAMI-Bench")):
        run("leaderboard", "--ratings", "good.csv", "-o", name)
        assert (folder / name).read_text().startswith(start)


def test_agreement_is_told_by_criterion_and_by_annotator(good: Path, folder: Path) -> None:
    found = document("agreement", "--ratings", "good.csv", "--replicates", "100", "--csv", "a.csv")
    for one in found["criteria"]:
        assert one["alpha"]["low"] <= one["alpha"]["alpha"] <= one["alpha"]["high"]
        assert set(one["icc"]) == {"ICC(1,1)", "ICC(2,1)", "ICC(2,k)"}
    severities = [work["summaries"][0]["severity"] for work in found["annotators"]]
    assert severities == sorted(severities)  # a is the strictest, d the most lenient
    assert {work["median_seconds"] for work in found["annotators"]} == {8.0}
    rows = list(csv.DictReader(io.StringIO((folder / "a.csv").read_text())))
    alphas = {row["criterion"]: float(row["value"]) for row in rows if row["statistic"] == "alpha"}
    assert alphas == {
        one["criterion"]: pytest.approx(one["alpha"]["alpha"], abs=1e-6) for one in found["criteria"]
    }
    text = run("agreement", "--ratings", "good.csv", "--replicates", "100").stdout
    assert "Krippendorff" in text and "better leads worse by" in text


@pytest.mark.slow
def test_a_plan_takes_panel_and_models_from_the_pilot_or_by_option(good: Path) -> None:
    plan = ("study", "plan", "--ratings", "good.csv", "--difference", "8", "--annotators", "4,10")
    found = document(*plan, "--overlap", "2")
    assert (found["options"]["panel"], found["options"]["models"]) == ("crossed", 2)
    assert found["components"]["annotator_freedom"] == 3
    others = document(*plan, "--overlap", "2", "--panel", "spread", "--models", "5")
    assert (others["options"]["panel"], others["options"]["models"]) == ("spread", 5)
    crossed, spread = ([need["prompts"] for need in x["needed"]] for x in (found, others))
    assert all(apart > together for together, apart in zip(crossed, spread, strict=True))
    text = run(*plan, "--overlap", "2", "--panel", "spread").stdout
    assert "2 annotators, drawn anew for each image of 2 models" in text
    assert "at most 11 (prompts) and 3 (annotators) degrees of freedom" in text


@pytest.mark.slow
def test_a_pilot_that_spreads_images_over_annotators_is_seen_as_such(folder: Path) -> None:
    lines = ratings(("better", "worse"), range(60), "abcdef", noisy).splitlines(keepends=True)
    rng = random.Random(0)
    raters = {(m, p): rng.sample("abcdef", 3) for m in ("better", "worse") for p in range(60)}

    def kept(line: str) -> bool:
        _, annotator, model, prompt, *_ = line.split(",")
        return annotator in raters[model, int(prompt)]

    (folder / "spread.csv").write_text(lines[0] + "".join(line for line in lines[1:] if kept(line)))
    found = document("study", "plan", "--ratings", "spread.csv", "--overlap", "3")
    assert found["options"]["panel"] == "spread"
    assert found["current"]["overlap"] == 3


@pytest.mark.slow
def test_a_pilot_with_one_annotator_asks_for_an_assumption(folder: Path) -> None:
    (folder / "one.csv").write_text(ratings(("better", "worse"), range(30), "a", noisy))
    plan = ("study", "plan", "--ratings", "one.csv", "--difference", "5")
    with pytest.raises(InputError, match=r"one annotator, who does not show .* --annotator-share 0\.05"):
        run(*plan)
    few = document(*plan, "--annotator-share", "0.05")
    assert few["current"] is None and "assumed, not measured" in few["components"]["notes"][0]
    (folder / "two.csv").write_text(ratings(("better", "worse"), range(30), "ab", noisy))
    with pytest.raises(InputError, match="leave out what to assume"):
        run("study", "plan", "--ratings", "two.csv", "--annotator-share", "0.05")


@pytest.mark.slow
def test_a_plan_without_a_pilot_says_what_it_assumes() -> None:
    plan = ("study", "plan", "--deviation", "20", "--panel", "spread", "--overlap", "2")
    severe, mild = (document(*plan, "--severity-share", share) for share in ("2", "0"))
    assert severe["needed"][-1]["prompts"] > mild["needed"][-1]["prompts"]
    assert "200% of it from annotators' severity" in run(*plan, "--severity-share", "2").stdout
    with pytest.raises(InputError, match="within 0 to 1"):
        run(*plan, "--prompt-share", "0.8", "--annotator-share", "0.3")


def test_a_plan_says_how_many_prompts_and_what_the_pilot_can_find(good: Path, folder: Path) -> None:
    options = ("--difference", "5,10", "--prompts", "20,80", "--annotators", "4,10")
    found = document("study", "plan", "--ratings", "good.csv", *options, "--plot", "plan.png")
    sizes = {(size["annotators"], size["prompts"]): size["detectable"] for size in found["sizes"]}
    assert sizes[4, 80] < sizes[4, 20] and sizes[10, 20] < sizes[4, 20]
    needed = {(need["annotators"], need["difference"]): need["prompts"] for need in found["needed"]}
    assert needed[10, 10.0] < needed[10, 5.0]
    assert (found["current"]["prompts"], found["current"]["annotators"]) == (12, 4)
    assert (folder / "plan.png").read_bytes().startswith(b"\x89PNG")
    assert "The ratings at hand" in run("study", "plan", "--ratings", "good.csv", *options).stdout


@pytest.mark.slow
def test_a_plan_may_rest_on_an_assumption(folder: Path) -> None:
    found = document("study", "plan", "--deviation", "15", "--overlap", "3", "--pairs", "10")
    assert found["current"] is None and "assumed" in found["components"]["notes"][0]


ODD = {
    "one annotator": ratings("xy", range(6), "a", noisy),
    "one prompt": ratings("xy", [0], "abc", noisy),
    "one model": ratings("x", range(5), "abc", noisy),
    "one of each": ratings("x", [0], "a", noisy),
    "all equal": ratings("xyz", range(5), "abc", lambda *_: 50),
    "nothing shared": ratings("x", range(5), "abc", noisy) + ratings("y", range(5, 9), "de", noisy)[66:],
}
SAYS = {
    "one annotator": ("there is one annotator only", "alpha is not defined"),
    "one prompt": ("there is one prompt only", ""),
    "one model": ("", "there are not two models"),
    "one of each": ("no interval for x", "alpha is not defined"),
    "all equal": ("the ratings do not vary at all", "all values are equal"),
    "nothing shared": ("cannot be compared", "targets lack a rater's value"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_odd_ratings_get_an_answer_that_says_what_it_lacks(folder: Path, name: str) -> None:
    (folder / "odd.csv").write_text(ODD[name])
    of_board, of_agreement = SAYS[name]
    board = document("leaderboard", "--ratings", "odd.csv")
    assert of_board in " ".join(board["notes"])
    found = document("agreement", "--ratings", "odd.csv", "--replicates", "60")
    assert of_agreement in " ".join(found["notes"])
    for form in ("table", "csv", "html", "latex", "markdown"):
        shown = run("leaderboard", "--ratings", "odd.csv", "--format", form)
        assert shown.exit_code == 0
        assert "nan" not in {word.strip("(),|&<>") for word in shown.stdout.lower().split()}
    for method in ("percentile", "bca"):
        document("leaderboard", "--ratings", "odd.csv", "--intervals", method, "--replicates", "60")


@pytest.mark.parametrize("name", ["one annotator", "one prompt", "one model", "nothing shared"])
def test_a_plan_from_too_little_is_refused(folder: Path, name: str) -> None:
    (folder / "odd.csv").write_text(ODD[name])
    error = run("study", "plan", "--ratings", "odd.csv", fails=True).exception
    assert isinstance(error, InputError)


@pytest.mark.slow
def test_ten_thousand_models_get_scores_without_places(folder: Path) -> None:
    models = [f"m{number}" for number in range(10_000)]
    lines = (f"s,a,{m},00000,0,beauty,{number % 100}\n" for number, m in enumerate(models))
    header = "study,annotator,model,prompt_id,sample,criterion,value\n"
    (folder / "many.csv").write_text(header + "".join(lines))
    (folder / "one.toml").write_text('[study]\nname = "s"\n[[criterion]]\nname = "beauty"\nweight = 1\n')
    board = document("leaderboard", "--ratings", "many.csv", "--criteria", "one.toml")
    assert len(board["rows"]) == 10_000 and board["pairs"] == []
    assert any("10000 models" in note for note in board["notes"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("leaderboard", "--level", "1"), "the level 1 is not between 0 and 1"),
        (("leaderboard", "--by", "stratum"), "name their prompt set"),
        (("agreement", "--study", "t"), "unknown study 't'"),
        (("study", "plan", "--column", "beauty"), "unknown criterion 'beauty'"),
        (("study", "plan", "--difference", "2;3"), "--difference '2;3' is not a list of numbers"),
        (("study", "plan", "--difference", "-1"), "must be above zero"),
        (("study", "plan", "--prompts", "1"), "two prompts and two annotators"),
        (("study", "plan", "--power", "1.5"), "the power must be between 0 and 1"),
        (("study", "plan", "--plot", "plan.pdf"), "must end in .svg or .png"),
        (("study", "plan", "--deviation", "20"), "leave out --study and --ratings"),
    ],
)
def test_wrong_use_is_one_sentence(good: Path, arguments: tuple[str, ...], words: str) -> None:
    error = run(*arguments, "--ratings", "good.csv", fails=True).exception
    assert isinstance(error, InputError | UnknownNameError) and error.exit_code == 2
    assert words in str(error)


def test_numbers_are_finite(good: Path) -> None:
    def check(value: Any) -> None:
        if isinstance(value, dict):
            value = list(value.values())
        for part in value if isinstance(value, list) else []:
            check(part)
        assert not isinstance(value, float) or math.isfinite(value)

    check(document("leaderboard", "--ratings", "good.csv"))
    check(document("agreement", "--ratings", "good.csv", "--replicates", "60"))
