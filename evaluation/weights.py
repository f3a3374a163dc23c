"""The weights of this package's metrics, detectors and judges: each is named here and nowhere else.

Nothing is loaded for it, so that `nami-bench weights list` is quick. Sizes are about; licences are those that
the authors name on their pages. Of hashes, see `Pin`: what could not be compared with the published file
itself says so.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from nami_bench.errors import InputError
from nami_bench.evaluation.geneval import published
from nami_bench.neural.hub import PICKLED, SAFETENSORS, TEXTS
from nami_bench.neural.hub_weights import HubFiles
from nami_bench.neural.weights import ByHand, OwnFiles, WebFile, Weights
from nami_bench.services.download import Pin

_NAMED_THERE = "see its page"

MASK2FORMER = WebFile(
    address="https://download.openmmlab.com/mmdetection/v2.0/mask2former/"
    "mask2former_swin-s-p4-w7-224_lsj_8x2_50e_coco/"
    "mask2former_swin-s-p4-w7-224_lsj_8x2_50e_coco_20220504_001756-743b7d99.pth",
    pin=Pin(published.DETECTOR_SHA256, "OpenMMLab ends a file's name with the first digits of its SHA-256"),
    licence="Apache-2.0",
    size=275_000_000,  # 68,797,171 parameters in float32
)
"""GenEval's detector. All of its SHA-256 could not be verified when this was written."""

YOLOX_NANO = WebFile(
    address="https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_nano.onnx",
    # Of a copy in the repository Kazuhito00/YOLOX-ONNX-TFLite-Sample (model/yolox_nano.onnx); the release's
    # own could not be compared with it.
    pin=Pin(
        "695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14",
        "a copy in the repository Kazuhito00/YOLOX-ONNX-TFLite-Sample",
    ),
    licence="Apache-2.0",
    size=3_660_092,
)

INCEPTION = WebFile(
    address="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth",
    # All digits stand in several public repositories that pin the file; its name has the first eight.
    pin=Pin(
        "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        "public repositories that pin it; its name has the first digits",
    ),
    licence="Apache-2.0",
    size=95_628_359,
    elsewhere="checkpoints/weights-inception-2015-12-05-6726825d.pth",
)

ALEXNET = WebFile(
    address="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    pin=Pin("7be5be79", "PyTorch ends a file's name with the first digits of its SHA-256"),
    licence="BSD-3-Clause",
    size=244_408_911,  # 61,100,840 parameters in float32
    elsewhere="checkpoints/alexnet-owt-7be5be79.pth",
)
"""The network below LPIPS' own layers."""

HPS3_TEXTS = WebFile(
    address="https://files.pythonhosted.org/packages/20/ed/"
    "6feb979b0086f57dc7a8b545693e1dbeffd60c8d942971e0445c65fcf438/hpsv3-1.0.0-py3-none-any.whl",
    pin=Pin(
        "1a1b3ed1f538315ddf0e90c55b9f5c8ab3248d772cd713c11f7dfe35bf867ab3",
        "the file that pip fetched from PyPI",
        verified=True,
    ),
    licence="MIT",
    size=68_966,
    option="instruction",
)
"""HPSv3's package: the words around a prompt are read in it, and nothing in it is run."""

AESTHETIC_HEAD = WebFile(
    address="https://github.com/christophschuhmann/improved-aesthetic-predictor/raw/main/"
    "sac+logos+ava1-l14-linearMSE.pth",
    pin=Pin(
        "21dd590f3ccdc646f0d53120778b296013b096a035a2718c9cb0d511bff0f1e0",
        "public repositories that pin it",
    ),
    licence=_NAMED_THERE,
    size=3_714_759,
    option="head",
)
"""LAION's second aesthetic predictor, without CLIP."""

AESTHETIC_2_5_BY_HAND = ByHand(
    source="models/aesthetic_predictor_v2_5.pth in discus0434/aesthetic-predictor-v2-5 on GitHub",
    licence="AGPL-3.0",
    how="download the file and name it with -O head=FILE",
)
"""No hash of it is published with which a download could be compared."""

HPS3_REPOSITORY, HPS3_FILE = "MizzenAI/HPSv3", "HPSv3.safetensors"
QWEN2_VL = "Qwen/Qwen2-VL-7B-Instruct"
HPS_REPOSITORY = "xswu/HPSv2"
HPS_FILES = {"2.0": "HPS_v2_compressed.pt", "2.1": "HPS_v2.1_compressed.pt"}
IMAGE_REWARD_REPOSITORY = "THUDM/ImageReward"
IMAGE_REWARD_FILE = "ImageReward.pt"
BERT = "google-bert/bert-base-uncased"
PICKSCORE = "yuvalkirstain/PickScore_v1"
PICKSCORE_PROCESSOR = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
HUB_MASK2FORMER = "facebook/mask2former-swin-small-coco-instance"
DINOV2 = "facebook/dinov2-large"
SIGLIP = "google/siglip-so400m-patch14-384"
CLIP, CLIP_TAG = published.CLIP, published.CLIP_TAG
DETECTOR_FILES = ("*.json", "model.safetensors", "pytorch_model.bin")

_CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_CLIP_REPOSITORY = "timm/vit_large_patch14_clip_224.openai"
_MPLUG = "damo/mplug_visual-question-answering_coco_large_en on ModelScope"


_UNIFIED_REWARD = "https://raw.githubusercontent.com/CodeGoat24/UnifiedReward"
_STORED_COPY = "a stored copy of the repository at that commit"

UNIFIED_REWARD_FINAL = WebFile(
    address=f"{_UNIFIED_REWARD}/ed52f98c680bfeca1e23e26aa61715de03412f2b/inference_qwen/image_generation/"
    "qwen_point_score_image_generation.py",
    pin=Pin("5c8c2efcb7f07283a3a4b3685043e2da0ee909c876829a9edbe4938a4881971c", _STORED_COPY),
    licence=_NAMED_THERE,
    size=2_184,
    option="prompt",
)
UNIFIED_REWARD_ASPECTS = WebFile(
    address=f"{_UNIFIED_REWARD}/a759534f868282616fae99f5a8d85ec3f294be0d/inference_qwen/"
    "UnifiedReward-2.0-inference/point_score_ACS_image_generation.py",
    pin=Pin("e2d97db151e7024d817b467f99cc1868fa5252b80db0cde09bc293ad3af62d50", _STORED_COPY),
    licence=_NAMED_THERE,
    size=1_933,
    option="prompt",
)
"""Of both a question is read, and nothing in them is run."""


class NoWeights:
    """Of a plugin that loads none."""

    note: ClassVar[str] = "none"

    def loads(self) -> tuple[Weights, ...]:
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class ShapesWeights(NoWeights):
    """Of what judges the shapes world."""


@dataclass(frozen=True, slots=True)
class JudgesWeights(NoWeights):
    """Of a metric that asks a judge."""

    note: ClassVar[str] = "its judge's"


@dataclass(frozen=True, slots=True)
class ReadersWeights(NoWeights):
    """Of a metric that reads images: rapidocr carries its own, and a judge declares its."""

    note: ClassVar[str] = "its reader's package carries them"


@dataclass(frozen=True, slots=True)
class DetectorsWeights(NoWeights):
    """Of GenEval."""

    note: ClassVar[str] = "its detector's"


@dataclass(frozen=True, slots=True)
class ServersWeights(NoWeights):
    """Of what asks a server."""

    note: ClassVar[str] = "its server's"


class _Loads:
    note = ""


@dataclass(frozen=True, slots=True)
class ClipScoreWeights(_Loads):
    """Of `ClipScore`."""

    model: str = CLIP
    pretrained: str = CLIP_TAG
    weights: Path | None = None

    def loads(self) -> tuple[Weights, ...]:
        """CLIP."""
        return (_clip(self.model, self.pretrained, self.weights),)


@dataclass(frozen=True, slots=True)
class AestheticWeights(_Loads):
    """Of `Aesthetic`."""

    version: Literal["2", "2.5"] = "2"
    head: Path | None = None
    model: str | None = None

    def loads(self) -> tuple[Weights, ...]:
        """The encoder of images, and the head."""
        head = _given(self.head)
        if self.version == "2":
            return _clip(self.model or CLIP, CLIP_TAG, None), head or AESTHETIC_HEAD
        model = self.model or SIGLIP
        siglip = _model(model, None, "Apache-2.0" if model == SIGLIP else None, 3_510_000_000)
        return siglip, head or AESTHETIC_2_5_BY_HAND


@dataclass(frozen=True, slots=True)
class UnifiedRewardWeights(_Loads):
    """Of `UnifiedReward`: the words it asks a server with."""

    mark: Literal["final", "alignment", "coherence", "style"] = "final"
    prompt: Path | None = None

    def loads(self) -> tuple[Weights, ...]:
        """The authors' file with the question."""
        published = UNIFIED_REWARD_FINAL if self.mark == "final" else UNIFIED_REWARD_ASPECTS
        return (_given(self.prompt) or published,)


@dataclass(frozen=True, slots=True)
class PickScoreWeights(_Loads):
    """Of `PickScore`."""

    model: str = PICKSCORE
    processor: str = PICKSCORE_PROCESSOR
    revision: str | None = None

    def loads(self) -> tuple[Weights, ...]:
        """The model, and its processor's files."""
        model = _model(self.model, self.revision, "MIT" if self.model == PICKSCORE else None, 3_940_000_000)
        signs = ("preprocessor_config.json", "processor_config.json", "tokenizer.json", "vocab.json")
        return model, _texts(self.processor, signs, "MIT" if self.processor == PICKSCORE_PROCESSOR else None)


@dataclass(frozen=True, slots=True)
class HPSv2Weights(_Loads):
    """Of `HPSv2`."""

    version: Literal["2.0", "2.1"] = "2.1"
    weights: Path | None = None

    def loads(self) -> tuple[Weights, ...]:
        """The authors' file."""
        return (_file(HPS_REPOSITORY, HPS_FILES[self.version], self.weights, "Apache-2.0", 1_970_000_000),)


@dataclass(frozen=True, slots=True)
class HPSv3Weights(_Loads):
    """Of `HPSv3`."""

    weights: Path | None = None
    processor: str = QWEN2_VL
    instruction: Path | None = None

    def loads(self) -> tuple[Weights, ...]:
        """The authors' file, Qwen2-VL's processor, and the authors' package."""
        file = _file(HPS3_REPOSITORY, HPS3_FILE, self.weights, _NAMED_THERE, 16_600_000_000)
        licence = "Apache-2.0" if self.processor == QWEN2_VL else None
        signs = ("preprocessor_config.json", "processor_config.json")
        return file, _texts(self.processor, signs, licence), _given(self.instruction) or HPS3_TEXTS


@dataclass(frozen=True, slots=True)
class ImageRewardWeights(_Loads):
    """Of `ImageReward`."""

    weights: Path | None = None
    tokenizer: str = BERT

    def loads(self) -> tuple[Weights, ...]:
        """The authors' file, and BERT's vocabulary."""
        file = _file(IMAGE_REWARD_REPOSITORY, IMAGE_REWARD_FILE, self.weights, "Apache-2.0", 1_790_000_000)
        licence = "Apache-2.0" if self.tokenizer == BERT else None
        return file, _texts(self.tokenizer, ("tokenizer.json", "vocab.txt"), licence)


@dataclass(frozen=True, slots=True)
class InceptionWeights(_Loads):
    """Of `InceptionFeatures`, on which FID and KID are defined."""

    weights: Path | None = None

    def loads(self) -> tuple[Weights, ...]:
        """The network."""
        return (_given(self.weights) or INCEPTION,)


@dataclass(frozen=True, slots=True)
class DinoWeights(_Loads):
    """Of `DinoFeatures`, on which FD-DINOv2 is defined."""

    model: str = DINOV2

    def loads(self) -> tuple[Weights, ...]:
        """The network."""
        known = self.model == DINOV2
        return (_model(self.model, None, "Apache-2.0" if known else None, 1_220_000_000 if known else None),)


@dataclass(frozen=True, slots=True)
class _ChosenFeatures(_Loads):
    """Of what `chosen_extractor` makes."""

    features: Literal["clip", "inception", "dinov2", "lpips", "pixels"] = "pixels"
    model: str | None = None
    pretrained: str | None = None
    weights: Path | None = None

    def loads(self) -> tuple[Weights, ...]:
        """The network that is chosen, if it is one."""
        if self.features == "clip":
            return (_clip(self.model or CLIP, self.pretrained or CLIP_TAG, self.weights),)
        if self.features == "dinov2":
            return DinoWeights(self.model or DINOV2).loads()
        if self.features == "pixels":
            return ()
        return (_given(self.weights) or (INCEPTION if self.features == "inception" else ALEXNET),)


@dataclass(frozen=True, slots=True)
class VendiWeights(_ChosenFeatures):
    """Of `Vendi`."""

    features: Literal["clip", "inception", "dinov2"] = "clip"


@dataclass(frozen=True, slots=True)
class SampleDistanceWeights(_ChosenFeatures):
    """Of `SampleDistance`."""

    features: Literal["lpips", "clip", "inception", "dinov2"] = "lpips"


@dataclass(frozen=True, slots=True)
class CoveringWeights(_ChosenFeatures):
    """Of precision, recall, density and coverage."""

    features: Literal["inception", "dinov2", "clip"] = "inception"


@dataclass(frozen=True, slots=True)
class CopiesWeights(_ChosenFeatures):
    """Of `NearCopies` and `ReferenceCopies`."""

    note = "none"


@dataclass(frozen=True, slots=True)
class ChosenModelWeights:
    """Of what asks a model that its user chooses: `VqaScore`, `TransformersJudge`."""

    model: str | None = None
    revision: str | None = None

    @property
    def note(self) -> str:
        """That it must be chosen."""
        return "" if self.model else "name it with -O model=NAME"

    def loads(self) -> tuple[Weights, ...]:
        """The model."""
        return (_model(self.model, self.revision),) if self.model else ()


@dataclass(frozen=True, slots=True)
class MplugWeights(_Loads):
    """Of `MplugJudge`."""

    model: Path | None = None

    def loads(self) -> tuple[Weights, ...]:
        """Its folder."""
        how = "download the folder with ModelScope's own client and name it with model=FOLDER"
        by_hand = ByHand(source=_MPLUG, licence=_NAMED_THERE, how=how)
        return (_given(self.model) or by_hand,)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ColorWeights(_Loads):
    """Of `ClipColorClassifier`."""

    clip_model: str = CLIP
    clip_pretrained: str = CLIP_TAG
    clip_weights: Path | None = None

    def _clip(self) -> Weights:
        return _clip(self.clip_model, self.clip_pretrained, self.clip_weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask2FormerWeights(_ColorWeights):
    """Of `Mask2FormerDetector`."""

    weights: Path | None = None

    def loads(self) -> tuple[Weights, ...]:
        """mmdet's file, and CLIP."""
        return _given(self.weights) or MASK2FORMER, self._clip()


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloxWeights(_ColorWeights):
    """Of `YoloxDetector`."""

    weights: Path | None = None

    def loads(self) -> tuple[Weights, ...]:
        """The smallest network, and CLIP."""
        return _given(self.weights) or YOLOX_NANO, self._clip()


@dataclass(frozen=True, slots=True, kw_only=True)
class HubMask2FormerWeights(_ColorWeights):
    """Of `HubMask2FormerDetector`."""

    model: str = HUB_MASK2FORMER
    revision: str | None = None

    def loads(self) -> tuple[Weights, ...]:
        """The model, and CLIP."""
        known = self.model == HUB_MASK2FORMER
        return _detector(self.model, self.revision, 275_000_000 if known else None), self._clip()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenDetectorWeights(_ColorWeights):
    """Of `TransformersDetector`."""

    model: str | None = None
    revision: str | None = None

    def loads(self) -> tuple[Weights, ...]:
        """The model, where one is chosen, and CLIP."""
        return (*((_detector(self.model, self.revision),) if self.model else ()), self._clip())


def _given(path: Path | None) -> OwnFiles | None:
    return None if path is None else OwnFiles(path=path.expanduser())


def _folder(model: str) -> OwnFiles | None:
    folder = Path(model).expanduser()
    return OwnFiles(path=folder) if folder.is_dir() else None


def _file(repository: str, name: str, given: Path | None, licence: str, size: int) -> Weights:
    return _given(given) or HubFiles(
        repository=repository, patterns=(name,), signs=(name,), licence=licence, size=size
    )


def _model(model: str, revision: str | None, licence: str | None = None, size: int | None = None) -> Weights:
    """What `hub_model` loads."""
    return _folder(model) or HubFiles(
        repository=model,
        patterns=(*TEXTS, *SAFETENSORS),
        otherwise=(*TEXTS, *PICKLED),
        signs=(*SAFETENSORS, *PICKLED),
        revision=revision,
        licence=licence or _NAMED_THERE,
        size=size if licence else None,
    )


def _texts(model: str, signs: tuple[str, ...], licence: str | None) -> Weights:
    """What `hub_folder` loads of a tokenizer or processor: some megabytes."""
    return _folder(model) or HubFiles(
        repository=model, patterns=TEXTS, signs=signs, licence=licence or _NAMED_THERE
    )


def _detector(model: str, revision: str | None, size: int | None = None) -> Weights:
    """What `detector_files` loads."""
    return _folder(model) or HubFiles(
        repository=model,
        patterns=DETECTOR_FILES,
        signs=DETECTOR_FILES[1:],
        revision=revision,
        licence=_NAMED_THERE,
        size=size,
    )


def _clip(model: str, tag: str, given: Path | None) -> Weights:
    """What `clip_files` loads."""
    if own := _given(given) or _folder(model):
        return own
    repository, names, licence = (
        (_CLIP_REPOSITORY, _CLIP_FILES[:1], "MIT")
        if (model, tag) == (CLIP, CLIP_TAG)
        else (*_other_clip(model, tag), _NAMED_THERE)
    )
    size = 1_710_000_000 if repository == _CLIP_REPOSITORY else None
    return HubFiles(repository=repository, patterns=names, signs=names, licence=licence, size=size)


def _other_clip(model: str, tag: str) -> tuple[str, tuple[str, ...]]:
    """Repository and files of another of open_clip's models: only now is that library loaded."""
    from open_clip.pretrained import get_pretrained_cfg

    place = str(get_pretrained_cfg(model, tag).get("hf_hub", ""))
    repository, _, name = place.rpartition("/")
    if not repository:
        raise InputError(
            f"open_clip has no weights {tag!r} of {model!r} on the hub: name a file with the option weights "
            "(for a detector: clip_weights)"
        )
    return repository, (name,) if name else _CLIP_FILES
