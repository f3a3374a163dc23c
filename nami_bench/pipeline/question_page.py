"""The answers that a question metric recorded, as a page to look at."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.domain import Score
from nami_bench.evaluation.questions.browser import write_browser
from nami_bench.evaluation.questions.grids import WHOLE
from nami_bench.evaluation.questions.results import Answered, ImageAnswers
from nami_bench.pipeline.recorded_details import scores_with

if TYPE_CHECKING:
    from nami_bench.store import Store


def write_question_page(
    store: "Store",
    images_dir: Path,
    metric: str,
    models: Sequence[str],
    prompt_set: str,
    folder: Path,
    advance: Callable[[int], None] = lambda count: None,
) -> tuple[int, int]:
    """Write the page of `models`' images that `metric` asked about; how many images it has, and how many of
    them are missing.

    See `nami_bench.evaluation.questions.browser.write_browser`. Raises InputError where nothing is recorded,
    or answers of several instruments are.
    """
    prompts = store.catalog.prompt_set(prompt_set).by_id
    scores = scores_with(store, "answers", metric, models, prompt_set)
    rows = [
        _answers(score, file, prompts[score.prompt_id].item, prompts[score.prompt_id].text)
        for score, file in scores
    ]
    values = {row.place: score.value or 0.0 for row, (score, _) in zip(rows, scores, strict=True)}
    source = images_dir / f"{metric} on {prompt_set}"  # a title; the images lie beside it
    missing = write_browser(rows, source, folder, images_dir, advance, values=values)
    return len(rows), missing


def _answers(score: Score, file: str, item: str | None, prompt: str) -> ImageAnswers:
    return ImageAnswers(
        file=file,
        cell=0,
        item=item or score.prompt_id,
        prompt=prompt,
        judge=score.instrument,
        sha256=str(score.image_sha256),
        questions_sha256="",
        cut=WHOLE,
        answers=tuple(map(Answered.from_json, score.details["answers"])),
    )
