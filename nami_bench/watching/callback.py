"""Measuring within a training loop: images by the pipeline as it is, scored, kept and logged."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nami_bench import images
from nami_bench.domain import PromptSet, prompt_id
from nami_bench.errors import GenerationError, InputError, one_line
from nami_bench.images import HeldImage
from nami_bench.scoring.given_prompts import given_prompts
from nami_bench.scoring.undisturbed import own_random_numbers
from nami_bench.watching.loggers.protocol import Logger, entry_of
from nami_bench.watching.measuring import AnyScorer, Made, Plan, score_images, shown_images
from nami_bench.watching.results import RESULTS, Measured, Results, Settings

if TYPE_CHECKING:
    from nami_bench.generators.protocol import GenerationRequest


class ValidationCallback:
    """Measures a pipeline every so many steps of a training loop.

        validate = ValidationCallback(scorer, prompts, every=500, call={"num_inference_steps": 20})
        for step in ...:
            ...
            validate.on_step(step, pipeline)

    Images depend on prompts, `seed` and the weights alone: they are those that `nami-bench watch` makes of
    the same weights in the same precision. The loop is not disturbed: random numbers, modules' training mode
    and the scheduler are as before. In a distributed run only the main process draws and measures; the
    others wait for it in their next common step, and the pipeline has to be whole there (not FSDP's).
    """

    def __init__(
        self,
        scorer: AnyScorer,
        prompts: Any,
        *,
        every: int,
        samples: int = 1,
        seed: int = 0,
        call: Mapping[str, Any] | None = None,
        batch_size: int = 1,
        loggers: Sequence[Logger] = (),
        folder: Path | None = None,
    ) -> None:
        """`prompts`: a prompt set, or what `Scorer.score` takes. `call`: further arguments of the pipeline's
        call. `folder`: where results are kept, one by one, as `nami-bench watch show FOLDER` reads them.

        Raises InputError for prompts that are none, and for numbers below 1.
        """
        for name, value in (("every", every), ("batch_size", batch_size)):
            if value < 1:
                raise InputError(f"{name} must be at least 1, got {value}")
        self.every = every
        self.measured: list[Measured] = []
        """What was measured by this object."""
        self._scorer, self._loggers, self._folder = scorer, loggers, folder
        self._plan = Plan(_prompt_set(prompts), samples, seed)
        self._call, self._batch_size = dict(call or {}), batch_size
        self._settings: Settings | None = None

    def due(self, step: int) -> bool:
        """Whether `on_step` measures after this step."""
        return step > 0 and step % self.every == 0

    def on_step(self, step: int, pipeline: Any) -> Measured | None:
        """Measure where it is due and this is the main process; else None."""
        return self.measure(step, pipeline) if self.due(step) and is_main_process() else None

    def measure(self, step: int, pipeline: Any) -> Measured:
        """Draw with the pipeline, a diffusers pipeline or what is called like one, and measure it now.

        Raises GenerationError where it cannot draw, InputError where `folder` was begun with other prompts,
        seeds or metrics.
        """
        started = time.monotonic()
        with as_in_use(pipeline), own_random_numbers():
            made = self._draw(pipeline)
        scores = score_images(self._scorer, self._plan, made, lambda count: None)
        seconds = round(time.monotonic() - started, 3)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        found = Measured(f"step-{step}", step, None, "training", time.time(), now, seconds, scores)
        self._keep(found)
        entry = entry_of(found, step, shown_images(self._plan, made))
        for logger in self._loggers:
            logger.log(entry)
        return found

    def close(self) -> None:
        """Close the loggers; the scorer is its maker's."""
        for logger in self._loggers:
            logger.close()

    def _keep(self, found: Measured) -> None:
        self.measured.append(found)
        if self._folder is None:
            return
        if self._settings is None:
            self._settings = self._plan.settings(self._scorer, {"call": _plain(self._call)})
        images.make_folder(self._folder)
        with Results(self._folder / RESULTS, self._settings) as results:
            results.add(found)

    def _draw(self, pipeline: Any) -> Made:
        from nami_bench.generators.batching import NoImage
        from nami_bench.generators.torch_runtime import pictures

        requests, size = self._plan.requests(), self._batch_size
        drawn: list[HeldImage | None] = []
        reasons: dict[int, str] = {}
        for first in range(0, len(requests), size):
            for picture in pictures(self._batch(pipeline, requests[first : first + size])):
                if isinstance(picture, NoImage):
                    reasons[len(drawn)] = picture.reason
                    drawn.append(None)
                else:
                    drawn.append(HeldImage(picture.image, f"image {len(drawn)}"))
        return Made(drawn, reasons)

    def _batch(self, pipeline: Any, requests: "Sequence[GenerationRequest]") -> Sequence[Any]:
        from nami_bench.generators.torch_runtime import noise_generators

        texts = [request.prompt.text for request in requests]
        noise = noise_generators(requests)
        try:
            output = pipeline(prompt=texts, generator=noise, output_type="np", **self._call)
        except Exception as error:
            # Code of any library, and of the training script: whatever it is, there are no images.
            raise GenerationError(
                f"the pipeline cannot draw: {type(error).__name__}: {one_line(str(error))}"
            ) from error
        found: Sequence[Any] = output.images if hasattr(output, "images") else output[0]
        if len(found) != len(requests):
            raise GenerationError(f"the pipeline gave {len(found)} images for {len(requests)} prompts")
        return found


def is_main_process() -> bool:
    """Whether this process is the first of a distributed run, or alone."""
    import torch.distributed as distributed

    return not distributed.is_available() or not distributed.is_initialized() or distributed.get_rank() == 0


@contextmanager
def as_in_use(pipeline: Any) -> Iterator[None]:
    """The pipeline as it draws, for as long as the context lasts.

    Modules are in evaluation mode, there are no gradients and no bars, and the scheduler is a copy: drawing
    would change its time steps under the loop's feet.
    """
    import torch

    modules = [part for part in _components(pipeline) if isinstance(part, torch.nn.Module)]
    modes = {module: module.training for part in modules for module in part.modules()}
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        if (scheduler := getattr(pipeline, "scheduler", None)) is not None:
            stack.callback(setattr, pipeline, "scheduler", scheduler)
            pipeline.scheduler = deepcopy(scheduler)
        if hasattr(pipeline, "set_progress_bar_config"):
            before = dict(getattr(pipeline, "_progress_bar_config", {}))
            stack.callback(lambda: pipeline.set_progress_bar_config(**before))
            pipeline.set_progress_bar_config(**{**before, "disable": True})
        try:
            for part in modules:
                part.eval()
            yield
        finally:
            for module, training in modes.items():
                module.training = training


def _components(pipeline: Any) -> list[Any]:
    components = getattr(pipeline, "components", None)
    return list(components.values()) if isinstance(components, Mapping) else [pipeline]


def _prompt_set(prompts: Any) -> PromptSet:
    if isinstance(prompts, PromptSet):
        return prompts
    several = prompts if isinstance(prompts, Sequence) and not isinstance(prompts, str) else [prompts]
    given = given_prompts(several, len(several))
    if not given:
        raise InputError("there are no prompts to validate with")
    return PromptSet("validation", tuple(replace(p, id=prompt_id(n)) for n, p in enumerate(given)))


def _plain(call: Mapping[str, Any]) -> dict[str, Any]:
    """What JSON has of a call's arguments, tensors and the like by their type alone."""
    return {name: _plain_value(value) for name, value in call.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, str | int | float | bool | None):
        return value
    return [_plain_value(v) for v in value] if isinstance(value, list | tuple) else type(value).__name__
