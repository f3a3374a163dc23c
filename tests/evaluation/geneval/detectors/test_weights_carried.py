"""GenEval's own detector: fetched in one command, carried to a machine without a network, and run there."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("cv2")
pytest.importorskip("open_clip")

from nami_bench.evaluation import weights
from nami_bench.evaluation.geneval import mask2former
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import hash_file
from nami_bench.services.download import Pin
from tests.support.file_server import FileServer, broken_after
from tests.support.http_server import http_server
from tests.support.program import nami_bench

DATA = Path(__file__).resolve().parents[3] / "data" / "mask2former"
CHECKPOINT = DATA / "checkpoint.pth"


@pytest.fixture
def tiny(monkeypatch, no_proxy):
    """The tests' checkpoint in the published one's place, on a mirror whose connections break."""
    file = replace(weights.MASK2FORMER, pin=Pin(hash_file(CHECKPOINT)[:8], "a test"))
    monkeypatch.setattr(weights, "MASK2FORMER", file)
    monkeypatch.setattr(mask2former, "MASK2FORMER", file)
    site = FileServer({f"/{file.name}": CHECKPOINT.read_bytes()})
    site.faults[f"/{file.name}"] = [broken_after(CHECKPOINT.stat().st_size // 2)]
    monkeypatch.setattr("nami_bench.services.retrying_client._FIRST_WAIT", 0.01)
    with http_server(site.answer) as address:
        monkeypatch.setenv("NAMI_WEIGHTS_MIRROR", address)
        yield file


@pytest.fixture
def folder(tmp_path):
    root = GenEvalFolder(tmp_path / "model")
    line = {"tag": "single_object", "include": [{"class": "cat", "count": 1}], "prompt": "a photo of a cat"}
    root.write_metadata(0, line)
    root.sample_path(0, 0).parent.mkdir(parents=True)
    shutil.copy(DATA / "square128.png", root.sample_path(0, 0))
    (tmp_path / "prompts.jsonl").write_text(json.dumps(line) + "\n")
    return root.root


@pytest.mark.slow
def test_weights_are_fetched_carried_and_used_where_there_is_no_network(
    tiny, folder, tiny_clip, tmp_path, monkeypatch
):
    here, there = {"NAMI_CACHE": str(tmp_path / "a")}, {"NAMI_CACHE": str(tmp_path / "b")}
    own_clip = ("-O", f"clip_model={tiny_clip}")
    done = nami_bench("weights", "fetch", "mask2former", *own_clip, env=here)
    assert done.returncode == 0 and f"is in {tmp_path / 'a'}" in done.stderr, done.stderr
    assert nami_bench("weights", "verify", "mask2former", *own_clip, env=here).returncode == 0
    bundle = tmp_path / "w.tar"
    done = nami_bench("weights", "bundle", "mask2former", *own_clip, "--output", bundle, env=here)
    assert done.returncode == 0 and f"{tiny_clip} is your own: copy it yourself" in done.stderr

    monkeypatch.setenv("NAMI_WEIGHTS_MIRROR", "http://127.0.0.1:9")  # nobody is there
    geneval = (
        *("geneval", folder, "--prompts", tmp_path / "prompts.jsonl", "--samples", 1, "--json"),
        *("--detector", "mask2former", "--detector-option", f"clip_model={tiny_clip}"),
        *("--detector-option", "device=cpu"),
    )
    refused = nami_bench(*geneval, env=there)
    assert refused.returncode == 1 and "cannot fetch http://127.0.0.1:9/" in refused.stderr
    assert nami_bench("weights", "unbundle", bundle, env=there).returncode == 0
    done = nami_bench(*geneval, env=there)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)["summary"]
    assert summary["images"] == 1 and summary["detector"].startswith(
        f"mask2former-{hash_file(CHECKPOINT)[:8]}"
    )
    said = summary["published_detector"]
    # A toy in its place is not taken for it.
    weights_differ, colors_differ = said["differences"]
    assert said["published"] is False and "not with 743b7d99" in weights_differ
    assert "colors are judged by clip-tiny-clip" in colors_differ
