"""SIGKILL at any moment of a run, then a restart: the same files as an undisturbed run, none made twice."""

import hashlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

IMAGES = 80

RUN = """
import os, sys
from pathlib import Path
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench import pipeline
from nami_bench.domain import ModelCard, Prompt, PromptSet
from nami_bench.store import Store

root = Path(sys.argv[1])
draw = ShapesGenerator._draw
log = os.open(root / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def logged(self, request):
    os.write(log, f"{request.prompt.id}/samples/{request.sample:04d}.png\\n".encode())
    return draw(self, request)

ShapesGenerator._draw = logged
ShapesGenerator.batch_size = 4
clauses = {"tag": "single_object", "include": [{"class": "star", "count": 1}]}
ids = [f"{i:05d}" for i in range(int(sys.argv[2]))]
prompts = PromptSet("set", tuple(Prompt(id, "a star", geneval=clauses) for id in ids))
print("ready", flush=True)
with Store.open(f"sqlite:///{root / 'nami.db'}") as store:
    store.catalog.add_prompt_set(prompts)
    store.catalog.add_model(ModelCard("m", "shapes", {"size": "64"}))
    report = pipeline.generate(store, root / "images", "m", prompts, samples=2)
    assert len(store.images.find()) == 2 * len(prompts), report
print("finished", flush=True)
"""


def start(root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, str(root), str(IMAGES // 2)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process: subprocess.Popen[str]) -> bool:
    out, _ = process.communicate(timeout=60)
    return out == "finished\n"


def files(root: Path) -> dict[str, str]:
    paths = [p for p in (root / "images").rglob("*") if p.is_file() and p.name != ".lock"]
    return {p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def drawn(root: Path) -> list[str]:
    return (root / "log").read_text().splitlines() if (root / "log").exists() else []


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    root = tmp_path_factory.mktemp("undisturbed")
    process = start(root)
    began = time.monotonic()
    assert finish(process)
    return files(root), time.monotonic() - began


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_kill_at_random_moments_loses_and_doubles_nothing(
    undisturbed: tuple[dict[str, str], float], tmp_path: Path, rounds: int
) -> None:
    expected, duration = undisturbed
    assert len(expected) == IMAGES + IMAGES // 2
    moments = random.Random(7)
    interrupted = 0
    for round_ in range(rounds):
        root = tmp_path / str(round_)
        root.mkdir()
        process = start(root)
        time.sleep(moments.uniform(0, duration))
        process.send_signal(signal.SIGKILL)
        interrupted += not finish(process)
        on_disk = {name for name in files(root) if name.endswith(".png")}
        before = len(drawn(root))
        assert finish(start(root))
        assert files(root) == expected
        again = {f"images/m/set/{name}" for name in drawn(root)[before:]}
        assert not again & on_disk, "an image that was on disk was made a second time"
    assert interrupted >= rounds // 2, "the kills came too late to mean anything"
