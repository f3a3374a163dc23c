"""The references name what the code has: every command, option, key, column and field."""

import csv
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
from cli_reference import cli_reference
from cli_reference import commands as command_tree
from python_reference import python_reference, undocumented

import nami_bench
from nami_bench import config, registry
from nami_bench.cli.app import cli
from nami_bench.domain import Criterion, Prompt, PromptSet, Study
from nami_bench.evaluation.geneval.results import ImageResult
from nami_bench.evaluation.human.table import COLUMNS, ratings_table
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer
from nami_bench.evaluation.questions.results import Answered, ImageAnswers
from nami_bench.export import answers_file, comparisons_file
from nami_bench.export.comparisons_checks import OF_VOTES
from nami_bench.pipeline.dataset_folder import DatasetContent, side_file_of
from nami_bench.prompts.recipe import Recipe, Share, Stratum

ROOT = Path(__file__).resolve().parents[2]
FORMATS = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
QUESTIONS = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
COMMANDS: list[tuple[click.Context, click.Command]] = list(
    command_tree(cli, click.Context(cli, info_name="nami-bench"))
)


@pytest.mark.parametrize(("context", "command"), COMMANDS, ids=[c.command_path for c, _ in COMMANDS])
def test_every_command_and_option_says_what_it_is(context: click.Context, command: click.Command) -> None:
    assert command.help
    silent = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert silent == []


def test_the_command_lines_page_has_them_all() -> None:
    page = cli_reference()
    sections = dict(re.findall(r"^## (nami-bench[^\n]*)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert list(sections) == ["nami-bench", *(context.command_path for context, _ in COMMANDS)]
    for context, command in COMMANDS:
        options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
        assert all(name in sections[context.command_path] for option in options for name in option.opts)
    assert "DIR" in sections["nami-bench geneval"]


def keys(heading: str, page: str = FORMATS) -> Iterator[str]:
    """What stands in backquotes in the first cells of a section's tables, in order."""
    section = re.split(r"^##+ ", page.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    assert section, heading
    for cell in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE):
        yield from re.findall(r"`([^`]+)`", cell)


def test_the_workspaces_keys() -> None:
    sections = {"database": config.DatabaseConfig, "annotate": config.AnnotateConfig}
    expected = [f"{name}.{field.name}" for name, section in sections.items() for field in fields(section)]
    assert list(keys("Workspace")) == ["workspace.format", *expected]


def test_a_prompts_keys() -> None:
    prompt = Prompt(
        "00000", "a fox", geneval={"tag": "single_object"}, rewritten_from="fox", extra={"index": 1}
    )
    assert [key for key in keys("Prompts") if not key.startswith(".")] == list(prompt.to_json())


def test_a_recipes_keys() -> None:
    expected = {field.name for kind in (Recipe, Stratum, Share) for field in fields(kind)}
    assert {key.rpartition(".")[2].strip("[]") for key in keys("Recipes")} == expected


def test_the_columns_of_ratings_and_comparisons() -> None:
    study, *_ = ratings = list(keys("Ratings"))
    assert study == "study" and sorted(ratings) == sorted(COLUMNS)
    columns = [key for key in keys("Comparisons") if key not in ("left", "tie", "right", "both_bad")]
    expected = {*comparisons_file.REQUIRED, *comparisons_file.OPTIONAL}
    assert {*columns, "left", "right"} == expected
    header = next(csv.reader(comparisons_file.comparisons_csv([]).decode().splitlines()))
    assert set(header) == expected - set(OF_VOTES)


def test_the_columns_of_answers() -> None:
    assert sorted(keys("Answers")) == sorted((*answers_file.REQUIRED, *answers_file.OPTIONAL))


def test_what_a_file_of_judgements_says_of_its_study() -> None:
    criteria = (Criterion("fit", 1.0),)
    content = DatasetContent(
        Study("s", "p", ("m",), criteria), PromptSet("p", (Prompt("00000", "a fox"),)), ratings_table([]), ()
    )
    assert set(keys("What a file says of its study")) == set(json.loads(side_file_of(content)))


def test_the_fields_of_genevals_results() -> None:
    assert list(keys("GenEval's results")) == [field.name for field in fields(ImageResult)]


def test_the_fields_of_a_question_benchmarks_results() -> None:
    answer = Answered(Question(1, "Is it?"), Answer("yes", details={"truncated": True}), 1.0, first_row=True)
    row = ImageAnswers("a.png", 0, "a", "a fox", "judge", "0", "1", "1x1 of 8 px", (answer,))
    expected = [*row.to_json(), *answer.to_json()]
    assert sorted(keys("What comes out", QUESTIONS)) == sorted(expected)


@pytest.mark.parametrize("judge", ["mplug", "transformers"])
def test_the_options_of_judges(judge: str) -> None:
    pytest.importorskip("torch")
    options = [field.name for field in fields(registry.load("judges", judge).Options)]
    said = list(keys(judge, QUESTIONS))
    assert sorted(said[: len(options)]) == sorted(options)


def test_the_leaderboards_keys() -> None:
    schema = json.loads((ROOT / "nami_bench" / "export" / "leaderboard.schema.json").read_text())
    assert list(keys("Leaderboard")) == list(schema["properties"])
    assert schema["properties"]["schema"]["const"] in FORMATS


def test_the_papers_tables_are_the_published_rows() -> None:
    page = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    rows = tomllib.loads((ROOT / "nami_bench" / "pipeline" / "published.toml").read_text())["row"]
    for row in rows:
        for kind in ("human", "geneval"):
            cells = " | ".join(f"{value:.2f}" for value in row.get(kind, {}).values())
            assert cells in page, row["model"]
        if "dpg" in row:
            quoted = rf"\| {row['model']}( \(2B\))? \| {row['dpg']}0? \| \[?{row['dpg_source']}"
            assert re.search(quoted, page, re.IGNORECASE), row["model"]


def test_every_public_name_and_method_says_what_it_is() -> None:
    assert undocumented() == []


def test_a_public_name_without_words_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def method(self) -> None: ...

    Silent.__module__ = "nami_bench.somewhere"
    monkeypatch.setattr(nami_bench, "Silent", Silent, raising=False)
    monkeypatch.setattr(nami_bench, "__all__", [*nami_bench.__all__, "Silent"])
    assert undocumented() == ["Silent", "Silent.method"]
    assert "## Silent\n" in python_reference() and "### Silent.method\n" in python_reference()


def test_the_python_page_has_every_public_name() -> None:
    headings = re.findall(r"^## (\w+)$", python_reference(), re.MULTILINE)
    assert sorted({*headings} & {*nami_bench.__all__}) == sorted({*nami_bench.__all__} - {"__version__"})
    assert f"`{nami_bench.__version__}`" in python_reference()
    assert {
        "LeaderboardResult",
        "AgreementResult",
        "QuestionAgreementResult",
        "StrengthsResult",
        "ComparisonResult",
    } <= {*headings}


def test_the_python_page_shows_parameters_and_what_comes_back() -> None:
    page = python_reference()
    assert "    ratings: DataFrame | str | PathLike[str] | ForeignFile | None = None,\n    *,\n" in page
    assert "to_frame() -> DataFrame\n" in page and "open(url: str, *, " in page
