"""Where a site comes from: several workspaces, a dataset folder, a run file."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nami_bench import leaderboard, write_site
from nami_bench.cli.app import cli
from nami_bench.config import init_workspace
from nami_bench.domain import Rating, Score
from nami_bench.errors import InputError
from nami_bench.site.build import SiteOptions, build_site
from nami_bench.store import Store
from tests.support.question_studies import DOG, MODELS, add_pictures, add_question_study

from .conftest import QUICK, Made
from .test_site_pages import data


@pytest.mark.slow
def test_an_export_alone_gives_the_same_board(made: Made, tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    arguments = ["--workspace", str(made.workspace.root), "ratings", "export", "--study", "pilot"]
    arguments += ["--format", "huggingface", "--with-images", "-o", str(dataset)]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    found = build_site([dataset], tmp_path / "pages", SiteOptions(precision=QUICK))
    assert found.remarks == ("pilot: No audit of metrics: no metric has scored a rated image: "
                             "run `nami-bench evaluate METRIC` first.",)  # fmt: skip
    ours, theirs = (data(folder / "index.html", "board-data") for folder in (made.folder, tmp_path / "pages"))
    assert [view["key"] for view in theirs["views"]] == ["human"]
    assert theirs["views"][0]["scored"] == ours["views"][0]["scored"]
    assert len(list((tmp_path / "pages/thumbnail").rglob("*.webp"))) == len(
        list((made.folder / "thumbnail").rglob("*.webp"))
    )


@pytest.mark.slow
def test_what_is_taken_home_gives_the_same_numbers(made: Made) -> None:
    home = made.folder / "data/pilot"
    found = leaderboard(home / "ratings.csv", prompts=home / "stars.jsonl", replicates=60)
    board = json.loads((home / "leaderboard.json").read_text())
    assert [row.model for row in found.rows] == [row["model"] for row in board["rows"]]
    assert [row.total for row in found.rows] == pytest.approx([row["total"] for row in board["rows"]])


@pytest.mark.slow
def test_a_second_build_writes_nothing_and_the_function_is_the_command(made: Made, tmp_path: Path) -> None:
    options = {"replicates": 60, "pixels": 0, "studies": "duel", "title": "Stars"}
    first = write_site(tmp_path / "pages", made.workspace.root, **options)
    assert first.written > 20 and first.removed == 0
    arguments = ["site", str(made.workspace.root), "--replicates", "60", "--pixels", "0", "--study", "duel"]
    done = CliRunner().invoke(cli, [*arguments, "--title", "Stars", "-o", str(tmp_path / "pages")])
    assert done.exit_code == 0, done.output
    assert "0 files written" in done.output and "0 removed" in done.output


@pytest.mark.slow
def test_automatic_scores_alone_are_a_site_and_a_study_without_anything_is_passed_over(
    tmp_path: Path,
) -> None:
    workspace = init_workspace(tmp_path / "bench")
    with Store.open(workspace.database_url) as store:
        add_pictures(store, workspace.images_dir)
        asked = add_question_study(store, workspace.root)
        store.ratings.add(
            Rating("asked", "ann", MODELS[0], "00000", 0, one.name, 1.0) for one in asked.asked("00000")
        )
    with pytest.raises(InputError, match="nothing to rank yet"):
        build_site([workspace.root], tmp_path / "none", SiteOptions(precision=QUICK))
    answers = [
        {
            "id": one.id, "question": one.text, "category": one.category, "parents": list(one.parents),
            "expected": one.expected, "text": "yes", "probability": 0.8, "score": 1.0, "zeroed_by": None,
        }
        for one in DOG
    ]  # fmt: skip
    with Store.open(workspace.database_url) as store:
        store.scores.put(
            Score(model, "pets", "00000", 0, "dsg", "judge", 1.0, details={"answers": answers})
            for model in MODELS
        )
    build_site([workspace.root], tmp_path / "pages", SiteOptions(precision=QUICK))
    assert [view["key"] for view in data(tmp_path / "pages/index.html", "board-data")["views"]] == [
        "questions"
    ]
    page = data(tmp_path / "pages/prompt/asked/00000.html", "prompt-data")
    assert page["asked"] and page["criteria"] == ["1", "2", "3", "4"]
    assert "Judges that answer questions" in (tmp_path / "pages/judges.html").read_text()
