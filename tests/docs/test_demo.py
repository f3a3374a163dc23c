"""`nami-bench demo`, which the quick start begins with, finds what was planted and goes on where it was."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from nami_bench.generators.nami.folder import shipped_names


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

    planted = ["shapes-good", "shapes-fair", "shapes-poor"]
    # They need torch and diffusers, which `make test` installs.
    drawn = list(shipped_names()) if find_spec("torch") and find_spec("diffusers") else []
    board = json.loads(run("leaderboard", "--json"))
    ranking = [row["model"] for row in board["rows"]]
    assert [name for name in ranking if name in planted] == planted
    assert sorted(name for name in ranking if name not in planted) == sorted(drawn)
    if drawn:
        assert next(name for name in ranking if name in drawn) == "nami-tiny"
    assert {row["status"] for row in board["rows"]} == {"simulated"}
    assert "SIMULATED" in (demo_workspace.parent / "demo.log").read_text()
    for name in ("leaderboard.csv", "leaderboard.html"):
        assert "simulated" in (workspace / "reports" / name).read_text()
    report = (workspace / "reports" / "demo-simulated" / "index.html").read_text()
    assert "simulated" in report and all(name in report for name in ranking)
    images = {path: path.stat().st_mtime_ns for path in (workspace / "images").rglob("*.png")}
    assert len(images) == len(ranking) * 2 * 48
    ratings = run("ratings", "export")

    run("demo", "--no-serve")
    assert {p: p.stat().st_mtime_ns for p in (workspace / "images").rglob("*.png")} == images
    assert run("ratings", "export") == ratings
