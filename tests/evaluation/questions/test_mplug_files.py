"""mPLUG's model folder: what is read of it, and what is refused; the published network's names and size."""

import gzip
import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import yaml
from PIL import Image

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Sheet
from nami_bench.evaluation.questions.judges.mplug.configuration import (
    Configuration,
    ImageConfig,
    TextConfig,
    read_configuration,
)
from nami_bench.evaluation.questions.judges.mplug.judge import MplugJudge
from nami_bench.evaluation.questions.judges.mplug.network import MplugNetwork
from nami_bench.evaluation.questions.judges.mplug.weights import load_network

DATA = Path(__file__).resolve().parents[2] / "data" / "mplug"
FILES = ("pytorch_model.bin", "config.yaml", "config_bert.json", "vocab.txt")
WORDS = "text_decoder.bert.embeddings.word_embeddings.weight"
QUERY = "text_encoder.encoder.layer.1.attention.self.query.weight"


@pytest.fixture
def folder(tmp_path):
    """A copy of the toy's folder."""
    for name in FILES:
        shutil.copy(DATA / name, tmp_path)
    return tmp_path


@pytest.fixture
def state():
    return torch.load(DATA / "pytorch_model.bin", weights_only=True)["model"]


@pytest.fixture(scope="module")
def published():
    """Names and shapes of the published network, as its own code makes it."""
    return json.loads(gzip.decompress((DATA / "large_state_dict.json.gz").read_bytes()))


def configure(folder, name, **values):
    """Change values of a configuration file; None takes one away."""
    found = yaml.safe_load((folder / name).read_text()) | values
    # JSON is YAML, too.
    (folder / name).write_text(json.dumps({k: v for k, v in found.items() if v is not None}))


def judge(folder):
    return MplugJudge(MplugJudge.Options(model=folder, device="cpu"))


def ask(folder):
    sheet = Sheet(Image.new("RGB", (9, 5), "blue"), (Question(1, "Is the sky red?"),))
    ((answer,),) = judge(folder).answer([sheet])
    return answer.text


def refused(folder, *words):
    with pytest.raises(InputError) as caught:
        ask(folder)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named_at_once(name, folder):
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"needs {folder / name}, which is no file"):
        judge(folder)


@pytest.mark.parametrize(
    "name, content",
    [
        ("config.yaml", "image_res: [56"),
        ("config.yaml", "- 56"),
        ("config.yaml", "image_res: !!python/name:os.getcwd"),
        ("config_bert.json", "{"),
        ("config_bert.json", "[]"),
        ("config_bert.json", "[" * 9999),
    ],
)
def test_a_damaged_configuration_is_refused(name, content, folder):
    (folder / name).write_text(content)
    refused(folder, str(folder / name))


@pytest.mark.parametrize(
    "name, values, words",
    [
        ("config.yaml", {"image_res": 0}, ["config.yaml: image_res"]),
        ("config.yaml", {"beam_size": "many"}, ["config.yaml: beam_size"]),
        ("config.yaml", {"image_res": 57}, ["image_res is no multiple"]),
        ("config.yaml", {"clip_vision_width": 100}, ["clip_vision_width is no multiple of 64"]),
        ("config.yaml", {"clip_vision_width": 64}, ["vision_width is not clip_vision_width"]),
        ("config.yaml", {"max_length": 33}, ["max_position_embeddings is less"]),
        ("config_bert.json", {"stride_layer": None}, ["config_bert.json: stride_layer: is missing"]),
        ("config_bert.json", {"stride_layer": 0}, ["config_bert.json: stride_layer"]),
        ("config_bert.json", {"hidden_act": "gelu_new"}, ["config_bert.json: hidden_act"]),
        ("config_bert.json", {"num_attention_heads": 5}, ["hidden_size is no multiple"]),
        ("config_bert.json", {"encoder_width": 64}, ["encoder_width is not hidden_size"]),
        ("config_bert.json", {"fusion_layers": 5}, ["fusion_layers is more"]),
    ],
)
def test_values_that_describe_no_network_are_refused(name, values, words, folder):
    configure(folder, name, **values)
    with pytest.raises(InputError) as caught:
        judge(folder)
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.slow
def test_where_the_first_file_is_silent_the_published_codes_values_hold(folder, published):
    (folder / "config.yaml").write_text("task: visual-question-answering")
    found = read_configuration(folder).image
    defaults = published["config_yaml_defaults"]
    assert {name: getattr(found, name) for name in defaults if hasattr(found, name)} == {
        name: defaults[name] for name in ImageConfig.__dataclass_fields__
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, values, words",
    [
        ("config.yaml", {"image_res": 70}, ["image_res 70", "17 rows, not 26"]),
        ("config.yaml", {"clip_vision_layers": 3}, ["lacks", "resblocks.2.", "(12 in all)"]),
        ("config.yaml", {"clip_vision_layers": 1}, ["also has", "resblocks.1.", "(12 in all)"]),
        (
            "config.yaml",
            {"vision_width": 64, "clip_vision_width": 64},
            ["(128,), not (64,)", "visual_encoder"],
        ),
        ("config_bert.json", {"text_encoder_layers": 3}, ["lacks text_encoder.encoder.layer.2."]),
        ("config_bert.json", {"text_decode_layers": 1}, ["also has text_decoder.bert.encoder.layer.1."]),
        ("config_bert.json", {"num_hidden_layers": 5}, ["lacks fusion_encoder.encoder.layer.4."]),
        ("config_bert.json", {"num_hidden_layers": 3}, ["also has fusion_encoder.encoder.layer.3."]),
        ("config_bert.json", {"intermediate_size": 63}, ["(64, 32), not (63, 32)"]),
        ("config_bert.json", {"max_position_embeddings": 40}, ["(32, 32), not (40, 32)"]),
        ("config_bert.json", {"vocab_size": 306}, ["(305, 32), not (306, 32)"]),
        ("config_bert.json", {"hidden_size": 64, "encoder_width": 64}, ["(32, 128), not (64, 128)"]),
    ],
)
def test_weights_that_contradict_the_configuration_are_refused(name, values, words, folder):
    configure(folder, name, **values)
    with pytest.raises(InputError) as caught:
        load_network(folder / "pytorch_model.bin", read_configuration(folder))
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.slow
def test_tensors_are_found_in_any_of_the_published_wrappings(folder, state):
    expected = ask(folder)
    prefixed = {f"model.{name}": tensor for name, tensor in state.items()}
    for content in (state, {"module": state}, {"model": {"module": prefixed}}):
        torch.save(content, folder / "pytorch_model.bin")
        assert ask(folder) == expected
    torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert ask(folder) == expected


@pytest.mark.slow
def test_what_only_training_needs_may_be_missing_or_damaged(folder, state):
    expected = ask(folder)
    used = MplugNetwork(read_configuration(folder)).state_dict()
    for name in state.keys() - used.keys():
        state[name] = torch.full((3,), torch.nan)
    torch.save({"model": state}, folder / "pytorch_model.bin")
    assert ask(folder) == expected
    torch.save({"model": {name: state[name] for name in used}}, folder / "pytorch_model.bin")
    assert ask(folder) == expected


def without(state):
    del state[QUERY], state["visn_fc.bias"]


def reshaped(state):
    state[QUERY] = state[QUERY][:5]


def not_finite(state):
    state[QUERY][0, 0] = torch.inf


def untied(state):
    state[WORDS] = state[WORDS] + 1


def scalar(state):
    state["visual_encoder.visual.positional_embedding"] = torch.tensor(1.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage, words",
    [
        (without, ["lacks", "visn_fc.bias", QUERY, "(2 in all)"]),
        (reshaped, [f"(5, 32), not (32, 32), is {QUERY}"]),
        (scalar, ["(), not (17, 128)"]),
        (not_finite, [f"tensor {QUERY} holds NaN"]),
        (untied, [f"{WORDS} and text_decoder.cls.predictions.decoder.weight must be the same"]),
    ],
)
def test_damaged_weights_are_refused(damage, words, folder, state):
    damage(state)
    torch.save({"model": state}, folder / "pytorch_model.bin")
    refused(folder, *words)


@pytest.mark.slow
def test_what_takes_no_part_in_answering_is_let_be(folder, state):
    state["text_encoder.pooler.dense.weight"] = torch.zeros(3)
    torch.save({"model": state}, folder / "pytorch_model.bin")
    load_network(folder / "pytorch_model.bin", read_configuration(folder))


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04"])
def test_a_file_that_holds_no_weights_is_refused(content, folder):
    (folder / "pytorch_model.bin").write_bytes(content)
    refused(folder, "pytorch_model.bin")


@pytest.mark.slow
@pytest.mark.parametrize("content", [[1], {"model": 3}, {"model": {"a": "b"}}, {"a": Path("code")}])
def test_a_file_of_something_else_is_refused(content, folder):
    torch.save(content, folder / "pytorch_model.bin")
    refused(folder, "pytorch_model.bin")


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", [lambda v: v + "more\n", lambda v: "one\n" + v, lambda v: "", lambda v: v[:700]]
)
def test_another_vocabulary_is_refused(change, folder):
    (folder / "vocab.txt").write_text(change((DATA / "vocab.txt").read_text()))
    refused(folder, "vocab.txt is not the network's vocabulary", "[CLS] on line 102")


@pytest.mark.slow
def test_the_shortcut_needs_yes_and_no(folder):
    words = (folder / "vocab.txt").read_text().replace("\nyes\n", "\naye\n")
    (folder / "vocab.txt").write_text(words)
    one = MplugJudge(MplugJudge.Options(model=folder, device="cpu", shortcut=True))
    with pytest.raises(InputError, match="has no token 'yes'"):
        next(one.answer([Sheet(Image.new("RGB", (9, 5)), (Question(1, "Is it?"),))]))


@pytest.mark.slow
def test_the_published_network_has_exactly_the_published_tensors(published):
    config = Configuration(ImageConfig(), text_config(published))
    with torch.device("meta"):
        network = MplugNetwork(config)
    found = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert found == {name: published["shapes"][name] for name in published["used_at_inference"]}
    sizes = [parameter.numel() for parameter in network.parameters()]
    assert sum(sizes) == published["parameters_used_at_inference"]


def text_config(published):
    values = published["config_bert"]
    return TextConfig(**{name: values[name] for name in TextConfig.__dataclass_fields__})


@pytest.fixture
def full_size(tmp_path, published):
    """A folder of random weights as large as the published ones that are used: 1.1 GB."""
    torch.manual_seed(0)
    tensors = {}
    for name in published["used_at_inference"]:
        shape = published["shapes"][name]
        normed = ".LayerNorm." in name or ".ln_" in name or name.startswith("visn_layer_norm")
        if normed or name.endswith("bias"):
            tensors[name] = torch.full(shape, float(normed and name.endswith("weight")), dtype=torch.float16)
        else:
            tensors[name] = (torch.randn(shape) * 0.02).half()
    tensors["text_decoder.cls.predictions.decoder.weight"] = tensors[WORDS]
    weights = tmp_path / "pytorch_model.bin"
    torch.save({"model": tensors}, weights)
    (tmp_path / "config.yaml").write_text(json.dumps(published["config_yaml_defaults"]))
    (tmp_path / "config_bert.json").write_text(json.dumps(published["config_bert"]))
    words = (DATA / "vocab.txt").read_text().split()
    words += [f"word{number}" for number in range(len(words), published["config_bert"]["vocab_size"])]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    yield tmp_path
    weights.unlink()


@pytest.mark.slow
def test_a_network_of_the_published_size_answers(full_size):
    assert ask(full_size) is not None
