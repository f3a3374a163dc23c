"""The released folder, read as it is: converted, loaded, drawn with; damaged, and the damage named."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from huggingface_hub import save_torch_state_dict
from safetensors import SafetensorError
from transformers import T5Tokenizer

from nami_bench.cli.app import cli
from nami_bench.errors import InputError, StorageError
from nami_bench.generators.nami.config import NAMI_2B, load_config
from nami_bench.generators.nami.convert import convert, infer_shape
from nami_bench.generators.nami.pipeline import NamiPipeline
from nami_bench.generators.nami.transformer import NamiTransformer2DModel
from nami_bench.generators.nami.weights import read_folder

from .conftest import TINY, make_pipeline

TRANSFORMER = "transformer/pytorch_model_fsdp.bin"


def draw(pipeline: NamiPipeline) -> torch.Tensor:
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(1)
    return pipeline("a red apple", "cat", num_inference_steps=2, generator=generator, output_type="pt").images


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)


@pytest.mark.slow
def test_the_converted_folder_draws_what_the_original_model_draws(converted: Path, release: Path) -> None:
    original = make_pipeline(TINY)
    original.tokenizer_2 = T5Tokenizer.from_pretrained(release / "mt5")
    loaded = NamiPipeline.from_pretrained(converted, local_files_only=True)
    assert torch.equal(draw(loaded), draw(original))


def test_nothing_in_the_converted_folder_is_a_pickle(converted: Path) -> None:
    suffixes = {path.suffix for path in converted.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".safetensors", ".txt", ".jinja"}
    assert (converted / "text_encoder_2" / "model.safetensors").is_file()
    assert load_config(converted / "transformer" / "config.json") == TINY


def test_large_models_are_written_in_shards_that_load(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nami_bench.generators.nami.convert.SHARD_SIZE", 20_000)
    convert(release, tmp_path / "out", TINY)
    for name in ("transformer", "text_encoder_2"):
        assert len(list((tmp_path / "out" / name).glob("*.safetensors"))) > 1
    whole = NamiPipeline.from_pretrained(tmp_path / "out", local_files_only=True)
    state = torch.load(release / TRANSFORMER, weights_only=True)
    torch.testing.assert_close(whole.transformer.state_dict(), state, rtol=0, atol=0)
    assert torch.isfinite(draw(whole)).all()


def test_tensors_keep_their_dtype(release: Path, tmp_path: Path) -> None:
    edit(release / TRANSFORMER, lambda state: state.update({n: t.half() for n, t in state.items()}))
    convert(release, tmp_path / "out", TINY)
    written = read_folder(tmp_path / "out" / "transformer")
    assert {tensor.dtype for tensor in written.values()} == {torch.float16}


def test_the_shape_of_nami_2b_is_read_off_its_tensors() -> None:
    with torch.device("meta"):
        state = NamiTransformer2DModel.from_shape(NAMI_2B).state_dict()
    assert infer_shape(state, Path("f")) == NAMI_2B


def test_another_model_needs_its_configuration(release: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"2 double-stream and 4 single-stream blocks .* --config"):
        convert(release, tmp_path / "out")
    with pytest.raises(InputError, match="does not fit the configuration: it says in_channels 64, not 16"):
        convert(release, tmp_path / "out", NAMI_2B)
    larger = replace(TINY, sample_size=32)
    with pytest.raises(InputError, match=r"bridge's largest shift map is \(16, 16\) where .* \(32, 32\)"):
        convert(release, tmp_path / "out", larger)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "file",
    [
        TRANSFORMER,
        "bridge_flow.bin",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "mclip/clip_text_encoder/pytorch_model.bin",
        "mclip/clip_text_encoder/config.json",
        "mclip/tokenizer/vocab.txt",
        "mt5/pytorch_model.bin",
        "mt5/spiece.model",
    ],
)
def test_a_missing_or_empty_file_is_named(file: str, release: Path, tmp_path: Path) -> None:
    folder = str(Path(file).parent)
    (release / file).write_bytes(b"")
    with pytest.raises(InputError, match=folder):
        convert(release, tmp_path / "out", TINY)
    (release / file).unlink()
    with pytest.raises(InputError, match=folder):
        convert(release, tmp_path / "out", TINY)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["release"]


WEIGHTS = {
    TRANSFORMER: "single_transformer_blocks.3.proj_out.weight",
    "bridge_flow.bin": "shift.1",
    "mclip/clip_text_encoder/pytorch_model.bin": "encoder.layer.1.output.dense.weight",
    "mt5/pytorch_model.bin": "encoder.block.1.layer.0.SelfAttention.k.weight",
}


@pytest.mark.slow
@pytest.mark.parametrize("file", WEIGHTS)
def test_a_wrong_tensor_is_named(file: str, release: Path, tmp_path: Path) -> None:
    name, path = WEIGHTS[file], release / file
    state = torch.load(path, weights_only=True)
    torch.save({k: v for k, v in state.items() if k != name}, path)
    with pytest.raises(InputError, match=f"tensor '{name}' is missing"):
        convert(release, tmp_path / "out", TINY)
    torch.save({**state, name: torch.zeros(1, 2, 3, 5, 7)}, path)
    with pytest.raises(InputError, match=f"tensor '{name}'"):
        convert(release, tmp_path / "out", TINY)
    torch.save({**state, "alien.weight": torch.zeros(1)}, path)
    with pytest.raises(InputError, match=r"tensor 'alien\.weight' does not belong there"):
        convert(release, tmp_path / "out", TINY)
    torch.save(state, path)
    convert(release, tmp_path / "out", TINY)


@pytest.mark.parametrize("file", WEIGHTS)
def test_a_cut_file_is_named_with_the_tensor_it_ends_in(file: str, release: Path, tmp_path: Path) -> None:
    name, path = WEIGHTS[file], release / file
    whole = path.read_bytes()
    at = whole.index(torch.load(path, weights_only=True)[name].numpy().tobytes())
    path.write_bytes(whole[: at + 10])
    with pytest.raises(InputError, match=f"{path.name} is cut off at tensor '{name}'"):
        convert(release, tmp_path / "out", TINY)


def test_parts_of_different_models_are_refused(release: Path, tmp_path: Path) -> None:
    other = make_pipeline(replace(TINY, joint_attention_dim=32))
    torch.save(other.transformer.state_dict(), release / TRANSFORMER)
    with pytest.raises(InputError, match="mT5's width is 24 where the transformer needs 32"):
        convert(release, tmp_path / "out", replace(TINY, joint_attention_dim=32))


def test_names_that_older_files_use_are_understood(release: Path, tmp_path: Path) -> None:
    mclip = release / "mclip" / "clip_text_encoder" / "pytorch_model.bin"
    state = torch.load(mclip, weights_only=True)
    older = {f"bert.{name}": tensor for name, tensor in state.items()}
    torch.save({**older, "bert.pooler.dense.bias": torch.zeros(2), "cls.x": torch.zeros(2)}, mclip)
    edit(release / "mt5" / "pytorch_model.bin", lambda state: state.pop("shared.weight"))
    convert(release, tmp_path / "out", TINY)
    loaded = NamiPipeline.from_pretrained(tmp_path / "out", local_files_only=True)
    torch.testing.assert_close(loaded.text_encoder.state_dict(), state, rtol=0, atol=0)
    original = make_pipeline(TINY).text_encoder_2.state_dict()
    torch.testing.assert_close(loaded.text_encoder_2.state_dict(), original, rtol=0, atol=0)


def test_a_target_that_exists_is_left_alone(release: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="out exists already: name a new folder"):
        convert(release, tmp_path / "out", TINY)
    with pytest.raises(InputError, match="nowhere is not a folder"):
        convert(tmp_path / "nowhere", tmp_path / "new", TINY)


def test_a_conversion_that_breaks_off_leaves_nothing(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = save_torch_state_dict
    written: list[Path] = []

    def full(tensors: Any, folder: Path, **kwargs: Any) -> None:
        if len(written) == 2:
            raise SafetensorError("I/O error: No space left on device")
        written.append(folder)
        whole(tensors, folder, **kwargs)

    monkeypatch.setattr("nami_bench.generators.nami.convert.save_torch_state_dict", full)
    with pytest.raises(StorageError, match=r"cannot write .*out: .*No space left"):
        convert(release, tmp_path / "out", TINY)
    assert len(written) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["release"]


def test_from_the_command_line(release: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(asdict(TINY)))
    arguments = ["nami", "convert", str(release), str(tmp_path / "out"), "--config", str(config)]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.exception
    assert "models add nami --adapter nami -O path=" in done.stderr
    info = CliRunner().invoke(cli, ["nami", "info", str(tmp_path / "out"), "--json"])
    total = NamiTransformer2DModel.from_shape(TINY).num_parameters()
    assert json.loads(info.stdout)["parameters"]["transformer"] == total
    again = CliRunner().invoke(cli, arguments)
    assert isinstance(again.exception, InputError)
    assert "out exists already" in str(again.exception)


def test_tokenizer_and_encoder_of_different_models_are_refused(release: Path, tmp_path: Path) -> None:
    with (release / "mclip" / "tokenizer" / "vocab.txt").open("a") as file:
        file.write("\n".join(f"word{number}" for number in range(50)))
    with pytest.raises(InputError, match="mCLIP's tokenizer has 107 tokens where its encoder knows 64"):
        convert(release, tmp_path / "out", TINY)
