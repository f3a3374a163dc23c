"""What a pipeline gave: its pictures under whatever name, the steps that it ran, the size that it made."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL.Image import Image

from nami_bench.domain import ImageState
from nami_bench.errors import GenerationError, InputError
from nami_bench.generators.batching import NoImage, Outcome, Picture
from nami_bench.generators.torch_runtime import pictures

_log = logging.getLogger(__name__)


def outcomes(output: Any, pipeline: Any, arguments: Mapping[str, Any], count: int) -> list[Outcome]:
    """One outcome for each of `count` prompts, with the steps run and the size asked for.

    Raises GenerationError where the pipeline does not give one image a prompt, InputError where it ran
    another number of steps than `arguments` ask for.
    """
    name = type(pipeline).__name__
    found = _images(output, name)
    if found is None or len(found) != count:
        raise GenerationError(f"{name} did not give one image for each prompt: it is no text-to-image model")
    about = {**_steps(pipeline, arguments), **_asked_size(arguments)}
    # DeepFloyd's pipelines use the second name.
    flags = getattr(output, "nsfw_content_detected", None) or getattr(output, "nsfw_detected", None)
    refused = NoImage(ImageState.REFUSED, "the pipeline's safety checker withheld the image")
    drawn = zip(flags or [False] * count, pictures(found), strict=True)
    return [
        replace(outcome, about={**about, **outcome.about})
        for outcome in (refused if flag else picture for flag, picture in drawn)
    ]


def told_once(drawn: Sequence[Outcome], told: set[str], name: str) -> None:
    """Warn of sizes that nobody asked for, the first time each; `told` remembers."""
    for outcome in drawn:
        if not isinstance(outcome, Picture):
            continue
        made, asked = f"{outcome.image.width}x{outcome.image.height}", outcome.about.get("asked_size", "")
        if asked not in ("", made):
            sentence = "%s makes images of %s where %s was asked for: each image's record holds both"
            _tell_once(told, sentence, name, made, asked)


def _tell_once(told: set[str], sentence: str, *values: str) -> None:
    if sentence not in told:
        told.add(sentence)
        _log.warning(sentence, *values)


def _images(output: Any, name: str) -> Sequence[Any] | None:
    for field in ("images", "image"):
        images: Sequence[Any] | None = getattr(output, field, None)
        if images is not None:
            return [images] if isinstance(images, Image) else images
    videos = getattr(output, "frames", None)
    if videos is None:
        return None
    if any(len(frames) != 1 for frames in videos):
        raise InputError(
            f"{name} gives videos of {max(map(len, videos))} frames: "
            'only extra={"num_frames": 1} makes images'
        )
    return [frames[0] for frames in videos]


def _steps(pipeline: Any, arguments: Mapping[str, Any]) -> dict[str, int]:
    """The steps that the scheduler ran, where it says so. Raises InputError for others than were asked."""
    run = getattr(getattr(pipeline, "scheduler", None), "num_inference_steps", None)
    if run is None:
        return {}
    schedule = next((arguments[name] for name in ("sigmas", "timesteps") if arguments.get(name)), None)
    asked = arguments.get("num_inference_steps") if schedule is None else len(schedule)
    if asked is not None and int(run) != asked:
        raise InputError(
            f"{type(pipeline).__name__} ran {run} steps where {asked} were asked for: {_decides(pipeline)} "
            f"decide; give steps={run} for what it does"
        )
    return {"steps_run": int(run)}


def _decides(pipeline: Any) -> str:
    configured = getattr(pipeline, "config", {}).get("sample_sigmas")
    return "the sample_sigmas in its model_index.json" if configured else "its scheduler's settings"


def _asked_size(arguments: Mapping[str, Any]) -> dict[str, str]:
    width, height = arguments.get("width"), arguments.get("height")
    return {} if width is None or height is None else {"asked_size": f"{width}x{height}"}
