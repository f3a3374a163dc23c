"""An existing GenEval results file as recorded scores: ours, or the reference implementation's."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from nami_bench.domain import ImageRecord, ImageState, Prompt, PromptSet, Score
from nami_bench.domain.clauses import line_key
from nami_bench.errors import IncompleteError, InputError
from nami_bench.evaluation.geneval.coverage import result_metadata
from nami_bench.evaluation.geneval.metric import GenEvalMetric
from nami_bench.evaluation.geneval.published import UNKNOWN
from nami_bench.evaluation.geneval.results import ImageResult, read_results
from nami_bench.foreign_text import parse_json

if TYPE_CHECKING:
    from nami_bench.store import Store

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class ImportedResults:
    """Scores that were `recorded` and that were `known` already, by which instrument; images that the file
    has verdicts of and the workspace does not have (`missing`), or that have no verdict (`unjudged`)."""

    instrument: str
    recorded: int
    known: int
    missing: int
    unjudged: int


def import_geneval_results(
    store: "Store",
    file: Path,
    model: str,
    prompt_set: PromptSet,
    *,
    instrument: str | None = None,
    allow_incomplete: bool = False,
) -> ImportedResults:
    """Record the verdicts of a results file as GenEval's scores of the model's images: all, or nothing.

    An image is found by its folder's and file's number, where the prompt of that number is the one that the
    verdict is of, else by its prompt. `instrument`: what measured, where the file does not say so.

    Raises InputError for a verdict of a prompt that is not in the set, of other bytes than those recorded, or
    that contradicts a recorded one; IncompleteError, unless that is allowed, where images have no verdict or
    verdicts no image.
    """
    rows = read_results(file)
    named = _instrument(rows, file, instrument)
    images = {
        (record.prompt_id, record.sample): record
        for record in store.images.find(models=[model], prompt_set=prompt_set.name, state=ImageState.DONE)
    }
    if not images:
        raise InputError(
            f"{model} has no images of {prompt_set.name} here, and scores belong to images: bring them in "
            f"with `nami-bench images import FOLDER --model {model} --prompts {prompt_set.name}`"
        )
    placed = _placed(rows, prompt_set, file)
    missing, unjudged = placed.keys() - images.keys(), _judgeable(images, prompt_set) - placed.keys()
    if (missing or unjudged) and not allow_incomplete:
        raise IncompleteError(
            f"{file} has {len(placed)} verdicts; {len(missing)} are of images that {model} does not have "
            f"here and {len(unjudged)} images have none: bring the images in, or pass --allow-incomplete"
        )
    source = {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    scores = [_score(images[at], row, named, source) for at, row in placed.items() if at in images]
    new = _new(scores, store.scores.find(metric=GenEvalMetric.name, models=[model]), file)
    store.scores.put(new)
    return ImportedResults(named, len(new), len(scores) - len(new), len(missing), len(unjudged))


def _instrument(rows: Sequence[ImageResult], file: Path, said: str | None) -> str:
    found = {row.detector for row in rows}
    if len(found) > 1:
        names = ", ".join(sorted(name or "an unnamed detector" for name in found))
        raise InputError(f"{file} holds verdicts of several detectors ({names}): import one file for each")
    [own] = found
    if said is not None and own not in (None, said):
        raise InputError(f"{file} says that its verdicts are of {own}: leave out --instrument")
    return own or said or UNKNOWN


def _placed(rows: Iterable[ImageResult], prompt_set: PromptSet, file: Path) -> dict[Place, ImageResult]:
    """The verdicts by prompt id and sample."""
    rows = list(rows)
    lines = result_metadata(rows)
    by_demand: dict[Any, list[Prompt]] = {}
    for prompt in prompt_set.prompts:
        by_demand.setdefault(line_key(prompt.metadata()), []).append(prompt)
    found: dict[Place, ImageResult] = {}
    for row in rows:
        own = _prompt_of(row, by_demand.get(line_key(lines[row.metadata]), []))
        if own is None:
            raise InputError(
                f"{file}: {row.filename} is of {row.prompt!r}, which is not in {prompt_set.name}: name the "
                "set that the images were made from with --prompts"
            )
        at = own.id, _sample(row, file)
        if at in found:
            raise InputError(f"{file} has two verdicts on sample {at[1]} of prompt {at[0]}: {row.prompt!r}")
        found[at] = row
    return found


def _prompt_of(row: ImageResult, alike: Sequence[Prompt]) -> Prompt | None:
    """Of the prompts that are its own: the one of its folder's number, else the only one."""
    folder = PurePath(row.place).parts[0]
    numbered = [prompt for prompt in alike if folder.isdecimal() and int(prompt.id) == int(folder)]
    chosen = numbered or (alike if len(alike) == 1 else [])
    return chosen[0] if chosen else None


def _sample(row: ImageResult, file: Path) -> int:
    stem = PurePath(row.filename).stem
    if not (stem.isascii() and stem.isdecimal()):
        raise InputError(
            f"{file}: {row.filename} does not say which sample it is: its name should be a number"
        )
    return int(stem)


def _judgeable(images: Mapping[Place, ImageRecord], prompt_set: PromptSet) -> set[Place]:
    return {at for at in images if prompt_set.by_id[at[0]].geneval is not None}


def _score(image: ImageRecord, row: ImageResult, instrument: str, source: Mapping[str, str]) -> Score:
    known = {image.sha256, image.provenance.get("source_sha256")}
    if row.sha256 is not None and row.sha256 not in known:
        raise InputError(
            f"the verdict on {row.filename} is of another file than the recorded image of prompt "
            f"{image.prompt_id}, sample {image.sample} (sha256 {row.sha256[:12]}, not "
            f"{str(image.sha256)[:12]})"
        )
    return Score(
        image.model,
        image.prompt_set,
        image.prompt_id,
        image.sample,
        GenEvalMetric.name,
        instrument,
        1.0 if row.correct else 0.0,
        image_sha256=image.sha256,
        details={"reason": row.reason, "boxes": _boxes(row), "recorded_from": source},
        value_range=GenEvalMetric.value_range,
    )


def _boxes(row: ImageResult) -> Any:
    """The detections that counted; none where the file has them in no form that is known."""
    try:
        found = parse_json(row.details)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _new(scores: Sequence[Score], recorded: Iterable[Score], file: Path) -> list[Score]:
    """Those that are not recorded yet; raises InputError where one is with another verdict."""
    known = {
        (one.prompt_set, one.prompt_id, one.sample): one.value
        for one in recorded
        if scores and one.instrument == scores[0].instrument and one.value is not None
    }
    new = []
    for one in scores:
        before = known.get((one.prompt_set, one.prompt_id, one.sample))
        if before is None:
            new.append(one)
        elif before != one.value:
            raise InputError(
                f"{file} contradicts what is recorded of {one.instrument} on sample {one.sample} of prompt "
                f"{one.prompt_id}: give what measured it a name of its own with --instrument"
            )
    return new
