"""`nami-bench demo`, which the quick start begins with, finds what was planted and goes on where it was."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path


def test_the_demo_finds_the_planted_ranking_and_goes_on_where_it_was(
    demo_workspace: Path, offline_environment: Mapping[str, str], tmp_path: Path
) -> None:
    workspace = tmp_path / "nami-workspace"
    shutil.copytree(demo_workspace, workspace)

    def run(*arguments: str) -> str:
        return subprocess.run(
            ["nami-bench", *arguments],
            cwd=tmp_path,
            env=offline_environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    known = ["shapes-good", "shapes-fair", "shapes-poor"]
    board = json.loads(run("leaderboard", "--json"))
    assert [row["model"] for row in board["rows"]] == known
    assert {row["status"] for row in board["rows"]} == {"simulated"}
    assert "SIMULATED" in (demo_workspace.parent / "demo.log").read_text()
    for name in ("leaderboard.csv", "leaderboard.html"):
        assert "simulated" in (workspace / "reports" / name).read_text()
    report = (workspace / "reports" / "demo-simulated" / "index.html").read_text()
    assert "simulated" in report and all(name in report for name in known)
    images = {path: path.stat().st_mtime_ns for path in (workspace / "images").rglob("*.png")}
    assert len(images) == 3 * 2 * 48
    ratings = run("ratings", "export")

    run("demo", "--no-serve")
    assert {p: p.stat().st_mtime_ns for p in (workspace / "images").rglob("*.png")} == images
    assert run("ratings", "export") == ratings
