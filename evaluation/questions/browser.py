"""A page to look at a judge's answers: images with their questions, each below what it depends on."""

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

from PIL.Image import Image

from nami_bench.errors import ImageError
from nami_bench.evaluation.browser.page import picture_path, write_page, write_picture
from nami_bench.evaluation.questions.dpg import NotScoredError, image_score
from nami_bench.evaluation.questions.graph import YES
from nami_bench.evaluation.questions.grids import WHOLE, Grid, parse_cut
from nami_bench.evaluation.questions.official_csv import Policy
from nami_bench.evaluation.questions.outline import Placed, outline
from nami_bench.evaluation.questions.results import Answered, ImageAnswers
from nami_bench.images import decode_as_stored, decode_image, read_recorded


def write_browser(
    results: Sequence[ImageAnswers],
    source: Path,
    folder: Path,
    images: Path | None = None,
    advance: Callable[[int], None] = lambda count: None,
    *,
    values: Mapping[tuple[str, int], float] | None = None,
) -> int:
    """Write `folder`/index.html and the images it shows, made smaller; return how many images are missing.

    `source` is the results' own file. The files with the images are looked for in `images`, or beside
    `source`; what is there under a file's name but is not what was judged is missing too. The page needs
    nothing outside `folder`, which may be moved, served or packed. Pictures that are there already are kept.
    Scores are `values`, 0-1 by the images' places, or DPG-Bench's by the corrected policy. `advance(n)` is
    called when n more images are done with. Raises InputError for results whose cut is none.
    """
    files = [list(of_file) for _, of_file in groupby(sorted(results, key=_file), _file)]
    pictures: dict[tuple[str, int], str] = {}
    with ThreadPoolExecutor() as pool:  # Pillow leaves the interpreter lock
        drawn = pool.map(lambda of_file: _pictures(of_file, images or source.parent, folder), files)
        for of_file, found in zip(files, drawn, strict=True):
            pictures.update(found)
            advance(len(of_file))
    judges = " and ".join(sorted({result.judge for result in results}))
    about = judges if values is not None else f"{judges} · scores by the corrected policy"
    scores = [
        _score(result) if values is None else (_percent(values[result.place]), "") for result in results
    ]
    write_page(folder, "questions/browser.html", source.name, about, _data(results, scores, pictures))
    return len(results) - len(pictures)


def _file(result: ImageAnswers) -> tuple[str, str, str]:
    """What images share that are cut from one file in one way."""
    return result.file, result.sha256, result.cut


def _sha256_of(result: ImageAnswers) -> str:
    """What tells an image's picture apart from every other, whatever its line says."""
    return hashlib.sha256(f"{result.sha256} {result.cut} {result.cell}".encode()).hexdigest()


def _pictures(of_file: Sequence[ImageAnswers], images: Path, folder: Path) -> dict[tuple[str, int], str]:
    """The page's paths of one file's images by their places, without those that are not to be had."""
    name, sha256, cut = _file(of_file[0])
    found = {result.place: picture_path(_sha256_of(result)) for result in of_file}
    wanted = {place: path for place, path in found.items() if not (folder / path).is_file()}
    cells = _cells(images / name, sha256, None if cut == WHOLE else parse_cut(cut)) if wanted else []
    for place, path in wanted.items():
        _, cell = place
        if 0 <= cell < len(cells):
            write_picture(folder / path, cells[cell])
        else:
            del found[place]
    return found


def _cells(path: Path, sha256: str, grid: Grid | None) -> list[Image]:
    """A file's images, the whole file where there is no grid; none where it is not there, damaged, or another
    than was judged."""
    try:
        data = read_recorded(path, sha256)
        return [decode_image(data, path)] if grid is None else grid.cut(decode_as_stored(data, path))
    except ImageError:
        return []


class _Numbers:
    """Numbers values as they come, so that what many images share stands once in the page."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def __call__(self, value: Hashable) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    @property
    def values(self) -> list[Any]:
        return list(self._numbers)


def _data(
    results: Sequence[ImageAnswers],
    scores: Sequence[tuple[float | None, str]],
    pictures: Mapping[tuple[str, int], str],
) -> dict[str, Any]:
    """The images as the page's script reads them: `browser.js` says what stands where."""
    categories, items = _Numbers(), _Numbers()
    rows = [
        _row(result, score, pictures.get(result.place), categories, items)
        for result, score in zip(results, scores, strict=True)
    ]
    return {"categories": categories.values, "items": items.values, "rows": rows}


def _row(
    result: ImageAnswers,
    score: tuple[float | None, str],
    picture: str | None,
    categories: _Numbers,
    items: _Numbers,
) -> list[Any]:
    by_id = {answered.question.id: answered for answered in result.answers}
    placed = outline([answered.question for answered in result.answers])
    questions = tuple(
        (
            one.depth,
            one.question.id,
            one.question.text,
            categories((one.question.category, one.question.broad_category)),
            one.question.expected if one.question.expected != YES else "",
            _remark(one, by_id),
        )
        for one in placed
    )
    return [
        items((result.item, result.prompt, questions)),
        result.file if result.cut == WHOLE else f"{result.file}, image {result.cell}",
        picture,
        *score,
        [_answer(by_id[one.question.id], by_id) for one in placed],
    ]


def _score(result: ImageAnswers) -> tuple[float | None, str]:
    """An image's score, 0-100, or why there is none."""
    try:
        return _percent(image_score(result.answers, Policy.CORRECTED)), ""
    except NotScoredError as reason:
        return None, str(reason)


def _percent(score: float) -> float:
    return round(100 * score, 2)


def _answer(answered: Answered, by_id: Mapping[int, Answered]) -> list[Any]:
    answer, by = answered.answer, answered.zeroed_by
    why = ""
    if by is not None:
        wrong = by not in by_id or by_id[by].score == 0
        why = f"not counted: question {by} is {'wrong' if wrong else 'not counted'}"
    probability = None if answer.probability is None else round(answer.probability, 3)
    cut = answer.details.get("truncated") is True
    return [answer.text, probability, answered.score, why, int(cut)]


def _remark(placed: Placed, known: Mapping[int, Answered]) -> str:
    """What a question's place in the outline does not say."""
    own = placed.question.id
    there = [str(other) for other in placed.others if other in known and other != own]
    remarks = [f"depends {'also ' if placed.depth else ''}on {' and '.join(there)}"] if there else []
    if own in placed.others:
        remarks.append("depends on itself")
    remarks += [f"depends on {other}, which does not exist" for other in placed.others if other not in known]
    if known[own].first_row:
        remarks.append("passed over by the official script")
    return "; ".join(remarks)
