"""The main job from the command line: on the demo's own models, and on real photographs."""

import csv
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from skimage import data

from nami_bench.cli.app import cli
from nami_bench.geneval_folder import GenEvalFolder

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a workspace of its own; it must succeed."""
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str) -> Result:
        result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result

    invoke("init", ".")
    return invoke


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """A command that serves until Ctrl-C; yields the address that it prints."""
    command = [sys.executable, "-m", "nami_bench", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            yield next(match[0] for line in lines if (match := re.search(r"http://\S+", line)))
        finally:
            process.send_signal(signal.SIGINT)


@pytest.mark.slow
def test_photographs_from_folder_to_leaderboard(run: Run, tmp_path: Path) -> None:
    """Import in GenEval's layout, score in the app over HTTP, read the leaderboard."""
    shots = {
        "an astronaut in an orange suit": data.astronaut(),
        "a cat looking at you": data.chelsea(),
        "a cup of coffee on a wooden table": data.coffee(),
    }
    for camera in ("sharp", "faded"):
        folder = GenEvalFolder(tmp_path / "made-elsewhere" / camera)
        for index, (text, pixels) in enumerate(shots.items()):
            folder.write_metadata(index, {"prompt": text})
            path = folder.sample_path(index, 0)
            path.parent.mkdir()
            Image.fromarray(pixels if camera == "sharp" else 128 + pixels // 4).save(path)
        run(
            "images",
            "import",
            str(folder.root),
            "--model",
            camera,
            "--prompts",
            _prompt_file(tmp_path, shots),
        )
    run("images", "verify")
    run("study", "create", "--name", "photos", "--prompts", "shots")

    token = run("annotators", "add", "lena").stdout.split()[1]
    with serving("annotate", "--port", "0") as address, httpx.Client(base_url=address) as browser:
        browser.post("/login", data={"name": "lena", "token": token})
        state = browser.get("/session").json()
        names = [criterion["name"] for criterion in state["study"]["criteria"]]
        while state["items"]:
            item = state["items"][0]
            picture = Image.open(io.BytesIO(browser.get(f"/{item['images'][0]}").content))
            darkest = picture.convert("L").getextrema()[0]
            value = 90 if darkest < 100 else 30  # this annotator sees what was done to the pictures
            answers = {
                "client_token": item["token"],
                "values": dict.fromkeys(names, value),
                "duration_ms": 1500,
            }
            state = browser.post(f"/item/{item['token']}", json=answers).json()
        assert state["phase"] == "finished"

    rows = list(csv.DictReader(io.StringIO(run("leaderboard", "--format", "csv").stdout)))
    assert [(r["rank"], r["model"], float(r["total"]), r["ratings"]) for r in rows] == [
        ("1", "sharp", 90.0, "12"),
        ("2", "faded", 30.0, "12"),
    ]
    exported = run("ratings", "export", "-o", "ratings.csv")
    assert exported.exit_code == 0
    alone = json.loads(run("leaderboard", "--ratings", "ratings.csv", "--json").stdout)
    assert [row["model"] for row in alone["rows"]] == ["sharp", "faded"]


def _prompt_file(folder: Path, shots: dict[str, object]) -> str:
    path = folder / "shots.txt"
    path.write_text("".join(f"{text}\n" for text in shots))
    return str(path)
