"""What is a checkpoint, by what it holds, what it is known by, and when it is whole."""

import json
import shutil
from pathlib import Path

import pytest

from nami_bench.watching.checkpoints import Kind, candidates, recognised, step_of
from nami_bench.watching.completeness import why_incomplete
from nami_bench.watching.lookout import Lookout


def safetensors(path: Path, numbers: int = 4, fill: bytes = b"\1") -> Path:
    """A file of one tensor of so many bytes."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [numbers], "data_offsets": [0, numbers]}}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(header).to_bytes(8, "little") + header + fill * numbers)
    return path


def network(folder: Path, name: str = "transformer", fill: bytes = b"\1") -> Path:
    """A checkpoint as accelerate's hooks write it: a network, and what else a training needs."""
    safetensors(folder / name / "diffusion_pytorch_model.safetensors", fill=fill)
    (folder / name / "config.json").write_text('{"_class_name": "X"}')
    (folder / "optimizer.bin").write_bytes(b"state")
    return folder


def pipeline(folder: Path) -> Path:
    network(folder)
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text("{}")
    index = {"_class_name": "XPipeline", "transformer": ["diffusers", "X"], "scheduler": ["diffusers", "Y"]}
    (folder / "model_index.json").write_text(json.dumps({**index, "safety_checker": [None, None]}))
    return folder


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("checkpoint-1500", 1500),
        ("step_1500", 1500),
        ("epoch-3", 3),
        ("epoch=3-step=1500", 1500),
        ("global_step250", 250),
        ("step-00000100", 100),
        ("my_lora-step00002000.safetensors", 2000),
        ("final", None),
        ("run2", None),
    ],
)
def test_the_step_stands_in_the_name(name: str, step: int | None) -> None:
    assert step_of(name) == step


def test_kinds_are_told_by_what_a_folder_holds(run: Path, draw) -> None:
    peft = run / "peft"
    safetensors(peft / "adapter_model.safetensors")
    (peft / "adapter_config.json").write_text("{}")
    (run / "flat").mkdir()
    shutil.copy(draw("geneval", 0) / "00000" / "samples" / "0000.png", run / "flat" / "00000_0.png")
    paths = {
        Kind.PIPELINE: [pipeline(run / "pipeline")],
        Kind.NETWORK: [network(run / "a"), network(run / "b", "unet"), network(run / "c") / "transformer"],
        Kind.LORA: [safetensors(run / "l" / "pytorch_lora_weights.safetensors").parent, peft],
        Kind.NAMI: [safetensors(run / "n" / "average-0.safetensors").parent],
        Kind.IMAGES: [run / "geneval", run / "flat"],
    }
    for kind, several in paths.items():
        found = [recognised(path) for path in several]
        assert [one and one.kind for one in found] == [kind] * len(several)
        assert [one and why_incomplete(one) for one in found] == [None] * len(several)
    assert recognised(safetensors(run / "lora-step-5.safetensors")).kind is Kind.LORA
    (run / "empty").mkdir()
    assert recognised(run / "empty") is None
    assert recognised(run / "nothing") is None


def test_another_folder_may_hold_the_network(run: Path) -> None:
    network(run / "checkpoint-5", "unet_ema")
    assert recognised(run / "checkpoint-5") is None
    assert recognised(run / "checkpoint-5", "unet_ema").network == run / "checkpoint-5" / "unet_ema"


def test_weights_are_known_by_their_content_whatever_they_are_called(run: Path) -> None:
    first, same, other = network(run / "a"), network(run / "b"), network(run / "c", fill=b"\2")
    (same / "optimizer.bin").write_bytes(b"another state")
    hashes = [recognised(path).sha256() for path in (first, same, other)]
    assert hashes[0] == hashes[1] != hashes[2]
    files = [safetensors(run / f"lora-step-{n}.safetensors") for n in (1, 2)]
    assert recognised(files[0]).sha256() == recognised(files[1]).sha256()


def test_what_programs_call_unfinished_is_no_candidate(run: Path) -> None:
    names = ["tmp-checkpoint-5", "checkpoint-6.tmp", ".checkpoint-7.partial", "checkpoint-8", "checkpoint-10"]
    for name in names:
        (run / name).mkdir()
    found = candidates(run, ["checkpoint-*", "*checkpoint*", ".checkpoint*"])
    assert [path.name for path in found] == ["checkpoint-8", "checkpoint-10"]


def test_half_written_checkpoints_say_what_they_lack(run: Path) -> None:
    def problem(path: Path) -> str:
        return why_incomplete(recognised(path)) or ""

    whole = pipeline(run / "whole")
    assert problem(whole) == ""

    cut = pipeline(run / "cut") / "transformer" / "diffusion_pytorch_model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-1])
    assert "diffusion_pytorch_model.safetensors, which lacks 1 bytes" in problem(run / "cut")
    cut.write_bytes(cut.read_bytes()[:10])
    assert "ends within its header" in problem(run / "cut")

    shutil.rmtree(pipeline(run / "parts") / "scheduler")
    assert problem(run / "parts") == "has no scheduler yet"

    (pipeline(run / "bare") / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    assert problem(run / "bare") == "has no weights yet in transformer"

    shards = network(run / "shards") / "transformer"
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    (shards / "x.safetensors.index.json").write_text(json.dumps(index))
    safetensors(shards / "one.safetensors")
    assert problem(run / "shards") == "has no two.safetensors yet"

    (network(run / "json") / "transformer" / "config.json").write_text('{"_class')
    assert "config.json is not JSON" in problem(run / "json")

    (network(run / "locked") / ".write.lock").touch()
    assert "something still writes there" in problem(run / "locked")

    (network(run / "ended") / ".lock").touch()  # a workspace's own, which stays
    assert problem(run / "ended") == ""

    (network(run / "early") / "vae").mkdir()
    assert problem(run / "early") == "holds vae beside transformer, but no model_index.json yet"


def test_a_checkpoint_is_whole_after_two_equal_looks(run: Path) -> None:
    times = iter([0.0, 1.0, 3.0, 4.0, 7.0])
    lookout = Lookout(run, ["checkpoint-*"], settle=2.0, clock=lambda: next(times))
    network(run / "checkpoint-5")
    assert lookout.look() == []  # at 0
    assert lookout.unsettled
    assert lookout.look() == []  # at 1: too early
    (found,) = lookout.look()  # at 3
    assert (found.name, found.step) == ("checkpoint-5", 5)
    assert not lookout.changed(found)
    network(run / "checkpoint-5", fill=b"\2")
    assert lookout.changed(found)
    assert lookout.look() == []  # at 4: overwritten in place
    (again,) = lookout.look()  # at 7
    assert again.sha256 != found.sha256
