"""What a metric of text recorded: as a page to look at, and as the benchmark's own figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench import registry
from nami_bench.domain import Score
from nami_bench.errors import InputError
from nami_bench.evaluation.text.browser import ReadImage, write_browser
from nami_bench.evaluation.text.metric import TextMetric
from nami_bench.pipeline.recorded_details import scores_with

if TYPE_CHECKING:
    from nami_bench.store import Store


@dataclass(frozen=True, slots=True)
class TextFigures:
    """A benchmark's figures for one model's images of one group, such as a language; `images` have a value,
    `without` of the model's have none. `instrument`: what read them."""

    model: str
    group: str
    images: int
    without: int
    figures: dict[str, float]
    instrument: str


def write_text_page(
    store: "Store",
    images_dir: Path,
    metric: str,
    models: Sequence[str],
    prompt_set: str,
    folder: Path,
    advance: Callable[[int], None] = lambda count: None,
) -> tuple[int, int]:
    """Write the page of what was read in `models`' images; how many images it has, and how many of them are
    missing. See `nami_bench.evaluation.text.browser.write_browser`, and `text_figures` for errors."""
    _text_metric(metric)
    prompts = store.catalog.prompt_set(prompt_set).by_id
    found = scores_with(store, "read", metric, models, prompt_set)
    rows = [_read_image(score, file, prompts[score.prompt_id].text) for score, file in found]
    title, instrument = f"{metric} on {prompt_set}", found[0][0].instrument
    return len(rows), write_browser(rows, images_dir, folder, title, instrument, advance)


def text_figures(store: "Store", metric: str, models: Sequence[str], prompt_set: str) -> list[TextFigures]:
    """The benchmark's own figures, for each model by group.

    Raises InputError for a metric that is none of text, where nothing is recorded, or readings of several
    instruments are.
    """
    kind = _text_metric(metric)
    found = [score for score, _ in scores_with(store, "read", metric, models, prompt_set)]
    return [row for model in models for row in _of_model(kind, model, [s for s in found if s.model == model])]


def _of_model(kind: type[TextMetric], model: str, scores: Sequence[Score]) -> list[TextFigures]:
    valued = [score.details for score in scores if score.value is not None]
    without = len(scores) - len(valued)
    return [
        TextFigures(model, group, len(of_group), without, dict(kind.figures(of_group)), scores[0].instrument)
        for group in sorted({kind.group_of(details) for details in valued})
        if (of_group := [details for details in valued if kind.group_of(details) == group])
    ]


def _text_metric(name: str) -> type[TextMetric]:
    kind = registry.load("metrics", name)
    if not (isinstance(kind, type) and issubclass(kind, TextMetric)):
        raise InputError(f"{name!r} does not read text in images")
    return kind


def _read_image(score: Score, file: str, prompt: str) -> ReadImage:
    return ReadImage(
        score.model, file, str(score.image_sha256), prompt, score.value, score.reason, score.details
    )
