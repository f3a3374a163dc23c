"""Whole toy runs: learning, stopping, going on."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from nami_bench.errors import InputError, StorageError, WorkError
from nami_bench.generators.nami.generator import NamiGenerator
from nami_bench.generators.nami.loading import load_pipeline
from nami_bench.generators.nami.training import trainer as trainer_module
from nami_bench.generators.nami.training.checkpoints import (
    checkpoint_path,
    checkpoint_steps,
    write_checkpoint,
)
from nami_bench.generators.nami.training.config import BridgeSection, ModelSection
from nami_bench.generators.nami.training.run import TrainingRun

Config = Callable[..., Any]


def _weights(pipeline: Path) -> dict[str, torch.Tensor]:
    return {
        f"{file.parent.name}/{name}": tensor
        for file in sorted(pipeline.rglob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }


def _log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


class _Stopped(Exception):
    pass


def _stop_at(step: int) -> Callable[[int], None]:
    done = 0

    def advance(steps: int) -> None:
        nonlocal done
        done += steps
        if done == step:
            raise _Stopped

    return advance


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_bits(toy_config: Config, tmp_path: Path) -> None:
    whole = TrainingRun(toy_config(), tmp_path / "whole").train()
    with pytest.raises(_Stopped):
        TrainingRun(toy_config(), tmp_path / "stopped").train(_stop_at(5))
    assert checkpoint_steps(tmp_path / "stopped" / "checkpoints") == [2, 4]
    resumed = TrainingRun(toy_config(), tmp_path / "stopped").train()
    expected, found = _weights(whole), _weights(resumed)
    assert expected.keys() == found.keys()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())
    validation = [
        [r["loss"] for r in _log(tmp_path / name) if r.get("event") == "validation"][-1]
        for name in ("whole", "stopped")
    ]
    assert validation[0] == validation[1]


@pytest.mark.slow
def test_a_fitted_autoencoder_belongs_to_its_run(toy_config: Config, tmp_path: Path) -> None:
    config = toy_config()
    shape = replace(config.model.transformer, in_channels=16)
    config = replace(config, model=replace(config.model, transformer=shape, latent_channels=4))
    whole = TrainingRun(config, tmp_path / "whole").train()
    with pytest.raises(_Stopped):
        TrainingRun(config, tmp_path / "stopped").train(_stop_at(3))
    kept = load_file(tmp_path / "stopped" / "autoencoder" / "diffusion_pytorch_model.safetensors")
    resumed = TrainingRun(config, tmp_path / "stopped").train()
    expected, found = _weights(whole), _weights(resumed)
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())
    assert torch.equal(found["vae/basis"], kept["basis"])
    assert 0.5 < _log(tmp_path / "whole")[0]["variance_kept"] < 1


@pytest.mark.slow
def test_a_finished_run_draws(toy_config: Config, tmp_path: Path) -> None:
    from nami_bench.domain import Prompt
    from nami_bench.generators.protocol import GenerationRequest

    finished = TrainingRun(toy_config(steps=2), tmp_path / "run").train()
    generator = NamiGenerator(
        NamiGenerator.Options(finished, steps=(2,), prompt_suffix="", negative_prompt="", device="cpu")
    )
    (result,) = generator.generate([GenerationRequest(Prompt("00000", "a photo of a red star"), 0, 7)])
    assert result.image is not None
    assert result.image.size == (64, 64)


@pytest.mark.slow
def test_loss_falls_when_one_batch_is_seen_again_and_again(
    toy_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = TrainingRun(
        toy_config(
            steps=60, batch_size=12, learning_rate=1e-2, final_learning_rate=1e-2, stage_weight_power=0.0,
            save_every=1000, validate_every=1000, sample_every=1000,
        ),
        tmp_path / "run",
    )  # fmt: skip
    monkeypatch.setattr(trainer_module, "LOG_EVERY", 1)
    fixed = run.data.batch(0, 12)
    monkeypatch.setattr(run.data, "batch", lambda number, count: fixed)
    run.train()
    losses = [r["loss"] for r in _log(tmp_path / "run") if "loss_by_stage" in r]
    assert sum(losses[-10:]) < 0.75 * sum(losses[:10])


@pytest.fixture
def fresh_accelerate() -> Iterator[None]:
    """accelerate keeps one precision for a whole process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.mark.slow
def test_gradient_checkpointing_changes_memory_only(toy_config: Config, tmp_path: Path) -> None:
    plain = _weights(TrainingRun(toy_config(), tmp_path / "plain").train())
    saving = _weights(TrainingRun(toy_config(gradient_checkpointing=True), tmp_path / "saving").train())
    assert all(torch.equal(tensor, saving[name]) for name, tensor in plain.items())


# torch says that the norms of a mixed run take its slower kernel.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")
@pytest.mark.usefixtures("fresh_accelerate")
def test_bfloat16_trains_float32_weights_that_hardly_differ(toy_config: Config, tmp_path: Path) -> None:
    start = _weights(TrainingRun(toy_config(steps=1, learning_rate=1e-9), tmp_path / "start").train())
    exact = _weights(TrainingRun(toy_config(), tmp_path / "exact").train())
    AcceleratorState._reset_state(reset_partial_state=True)
    mixed = _weights(TrainingRun(toy_config(mixed_precision="bf16"), tmp_path / "mixed").train())
    assert {tensor.dtype for tensor in mixed.values()} == {torch.float32}
    moved = sum(float((tensor - start[name]).abs().sum()) for name, tensor in exact.items())
    apart = sum(float((tensor - mixed[name]).abs().sum()) for name, tensor in exact.items())
    assert 0 < apart < 0.2 * moved


def test_a_broken_loss_stops_before_the_weights_and_names_the_batch(
    toy_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = TrainingRun(toy_config(), tmp_path / "run")
    draw = run.data.batch

    def poisoned(number: int, count: int) -> Any:
        batch = draw(number, count)
        if number == 3:
            batch.pixels[0] = float("nan")
        return batch

    monkeypatch.setattr(run.data, "batch", poisoned)
    with pytest.raises(WorkError, match="stopped in step 4"):
        run.train()
    record = json.loads((tmp_path / "run" / "failed-step-00000004.json").read_text())
    assert record["images"] == [f"train/3/{n}" for n in range(7)]
    assert checkpoint_steps(tmp_path / "run" / "checkpoints") == [2]


def test_broken_gradients_of_a_sound_loss_stop_before_the_weights(toy_config: Config, tmp_path: Path) -> None:
    run = TrainingRun(toy_config(), tmp_path / "run")
    weight = run.pipeline.transformer.proj_out.weight
    before = weight.detach().clone()
    weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(WorkError, match="stopped in step 1: its gradients' norm is nan"):
        run.train()
    assert torch.equal(weight, before)
    record = json.loads((tmp_path / "run" / "failed-step-00000001.json").read_text())
    assert record["images"] == [f"train/0/{n}" for n in range(7)]


def test_a_folder_keeps_to_its_configuration(toy_config: Config, tmp_path: Path) -> None:
    TrainingRun(toy_config(), tmp_path / "run")
    with pytest.raises(InputError, match=r"train\.learning_rate = 0\.001, not 0\.5"):
        TrainingRun(toy_config(learning_rate=0.5), tmp_path / "run")


@pytest.mark.parametrize(
    ("section", "given", "words"),
    [
        ("model", ModelSection(pipeline=Path("nowhere")), r"\[model\]: nowhere holds no NAMI pipeline"),
        ("bridge", BridgeSection(weights=Path("nowhere")), r"\[bridge\]: weights: nowhere holds no bridge"),
    ],
)
def test_weights_that_are_not_there_are_named_and_claim_no_folder(
    toy_config: Config, tmp_path: Path, section: str, given: Any, words: str
) -> None:
    config = replace(toy_config(), **{section: given})
    with pytest.raises(InputError, match=words):
        TrainingRun(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    TrainingRun(toy_config(), tmp_path / "run")


@pytest.mark.slow
def test_half_precision_weights_are_trained_as_float32(toy_config: Config, tmp_path: Path) -> None:
    start = TrainingRun(toy_config(steps=1), tmp_path / "first").train()
    half = tmp_path / "half"
    load_pipeline(start, torch.float16).save_pretrained(half)
    config = replace(toy_config(steps=1), model=ModelSection(pipeline=half, train_text=True))
    trained = _weights(TrainingRun(config, tmp_path / "on").train())
    assert {weight.dtype for weight in trained.values()} == {torch.float32}


@pytest.mark.slow
def test_frozen_encoders_and_their_cache_give_the_same_run(toy_config: Config, tmp_path: Path) -> None:
    start = TrainingRun(toy_config(steps=1), tmp_path / "first").train()
    finished = []
    for name, cache in (("plain", None), ("cached", tmp_path / "cache"), ("again", tmp_path / "cache")):
        config = toy_config(steps=2)
        config = replace(config, model=ModelSection(pipeline=start), data=replace(config.data, cache=cache))
        finished.append(_weights(TrainingRun(config, tmp_path / name).train()))
    assert any((tmp_path / "cache").rglob("*.safetensors"))
    for other in finished[1:]:
        # A caption encoded alone rounds differently from one in a batch.
        assert all(torch.allclose(t, other[name], atol=1e-4) for name, t in finished[0].items())
    assert all(torch.equal(t, finished[2][name]) for name, t in finished[1].items())
    before = _weights(start)
    assert any(not torch.equal(t, before[n]) for n, t in finished[0].items() if n.startswith("transformer/"))
    assert all(torch.equal(t, before[n]) for n, t in finished[0].items() if n.startswith("text_encoder"))


@pytest.mark.slow
def test_the_encoders_of_an_existing_pipeline_are_trained_where_that_is_wanted(
    toy_config: Config, tmp_path: Path
) -> None:
    start = TrainingRun(toy_config(steps=1), tmp_path / "first").train()
    config = replace(
        toy_config(steps=2),
        model=ModelSection(pipeline=start, train_text=True),
        bridge=BridgeSection(weights=start / "bridge"),
    )
    before, after = _weights(start), _weights(TrainingRun(config, tmp_path / "on").train())
    changed = {name.split("/")[0] for name, weight in before.items() if not torch.equal(weight, after[name])}
    assert changed == {"transformer", "text_encoder", "text_encoder_2"}


def test_half_a_checkpoint_is_none(tmp_path: Path) -> None:
    def save(path: Path) -> None:
        (path / "weights").write_text("whole")

    def cut_off(path: Path) -> None:
        (path / "weights").write_text("ha")
        raise OSError(28, "No space left on device")

    for step in (1, 2, 3):
        write_checkpoint(tmp_path, step, 2, save, is_main=True)
    with pytest.raises(StorageError, match="No space left"):
        write_checkpoint(tmp_path, 4, 2, cut_off, is_main=True)
    assert checkpoint_steps(tmp_path) == [2, 3]
    assert (checkpoint_path(tmp_path, 3) / "weights").read_text() == "whole"
