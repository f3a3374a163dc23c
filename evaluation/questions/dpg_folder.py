"""DPG-Bench on a folder of grids: is everything there, and what does the judge say to it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL.Image import Image

from nami_bench.errors import InputError
from nami_bench.evaluation.completeness import Completeness, Problem
from nami_bench.evaluation.questions.graph import Item, QuestionSet
from nami_bench.evaluation.questions.grids import Grid, GridFile, Look
from nami_bench.evaluation.questions.judge import Answer, Judge, Reading, Sheet, instrument
from nami_bench.evaluation.questions.results import ImageAnswers, ResultsFile, answered
from nami_bench.evaluation.questions.rules import UnknownParentError, Zeroing, score_of, zeroed
from nami_bench.images import decode_as_stored, read_file

KINDS = (
    "missing prompt",
    "unknown prompt",
    "two files of a prompt",
    "wrong size",
    "unreadable image",
    "duplicate image",
)


def check_grids(
    files: Sequence[GridFile], looks: Mapping[Path, Look], questions: QuestionSet, grid: Grid
) -> Completeness:
    """Compare a folder's files with the questions that they should be the images of.

    Every item should have one file, named after it, of the grid's size. Files are duplicates where their
    bytes are equal: of each group the first is not a problem.
    """
    problems = [
        *(Problem("missing prompt", item.id, item.prompt) for item in _missing(files, questions)),
        *_name_problems(files, looks, questions),
        *_file_problems(files, looks, grid),
    ]
    problems.sort(key=lambda problem: KINDS.index(problem.kind))
    expected = len(questions.items)
    found = sum(look.problem is None for look in looks.values()) * grid.used
    return Completeness(expected, expected * grid.used, found, tuple(problems))


def _missing(files: Sequence[GridFile], questions: QuestionSet) -> Iterator[Item]:
    there = {file.item for file in files}
    return (item for item in questions.items if item.id not in there)


def _name_problems(
    files: Sequence[GridFile], looks: Mapping[Path, Look], questions: QuestionSet
) -> Iterator[Problem]:
    readable = [file for file in files if looks[file.path].problem is None]
    names = Counter(file.item for file in readable)
    for file in readable:
        if file.item not in questions.by_id:
            yield Problem("unknown prompt", file.path.name, f"the question file has no item {file.item!r}")
        elif names[file.item] > 1:
            yield Problem(
                "two files of a prompt", file.path.name, f"one of {names[file.item]} of {file.item}"
            )


def _file_problems(files: Sequence[GridFile], looks: Mapping[Path, Look], grid: Grid) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for file in files:
        look, name = looks[file.path], file.path.name
        if look.size is None:
            yield Problem("unreadable image", name, str(look.problem))
            continue
        if look.size != grid.size:
            width, height = grid.size
            what = f"{look.size[0]}x{look.size[1]} pixels, not {width}x{height}"
            yield Problem("wrong size", name, what)
        if look.sha256 in seen:
            yield Problem("duplicate image", name, f"the same bytes as {seen[look.sha256]}")
        seen.setdefault(look.sha256, name)


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that the judge did not answer for, and why."""

    file: str
    cell: int
    reason: str


@dataclass(frozen=True, slots=True)
class FolderRun:
    """What became of a folder's images: `results` are all in the results file, `reused` of earlier runs."""

    results: tuple[ImageAnswers, ...]
    reused: int
    failures: tuple[Failure, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for one JSON document: counts and failures, without the results."""
        return {
            "judged": len(self.results) - self.reused,
            "reused": self.reused,
            "failures": [asdict(failure) for failure in self.failures],
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """An image that is to be judged."""

    file: GridFile
    cell: int
    item: Item
    image: Image


def judge_grids(
    files: Sequence[GridFile],
    looks: Mapping[Path, Look],
    questions: QuestionSet,
    grid: Grid,
    judge: Judge,
    reading: Reading,
    output: Path,
    advance: Callable[[int], None] = lambda count: None,
) -> FolderRun:
    """Ask about every image that `output` has no result of, and append the answers there.

    Files that cannot be read or have no questions are passed over. An image of which a question was not
    answered is a failure: it is in no result, and is tried again by the next run. `advance(n)` is called
    when n more images are done with.

    Raises InputError where `output` holds results of something else, or of images that have changed.
    """
    known = [file for file in files if file.item in questions.by_id and looks[file.path].problem is None]
    first_line = min(question.line for item in questions.items for question in item.questions)
    cut = str(grid)
    name = instrument(judge, reading)
    with ResultsFile(output, name, questions.sha256, cut) as results:
        _check_same(results, known, looks, grid)
        done = {row.place for row in results.found}
        advance(len(done))
        new: list[ImageAnswers] = []
        failures: list[Failure] = []
        waiting: list[_Asked] = []

        def sheets() -> Iterator[Sheet]:
            for asked in _images_ahead(known, questions, grid, done):
                waiting.append(asked)
                yield Sheet(asked.image, asked.item.questions)

        for answers in judge.answer(sheets()):
            asked = waiting.pop(0)
            problem = next((answer.problem for answer in answers if answer.problem), None)
            if problem is not None:
                failures.append(Failure(asked.file.path.name, asked.cell, problem))
            else:
                row = _result(asked, answers, reading, name, looks, questions, cut, first_line)
                results.append(row.to_json())
                new.append(row)
            advance(1)
    return FolderRun((*results.found, *new), len(done), tuple(failures))


def _images_ahead(
    files: Sequence[GridFile], questions: QuestionSet, grid: Grid, done: set[tuple[str, int]]
) -> Iterator[_Asked]:
    """The images without a result, in order; a thread cuts one file while the last one is judged."""
    wanted = [
        (file, cells)
        for file in files
        if (cells := [cell for cell in range(grid.used) if (file.path.name, cell) not in done])
    ]
    with ThreadPoolExecutor(1) as pool:

        def begin(position: int) -> Future[list[Image]] | None:
            return pool.submit(_cut, wanted[position][0].path, grid) if position < len(wanted) else None

        coming = begin(0)
        for position, (file, cells) in enumerate(wanted):
            assert coming is not None
            images, coming = coming.result(), begin(position + 1)
            for cell in cells:
                yield _Asked(file, cell, questions.by_id[file.item], images[cell])


def _cut(path: Path, grid: Grid) -> list[Image]:
    return grid.cut(decode_as_stored(read_file(path), path))


def _result(
    asked: _Asked,
    answers: Sequence[Answer],
    reading: Reading,
    judge: str,
    looks: Mapping[Path, Look],
    questions: QuestionSet,
    cut: str,
    first_line: int,
) -> ImageAnswers:
    item = asked.item
    scores = {
        question.id: score_of(question, answer, reading)
        for question, answer in zip(item.questions, answers, strict=True)
    }
    try:
        after = zeroed(item.questions, scores, Zeroing.IN_ROW_ORDER)
    except UnknownParentError:  # says so when it is scored
        after = None
    return ImageAnswers(
        file=asked.file.path.name,
        cell=asked.cell,
        item=item.id,
        prompt=item.prompt,
        judge=judge,
        sha256=looks[asked.file.path].sha256,
        questions_sha256=questions.sha256,
        cut=cut,
        answers=answered(item.questions, answers, scores, after, first_line),
    )


def _check_same(
    results: ResultsFile, files: Sequence[GridFile], looks: Mapping[Path, Look], grid: Grid
) -> None:
    """Refuse results of images that are no longer the folder's."""
    hashes = {file.path.name: looks[file.path].sha256 for file in files}
    for row in results.found:
        if hashes.get(row.file) != row.sha256 or row.cell >= grid.used:
            raise InputError(
                f"{results.path} holds a result of image {row.cell} of another {row.file} than the folder's: "
                "name another file with -o or delete it"
            )
