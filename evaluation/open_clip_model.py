"""CLIP models of the open_clip library: which weights, what identifies them, and how they are loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.pretrained import get_pretrained_cfg
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL.Image import Image

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.sharing import encoded_once
from nami_bench.foreign_text import parse_json
from nami_bench.neural.hub import short_sha256
from nami_bench.neural.loading import loading

CONFIG = "open_clip_config.json"
_WEIGHTS = (".safetensors", ".bin", ".pth")
_PREPROCESSING = ("mean", "std", "interpolation", "resize_mode")


@dataclass(frozen=True, slots=True)
class ClipFiles:
    """What open_clip needs to build one model: its arguments, the weights' file, and a name for both.

    `identity` is MODEL-TAG-HASH, or FOLDER-CONFIGHASH-HASH; hashes are the first 12 digits of SHA-256, the
    last one of the weights' file.
    """

    arguments: Mapping[str, Any]
    weights: Path
    identity: str


def clip_files(model: str, pretrained: str = "openai", weights: Path | None = None) -> ClipFiles:
    """Find the files of a model, fetching the weights where they are not on this machine.

    `model` is a folder that open_clip wrote (open_clip_config.json and one file of weights; `pretrained` does
    not matter then), or one of open_clip's names. With a name, `pretrained` is one of its tags, which sets
    the activation and the preprocessing too; `weights` is a file to be used in place of the tag's own.

    Raises UnknownNameError for an unknown name or tag, InputError where there are no such files.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        if weights is not None:
            raise InputError(f"{folder} holds its own weights: leave the option 'weights' out")
        return _folder_files(folder)
    if model not in open_clip.list_models():
        raise UnknownNameError("open_clip model", model, open_clip.list_models(), "or give a folder")
    tag = get_pretrained_cfg(model, pretrained)
    if not tag:
        tags = open_clip.list_pretrained_tags_by_model(model)
        raise UnknownNameError(f"weights of the open_clip model {model!r}", pretrained, tags)
    file = _fetched(model, pretrained, tag) if weights is None else weights.expanduser()
    arguments = {
        "model_name": model,
        "pretrained": str(file),
        # Given a file, open_clip would fall back on its own defaults: OpenAI's weights with the wrong GELU.
        "force_quick_gelu": bool(tag.get("quick_gelu")),
        "force_preprocess_cfg": {key: tag[key] for key in _PREPROCESSING if key in tag},
    }
    return ClipFiles(arguments, file, f"{model}-{pretrained}-{short_sha256(file)}")


class ClipModel:
    """A CLIP model in float32, ready to embed images and texts."""

    def __init__(self, files: ClipFiles, device: torch.device) -> None:
        """Load the weights; raises InputError where they are damaged or do not belong to the model."""
        self.device = device
        self._identity = files.identity
        name = files.arguments["model_name"]
        if config := open_clip.get_model_config(name):
            _refuse_foreign_text(name, config)
        try:
            with loading(files.identity):
                network = open_clip.create_model(**files.arguments, require_pretrained=True)
        except Exception as error:  # a foreign file makes the unpickler raise anything
            reason = str(error).strip().split("\n")[0]
            raise InputError(
                f"{files.weights} holds no weights that this model can load: {reason}"
            ) from error
        self.network: Any = network.eval().requires_grad_(False).to(device)
        self.tokenizer: SimpleTokenizer = open_clip.get_tokenizer(name)

    @cached_property
    def text_limit(self) -> int:
        """Most tokens of one text, without the two that mark its start and end."""
        return int(self.network.context_length) - 2

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without the two that mark its start and end."""
        return list(self.tokenizer.encode(text))

    @cached_property
    def _preprocess(self) -> Any:
        return image_transform_v2(PreprocessCfg(**self.network.visual.preprocess_cfg), is_train=False)

    def embed_images(self, images: Sequence[Image]) -> torch.Tensor:
        """Unit vectors (n, embed_dim), float32 on the CPU, of 8-bit RGB images of any size."""
        return encoded_once(f"{self._identity} on {self.device}", images, self._embed_images)

    def _embed_images(self, images: Sequence[Image]) -> torch.Tensor:
        return self.embed_pixels(torch.stack([self.prepare(image) for image in images]))

    def prepare(self, image: Image) -> torch.Tensor:
        """An 8-bit RGB image as the network takes it; may be called from several threads."""
        pixels: torch.Tensor = self._preprocess(image)
        return pixels

    @torch.inference_mode()
    def embed_pixels(self, pixels: torch.Tensor) -> torch.Tensor:
        """Unit vectors (n, embed_dim), float32 on the CPU, of n images that `prepare` gave."""
        embedded: torch.Tensor = self.network.encode_image(pixels.to(self.device), normalize=True)
        return embedded.float().cpu()

    @torch.inference_mode()
    def embed_tokens(self, texts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Unit vectors (n, embed_dim), float32 on the CPU, of texts of at most `text_limit` token ids."""
        ids = torch.zeros(len(texts), self.text_limit + 2, dtype=torch.long)
        for row, tokens in zip(ids, texts, strict=True):
            marked = [self.tokenizer.sot_token_id, *tokens, self.tokenizer.eot_token_id]
            row[: len(marked)] = torch.tensor(marked)
        embedded: torch.Tensor = self.network.encode_text(ids.to(self.device), normalize=True)
        return embedded.float().cpu()


def _folder_files(folder: Path) -> ClipFiles:
    config = folder / CONFIG
    try:
        _refuse_foreign_text(str(folder), parse_json(config.read_bytes())["model_cfg"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{folder} holds no open_clip model: {CONFIG} is missing or unreadable") from error
    found = sorted(path for path in folder.iterdir() if path.suffix in _WEIGHTS)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InputError(f"{folder} must hold one file of weights, it holds {names}")
    identity = f"{folder.resolve().name}-{short_sha256(config)}-{short_sha256(found[0])}"
    return ClipFiles({"model_name": f"local-dir:{folder}"}, found[0], identity)


def _refuse_foreign_text(name: str, model_config: Mapping[str, Any]) -> None:
    """Raise InputError for what open_clip would have transformers load, a text encoder or tokenizer, and its
    code with it where the configuration says so."""
    foreign = [key for key in model_config["text_cfg"] if key.startswith("hf_") or key == "tokenizer_kwargs"]
    if foreign:
        what = f"a text encoder or tokenizer other than CLIP's own ({foreign[0]})"
        raise InputError(f"{name} has {what}: choose another model")


def _fetched(model: str, pretrained: str, tag: Mapping[str, Any]) -> Path:
    try:
        with loading(f"the weights {pretrained!r} of {model}", "fetching"):
            return Path(open_clip.download_pretrained(dict(tag)))
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise InputError(
            f"the weights {pretrained!r} of {model} are not on this machine and cannot be fetched: allow the "
            f"network, or name their file with the option weights (for a detector: clip_weights): {reason}"
        ) from error
