"""`nami-bench images copies`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import open_bench, parse_pairs, print_json, print_table, progress, say
from nami_bench.cli.options import json_option

if TYPE_CHECKING:
    from nami_bench.pipeline.copies import CopyPair, FoundCopies

_SHOWN = 20
_COLUMNS = (
    "model", "prompt_id", "sample", "other_prompt_id", "other_sample", "file", "similarity", "flipped",
    "exact",
)  # fmt: skip


@click.command(
    epilog="Examples: nami-bench images copies --model mine; "
    "nami-bench images copies --model mine --reference training-images -o repeated.csv; "
    "nami-bench images copies --between samples -O features=dinov2 -O threshold=0.9 -o pairs.json"
)
@click.option("--model", "models", multiple=True, help="Only this model; repeatable. Default: all.")
@click.option("--prompts", metavar="SET", help="Only this prompt set. Default: every set with images.")
@click.option(
    "--reference",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Compare with the images of this folder. Default: a model's images with each other.",
)
@click.option(
    "--between",
    type=click.Choice(["prompts", "samples", "all"]),
    help="Pairs of images of different prompts, samples of one prompt, or all. Default: prompts.",
)
@click.option(
    "--threshold", type=float, help="From this similarity on images are near-copies. Default of pixels: 0.98."
)
@click.option(
    "-O",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the metric near-copies or reference-copies; repeatable.",
)
@click.option(
    "--most",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="So many pairs of each model.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the pairs: FILE.csv, or FILE.json with the counts.",
)
@json_option
def copies(
    models: tuple[str, ...],
    prompts: str | None,
    reference: Path | None,
    between: str | None,
    threshold: float | None,
    options: tuple[str, ...],
    most: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """List recorded images that are nearly the same, or nearly those of a folder, the most similar first.

    By default images are compared as thumbnails: copies that were re-encoded, resized, moved by a pixel or
    mirrored are found, new pictures of the same thing are not. With -O features=... a network compares them.
    """
    from nami_bench.errors import InputError
    from nami_bench.pipeline.copies import find_copies

    if output is not None and output.suffix.lower() not in (".csv", ".json"):
        raise InputError(f"{output}: pairs are written as .csv or .json")
    chosen = _chosen(reference, between, threshold, options)
    found: dict[str, list[FoundCopies]] = {}
    with open_bench() as bench:
        for prompt_set, model, images in _wanted(bench.store, models, prompts):
            with progress(f"{model} on {prompt_set}", 2 * images) as advance:
                one = find_copies(
                    bench.store, bench.workspace.images_dir, model, prompt_set, chosen, most, advance
                )
            found.setdefault(prompt_set, []).append(one)
            say(_line(one, prompt_set))
            for problem in one.problems[:_SHOWN]:
                say(f"  left out: {problem}")
    if output is not None:
        _write(output, found)
    if as_json:
        print_json(_as_json(found))
    elif output is None:
        _show(found)


def _chosen(
    reference: Path | None, between: str | None, threshold: float | None, options: tuple[str, ...]
) -> dict[str, Any]:
    from nami_bench.errors import InputError

    if reference is not None and between is not None:
        raise InputError("--between is about a model's own images: leave it out with --reference")
    given = {"reference": reference, "between": between, "threshold": threshold}
    return {**parse_pairs(options, "-O"), **{key: one for key, one in given.items() if one is not None}}


def _wanted(store: Any, models: tuple[str, ...], prompts: str | None) -> list[tuple[str, str, int]]:
    """Prompt set, model, and how many images it has of it."""
    from collections import Counter

    from nami_bench.domain import ImageState
    from nami_bench.errors import InputError

    records = store.images.find(models=models or None, prompt_set=prompts, state=ImageState.DONE)
    if not records:
        raise InputError("there are no images to compare: make some with `nami-bench generate`")
    counts = Counter((record.prompt_set, record.model) for record in records)
    return [(*key, count) for key, count in sorted(counts.items())]


def _line(found: "FoundCopies", prompt_set: str) -> str:
    told = f"{found.with_copies} of {found.images} images have a near-copy ({100 * found.share:.2f} %"
    if found.interval is not None:
        told += f", {100 * found.interval[0]:.2f} to {100 * found.interval[1]:.2f}"
    few = f", the first {len(found.listed)} are listed" if found.pairs > len(found.listed) else ""
    return f"{found.model} on {prompt_set}: {told}), {found.pairs} pairs{few}; by {found.instrument}"


def _rows(found: dict[str, list["FoundCopies"]]) -> list[tuple[str, "CopyPair"]]:
    return [(prompt_set, pair) for prompt_set, ones in found.items() for one in ones for pair in one.listed]


def _cells(pair: "CopyPair") -> tuple[Any, ...]:
    other = pair.other or ("", "")
    return (
        pair.model, pair.prompt_id, pair.sample, *other, pair.file or "", pair.similarity, pair.flipped,
        pair.exact,
    )  # fmt: skip


def _show(found: dict[str, list["FoundCopies"]]) -> None:
    rows = _rows(found)
    if not rows:
        say("no near-copies")
        return
    print_table(
        ("prompt set", *_COLUMNS),
        [(prompt_set, *map(str, _cells(pair))) for prompt_set, pair in rows[:_SHOWN]],
    )
    if len(rows) > _SHOWN:
        say(f"... and {len(rows) - _SHOWN} more: -o FILE.csv has them")


def _as_json(found: dict[str, list["FoundCopies"]]) -> dict[str, Any]:
    pairs = [
        {"prompt_set": prompt_set, **dict(zip(_COLUMNS, _cells(pair), strict=True))}
        for prompt_set, pair in _rows(found)
    ]
    counts = [{"prompt_set": name, **one.to_json()} for name, ones in found.items() for one in ones]
    return {"counts": counts, "pairs": pairs}


def _write(output: Path, found: dict[str, list["FoundCopies"]]) -> None:
    import json

    from nami_bench.export.spreadsheet import csv_table
    from nami_bench.images import write_bytes

    if output.suffix.lower() == ".json":
        write_bytes(output, (json.dumps(_as_json(found), indent=2, ensure_ascii=False) + "\n").encode())
    else:
        rows = ((prompt_set, *_cells(pair)) for prompt_set, pair in _rows(found))
        write_bytes(output, csv_table(("prompt_set", *_COLUMNS), rows, decimals=6))
    say(f"{output}: {len(_rows(found))} pairs")
