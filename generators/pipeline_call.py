"""Arguments of a pipeline's call: by which name it is guided, and what would do nothing.

Pipelines differ in what guides them. Most heed `guidance_scale`; of those with `true_cfg_scale` only what was
distilled for guidance does, the others ignore it; some have a component for it, or a value for each step.
"""

import inspect
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import diffusers

from nami_bench.errors import InputError
from nami_bench.generators.diffusers_loading import check_call
from nami_bench.generators.pipeline_content import read_index

_log = logging.getLogger(__name__)


def call_parameters(folder: Path) -> Mapping[str, inspect.Parameter]:
    """What the call of the pipeline in `folder` takes; nothing for a class that diffusers does not have."""
    name = read_index(folder).get("_class_name")
    found = getattr(diffusers, name, None) if isinstance(name, str) else None
    return {} if found is None else inspect.signature(found.__call__).parameters


def call_arguments(pipeline: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as this pipeline takes them; sets its guider's scale, where it has one.

    Raises InputError for guidance that would do nothing and for arguments that it does not take.
    """
    name = type(pipeline).__name__
    parameters = inspect.signature(type(pipeline).__call__).parameters
    arguments = _with_guidance(pipeline, name, parameters, dict(settings))
    if "intermediate_timesteps" in parameters and arguments.get("num_inference_steps", 2) != 2:
        arguments.setdefault("intermediate_timesteps", None)  # SANA-Sprint's is for two steps
    check_call(pipeline, arguments)
    _check_true_guidance(pipeline, name, parameters, arguments)
    return arguments


def texts_for(pipeline: Any, texts: Sequence[str]) -> Sequence[str] | str:
    """Prompts, negative ones too, as the pipeline's call takes them: some take a single text alone."""
    hint = str(inspect.signature(type(pipeline).__call__).parameters["prompt"].annotation)
    return texts[0] if len(texts) == 1 and "str" in hint and "list" not in hint.lower() else texts


def _with_guidance(
    pipeline: Any, name: str, parameters: Mapping[str, inspect.Parameter], arguments: dict[str, Any]
) -> dict[str, Any]:
    """`arguments`, of which `guidance_scale` is what the pipeline understands; refused where it's nothing."""
    scale = arguments.get("guidance_scale")
    if scale is None:
        return arguments
    if "guidance_scale" not in parameters:
        return _otherwise(pipeline, name, parameters, arguments)
    if "guidance_schedule" in parameters and "guidance_schedule" not in arguments:
        arguments["guidance_schedule"] = None  # its default is for one number of steps, and excludes a scale
    if scale <= 1:  # nobody asks for guidance
        return arguments
    if _config(pipeline, None).get("is_distilled"):
        raise InputError(
            f"guidance_scale {scale} does nothing in {name}, whose model is distilled: leave it out"
        )
    if "true_cfg_scale" in parameters and not _config(pipeline, "transformer").get("guidance_embeds", True):
        raise InputError(
            f"guidance_scale {scale} does nothing in {name}, whose model is not distilled for it: "
            f'give extra={{"true_cfg_scale": {scale}}} and a negative_prompt, or leave it out'
        )
    return arguments


def _otherwise(
    pipeline: Any, name: str, parameters: Mapping[str, inspect.Parameter], arguments: dict[str, Any]
) -> dict[str, Any]:
    scale = arguments.pop("guidance_scale")
    guiders = [part for part in ("guider", "ocr_guider") if getattr(pipeline, part, None) is not None]
    if "guider" in guiders:
        for part in guiders:
            setattr(pipeline, part, getattr(pipeline, part).new(guidance_scale=scale))
        return arguments
    if "true_cfg_scale" in parameters:
        raise InputError(
            f'{name} takes no guidance_scale: give extra={{"true_cfg_scale": {scale}}} and a negative_prompt'
        )
    raise InputError(f"{name} takes no guidance_scale, nothing guides it: leave it out")


def _check_true_guidance(
    pipeline: Any, name: str, parameters: Mapping[str, inspect.Parameter], arguments: Mapping[str, Any]
) -> None:
    """Classifier-free guidance by `true_cfg_scale` is on only above 1 and with a negative prompt."""
    if "true_cfg_scale" not in parameters:
        return
    scale = arguments.get("true_cfg_scale", parameters["true_cfg_scale"].default)
    negative = arguments.get("negative_prompt")
    if scale > 1 and negative is None:
        sentence = (
            f"{name} heeds true_cfg_scale {scale} only with a negative prompt: give negative_prompt=' '"
        )
        if "true_cfg_scale" in arguments:
            raise InputError(sentence)
        _log.warning("%s; without one its images are unguided", sentence)
    if scale <= 1 and negative:
        raise InputError(
            f"negative_prompt does nothing in {name} with true_cfg_scale {scale}: "
            'give extra={"true_cfg_scale": 4}, or leave it out'
        )


def _config(pipeline: Any, part: str | None) -> Mapping[str, Any]:
    """The configuration of the pipeline, or of one of its parts; empty where there is none."""
    found = getattr(getattr(pipeline, part, None) if part else pipeline, "config", None)
    return found if isinstance(found, Mapping) else {}
