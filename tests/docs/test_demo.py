"""`nami-bench demo`, which the quick start begins with, finds what was planted and goes on where it was."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from nami_bench.generators.nami.folder import shipped_names

PLANTED = ["shapes-good", "shapes-fair", "shapes-poor"]


def run(folder: Path, environment: Mapping[str, str], *arguments: str) -> str:
    return subprocess.run(
        ["nami-bench", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True
    ).stdout


def images(workspace: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (workspace / "images").rglob("*.png")}


@pytest.mark.slow
def test_the_demo_finds_the_planted_ranking_and_goes_on_where_it_was(
    demo_workspace: Path, offline_environment: Mapping[str, str], tmp_path: Path
) -> None:
    workspace = tmp_path / "nami-workspace"
    shutil.copytree(demo_workspace, workspace)
    board = json.loads(run(tmp_path, offline_environment, "leaderboard", "--json"))
    assert [row["model"] for row in board["rows"]] == PLANTED
    assert {row["status"] for row in board["rows"]} == {"simulated"}
    assert "SIMULATED" in (demo_workspace.parent / "demo.log").read_text()
    for name in ("leaderboard.csv", "leaderboard.html"):
        assert "simulated" in (workspace / "reports" / name).read_text()
    report = (workspace / "reports" / "demo-simulated" / "index.html").read_text()
    assert "simulated" in report and all(name in report for name in PLANTED)
    site = (workspace / "reports" / "site" / "index.html").read_text()
    assert [site.index(f">{name}</a>") for name in PLANTED] == sorted(
        site.index(f">{name}</a>") for name in PLANTED
    )
    made = images(workspace)
    assert len(made) == 3 * 2 * 48
    ratings = run(tmp_path, offline_environment, "ratings", "export")

    run(tmp_path, offline_environment, "demo", "--no-serve")
    assert images(workspace) == made
    assert run(tmp_path, offline_environment, "ratings", "export") == ratings


@pytest.mark.slow
def test_with_models_it_is_a_study_of_its_own_that_keeps_the_renderers_images(
    demo_workspace: Path, offline_environment: Mapping[str, str], tmp_path: Path
) -> None:
    workspace = tmp_path / "nami-workspace"
    shutil.copytree(demo_workspace, workspace)
    made = images(workspace)
    run(tmp_path, offline_environment, "demo", "--models", "--no-serve")
    assert made.items() <= images(workspace).items()
    board = json.loads(run(tmp_path, offline_environment, "leaderboard", "--json"))
    assert board["study"] == "demo-nami-simulated"
    ranking = [row["model"] for row in board["rows"]]
    assert [name for name in ranking if name in PLANTED] == PLANTED
    drawn = [name for name in ranking if name not in PLANTED]
    assert sorted(drawn) == sorted(shipped_names()) and drawn[0] == "nami-tiny"
