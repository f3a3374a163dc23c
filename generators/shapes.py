"""The procedural generator: GenEval's tasks drawn as flat shapes, with errors planted on purpose."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nami_bench.domain import GENEVAL_TASKS, ImageState
from nami_bench.domain.quoted import quoted
from nami_bench.errors import InputError
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.generators.scenes import Scene, plan_scene, render
from nami_bench.generators.words import Words, plan_words, write_words

RENDERER_VERSION = 2
"""Raised whenever the same request would give other pixels."""
_TEXT = "text"
"""The kind of error that words have."""


class ShapesGenerator:
    """A test instrument, not a model: it draws what a prompt's GenEval clauses ask for, and writes what it
    has in quotation marks.

    Each picture carries, with a known probability, one planted error of its task's own kind, and, with a
    probability of its own, a misspelling, so that whatever measures the pictures can itself be measured.
    Prompts with neither clauses nor quotation marks, with classes other than `nami_bench.shapes.SHAPES`, or
    with more words than there is room for, fail with a reason.

    Picture and error follow from the request's seed and the prompt alone. Two of these with
    different rates therefore share all pictures in which both, or neither, are wrong, and the one
    with the higher rate errs wherever the other does.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`size`: side in pixels, 64..1024. Rates: shares of pictures with a planted error, 0..1.

        `error_rate` holds for every task whose own rate is None.
        """

        size: int = 256
        error_rate: float = 0.0
        single_object: float | None = None
        two_object: float | None = None
        counting: float | None = None
        colors: float | None = None
        position: float | None = None
        color_attr: float | None = None
        text: float | None = None

        def __post_init__(self) -> None:
            if not 64 <= self.size <= 1024:
                raise InputError(f"generator 'shapes': size {self.size} is not between 64 and 1024 pixels")
            for name in ("error_rate", *GENEVAL_TASKS, _TEXT):
                rate = getattr(self, name)
                if rate is not None and not 0 <= rate <= 1:
                    raise InputError(f"generator 'shapes': {name} {rate} is not between 0 and 1")

    batch_size = 16

    def __init__(self, options: Options = Options()) -> None:
        self.options = options

    def describe(self) -> Mapping[str, Any]:
        """Adapter, renderer version and options."""
        return {
            "adapter": "shapes",
            "note": "a test instrument, not a model",
            "renderer_version": RENDERER_VERSION,
            "options": asdict(self.options),
        }

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        """Yield one picture, or one failure with its reason, for each request."""
        for request in requests:
            yield self._draw(request)

    def _draw(self, request: GenerationRequest) -> GenerationResult:
        started = time.perf_counter()
        texts = quoted(request.prompt.text)
        if request.prompt.geneval is None and not texts:
            reason = (
                "the shapes renderer only draws prompts with GenEval clauses or quotation marks; this one "
                "has neither"
            )
            return GenerationResult(request, ImageState.FAILED, reason=reason)
        try:
            scene, words = self._scene(request), self._words(request, texts)
        except InputError as problem:
            return GenerationResult(request, ImageState.FAILED, reason=str(problem))
        image = render(scene, self.options.size)
        errors = [error for error in (scene.planted_error, words.planted_error) if error]
        return GenerationResult(
            request,
            ImageState.DONE,
            seconds=time.perf_counter() - started,
            image=write_words(image, words) if texts else image,
            provenance={"planted_error": "; ".join(errors) or None},
        )

    def _scene(self, request: GenerationRequest) -> Scene:
        """An empty one where there are no clauses; raises InputError."""
        clauses = request.prompt.geneval
        if clauses is None:
            return Scene(())
        rng = _generator(request)
        # Drawn before everything else and always, so that the rate changes nothing but the error.
        error = bool(rng.random() < self._error_rate(clauses.get("tag")))
        return plan_scene(clauses, rng, error=error)

    def _words(self, request: GenerationRequest, texts: tuple[str, ...]) -> Words:
        """By random numbers of their own, so that words change nothing in the scene; raises InputError."""
        rng = _generator(request, _TEXT)
        return plan_words(texts, rng, error=bool(texts) and bool(rng.random() < self._error_rate(_TEXT)))

    def _error_rate(self, task: Any) -> float:
        own = getattr(self.options, task) if task in (*GENEVAL_TASKS, _TEXT) else None
        return self.options.error_rate if own is None else float(own)


def _generator(request: GenerationRequest, *of: str) -> np.random.Generator:
    """Random numbers that depend on the request's seed, text and clauses, on what they are of, and on nothing
    else."""
    identity = json.dumps([request.seed, request.prompt.text, request.prompt.geneval, *of], sort_keys=True)
    return np.random.default_rng(int.from_bytes(hashlib.sha256(identity.encode()).digest()))
