"""Prompts that a pipeline draws otherwise than they are written: switched off or recorded, and repeatable.

Some pipelines have a language model write the prompt anew, two of them unless told otherwise. People judge
the image beside the prompt that was asked for, and models that got help are not compared with those that got
none unless somebody says so.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch

from nami_bench.errors import InputError
from nami_bench.generators.protocol import GenerationRequest

Rewriting = Literal["off", "on"]

# By argument of a pipeline's call: what it is with and without rewriting. ERNIE-Image and LongCat-Image
# rewrite by default, Ideogram and FLUX.2 do not; .15 is the temperature that FLUX.2's publisher suggests.
SWITCHES: Mapping[str, Mapping[Rewriting, Any]] = {
    "use_pe": {"on": True, "off": False},
    "enable_prompt_rewrite": {"on": True, "off": False},
    "prompt_upsampling": {"on": True, "off": False},
    "caption_upsample_temperature": {"on": 0.15, "off": None},
}


def switches(parameters: Mapping[str, inspect.Parameter], choice: Rewriting) -> dict[str, Any]:
    """The arguments that switch a pipeline's own rewriting on or off; none where it has no such thing."""
    return {name: values[choice] for name, values in SWITCHES.items() if name in parameters}


@contextmanager
def own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's global random state, seeded: for parts of a pipeline that heed no generator.

    What ran before makes no difference inside, and what ran inside none afterwards.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


class Rewriter:
    """What one pipeline does to prompts, with `arguments` of its call."""

    def __init__(self, pipeline: Any, arguments: Mapping[str, Any], choice: Rewriting = "off") -> None:
        """Raises InputError where prompts are to be rewritten and the pipeline cannot."""
        self._pipeline = pipeline
        self._parameters = inspect.signature(type(pipeline).__call__).parameters
        on = (name for name in SWITCHES if arguments.get(name) not in (None, False))
        self.switch = next(on, None)
        self._arguments = dict(arguments)
        self._instruction = self._fixed_instruction()
        missing = self.switch == "use_pe" and getattr(pipeline, "pe", None) is None
        if missing or (choice == "on" and self.switch is None):
            raise InputError(f"{type(pipeline).__name__} here rewrites no prompts: give prompt_rewriting=off")

    @property
    def arguments(self) -> dict[str, Any]:
        """Those of the call, after `rewritten`: nothing is rewritten twice."""
        if self.switch in (None, "use_pe"):
            return self._arguments
        return {**self._arguments, str(self.switch): SWITCHES[str(self.switch)]["off"]}

    def rewritten(self, texts: list[str], generators: Sequence[torch.Generator]) -> list[str]:
        """The prompts that the pipeline's call is given; its own where the call itself rewrites them."""
        pipeline, arguments = self._pipeline, self._arguments
        if self.switch == "enable_prompt_rewrite":
            return list(pipeline.rewire_prompt(texts, pipeline._execution_device))
        if self.switch == "caption_upsample_temperature":
            return list(pipeline.upsample_prompt(texts, temperature=arguments[self.switch]))
        if self.switch == "prompt_upsampling":
            given = {
                parameter: arguments.get(name, self._parameters[name].default)
                for parameter, name in {
                    "height": "height",
                    "width": "width",
                    "temperature": "prompt_upsampling_temperature",
                    "max_new_tokens": "max_sequence_length",
                }.items()
            }
            return list(pipeline.upsample_prompt(texts, generator=list(generators), **given))
        return texts

    def about(self, request: GenerationRequest, drawn: str) -> dict[str, Any]:
        """What provenance says of an image's prompt, that was `drawn` in the request's place.

        `prompt_rewriting`: "none", "instruction" (a fixed text put before it, which `prompt_instruction`
        names) or "pipeline" (a language model's, with the `rewritten_prompt` where it differs).
        """
        if self.switch is not None:
            words = drawn.replace("\0", "\N{REPLACEMENT CHARACTER}")  # databases take no NUL
            differs = drawn != request.prompt.text
            return {"prompt_rewriting": "pipeline"} | ({"rewritten_prompt": words} if differs else {})
        if self._instruction is None:
            return {"prompt_rewriting": "none"}
        return {"prompt_rewriting": "instruction", "prompt_instruction": self._instruction}

    def _fixed_instruction(self) -> dict[str, str] | None:
        """The argument that holds a text put before each prompt (SANA, Lumina), and the text."""
        for name in ("complex_human_instruction", "system_prompt"):
            if name not in self._parameters:
                continue
            value = self._arguments.get(name, self._parameters[name].default)
            if name == "system_prompt" and value is None:
                value = getattr(self._pipeline, "system_prompt", None)
            if value:
                return {"argument": name, "text": value if isinstance(value, str) else "\n".join(value)}
        return None
