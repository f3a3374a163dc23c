"""Networks for the GenEval benchmark: random weights, the libraries' own classes, loaded from files."""

import json
from math import prod
from pathlib import Path
from typing import Any

import open_clip
import torch
import transformers

from nami_bench.domain import GENEVAL_CLASSES
from nami_bench.evaluation.geneval.mask2former import HubMask2FormerDetector
from nami_bench.evaluation.geneval.mask2former_names import Architecture, TensorName, tensor_names
from nami_bench.evaluation.geneval.mask2former_weights import network_config
from nami_bench.evaluation.geneval.transformers_detector import TransformersDetector
from nami_bench.neural.device import choose_device

# The published detector: Swin-S, 100 queries, COCO; and the same network small.
_SWIN_S = Architecture(96, (2, 2, 18, 2), (3, 6, 12, 24), 7, 4, 256, 8, 6, 1024, 9, 2048, 100, 80, 3)
_TOY = Architecture(8, (1, 1, 1, 1), (1, 2, 4, 8), 7, 2, 32, 4, 1, 32, 1, 32, 20, 80, 3)
_LABELS = dict(enumerate(GENEVAL_CLASSES))
_SIDE = 224
# Of mmdet's tensors: chosen so that queries stay apart, and are sure of some class and some place.
_GAINS = {"cls_embed.weight": 4.0, "mask_feature.weight": 4.0}
_OTHER_GAIN = 0.5
_SMALL_CLIP = {
    "embed_dim": 256,
    "vision_cfg": {"image_size": 224, "layers": 6, "width": 256, "patch_size": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 128, "heads": 4, "layers": 4},
}


def device(name: str) -> torch.device:
    """The device called `name`."""
    return choose_device(name)


def build(work: Path, full_size: bool, device: str, dtype: str) -> Any:
    """A detector with its color classifier: YOLOS and a small ViT, or Mask2Former Swin-S and ViT-L/14."""
    torch.manual_seed(0)
    clip = str(build_clip(work, full_size))
    common: dict[str, Any] = {"device": device, "dtype": dtype, "clip_model": clip}
    if full_size:
        model = str(_mask2former(work))
        return HubMask2FormerDetector(HubMask2FormerDetector.Options(model=model, **common))
    return TransformersDetector(TransformersDetector.Options(model=str(_yolos(work)), **common))


def _yolos(work: Path) -> Path:
    """YOLOS with the width of its smallest release and a third of its layers, for inputs of 224 pixels."""
    config = transformers.YolosConfig(
        hidden_size=192,
        num_hidden_layers=4,
        num_attention_heads=3,
        intermediate_size=768,
        image_size=[_SIDE, _SIDE],
        patch_size=16,
        num_detection_tokens=100,
        id2label=_LABELS,
    )
    network = transformers.YolosForObjectDetection(config)
    embeddings: Any = network.vit.embeddings
    with torch.no_grad():  # zeros when new: all queries would be one
        embeddings.detection_tokens.normal_()
        for head, gain in ((network.class_labels_classifier, 3.0), (network.bbox_predictor, 1.5)):
            for layer in head.layers:
                torch.nn.init.xavier_normal_(layer.weight, gain=gain if layer is head.layers[-1] else 1.5)
    folder = work / "yolos"
    network.save_pretrained(folder)
    transformers.YolosImageProcessor(size={"height": _SIDE, "width": _SIDE}).save_pretrained(folder)
    return folder


def _mask2former(work: Path) -> Path:
    config = network_config(_SWIN_S)
    config.id2label = _LABELS
    network = transformers.Mask2FormerForUniversalSegmentation(config)
    _sharpen(network.class_predictor)
    folder = work / "mask2former"
    network.save_pretrained(folder)
    return folder


def _sharpen(classifier: torch.nn.Linear) -> None:
    """Random queries are sure of nothing; these of some class."""
    with torch.no_grad():
        classifier.weight.normal_(std=1.0)


def write_checkpoint(path: Path, full_size: bool) -> Path:
    """A Mask2Former with random weights as mmdet writes it: Swin-S of the published sizes, or a toy."""
    torch.manual_seed(0)
    names = tensor_names(_SWIN_S if full_size else _TOY)
    torch.save({"state_dict": {name.source: _random(name) for name in names}}, path)
    return path


def _random(name: TensorName) -> torch.Tensor:
    if len(name.shape) == 1:
        return torch.zeros(name.shape) if name.source.endswith("bias") else torch.ones(name.shape)
    if "query_" in name.source:
        return torch.randn(name.shape)
    gain = next((gain for end, gain in _GAINS.items() if name.source.endswith(end)), _OTHER_GAIN)
    return torch.randn(name.shape) * gain * prod(name.shape[1:]) ** -0.5


def build_clip(work: Path, full_size: bool) -> Path:
    """The color classifier's CLIP with random weights, in a folder: ViT-L/14, or a small ViT."""
    if full_size:
        return _save_clip(work, open_clip.get_model_config("ViT-L-14"))
    return _save_clip(work, _SMALL_CLIP)


def _save_clip(work: Path, config: dict[str, Any]) -> Path:
    folder = work / "clip"
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    torch.save(open_clip.CLIP(**config).state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder
