"""LoRAs in the forms that trainers write: each must come out as strong as it was trained."""

import json
import re
from collections.abc import Callable, Mapping
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
from nami_bench.generators.lora import NamedLora, described_loras, find_loras, named_loras
from nami_bench.generators.lora_strength import scaled_to_rank
from nami_bench.generators.model_files import HubPlace, check_untouched, lora_files
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.image_settings import fingerprints

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning")

Folder = Callable[[str], Path]
Pixels = NDArray[np.int16]
RANK, ALPHA = 2, 16
TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]
REQUEST = GenerationRequest(Prompt("00000", "a red fox"), 0, 0)
SMALL = {"steps": "1", "height": "32", "width": "32", "extra": '{"max_sequence_length": 48}'}


def picture(model: Path, **options: Any) -> Pixels:
    generator = registry.create("generators", "diffusers", {"model": str(model), **SMALL, **options})
    (result,) = generator.generate([REQUEST])
    assert result.image is not None, result.reason
    return np.asarray(result.image, np.int16)


def off(one: Pixels, other: Pixels) -> int:
    """Grey levels between two pictures, at most."""
    return int(np.abs(one - other).max())


class Trained:
    """A tiny FLUX, a LoRA of rank 2 and alpha 16 for it, and the picture with its weights merged by PEFT."""

    def __init__(self, base: Path, root: Path) -> None:
        from diffusers import FluxTransformer2DModel
        from peft import LoraConfig, PeftModel, get_peft_model

        self.base, self.peft = base, root / "peft"
        torch.manual_seed(1)
        config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=TARGETS, init_lora_weights=False)
        network = FluxTransformer2DModel.from_pretrained(base, subfolder="transformer")
        get_peft_model(network, config).save_pretrained(self.peft)
        fresh = FluxTransformer2DModel.from_pretrained(base, subfolder="transformer")
        self.network = PeftModel.from_pretrained(fresh, self.peft).merge_and_unload()
        self.plain = picture(base)
        self.merged = self._drawn(root / "merged")
        self.layers = {
            name.removeprefix("base_model.model."): tensor
            for name, tensor in load_file(self.peft / "adapter_model.safetensors").items()
        }

    def _drawn(self, folder: Path) -> Pixels:
        from diffusers import DiffusionPipeline

        DiffusionPipeline.from_pretrained(self.base, transformer=self.network).save_pretrained(folder)
        return picture(folder)

    def file(self, target: Path, form: str) -> Path:
        """The same LoRA in diffusers' form: silent, with its metadata, or with alpha keys; or in kohya's."""
        layers = {f"transformer.{name}": tensor for name, tensor in self.layers.items()}
        alphas = {name: torch.tensor(float(ALPHA)) for name in _renamed(layers, "lora_A.weight", "alpha")}
        config = {"r": RANK, "lora_alpha": ALPHA, "target_modules": TARGETS}
        settings = json.dumps({f"transformer.{name}": value for name, value in config.items()})
        metadata = {"lora_adapter_metadata": settings} if form == "metadata" else {}
        if form == "alpha keys":
            layers |= alphas
        save_file(layers, target, metadata={"format": "pt", **metadata})
        return target


def _renamed(layers: Mapping[str, Any], old: str, new: str) -> list[str]:
    return [name.replace(old, new) for name in layers if name.endswith(old)]


@pytest.fixture(scope="module")
def trained(pipeline_folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(pipeline_folder("flux"), tmp_path_factory.mktemp("lora"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "options"),
    [("silent", {"lora_alpha": "16"}), ("metadata", {}), ("alpha keys", {}), ("peft", {})],
)
def test_every_form_comes_out_as_trained(
    trained: Trained, tmp_path: Path, form: str, options: dict[str, str]
) -> None:
    lora = trained.peft if form == "peft" else trained.file(tmp_path / "lora.safetensors", form)
    assert off(trained.plain, trained.merged) > 8
    assert off(picture(trained.base, lora=str(lora), **options), trained.merged) <= 1


@pytest.mark.slow
def test_weights_multiply_and_loras_add_up(trained: Trained, tmp_path: Path) -> None:
    lora, twin = (trained.file(tmp_path / name, "alpha keys") for name in ("a.safetensors", "b.safetensors"))
    both = picture(trained.base, lora=f"{lora}:0.75,{twin}:0.25")
    twice = picture(trained.base, lora=f"{trained.peft}:0.75,{trained.peft}:0.25")
    assert off(both, trained.merged) <= 1 and off(twice, trained.merged) <= 1
    mixed = picture(trained.base, lora=f"{trained.peft}:0.5, {twin}", lora_scale="0.5")
    three_quarters = picture(trained.base, lora=str(lora), lora_scale="0.75")
    assert off(mixed, three_quarters) <= 1 < off(three_quarters, trained.merged)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dora", "lokr"])
def test_pefts_other_methods_are_merged(trained: Trained, tmp_path: Path, method: str) -> None:
    from diffusers import DiffusionPipeline, FluxTransformer2DModel
    from peft import LoKrConfig, LoraConfig, PeftModel, get_peft_model

    def network() -> Any:
        return FluxTransformer2DModel.from_pretrained(trained.base, subfolder="transformer")

    config = (
        LoraConfig(r=2, lora_alpha=8, use_dora=True, target_modules=TARGETS, init_lora_weights=False)
        if method == "dora"
        else LoKrConfig(r=2, alpha=8, target_modules=TARGETS, init_weights=False)
    )
    get_peft_model(network(), config).save_pretrained(tmp_path / "adapter")
    merged = PeftModel.from_pretrained(network(), tmp_path / "adapter").merge_and_unload()
    DiffusionPipeline.from_pretrained(trained.base, transformer=merged).save_pretrained(tmp_path / "merged")
    want = picture(tmp_path / "merged")
    assert off(want, trained.plain) > 1
    assert off(picture(trained.base, lora=str(tmp_path / "adapter")), want) <= 1


@pytest.mark.slow
def test_the_record_says_how_strong_it_was_and_where_that_stood(trained: Trained, tmp_path: Path) -> None:
    file = trained.file(tmp_path / "lora.safetensors", "silent")
    options = {"model": str(trained.base), **SMALL, "lora": f"{file}:0.5,{trained.peft}", "lora_alpha": "16"}
    generator = registry.create("generators", "diffusers", options)
    (result,) = generator.generate([REQUEST])
    assert result.provenance["lora_strength"] == {
        str(file): "alpha / rank 8 (lora_alpha)",
        str(trained.peft): "LORA, alpha 16, rank 2 (adapter_config.json)",
    }


@pytest.mark.slow
def test_what_does_not_fit_or_would_be_lost_is_refused(
    trained: Trained, pipeline_folder: Folder, tmp_path: Path
) -> None:
    silent = trained.file(tmp_path / "silent.safetensors", "silent")
    with pytest.raises(InputError, match=r"does not say with which alpha .*lora_alpha=NUMBER.*its rank, 2"):
        picture(trained.base, lora=str(silent))
    keyed = trained.file(tmp_path / "keyed.safetensors", "alpha keys")
    with pytest.raises(InputError, match="says its alpha itself; leave lora_alpha out"):
        picture(trained.base, lora=str(keyed), lora_alpha="16")
    foreign = {f"text_encoder_2.{name}": tensor for name, tensor in load_file(silent).items()}
    save_file({**load_file(silent), **foreign}, tmp_path / "more.safetensors")
    with pytest.raises(InputError, match="is for text_encoder_2 too, which FluxPipeline leaves out"):
        picture(trained.base, lora=str(tmp_path / "more.safetensors"), lora_alpha="rank")
    with pytest.raises(InputError, match="is for a FluxTransformer2DModel, and the pipeline has"):
        picture(pipeline_folder("sd3"), lora=str(trained.peft))
    layers = load_file(trained.peft / "adapter_model.safetensors")
    layers.pop(min(layers))
    torn = tmp_path / "torn"
    torn.mkdir()
    save_file(layers, torn / "adapter_model.safetensors")
    (torn / "adapter_config.json").write_bytes((trained.peft / "adapter_config.json").read_bytes())
    with pytest.raises(InputError, match="1 layers do not fit, such as base_model"):
        picture(trained.base, lora=str(torn))


def save(file: Path, metadata: Mapping[str, str] | None = None, **keys: Any) -> Path:
    """A file with one layer of rank 4, `up` and `down` named as given, and further keys."""
    layer = {keys.pop("up"): torch.ones(6, 4), keys.pop("down"): torch.ones(4, 6)}
    save_file({**layer, **keys.pop("more", {})}, file, metadata=dict(metadata or {}))
    return file


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("transformer.a.lora_B.weight", "transformer.a.lora_A.weight"),
        ("unet.a.lora.up.weight", "unet.a.lora.down.weight"),
        ("lora_unet_a.lora_up.weight", "lora_unet_a.lora_down.weight"),
    ],
)
def test_alpha_is_worked_into_the_matrices_of_every_spelling(tmp_path: Path, up: str, down: str) -> None:
    alpha = f"{re.split(r'[.]lora[._]', up)[0]}.alpha"
    file = save(tmp_path / "l.safetensors", up=up, down=down, more={alpha: torch.tensor(2.0)})
    scaled = scaled_to_rank(file, None, {"transformer", "unet"})
    assert torch.equal(scaled.tensors[up], torch.full((6, 4), 0.5))
    assert str(scaled) == "alpha / rank 0.5 (the file's alpha keys)"
    # diffusers' rewriter of kohya's names wants the key, at which the matrices are right now.
    assert scaled.tensors.get(alpha) == (4.0 if up.startswith("lora_unet") else None)


def test_alpha_for_all_layers_and_a_layer_that_says_nothing(tmp_path: Path) -> None:
    names = {"up": "lora_unet_a.lora_up.weight", "down": "lora_unet_a.lora_down.weight"}
    file = save(tmp_path / "kohya.safetensors", {"ss_network_alpha": "8.0"}, **names)
    assert str(scaled_to_rank(file, None, ())) == "alpha / rank 2 (the file's metadata)"
    other = {"unet.b.lora_B.weight": torch.ones(6, 4), "unet.b.lora_A.weight": torch.ones(4, 6)}
    half = save(
        tmp_path / "half.safetensors", **names, more={"lora_unet_a.alpha": torch.tensor(2.0), **other}
    )
    with pytest.raises(InputError, match="does not say with which alpha"):
        scaled_to_rank(half, None, ["unet"])
    assert "alpha / rank 0.5 to 1" in str(scaled_to_rank(half, "rank", ["unet"]))


@pytest.mark.parametrize(
    ("key", "message"),
    [("a.hada_w1_a", "LyCORIS' LoHa"), ("lora_unet_a.dora_scale", "merge it into the model")],
)
def test_forms_that_diffusers_would_drop_in_silence(tmp_path: Path, key: str, message: str) -> None:
    names = {"up": "lora_unet_a.lora_up.weight", "down": "lora_unet_a.lora_down.weight"}
    file = save(tmp_path / "l.safetensors", **names, more={key: torch.ones(2, 2)})
    with pytest.raises(InputError, match=message):
        scaled_to_rank(file, "rank", ())


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a.safetensors", [("a.safetensors", 2.0)]),
        ("a.safetensors:0.5, b/c:-1", [("a.safetensors", 1.0), ("b/c", -2.0)]),
        ("C:\\loras\\a.safetensors", [("C:\\loras\\a.safetensors", 2.0)]),
        ("C:/loras/a.safetensors:0.5", [("C:/loras/a.safetensors", 1.0)]),
        ("owner/name/file.safetensors@v1:0.25", [("owner/name/file.safetensors@v1", 0.5)]),
    ],
)
def test_how_loras_are_written(text: str, named: list[tuple[str, float]]) -> None:
    assert named_loras(text, 2.0) == tuple(NamedLora(*one) for one in named)


def test_a_file_may_have_a_comma_in_its_name(tmp_path: Path) -> None:
    (file := tmp_path / "red, blue:2").touch()
    assert named_loras(str(file), 1.0) == (NamedLora(str(file), 1.0),)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lora": "a:much"}, "'much' is no weight"),
        ({"lora": "a,,b"}, "a name is missing"),
        ({"lora": "a:nan"}, "'nan' is no weight"),
        ({"lora": "a", "lora_alpha": "-1"}, "lora_alpha '-1' is neither a number above 0 nor the word rank"),
        ({"lora_alpha": "8"}, "lora_alpha need lora"),
    ],
)
def test_bad_words_for_loras(options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        registry.create("generators", "diffusers", {"model": "a/b", **options})


def test_a_lora_on_the_hub_may_be_one_file_of_many(tmp_path: Path) -> None:
    snapshot = tmp_path / "hub" / "models--o--n" / "snapshots" / ("1" * 40)
    snapshot.mkdir(parents=True)
    for name in ("one", "two"):
        (snapshot / f"{name}.safetensors").touch()
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "v1").write_text("1" * 40)
    found = lora_files("o/n/two.safetensors@v1")
    assert (found.path.name, found.identity) == ("two.safetensors", {"commit": "1" * 40})
    loras = find_loras(named_loras("o/n/one.safetensors:0.5,o/n/two.safetensors", 1.0), "v1")
    described = described_loras(loras, None)
    assert described is not None and [described[number]["scale"] for number in ("1", "2")] == [0.5, 1.0]
    assert fingerprints({"lora": described}) == {
        "lora 1": f"commit {'1' * 40}",
        "lora 2": f"commit {'1' * 40}",
    }
    with pytest.raises(InputError, match=r"it holds one.safetensors, two.safetensors: name the file itself"):
        lora_files("o/n@v1")
    with pytest.raises(InputError, match=r"o/n has no three.safetensors at 111111111111"):
        lora_files("o/n/three.safetensors@v1")


def test_a_changed_adapter_config_is_another_lora(tmp_path: Path) -> None:
    (tmp_path / "adapter_model.safetensors").write_bytes(b"weights")
    (config := tmp_path / "adapter_config.json").write_text('{"lora_alpha": 16}')
    before = lora_files(str(tmp_path))
    config.write_text('{"lora_alpha": 32}')
    assert lora_files(str(tmp_path)).identity != before.identity
    with pytest.raises(InputError, match="was overwritten while it was loaded"):
        check_untouched(before.path, before.identity["sha256"])


def test_places_on_the_hub() -> None:
    assert HubPlace.read("o/n") == HubPlace("o/n", "", None)
    assert HubPlace.read("o/n/sub/f.gguf@abc", "main") == HubPlace("o/n", "sub/f.gguf", "abc")
    assert HubPlace.read("o/n/sub", "main") == HubPlace("o/n", "sub", "main")
    assert HubPlace.read("file.safetensors") is None and HubPlace.read("/o/n") is None
