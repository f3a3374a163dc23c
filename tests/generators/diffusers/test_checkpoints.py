"""Checkpoints as people have them, put into the pipeline that they were trained from."""

import json
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from nami_bench import registry
from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.generators.part_files import Form, find_part
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.image_settings import fingerprints

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning"),
]

Folder = Callable[[str], Path]
Pixels = NDArray[np.int16]
REQUEST = GenerationRequest(Prompt("00000", "a red fox"), 0, 0)
SMALL = {"steps": "2", "height": "32", "width": "32"}
EXTRA = {"flux": '{"max_sequence_length": 48}', "sd3": '{"max_sequence_length": 48}'}


def create(model: Path | str, extra: str = "flux", **options: Any) -> Any:
    given = {"model": str(model), **SMALL, "extra": EXTRA.get(extra, "{}"), **options}
    return registry.create("generators", "diffusers", {key: str(value) for key, value in given.items()})


def picture(model: Path | str, extra: str = "flux", **options: Any) -> Pixels:
    (result,) = create(model, extra, **options).generate([REQUEST])
    assert result.image is not None, result.reason
    return np.asarray(result.image, np.int16)


class Tuned:
    """A tiny FLUX, its transformer after training, and the picture of both saved as one pipeline."""

    def __init__(self, base: Path, root: Path) -> None:
        from diffusers import FluxTransformer2DModel

        self.base, self.root = base, root
        torch.manual_seed(1)
        self.network = FluxTransformer2DModel.from_pretrained(base, subfolder="transformer")
        with torch.no_grad():
            for parameter in self.network.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
        self.folder = root / "trained"
        self.network.save_pretrained(self.folder)
        self.tensors = {name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}
        whole = shutil.copytree(base, root / "whole")
        shutil.copytree(self.folder, whole / "transformer", dirs_exist_ok=True)
        self.whole = whole
        self.want, self.plain = picture(whole), picture(base)

    def written(self, form: str, root: Path) -> Path:
        """The trained transformer in another form."""
        target = root / form
        if form == "file.safetensors":
            save_file(self.tensors, target)
        elif form == "wrapped.ckpt":
            names = {f"module.{name}": tensor for name, tensor in self.tensors.items()}
            torch.save({"model": names, "step": 3}, target)
        elif form == "sharded":
            self.network.save_pretrained(target, max_shard_size="20KB")
            assert len(list(target.glob("*.safetensors"))) > 1
        elif form == "shards without settings":
            self.network.save_pretrained(target, max_shard_size="20KB")
            (target / "config.json").unlink()
        elif form == "fp16 alone":
            self.network.save_pretrained(target, variant="fp16")
        elif form == "fsdp":
            self._save_shards(target / "pytorch_model_fsdp_0")
        elif form == "pipeline":
            shutil.copytree(self.whole, target)
        return target

    def _save_shards(self, folder: Path) -> None:
        import torch.distributed.checkpoint as dcp

        dcp.save({"model": self.tensors}, checkpoint_id=folder, no_dist=True)


@pytest.fixture(scope="module")
def tuned(pipeline_folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return Tuned(pipeline_folder("flux"), tmp_path_factory.mktemp("tuned"))


@pytest.mark.filterwarnings("ignore::UserWarning:torch.distributed")
@pytest.mark.filterwarnings("ignore::FutureWarning:torch.distributed")
@pytest.mark.parametrize(
    "form",
    [
        "file.safetensors",
        "wrapped.ckpt",
        "sharded",
        "shards without settings",
        "fp16 alone",
        "fsdp",
        "pipeline",
    ],
)
def test_a_trained_transformer_in_every_form_draws_as_in_its_pipeline(
    tuned: Tuned, tmp_path: Path, form: str
) -> None:
    assert np.abs(tuned.want - tuned.plain).max() > 8
    drawn = picture(tuned.base, transformer=tuned.written(form, tmp_path))
    assert np.array_equal(drawn, tuned.want)


def test_ggufs_eight_bits_are_close(tuned: Tuned, tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf", reason="NO GGUF: pip install gguf")
    writer = gguf.GGUFWriter(str(tmp_path / "tiny.gguf"), "flux")
    for name, tensor in tuned.tensors.items():
        array = tensor.float().numpy()
        if array.ndim == 2 and array.shape[1] % 32 == 0:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    drawn = picture(tuned.base, transformer=tmp_path / "tiny.gguf")
    assert 0 < np.abs(drawn - tuned.want).max() <= 3
    with pytest.raises(InputError, match="is quantised already: leave quantize out"):
        picture(tuned.base, transformer=tmp_path / "tiny.gguf", quantize="int8wo")


def test_an_averaged_unet_beside_the_trained_one_is_named(pipeline_folder: Folder, tmp_path: Path) -> None:
    from diffusers import UNet2DConditionModel
    from diffusers.training_utils import EMAModel

    base = pipeline_folder("sdxl")
    unet = UNet2DConditionModel.from_pretrained(base, subfolder="unet")
    EMAModel(unet.parameters(), model_cls=UNet2DConditionModel, model_config=unet.config).save_pretrained(
        tmp_path / "checkpoint-100" / "unet_ema"
    )
    unet.save_pretrained(tmp_path / "checkpoint-100" / "unet")
    averaged = picture(base, "sdxl", unet=tmp_path / "checkpoint-100" / "unet_ema")
    assert np.array_equal(averaged, picture(base, "sdxl"))
    with pytest.raises(InputError, match=r"holds unet, unet_ema: give unet=.*/unet or unet=.*/unet_ema"):
        picture(base, "sdxl", unet=tmp_path / "checkpoint-100")


def test_vae_and_text_encoder_come_from_elsewhere_too(tuned: Tuned, tmp_path: Path) -> None:
    from diffusers import AutoencoderKL
    from transformers import CLIPTextModel

    vae = AutoencoderKL.from_pretrained(tuned.base, subfolder="vae")
    vae.decoder.conv_out.bias.data += 0.1
    vae.save_pretrained(tmp_path / "vae")
    encoder = CLIPTextModel.from_pretrained(tuned.base / "text_encoder")
    dict(encoder.named_parameters())["final_layer_norm.bias"].data += 1
    save_file(encoder.state_dict(), tmp_path / "clip.safetensors")
    assert (picture(tuned.base, vae=tmp_path / "vae") != tuned.plain).mean() > 0.5
    drawn = picture(tuned.base, text_encoder=tmp_path / "clip.safetensors")
    encoder.save_pretrained(tmp_path / "encoder")
    assert (drawn != tuned.plain).any()
    assert np.array_equal(drawn, picture(tuned.base, text_encoder=tmp_path / "encoder"))


def test_components_that_the_pipelines_folder_lacks(tuned: Tuned, tmp_path: Path) -> None:
    lacking = shutil.copytree(tuned.base, tmp_path / "lacking")
    for name in ("text_encoder_2", "tokenizer_2"):
        (lacking / name).rename(tmp_path / name)
    index = json.loads((lacking / "model_index.json").read_text())
    index["text_encoder_2"] = index["tokenizer_2"] = [None, None]
    (lacking / "model_index.json").write_text(json.dumps(index))
    places = {name: str(tmp_path / name) for name in ("text_encoder_2", "tokenizer_2")}
    assert np.array_equal(picture(lacking, components=json.dumps(places)), tuned.plain)


def test_a_pipeline_in_one_file_and_what_the_file_lacks(tuned: Tuned, tmp_path: Path) -> None:
    save_file(tuned.tensors, file := tmp_path / "whole.safetensors")
    with pytest.raises(InputError, match=r"give a pipeline's name or folder as base"):
        create(file)
    with pytest.raises(InputError, match=r"whole FluxPipeline.*transformer or unet") as caught:
        picture(file, base=tuned.base)
    assert "\n" not in str(caught.value)
    others = {name: str(tuned.base / name) for name in ("text_encoder", "text_encoder_2", "vae")}
    assert np.array_equal(picture(file, base=tuned.base, components=json.dumps(others)), tuned.want)
    with pytest.raises(InputError, match="base is for a model in one file"):
        create(tuned.base, base=tuned.base)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("foreign", r"it holds a SD3Transformer2DModel, and the base has a FluxTransformer2DModel there"),
        ("torn", r"1 of its tensors are missing, such as \w+"),
        ("more", r"1 tensors do not belong there, such as no\.such\.weight"),
        (
            "deepspeed",
            r"join them with `python .*/zero_to_fp32\.py .* --safe_serialization`, then give transfor",
        ),
        ("empty", r"neither config\.json nor weights, but README\.md"),
        ("text", r"notes\.txt is no file of weights"),
        ("nowhere", r"neither a file, nor a folder, nor a place on the hub"),
    ],
)
def test_what_cannot_be_put_in_is_refused_in_one_sentence(
    tuned: Tuned, pipeline_folder: Folder, tmp_path: Path, what: str, message: str
) -> None:
    given = tmp_path / what
    if what == "foreign":
        given = pipeline_folder("sd3") / "transformer"
    elif what in ("torn", "more"):
        tensors = dict(tuned.tensors)
        if what == "torn":
            tensors.pop(min(tensors))
        else:
            tensors["no.such.weight"] = torch.zeros(2)
        save_file(tensors, given := tmp_path / "x.safetensors")
    elif what in ("deepspeed", "empty"):
        given.mkdir()
        (given / ("zero_to_fp32.py" if what == "deepspeed" else "README.md")).touch()
    elif what == "text":
        (given := tmp_path / "notes.txt").touch()
    else:
        given = tmp_path / "gone"
    with pytest.raises(InputError, match=message) as caught:
        picture(tuned.base, transformer=given)
    assert "\n" not in str(caught.value)


def test_an_unknown_component_and_one_given_twice(tuned: Tuned) -> None:
    with pytest.raises(InputError, match=r"unknown component of FluxPipeline 'unet'"):
        picture(tuned.base, unet=tuned.folder)
    with pytest.raises(InputError, match="vae is given twice, also in components"):
        create(tuned.base, vae="a/b", components='{"vae": "a/c"}')


@pytest.mark.filterwarnings("ignore::UserWarning:torch.distributed")
@pytest.mark.filterwarnings("ignore::FutureWarning:torch.distributed")
def test_shards_whose_index_would_run_code_are_not_read(tuned: Tuned, tmp_path: Path) -> None:
    folder = tuned.written("fsdp", tmp_path) / "pytorch_model_fsdp_0"
    index = pickle.loads((folder / ".metadata").read_bytes())
    marker = tmp_path / "ran"

    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (marker,)

    index.planner_data = Trap()
    (folder / ".metadata").write_bytes(pickle.dumps(index))
    with pytest.raises(InputError, match=r"\.metadata is not the index .*: not read"):
        picture(tuned.base, transformer=folder)
    assert not marker.exists()


def test_a_folder_with_variants_alone_says_which(tuned: Tuned, tmp_path: Path) -> None:
    from diffusers import DiffusionPipeline

    DiffusionPipeline.from_pretrained(tuned.base).save_pretrained(tmp_path, variant="fp16")
    with pytest.raises(InputError, match="there as variant fp16 alone: give variant=fp16"):
        picture(tmp_path)
    assert picture(tmp_path, variant="fp16").shape == (32, 32, 3)


@pytest.mark.parametrize("where", ["pipeline", "transformer"])
def test_folders_with_their_own_code_are_refused(tuned: Tuned, tmp_path: Path, where: str) -> None:
    folder = shutil.copytree(tuned.base, tmp_path / "own")
    index = json.loads((folder / "model_index.json").read_text())
    if where == "pipeline":
        index["_class_name"] = ["mine", "MyPipeline"]
        (folder / "mine.py").write_text("raise SystemExit")
    else:
        index["transformer"] = ["mine", "MyTransformer"]
        (folder / "transformer" / "mine.py").write_text("raise SystemExit")
    (folder / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"brings its own code for .* \(mine\.py\), which is not run here"):
        picture(folder)


def test_int8_weights_are_close_and_a_saved_folder_of_them_loads(tuned: Tuned, tmp_path: Path) -> None:
    pytest.importorskip("torchao", reason="NO TORCHAO: pip install torchao")
    drawn = picture(tuned.whole, quantize="int8wo")
    assert 0 < np.abs(drawn - tuned.want).max() <= 3
    part = picture(tuned.base, transformer=tuned.folder, quantize="transformer:int8wo")
    assert np.array_equal(part, drawn)
    from diffusers import DiffusionPipeline, TorchAoConfig
    from diffusers.quantizers import PipelineQuantizationConfig
    from torchao.quantization import Int8WeightOnlyConfig

    mapping = {"transformer": TorchAoConfig(Int8WeightOnlyConfig())}
    config = PipelineQuantizationConfig(quant_mapping=mapping)
    DiffusionPipeline.from_pretrained(tuned.whole, quantization_config=config).save_pretrained(tmp_path / "q")
    assert np.abs(picture(tmp_path / "q") - drawn).max() <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantize": "int8"}, "unknown way to quantise 'int8': did you mean"),
        ({"quantize": "bnb-nf4"}, "quantize=bnb-nf4 needs a CUDA GPU"),
        ({"quantize": "vea:int8wo"}, "unknown component to quantise 'vea': did you mean 'vae'"),
        ({"scheduler": "EulerScheduler"}, "unknown scheduler of diffusers 'EulerScheduler'"),
        ({"scheduler": '{"base_shfit": 1}'}, "did you mean 'base_shift'"),
    ],
)
def test_bad_words_for_bits_and_schedulers(tuned: Tuned, options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        picture(tuned.base, **options)


def test_another_scheduler_or_other_settings_of_it(tuned: Tuned) -> None:
    shifted = picture(tuned.base, scheduler='{"use_dynamic_shifting": false, "shift": 3.0}')
    assert (shifted != tuned.plain).any()


def test_another_scheduler_keeps_the_settings_that_it_knows(pipeline_folder: Folder) -> None:
    changes = {"class": "DDIMScheduler", "beta_end": 0.01}
    generator = create(pipeline_folder("sdxl"), "sdxl", scheduler=json.dumps(changes))
    (result,) = generator.generate([REQUEST])
    scheduler = generator._pipeline.scheduler
    assert (type(scheduler).__name__, scheduler.config.beta_end) == ("DDIMScheduler", 0.01)
    assert scheduler.config.steps_offset == 0 and result.image is not None
    assert generator.describe()["scheduler"] == changes


def test_every_part_has_its_hash_and_one_overwritten_is_noticed(tuned: Tuned, tmp_path: Path) -> None:
    file = tuned.written("file.safetensors", tmp_path)
    options = {"transformer": file, "components": json.dumps({"vae": str(tuned.base / "vae")})}
    generator = create(tuned.base, **options)
    described = generator.describe()
    found = fingerprints(described)
    assert {"model_files", "components transformer", "components vae"} <= found.keys()
    save_file({name: tensor + 1 for name, tensor in load_file(file).items()}, file)
    other = create(tuned.base, **options).describe()
    assert other["components"]["transformer"] != described["components"]["transformer"]
    assert other["components"]["vae"] == described["components"]["vae"]
    with pytest.raises(InputError, match="was overwritten while it was loaded"):
        next(generator.generate([REQUEST]))


def test_parts_on_the_hub_at_their_commit(tuned: Tuned, tmp_path: Path) -> None:
    commit = "3" * 40
    snapshot = tmp_path / "hub" / "models--o--n" / "snapshots" / commit
    shutil.copytree(tuned.whole, snapshot)
    shutil.copytree(tuned.folder, snapshot / "averaged")
    save_file(tuned.tensors, snapshot / "one.safetensors")
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(commit)
    for name, inside, form in (
        ("o/n", "transformer", Form.FOLDER),
        ("o/n/averaged@main", "averaged", Form.FOLDER),
        ("o/n/one.safetensors", "one.safetensors", Form.WEIGHTS),
    ):
        part = find_part("transformer", name)
        assert (part.files.path, part.form) == (snapshot / inside, form)
        assert part.files.identity == {"commit": commit}
