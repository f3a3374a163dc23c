"""A neural detector and CLIP through the program, on a folder and in a workspace."""

import json
import shutil
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("cv2")
pytest.importorskip("open_clip")

from nami_bench.cli.app import main
from nami_bench.config import open_workspace
from nami_bench.domain import GENEVAL_COLORS
from nami_bench.evaluation.geneval.mask2former import Mask2FormerDetector
from nami_bench.evaluation.geneval.rules import select
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import read_image
from nami_bench.store import Store
from tests.support.http_server import Reply, http_server

DATA = Path(__file__).resolve().parents[3] / "data" / "mask2former"
IMAGE = DATA / "square128.png"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the program in a folder of its own; returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["nami-bench", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return (stopped.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def detector(tiny_clip):
    options = Mask2FormerDetector.Options(
        weights=DATA / "checkpoint.pth", clip_model=str(tiny_clip), device="cpu"
    )
    return Mask2FormerDetector(options)


@pytest.fixture
def detector_options(tiny_clip):
    pairs = (f"weights={DATA / 'checkpoint.pth'}", f"clip_model={tiny_clip}", "device=cpu")
    return [word for pair in pairs for word in ("--detector-option", pair)]


@pytest.fixture(scope="module")
def found(detector):
    return detector.detect([read_image(IMAGE)])[0]


@pytest.fixture
def prompts(tmp_path, detector, found):
    """Prompts for the image's best object: without a color, with its color, and with another."""
    name, (best, *_) = next(iter(select(found, 0.3).items()))
    (color,) = detector.color_classifier.classify(read_image(IMAGE), [best])
    other = next(another for another in GENEVAL_COLORS if another != color)
    clause = {"class": name, "count": 1}
    lines = [{"tag": "single_object", "include": [clause], "prompt": f"a photo of a {name}"}]
    for asked in (color, other):
        include = [{**clause, "color": asked}]
        lines.append({"tag": "colors", "include": include, "prompt": f"a photo of a {asked} {name}"})
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return lines


@pytest.fixture
def folder(tmp_path, prompts):
    root = GenEvalFolder(tmp_path / "model")
    for index, line in enumerate(prompts):
        root.write_metadata(index, line)
        target = root.sample_path(index, 0)
        target.parent.mkdir(parents=True)
        shutil.copy(IMAGE, target)
    return root.root


# One image stands in many folders: complete, but full of duplicates.
COMMAND = ("geneval", "model", "--prompts", "prompts.jsonl", "--samples", 1, "--allow-incomplete")


@pytest.mark.slow
def test_geneval_on_a_folder(run, folder, detector, detector_options):
    command = [*COMMAND, "--json", "--detector", "mask2former", *detector_options]
    code, out, err = run(*command)
    assert code == 0, err
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert [row["correct"] for row in rows] == [True, True, False]
    instrument = f"{detector.identity}+{detector.color_classifier.identity}"
    assert {row["detector"] for row in rows} == {instrument}
    assert instrument in out
    assert json.loads(run(*command)[1])["run"]["reused"] == 3
    code, _, err = run(*command, "--detector-option", "dtype=bfloat16")
    assert code == 2, "results of another instrument are not mixed in"
    assert "results.jsonl" in err


@pytest.mark.slow
@pytest.mark.parametrize("overwritten", ["checkpoint.pth", "clip/open_clip_pytorch_model.bin"])
def test_a_run_is_not_taken_up_with_weights_that_were_overwritten(
    run, folder, tiny_clip, tmp_path, overwritten
):
    shutil.copy(DATA / "checkpoint.pth", tmp_path)
    shutil.copytree(tiny_clip, tmp_path / "clip")
    pairs = ("weights=checkpoint.pth", "clip_model=clip", "device=cpu")
    options = [word for pair in pairs for word in ("--detector-option", pair)]
    assert run(*COMMAND, "--detector", "mask2former", *options)[0] == 0
    before = (folder / "results.jsonl").read_bytes()
    (folder / "results.jsonl").write_bytes(before[: before.index(b"\n") + 1])  # interrupted after one
    before = (folder / "results.jsonl").read_bytes()
    with (tmp_path / overwritten).open("ab") as weights:
        weights.write(b"0")
    code, _, err = run(*COMMAND, "--detector", "mask2former", *options)
    assert code == 2 and "holds results of mask2former-" in err
    assert (folder / "results.jsonl").read_bytes() == before


def test_weights_that_cannot_be_fetched_are_one_sentence_before_any_image_is_scored(
    run, folder, monkeypatch, no_proxy
):
    with http_server(lambda asked: Reply(404)) as address:
        monkeypatch.setenv("NAMI_WEIGHTS_MIRROR", address)
        code, _, err = run(*COMMAND, "--detector", "mask2former")
    assert code == 1
    assert f"error: cannot fetch {address}/mask2former_swin-s" in err
    assert "743b7d99.pth" in err and "weights=FILE" in err and "answered 404" in err
    assert not (folder / "results.jsonl").exists()


@pytest.mark.slow
def test_evaluate_in_a_workspace(run, folder, detector, detector_options):
    run("init", ".")
    assert run("images", "import", folder, "--model", "m", "--prompts", "prompts.jsonl")[0] == 0
    code, out, err = run("evaluate", "geneval", "--json", "--detector", "mask2former", *detector_options)
    assert code == 0, err
    counts = json.loads(out)["geneval: m on prompts"]
    assert (counts["scored"], counts["failed"]) == (3, 0)
    with Store.open(open_workspace(Path()).database_url) as store:
        scores = {score.prompt_id: score for score in store.scores.find(metric="geneval")}
    assert [scores[key].value for key in sorted(scores)] == [1.0, 1.0, 0.0]
    assert scores["00000"].instrument.startswith(detector.identity)
