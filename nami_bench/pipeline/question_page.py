"""The answers that a question metric recorded, as a page to look at."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.domain import ImageState, Score
from nami_bench.errors import InputError
from nami_bench.evaluation.questions.browser import write_browser
from nami_bench.evaluation.questions.grids import WHOLE
from nami_bench.evaluation.questions.results import Answered, ImageAnswers

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
    files = {
        (record.model, record.prompt_id, record.sample): str(record.path)
        for record in store.images.find(models=models, prompt_set=prompt_set, state=ImageState.DONE)
    }
    scores = [
        score
        for score in store.scores.find(metric=metric, models=models, prompt_set=prompt_set)
        if score.value is not None and "answers" in score.details and _key(score) in files
    ]
    if not scores:
        raise InputError(
            f"no answers of {metric!r} are recorded for {', '.join(models)} on {prompt_set}: "
            "ask with `nami-bench evaluate`"
        )
    if len(instruments := sorted({score.instrument for score in scores})) > 1:
        raise InputError(f"{metric!r} was measured by several instruments: {'; '.join(instruments)}")
    rows = [
        _answers(score, files[_key(score)], prompts[score.prompt_id].item, prompts[score.prompt_id].text)
        for score in scores
    ]
    values = {row.place: score.value or 0.0 for row, score in zip(rows, scores, strict=True)}
    source = images_dir / f"{metric} on {prompt_set}"  # a title; the images lie beside it
    missing = write_browser(rows, source, folder, images_dir, advance, values=values)
    return len(rows), missing


def _key(score: Score) -> tuple[str, str, int]:
    return score.model, score.prompt_id, score.sample


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
