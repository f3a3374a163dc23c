"""Networks with random weights, which take as long as trained ones: a Qwen3-VL and an mPLUG.

Each is small or of its own size, and a folder as a judge reads it. Tokenizer and vocabulary are those of the
tests' data.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_DATA = Path(__file__).resolve().parents[1] / "tests" / "data"
_QWEN, _MPLUG = _DATA / "geneval2" / "model", _DATA / "mplug"
QWEN_SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "small": {
        "text": {
            "hidden_size": 256,
            "intermediate_size": 768,
            "num_hidden_layers": 6,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 64,
            "vocab_size": 8192,
        },
        "vision": {
            "depth": 4,
            "hidden_size": 192,
            "intermediate_size": 768,
            "num_heads": 3,
            "out_hidden_size": 256,
            "deepstack_visual_indexes": [0, 1, 2],
        },
    },
    "400m": {
        "text": {
            "hidden_size": 1024,
            "intermediate_size": 3072,
            "num_hidden_layers": 16,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 64,
            "vocab_size": 32768,
        },
        "vision": {
            "depth": 12,
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_heads": 12,
            "out_hidden_size": 1024,
            "deepstack_visual_indexes": [2, 5, 8],
        },
    },
    "2b": {  # of Qwen/Qwen3-VL-2B-Instruct
        "text": {
            "hidden_size": 2048,
            "intermediate_size": 6144,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "vocab_size": 151936,
        },
        "vision": {
            "depth": 24,
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_heads": 16,
            "out_hidden_size": 2048,
            "deepstack_visual_indexes": [5, 11, 17],
        },
    },
}
MPLUG_SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "mplug": {
        "config.yaml": {
            "image_res": 336,
            "vision_width": 256,
            "clip_vision_width": 256,
            "clip_vision_layers": 6,
        },
        "config_bert.json": {
            "hidden_size": 192,
            "encoder_width": 192,
            "num_attention_heads": 3,
            "intermediate_size": 768,
            "num_hidden_layers": 4,
            "text_encoder_layers": 2,
            "fusion_layers": 2,
            "text_decode_layers": 3,
            "stride_layer": 6,
            "vocab_size": 8192,
        },
    },
    "mplug-large": {  # of damo/mplug_visual-question-answering_coco_large_en
        "config.yaml": {
            "image_res": 504,
            "vision_width": 1024,
            "clip_vision_width": 1024,
            "clip_vision_layers": 24,
        },
        "config_bert.json": {
            "hidden_size": 768,
            "encoder_width": 768,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "text_encoder_layers": 6,
            "fusion_layers": 6,
            "text_decode_layers": 12,
            "stride_layer": 6,
            "vocab_size": 30522,
        },
    },
}


def build_qwen(folder: Path, network: str) -> Path:
    """A Qwen3-VL with random weights that takes images as they are, in a folder."""
    import torch
    import transformers

    shutil.copytree(_QWEN, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "preprocessor_config.json").write_text(json.dumps(_image_settings()))
    config = json.loads((_QWEN / "config.json").read_text())
    sizes = QWEN_SIZES[network]
    heads = sizes["text"]["head_dim"]
    rope = {**config["text_config"]["rope_scaling"], "mrope_section": [heads // 4, heads // 8, heads // 8]}
    config["text_config"] |= {**sizes["text"], "rope_scaling": rope, "max_position_embeddings": 32768}
    config["vision_config"] |= {**sizes["vision"], "num_position_embeddings": 2304}
    torch.manual_seed(0)
    built = transformers.Qwen3VLForConditionalGeneration(transformers.Qwen3VLConfig(**config))
    with torch.no_grad():
        built.lm_head.weight[:420] *= 8  # the tokenizer's: some answers are likelier than others
    built.save_pretrained(folder)
    return folder


def _image_settings() -> Mapping[str, Any]:
    settings: dict[str, Any] = json.loads((_QWEN / "preprocessor_config.json").read_text())
    return {**settings, "size": {"shortest_edge": 32 * 32, "longest_edge": 4096 * 4096}}


def build_mplug(folder: Path, network: str) -> Path:
    """An mPLUG with random weights, in a folder as ModelScope has it."""
    import torch

    from nami_bench.evaluation.questions.judges.mplug.configuration import read_configuration
    from nami_bench.evaluation.questions.judges.mplug.network import MplugNetwork

    sizes = MPLUG_SIZES[network]
    folder.mkdir(parents=True)
    for name, wanted in sizes.items():  # JSON is YAML
        own = json.loads((_MPLUG / name).read_text()) if name.endswith(".json") else {}
        (folder / name).write_text(json.dumps({**own, **wanted}))
    words = (_MPLUG / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    words += [f"[more{number}]" for number in range(sizes["config_bert.json"]["vocab_size"] - len(words))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    (folder / "pytorch_model.bin").touch()
    torch.manual_seed(0)
    built = MplugNetwork(read_configuration(folder))
    with torch.no_grad():
        for name in ("class_embedding", "positional_embedding"):
            torch.nn.init.normal_(getattr(built.visual_encoder["visual"], name), std=0.5)
        for name, weights in built.named_parameters():
            if "attention" in name and weights.ndim == 2:
                weights *= 4  # else answers hardly depend on image and question
    torch.save({"model": built.state_dict()}, folder / "pytorch_model.bin")
    return folder
