"""What every metric, detector and judge declares of its weights, without being loaded."""

import subprocess
import sys
from dataclasses import dataclass, fields, is_dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from nami_bench import registry
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation import weights
from nami_bench.neural.hub_weights import HubFiles
from nami_bench.neural.needed_weights import GROUPS, all_needed, needed
from nami_bench.neural.weights import OwnFiles, WebFile

PLUGINS = [(group, name) for group in GROUPS for name in registry.plugins(group)]


def sources(name: str, **options: object) -> list[str]:
    (found,) = needed({name: options})
    return [part.source for part in found.weights]


def test_each_plugin_of_this_package_declares() -> None:
    silent = [(one.kind, one.name) for one in all_needed() if one.note == "it does not declare them"]
    assert silent == []
    assert len(list(all_needed())) == len(PLUGINS)


def test_listing_loads_no_network_library() -> None:
    program = (
        "import sys; from nami_bench.neural.needed_weights import all_needed;"
        "[(part.files(), part.hash()) for one in all_needed() for part in one.weights];"
        "print(sorted({'torch', 'transformers', 'open_clip', 'onnxruntime', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
@pytest.mark.parametrize(("group", "name"), PLUGINS)
def test_options_and_defaults_are_the_plugins(group: str, name: str) -> None:
    pytest.importorskip("torch")
    declared = registry.load("weights", f"{group}.{name}")
    if not fields_of(declared):
        return
    plugins = fields_of(registry.load(group, name).Options)
    for option, default in fields_of(declared).items():
        assert option in plugins
        # Where a plugin cannot do without, nothing is declared until it is chosen.
        assert default == plugins[option] or (default is None and option == "model")


def fields_of(kind: type) -> dict[str, object]:
    return {field.name: field.default for field in fields(kind)} if is_dataclass(kind) else {}


@pytest.mark.slow
def test_the_libraries_mean_the_same_files() -> None:
    open_clip = pytest.importorskip("open_clip")
    fidelity = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    assert weights.INCEPTION.address == fidelity.URL_INCEPTION_V3
    place = open_clip.pretrained.get_pretrained_cfg(weights.CLIP, weights.CLIP_TAG)["hf_hub"]
    (clip,) = needed({"clip-score": {}})[0].weights
    assert isinstance(clip, HubFiles) and f"{clip.repository}/" == place
    assert clip.patterns == tuple(open_clip.pretrained._get_safe_alternatives("open_clip_pytorch_model.bin"))


@pytest.mark.slow
def test_another_model_of_open_clips_is_looked_up_there() -> None:
    pytest.importorskip("open_clip")
    assert sources("clip-score", model="ViT-B-32", pretrained="laion2b_s34b_b79k") == [
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
    ]
    with pytest.raises(InputError, match="no weights 'nonsense' of 'ViT-B-32' on the hub"):
        sources("clip-score", model="ViT-B-32", pretrained="nonsense")


def test_options_choose_other_weights(tmp_path: Path) -> None:
    assert sources("pickscore", model="a/b", revision="v1")[0] == "a/b@v1"
    assert sources("vqa-score", model="a/b") == ["a/b"] and sources("vqa-score") == []
    assert sources("judges.transformers", model="a/b") == ["a/b"]
    (other,) = needed({"hpsv2": {"version": "2.0"}})[0].weights
    assert isinstance(other, HubFiles) and other.patterns == ("HPS_v2_compressed.pt",)
    (own, clip) = needed({"mask2former": {"weights": str(tmp_path), "clip_model": str(tmp_path)}})[0].weights
    assert own == clip == OwnFiles(path=tmp_path)


def test_what_several_need_is_one_and_the_same() -> None:
    found = needed({"fid": {}, "kid": {}, "mask2former": {}, "yolox": {}})
    assert found[0].weights == found[1].weights == (weights.INCEPTION,)
    assert found[2].weights[1] == found[3].weights[1]


def test_names_and_options_that_mean_nothing_are_one_sentence() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'pickscore'"):
        needed({"pickscor": {}})
    with pytest.raises(InputError, match=r"say detectors\.transformers or judges\.transformers"):
        needed({"transformers": {}})
    with pytest.raises(InputError, match=r"the metric 'hpsv2': version: input should be '2\.0' or '2\.1'"):
        needed({"hpsv2": {"version": "3"}})
    with pytest.raises(InputError, match="the metric 'hpsv2': batch_size: unknown key"):
        needed({"hpsv2": {"batch_size": "3"}})


@dataclass(frozen=True)
class Declared:
    """By somebody else's package."""

    size: str = "small"
    note = ""

    def loads(self) -> tuple[WebFile, ...]:
        pin = weights.YOLOX_NANO.pin
        return (WebFile(address=f"https://example.org/{self.size}.pt", pin=pin, licence="MIT"),)


def test_other_packages_declare_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {
        "nami_bench.metrics": [EntryPoint("theirs", "x:Y", "nami_bench.metrics"),
                               EntryPoint("silent", "x:Z", "nami_bench.metrics")],
        "nami_bench.weights": [EntryPoint("metrics.theirs", f"{__name__}:Declared", "nami_bench.weights")],
    }  # fmt: skip
    monkeypatch.setattr(registry, "_declared", lambda group, path: tuple(points.get(group, ())))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    assert sources("theirs", size="large") == ["https://example.org/large.pt"]
    assert [(one.name, one.note) for one in all_needed()] == [
        ("silent", "it does not declare them"),
        ("theirs", ""),
    ]
    with pytest.raises(InputError, match="the metric 'silent' does not declare which weights it needs"):
        needed({"silent": {}})


def test_pins_say_what_could_not_be_verified() -> None:
    for file in (weights.MASK2FORMER, weights.INCEPTION, weights.YOLOX_NANO):
        assert not file.pin.verified and file.pin.source
        assert file.name.partition(".")[0].endswith(file.pin.digits[:8]) or file is weights.YOLOX_NANO
