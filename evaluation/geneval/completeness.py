"""The gate before GenEval: is every image there that the score claims to rest on?

The published scripts print an ordinary summary for half a folder; this finds what is missing, doubled,
damaged or mislabelled, so that such a score is made knowingly or not at all.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from nami_bench.domain.clauses import demand_key, has_clauses, line_key, parse_clauses
from nami_bench.errors import ImageError, InputError
from nami_bench.evaluation.completeness import Completeness, Problem
from nami_bench.evaluation.geneval.coverage import is_rewrite_of
from nami_bench.geneval_folder import GenEvalFolder, SampleFile, read_metadata
from nami_bench.images import read_image

KINDS = (
    "missing prompt",
    "extra prompt",
    "unknown folder",
    "wrong metadata",
    "missing sample",
    "extra sample",
    "foreign file",
    "link out of the folder",
    "unreadable image",
    "duplicate image",
)


def check_folder(
    root: Path,
    expected: Sequence[Mapping[str, Any]],
    samples: int,
    advance: Callable[[int], None] = lambda count: None,
    *,
    follow_links: bool = False,
) -> Completeness:
    """Compare a folder in GenEval's layout with the prompt file it should have been made from.

    `expected[i]` is the metadata of folder i, of which prompt, tag, include and exclude count; a folder may
    be of a rewrite of the prompt that names the original. Each folder should hold `samples` images, numbered
    from 0. Every image is decoded in full; `advance(1)` is called after each. Images are duplicates where
    their pixels are equal, whatever the files' other bytes: of each group the first is not a problem. Images
    that a link fetches from outside `root` are problems, and are not decoded, unless `follow_links`.
    Raises InputError if `root` is no folder.
    """
    if samples < 1:
        raise InputError(f"the number of samples must be at least 1, got {samples}")
    folder = GenEvalFolder(root)
    folders = folder.prompt_folders()
    files = list(folder.samples())
    links = {} if follow_links else {file.path: file.outside for file in files if file.outside}
    problems = [
        *_prompt_problems(root, folders, expected),
        *(
            Problem("unknown folder" if path.parent == root else "foreign file", _where(path, root), what)
            for path, what in folder.strangers()
        ),
        *_sample_problems(root, files, {index for index, _ in folders}, len(expected), samples),
        *(
            Problem("link out of the folder", _where(path, root), f"leads to {target}")
            for path, target in links.items()
        ),
        *_image_problems(root, [file for file in files if file.path not in links], advance),
    ]
    if links:
        advance(len(links))
    problems.sort(key=lambda problem: KINDS.index(problem.kind))
    return Completeness(len(expected), len(expected) * samples, len(files), tuple(problems))


def _prompt_problems(
    root: Path, folders: Sequence[tuple[int, Path]], expected: Sequence[Mapping[str, Any]]
) -> Iterator[Problem]:
    seen: dict[int, Path] = {}
    for index, path in folders:
        where = path.relative_to(root).as_posix()
        if index in seen:
            yield Problem("extra prompt", where, f"the same number as {seen[index].name}")
        elif index >= len(expected):
            yield Problem("extra prompt", where, f"the prompt set ends at {len(expected) - 1:05d}")
        else:
            yield from _metadata_problem(path, where, expected[index])
        seen.setdefault(index, path)
    for index, metadata in enumerate(expected):
        if index not in seen:
            yield Problem("missing prompt", f"{index:05d}", str(metadata["prompt"]))


def _metadata_problem(path: Path, where: str, expected: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        found = read_metadata(path)
        if has_clauses(found):
            parse_clauses(found, f"{where}/metadata.jsonl")
    except InputError as error:
        yield Problem("wrong metadata", where, str(error))
        return
    if line_key(found) == line_key(expected) or is_rewrite_of(found, expected):
        return
    if found["prompt"] == expected["prompt"]:
        what = f"the clauses of {found['prompt']!r} differ from the prompt set's"
    else:
        what = f"is for {found['prompt']!r}, expected {expected['prompt']!r}"
        if has_clauses(expected) and demand_key(found) == demand_key(expected):
            what += ' (a rewrite? Say so with "rewritten_from", or name its own prompt file)'
    yield Problem("wrong metadata", where, what)


def _sample_problems(
    root: Path, files: Sequence[SampleFile], present: set[int], prompts: int, samples: int
) -> Iterator[Problem]:
    seen: dict[tuple[int, int], Path] = {}
    for file in files:
        first = seen.setdefault((file.index, file.sample), file.path)
        if first is not file.path:
            what = f"the same number as {_where(first, root)}"
            yield Problem("extra sample", _where(file.path, root), what)
        elif file.sample >= samples:
            what = f"{samples} samples were expected, numbered from 0"
            yield Problem("extra sample", _where(file.path, root), what)
    for index in sorted(i for i in present if i < prompts):
        for sample in range(samples):
            if (index, sample) not in seen:
                yield Problem("missing sample", f"{index:05d}/samples/{sample:04d}.png", "is not there")


def _image_problems(
    root: Path, files: Sequence[SampleFile], advance: Callable[[int], None]
) -> Iterator[Problem]:
    first_of: dict[bytes, SampleFile] = {}
    with ThreadPoolExecutor() as pool:  # decoding leaves the interpreter lock
        for file, digest in zip(files, pool.map(_pixel_digest, files), strict=True):
            advance(1)
            if isinstance(digest, ImageError):
                yield Problem("unreadable image", _where(file.path, root), str(digest))
                continue
            first = first_of.setdefault(digest, file)
            if first is not file:
                other = "within the prompt" if first.index == file.index else "of another prompt"
                what = f"the same pixels as {_where(first.path, root)} ({other})"
                yield Problem("duplicate image", _where(file.path, root), what)


def _where(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _pixel_digest(file: SampleFile) -> bytes | ImageError:
    """SHA-256 over size and pixels, or why the image cannot be decoded."""
    try:
        image = read_image(file.path)
    except ImageError as error:
        return error
    return hashlib.sha256(repr(image.size).encode() + image.tobytes()).digest()
