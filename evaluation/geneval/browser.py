"""A page to look at GenEval's verdicts: images with boxes and masks, what was asked and what was found."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from nami_bench.domain.clauses import clause_fields
from nami_bench.errors import ImageError, InputError
from nami_bench.evaluation.browser.page import picture_path, write_page, write_picture
from nami_bench.evaluation.geneval.masks import Masks, read_masks
from nami_bench.evaluation.geneval.published import standing
from nami_bench.evaluation.geneval.results import ImageResult
from nami_bench.images import read_hashed_image

_REASONS = (
    ("no target", re.compile(r"no target for ")),
    ("too many", re.compile(r"expected .+<\d+, found ")),
    ("wrong color", re.compile(r"expected .+>=\d+, found \d+ .+; and ")),
    ("too few", re.compile(r"expected .+>=\d+, found \d+$")),
    ("wrong position", re.compile(r"expected .+ target, found .*target$")),
)


def write_browser(
    results: Sequence[ImageResult],
    source: Path,
    folder: Path,
    images: Path | None = None,
    advance: Callable[[int], None] = lambda count: None,
    *,
    original: Callable[[Mapping[str, Any]], str | None] = lambda metadata: metadata.get("rewritten_from"),
) -> int:
    """Write `folder`/index.html and the images it shows, made smaller, and return how many were not found.

    `source` is the results' own file: masks lie beside it. Images are looked for at the results' filenames,
    then in the folder of `source`; or, if given, in `images`, a folder in GenEval's layout. The page needs
    nothing outside `folder`, which may be moved, served or packed. Pictures that are there already are kept.
    `original` tells from a prompt's metadata which text the prompt is a rewrite of, if it is one.
    """
    masks = read_masks(source)
    with ThreadPoolExecutor() as pool:  # Pillow leaves the interpreter lock
        rows = []
        for row in pool.map(
            lambda r: _row(r, masks.get(r.place, {}), original, _picture(r, source, folder, images)), results
        ):
            rows.append(row)
            advance(1)
    about = _about(rows, results[0].detector)
    write_page(folder, "geneval/browser.html", source.name, about, rows)
    return sum(row["image"] is None for row in rows)


def _row(
    result: ImageResult,
    masks: Masks,
    original: Callable[[Mapping[str, Any]], str | None],
    picture: tuple[str | None, int, int],
) -> dict[str, Any]:
    """One image as the page's script reads it."""
    try:
        metadata, details = json.loads(result.metadata), json.loads(result.details)
        expected, found = expectations(metadata), _found(details, masks)
        rewritten_from = original(metadata)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"the result of {result.filename} has metadata or details of another form"
        ) from error
    image, width, height = picture
    return {
        "place": result.place,
        "task": result.tag,
        "prompt": result.prompt,
        "original": rewritten_from,
        "correct": result.correct,
        "reasons": result.reason.split("\n") if result.reason else [],
        "kinds": reason_kinds(result.reason),
        "expected": expected,
        "found": found,
        "image": image,
        "width": width,
        "height": height,
    }


def expectations(metadata: Mapping[str, Any]) -> list[str]:
    """A prompt's clauses in words."""
    demands = clause_fields(metadata)
    include, words = demands.get("include", []), []
    for clause in include:
        said = f"{clause['count']} × {clause.get('color', '')} {clause['class']}".replace("  ", " ")
        if "position" in clause:
            relation, target = clause["position"]
            said += f", {relation} the {include[target]['class']}"
        words.append(said)
    return words + [f"fewer than {c['count']} × {c['class']}" for c in demands.get("exclude", [])]


def reason_kinds(reason: str) -> list[str]:
    """What kinds of violation a verdict's reason names, in its order, each once."""
    lines = reason.splitlines()
    kinds = (next((kind for kind, known in _REASONS if known.match(line)), "other") for line in lines)
    return list(dict.fromkeys(kinds))


def _found(details: Mapping[str, Any], masks: Masks) -> list[dict[str, Any]]:
    found = []
    for name, boxes in details.items():
        of_class = masks.get(name, [])
        for number, (*box, score) in enumerate(boxes):
            mask = of_class[number] if len(of_class) == len(boxes) else None
            found.append({"name": name, "box": [float(edge) for edge in box], "score": score, "mask": mask})
    return found


def _picture(
    result: ImageResult, source: Path, folder: Path, images: Path | None
) -> tuple[str | None, int, int]:
    """The page's path of the image and the size of the original; None where it is not to be had.

    It is named by its content, so that a page made again makes only what is new.
    """
    candidates = [images / result.place] if images else [Path(result.filename), source.parent / result.place]
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path is None:
        return None, 0, 0
    try:
        image, sha256 = read_hashed_image(path)
    except ImageError:
        return None, 0, 0
    name = picture_path(sha256)
    if not (folder / name).is_file():
        write_picture(folder / name, image)
    return name, *image.size


def _about(rows: Sequence[Mapping[str, Any]], detector: str | None) -> str:
    rewritten = sum(row["original"] is not None for row in rows)
    about = [f"{detector}: {standing(detector)}" if detector else "detector not recorded"]
    about += [f"{rewritten} of {len(rows)} images are of rewritten prompts"] if rewritten else []
    return " · ".join(about)
