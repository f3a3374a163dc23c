"""Answers to questions out of a workspace and into another; how far people agree on them."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from nami_bench.cli.app import cli
from nami_bench.config import Workspace, init_workspace
from nami_bench.domain import Rating
from nami_bench.domain.question import CANNOT_TELL, NOT_ASKED
from nami_bench.errors import InputError
from nami_bench.evaluation.human.answers_table import answers_ratings, answers_table
from nami_bench.evaluation.human.question_agreement import question_agreement
from nami_bench.evaluation.human.table import ratings_table
from nami_bench.export.answers_file import answers_csv, read_answers
from nami_bench.pipeline.import_judgements import import_judgements
from nami_bench.pipeline.leaderboard_from_store import choose_study
from nami_bench.store import Store
from tests.support.databases import new_sqlite
from tests.support.question_studies import MODELS, add_pictures, add_question_study

DOG, CATS = "00000", "00001"
GIVEN: tuple[tuple[str, str, str, tuple[float | str, ...]], ...] = (
    ("ada", MODELS[0], DOG, (1.0, 1.0, 0.0, CANNOT_TELL)),
    ("bob", MODELS[0], DOG, (1.0, 0.0, 0.0, NOT_ASKED)),
    ("ada", MODELS[1], DOG, (0.0, NOT_ASKED, NOT_ASKED, NOT_ASKED)),
    ("bob", MODELS[1], DOG, (0.0, NOT_ASKED, NOT_ASKED, NOT_ASKED)),
    ("ada", MODELS[0], CATS, (1.0, 0.0, 1.0)),
    ("=bob", MODELS[0], CATS, (0.0, 0.0, 1.0)),
)


def ratings() -> list[Rating]:
    return [
        Rating(
            "asked",
            name,
            model,
            prompt,
            0,
            str(at),
            *((one, None) if isinstance(one, float) else (None, one)),
        )
        for name, model, prompt, answers in GIVEN
        for at, one in enumerate(answers, start=1)
    ]


@pytest.fixture
def workspaces(tmp_path: Path) -> Iterator[Callable[[str], tuple[Workspace, Store]]]:
    """`workspaces(name)`: one with prompts and pictures, and its open store."""
    opened: list[Store] = []

    def make(name: str) -> tuple[Workspace, Store]:
        workspace = init_workspace(tmp_path / name)
        new_sqlite(tmp_path / name / "nami.db")
        opened.append(Store.open(workspace.database_url))
        add_pictures(opened[-1], workspace.images_dir)
        return workspace, opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def asked(workspaces: Callable[..., Any], tmp_path: Path) -> tuple[Workspace, Store]:
    """A workspace with a study of questions and answers to them."""
    workspace, store = workspaces("asked")
    add_question_study(store, tmp_path)
    store.ratings.add(ratings())
    return workspace, store


def run(workspace: Workspace, *arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["--workspace", str(workspace.root), *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.parametrize("name", ["answers.csv", "answers.parquet"])
def test_answers_come_back_as_they_went_out_with_their_study(
    asked: tuple[Workspace, Store], workspaces: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    workspace, store = asked
    run(workspace, "ratings", "export", "-o", str(tmp_path / name))
    there, theirs = workspaces("there")
    done = import_judgements(theirs, tmp_path / name, there.images_dir)
    assert (done.kind, done.added) == ("answers", 22)
    assert theirs.ratings.all("asked") == store.ratings.all("asked")
    assert theirs.studies.get("asked") == store.studies.get("asked")
    assert theirs.annotation.completed("asked") == store.annotation.completed("asked")


def test_a_dataset_folder_brings_everything_along(asked: tuple[Workspace, Store], tmp_path: Path) -> None:
    workspace, store = asked
    folder = tmp_path / "dataset"
    run(
        workspace,
        "ratings",
        "export",
        "--format",
        "dataset",
        "--names",
        "--with-images",
        "-o",
        str(folder),
    )
    assert "not asked" in (folder / "README.md").read_text()
    empty = init_workspace(tmp_path / "empty")
    new_sqlite(tmp_path / "empty" / "nami.db")
    with Store.open(empty.database_url) as theirs:
        assert import_judgements(theirs, folder, empty.images_dir).added == 22
        assert theirs.studies.get("asked").questions == store.studies.get("asked").questions


def test_the_file_says_what_was_asked(asked: tuple[Workspace, Store]) -> None:
    table = pd.read_csv(io.StringIO(run(asked[0], "ratings", "export").stdout), dtype={"prompt_id": str})
    row = table[(table["annotator"] == "ada") & (table["prompt_id"] == CATS) & (table["question"] == 1)]
    assert row[["text", "category", "answer"]].to_numpy().tolist() == [
        ["How many cats are there? Two?", "other - count", "yes"]
    ]
    assert "'=bob" in set(table["annotator"])  # no spreadsheet program runs it


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("asked,ada,zebrafish-xl,00000,0,1,maybe,", "line 2: answer 'maybe' is none of yes, no"),
        ("asked,ada,zebrafish-xl,00000,0,9,yes,", "no question 9 about prompt 00000"),
        ("asked,ada,zebrafish-xl,00000,0,,yes,", "question is empty"),
        (
            "asked,ada,zebrafish-xl,00000,0,1,yes,Is there a cat?",
            "'Is there a cat\\?', in study 'asked' it is",
        ),
        ("asked,ada,zebrafish-xl,00000,0,1,yes,\n" * 2, "line 3: 'ada' answered question 1"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    workspaces: Callable[..., Any], tmp_path: Path, line: str, problem: str
) -> None:
    workspace, store = workspaces("there")
    add_question_study(store, tmp_path)
    path = tmp_path / "answers.csv"
    path.write_text(f"study,annotator,model,prompt_id,sample,question,answer,text\n{line.strip()}\n")
    with pytest.raises(InputError, match=problem):
        import_judgements(store, path, workspace.images_dir)
    assert not store.ratings.exist("asked")


@pytest.mark.slow
def test_both_tables_say_the_same(asked: tuple[Workspace, Store], tmp_path: Path) -> None:
    table = ratings_table(ratings())
    answers = answers_table(table, asked[1].studies.get("asked").questions)
    pd.testing.assert_frame_equal(answers_ratings(answers), table, check_categorical=False)
    (tmp_path / "a.csv").write_bytes(answers_csv(answers))
    again = answers_ratings(read_answers(tmp_path / "a.csv"))
    pd.testing.assert_frame_equal(again, table, check_categorical=False)


@pytest.mark.slow
def test_agreement_is_that_of_yes_and_no_by_category(asked: tuple[Workspace, Store]) -> None:
    questions = asked[1].studies.get("asked").questions
    found = question_agreement(answers_table(ratings_table(ratings()), questions), replicates=0)
    categories = ["attribute - color", "attribute - state", "entity - whole", "other - count"]
    assert [one.category for one in found] == ["all", *categories, "relation - spatial"]
    nan = np.nan  # by image and question; =bob is somebody else than bob
    ada, bob, third = (
        [1, 1, 0, nan, 0, nan, nan, nan, 1, 0, 1],
        [1, 0, 0, nan, 0, nan, nan, nan, nan, nan, nan],
        [nan, nan, nan, nan, nan, nan, nan, nan, 0, 0, 1],
    )
    expected = krippendorff.alpha([ada, bob, third], level_of_measurement="nominal")
    assert found[0].alpha.alpha == pytest.approx(expected)
    assert (found[0].alpha.units, found[0].yes, found[0].no) == (7, 6, 8)
    assert (found[0].cannot_tell, found[0].not_asked) == (1, 7)
    entity = found[3]
    assert (entity.alpha.units, entity.alpha.alpha) == (4, 1.0)


@pytest.mark.slow
def test_agreement_on_the_command_line_from_a_study_and_from_its_file(
    asked: tuple[Workspace, Store], tmp_path: Path
) -> None:
    workspace, _ = asked
    path = tmp_path / "answers.csv"
    run(workspace, "ratings", "export", "-o", str(path))
    from_study = json.loads(run(workspace, "agreement", "--json", "--by", "model").stdout)
    from_file = json.loads(
        run(workspace, "agreement", "--ratings", str(path), "--json", "--by", "model").stdout
    )
    assert from_study == from_file
    assert {one["model"] for one in from_study["agreement"]} == {"all", *MODELS}
    words = run(workspace, "agreement", "--without", "bob", "--csv", str(tmp_path / "a.csv")).stdout
    assert "entity - whole" in words
    assert "left out" in words
    assert (tmp_path / "a.csv").read_text().startswith("model,category,alpha")


@pytest.mark.slow
def test_answers_are_no_scores_of_models(asked: tuple[Workspace, Store]) -> None:
    _, store = asked
    assert choose_study(store, None) is None
    with pytest.raises(InputError, match="agreement --study asked"):
        choose_study(store, "asked")
