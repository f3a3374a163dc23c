"""`nami-bench weights`."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import byte_progress, options_by_name, print_json, print_table, say
from nami_bench.cli.options import FILE, json_option, together

if TYPE_CHECKING:
    from nami_bench.neural.needed_weights import Needed
    from nami_bench.neural.weights import Hash, Weights

_option = click.option(
    "-O",
    "--option",
    "options",
    multiple=True,
    metavar="[NAME.]KEY=VALUE",
    help="As the metric, detector or judge takes it, where it chooses other weights; repeatable.",
)
_some = together(click.argument("names", nargs=-1, metavar="[NAME]..."), _option)
_at_least_one = together(click.argument("names", nargs=-1, metavar="NAME...", required=True), _option)


@click.group(
    epilog="Examples: nami-bench weights list; nami-bench weights fetch mask2former pickscore; "
    "nami-bench weights bundle mask2former -o weights.tar, and on a machine without a network: "
    "nami-bench weights unbundle weights.tar"
)
def weights() -> None:
    """The weights of metrics, detectors and judges: which, where from, whether they are here and whole."""


@weights.command(
    "list", epilog="Examples: nami-bench weights list; nami-bench weights list vqa-score -O model=NAME --json"
)
@_some
@json_option
def list_(names: tuple[str, ...], options: tuple[str, ...], as_json: bool) -> None:
    """What every metric, detector and judge loads, or those called NAME. Loads and fetches nothing."""
    found = _needed(names, options)
    if as_json:
        print_json([_row(one, part) for one in found for part in one.weights or (None,)])
        return
    rows = [cells for one in found for cells in _cells(one)]
    print_table(("kind", "name", "from", "licence", "size", "SHA-256", "here"), rows, numeric=("size",))


@weights.command(
    epilog="Examples: nami-bench weights fetch mask2former clip-score; "
    "nami-bench weights fetch vqa-score -O model=Qwen/Qwen2.5-VL-7B-Instruct"
)
@_at_least_one
def fetch(names: tuple[str, ...], options: tuple[str, ...]) -> None:
    """Fetch what is missing or damaged of the weights of NAME."""
    from nami_bench.errors import InputError

    parts = _distinct(_needed(names, options))
    if not parts:
        raise InputError(f"{', '.join(names)}: there is nothing to fetch ({_notes(_needed(names, options))})")
    for part in parts:
        with byte_progress(part.source) as report:
            place = part.fetch(report)
        say(f"{part.source} is in {place}")


@weights.command(epilog="Examples: nami-bench weights verify; nami-bench weights verify mask2former --json")
@_some
@json_option
def verify(names: tuple[str, ...], options: tuple[str, ...], as_json: bool) -> None:
    """Read all weights that are here, or those of NAME, and compare their hashes. Exit code 1: damage.

    Of NAME, weights that are missing count as damaged.
    """
    from nami_bench.errors import WorkError

    parts = _distinct(_needed(names, options))
    here = [part for part in parts if part.files()]
    problems = [f"{part.source}: not on this machine" for part in parts if names and part not in here]
    for part in here:
        damage = part.damage()
        problems += damage
        if not damage:
            say(f"{part.source}: no damage found ({_hash_words(part.hash())})")
    if as_json:
        print_json({"checked": [part.source for part in here], "damaged": problems})
    for problem in problems:
        say(problem)
    say(f"{len(here)} of {len(parts)} are here and were read")
    if problems:
        raise WorkError(
            f"{len(problems)} damaged or missing: fetch them with `nami-bench weights fetch NAME`"
        )


@weights.command(epilog="Example: nami-bench weights bundle mask2former clip-score -o weights.tar")
@_at_least_one
@click.option("-o", "--output", type=FILE, required=True, metavar="FILE.tar", help="The file to write.")
def bundle(names: tuple[str, ...], options: tuple[str, ...], output: Path) -> None:
    """Write the weights of NAME, which must be here, into one file for a machine without a network."""
    from nami_bench.errors import InputError
    from nami_bench.neural.weights import OwnFiles
    from nami_bench.neural.weights_bundle import bundle as write

    parts = _distinct(_needed(names, options))
    for own in (part for part in parts if isinstance(part, OwnFiles)):
        say(f"{own.path} is your own: copy it yourself, and name it there with the same option")
    parts = [part for part in parts if not isinstance(part, OwnFiles)]
    if not parts:
        raise InputError(f"{', '.join(names)}: there is nothing to carry ({_notes(_needed(names, options))})")
    with byte_progress(f"writing {output}") as report:
        size = write(parts, output, report)
    say(f"wrote {output}, {_size(size)}: on the other machine, `nami-bench weights unbundle {output.name}`")


@weights.command(epilog="Example: nami-bench weights unbundle weights.tar")
@click.argument("file", type=FILE)
def unbundle(file: Path) -> None:
    """Put the weights in FILE, which `bundle` wrote, where metrics, detectors and judges look for them."""
    from nami_bench.neural.weights_bundle import unbundle as read

    with byte_progress(f"reading {file}") as report:
        places = read(file, report)
    say(f"{len(places)} files are in place")


def _needed(names: Sequence[str], options: Sequence[str]) -> "list[Needed]":
    from nami_bench.errors import InputError
    from nami_bench.neural.needed_weights import all_needed, needed

    if not names and options:
        raise InputError("--option belongs to a NAME, and none was given")
    return needed(options_by_name(names, options, "name")) if names else list(all_needed())


def _distinct(found: "Iterable[Needed]") -> "list[Weights]":
    """Each once, although several need it."""
    return list(dict.fromkeys(part for one in found for part in one.weights))


def _notes(found: "Iterable[Needed]") -> str:
    return ", ".join(dict.fromkeys(one.note for one in found if one.note)) or "none"


def _cells(one: "Needed") -> list[tuple[Any, ...]]:
    if not one.weights:
        return [(one.kind, one.name, one.note, None, None, None, None)]
    rows = []
    for number, part in enumerate(one.weights):
        files = part.files()
        size = sum(file.stat().st_size for file in files) if files else part.size
        about = "" if files else "about "
        rows.append(
            (
                "" if number else one.kind,
                "" if number else one.name,
                _short(part.source),
                part.licence,
                None if size is None else about + _size(size),
                _hash_words(part.hash()),
                _where(files) if files else "missing",
            )
        )
    return rows


def _row(one: "Needed", part: "Weights | None") -> dict[str, Any]:
    row: dict[str, Any] = {"kind": one.kind, "name": one.name, "note": one.note or None}
    if part is None:
        return row
    files, known = part.files(), part.hash()
    return row | {
        "source": part.source,
        "licence": part.licence,
        "about_bytes": part.size,
        "sha256": known.digits,
        "sha256_source": known.source,
        "sha256_verified": known.verified,
        "sha256_seen": known.seen,
        "here": bool(files),
        "files": [str(file) for file in files],
        "bytes": sum(file.stat().st_size for file in files) if files else None,
    }


def _short(source: str) -> str:
    """An address by its server and its file's name."""
    from urllib.parse import urlsplit

    address = urlsplit(source)
    return f"{address.netloc}/.../{source.rpartition('/')[2]}" if address.netloc else source


def _where(files: Sequence[Path]) -> str:
    return str(files[0] if len(files) == 1 else files[0].parent)


def _hash_words(known: "Hash") -> str:
    """The first digits, and how far they are to be trusted."""
    if known.digits is None:
        return known.source
    digits = f"{known.digits[:12]}..."
    seen = f"; first seen {known.seen[:12]}..." if known.seen else ""
    return f"{digits} {'verified' if known.verified else 'not verified'}{seen}"


def _size(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
