"""Metrics that run in this process."""

import gc
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from PIL import Image

from nami_bench import registry
from nami_bench.domain import Prompt
from nami_bench.errors import ImageError, InputError, did_you_mean
from nami_bench.evaluation.geneval.metric import GenEvalMetric
from nami_bench.evaluation.measurement import measured_with
from nami_bench.evaluation.protocol import (
    Bounded,
    Metric,
    ScoresGroups,
    ScoresSets,
    ScoringItem,
    SetMetric,
    SetResult,
)
from nami_bench.images import HeldImage
from nami_bench.scoring.given_images import Given
from nami_bench.scoring.scores import Scores
from nami_bench.scoring.undisturbed import undisturbed

Advance = Callable[[int], object]


class LocalMetrics:
    """Holds metrics, with their weights once they are loaded, and runs one call at a time."""

    def __init__(self, metrics: Mapping[str, Metric | SetMetric]) -> None:
        self._metrics: dict[str, Metric | SetMetric] = dict(metrics)
        self._lock = threading.Lock()
        self.names = tuple(metrics)

    def score(
        self,
        images: Sequence[Given],
        prompts: tuple[Prompt, ...],
        advance: Advance = lambda count: None,
        names: Sequence[str] | None = None,
    ) -> dict[str, Scores]:
        """See `Scorer.score`; `names`: of some of the metrics."""
        with self._lock:
            if not self._metrics:
                raise InputError("this scorer is closed: make a new one")
            with undisturbed():
                return {
                    name: _score(self._metrics[name], images, prompts, advance)
                    for name in (self.names if names is None else names)
                }

    def instrument(self, name: str) -> str:
        """See `Scorer.instruments`."""
        with self._lock, undisturbed():
            return self._metrics[name].instrument

    def measures_sets(self, name: str) -> bool:
        """Whether a metric gives one value for all images together."""
        return isinstance(self._metrics[name], ScoresSets)

    def compares_images(self, name: str) -> bool:
        """Whether a value depends on other images of the same call, so that no call may be cut or joined."""
        return isinstance(self._metrics[name], ScoresSets | ScoresGroups)

    def warm_up(self) -> None:
        """Load all weights that one gray image needs, so that the first caller does not wait for them."""
        gray = Image.new("RGB", (64, 64), "gray")
        for name, metric in self._metrics.items():
            prompt = _prompt_for(metric)
            if not isinstance(metric, ScoresSets) and metric.applies_to(prompt):
                self.score([HeldImage(gray)], (prompt,), names=[name])

    def close(self) -> None:
        """Let go of the weights, and give the device's memory back."""
        with self._lock:
            self._metrics.clear()
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()


def create_metrics(names: Sequence[str], options: Mapping[str, Any]) -> dict[str, Metric | SetMetric]:
    """The metrics of these names, each once.

    An option goes to every metric that has one of that name; one that is called as a metric (with _ for -)
    holds options for it alone. Raises UnknownNameError, and InputError for an option that none has.
    """
    if not names:
        raise InputError("name at least one metric (see `nami-bench plugins`)")
    own: dict[str, dict[str, Any]] = {name: {} for name in names}
    taken = {name: _option_names(name) for name in names}
    for key, value in options.items():
        alone = next((name for name in names if key.replace("_", "-") == name), None)
        if alone is not None and isinstance(value, Mapping):
            own[alone].update(_plain(value))
            continue
        having = [name for name in names if key in taken[name]]
        if not having:
            _refuse(key, names, taken)
        for name in having:
            own[name].setdefault(key, _plain(value))
    return {name: registry.create("metrics", name, chosen) for name, chosen in own.items()}


def _prompt_for(metric: Metric | SetMetric) -> Prompt:
    """One that as many metrics as possible apply to."""
    known = metric.detector.class_names if isinstance(metric, GenEvalMetric) else ("star",)
    clauses = {"tag": "single_object", "include": [{"class": known[0], "count": 1}]}
    return Prompt("00000", f"a photo of a {known[0]}", geneval=clauses)


def _plain(value: Any) -> Any:
    """Paths as texts: an option for a name on a hub takes a folder's, too."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _option_names(metric: str) -> tuple[str, ...]:
    options = getattr(registry.load("metrics", metric), "Options", None)
    return tuple(getattr(options, "__dataclass_fields__", ()))


def _refuse(key: str, names: Sequence[str], taken: Mapping[str, Sequence[str]]) -> None:
    known = sorted({name for several in taken.values() for name in several})
    advice = did_you_mean(key, known) or f"known: {', '.join(known)}"
    raise InputError(f"{' and '.join(names)} have no option {key!r}: {advice}")


def _score(
    metric: Metric | SetMetric, images: Sequence[Given], prompts: tuple[Prompt, ...], advance: Advance
) -> Scores:
    if isinstance(metric, ScoresSets):
        return _score_set(metric, images, prompts, advance)
    reasons: list[str | None] = [None] * len(images)
    values = np.full(len(images), np.nan)
    details: list[Mapping[str, Any]] = [{}] * len(images)
    sound: list[int] = []
    for place, (image, prompt) in enumerate(zip(images, prompts, strict=True)):
        if isinstance(image, ImageError):
            reasons[place] = str(image)
        elif not metric.applies_to(prompt):
            reasons[place] = f"{metric.name} does not apply to the prompt {prompt.text[:60]!r}"
        else:
            sound.append(place)
            continue
        advance(1)
    items = [ScoringItem(cast(Any, images[place]), prompts[place]) for place in sound]
    for place, result in zip(sound, metric.score(items), strict=True):
        values[place] = np.nan if result.value is None else result.value
        reasons[place] = result.reason or ("no value" if result.value is None else None)
        details[place] = result.details
        advance(1)
    return Scores(
        metric.name, metric.instrument, prompts, values, tuple(reasons), tuple(details),
        measured_with(metric), metric.value_range if isinstance(metric, Bounded) else None,
    )  # fmt: skip


def _score_set(
    metric: SetMetric, images: Sequence[Given], prompts: tuple[Prompt, ...], advance: Advance
) -> Scores:
    items, problems = [], []
    for image, prompt in zip(images, prompts, strict=True):
        if isinstance(image, ImageError):
            problems.append(str(image))
        elif metric.applies_to(prompt):
            items.append(ScoringItem(image, prompt))
    found: SetResult = metric.score_set(items, advance)
    left_out = [*problems, *found.problems]
    told = {**found.details, "images": found.images, **({"left_out": left_out} if left_out else {})}
    value = np.array([np.nan if found.value is None else found.value])
    return Scores(
        metric.name, metric.instrument, prompts, value, (found.reason,), (told,), measured_with(metric),
        of_set=True,
    )  # fmt: skip
