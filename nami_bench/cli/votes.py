"""`nami-bench votes`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import echo, print_json, print_table, progress, say
from nami_bench.cli.foreign import foreign_options
from nami_bench.cli.options import FILE, json_option, scale_of, scale_option

if TYPE_CHECKING:
    from nami_bench.export.foreign import Reading
    from nami_bench.export.foreign.votes import Kind


@click.group()
def votes() -> None:
    """Votes and ratings that others published, as files that `strengths` (of ratings `leaderboard` and
    `agreement`) and `study plan --from` read. Needs no workspace."""


@votes.command(
    "import",
    epilog="Examples: nami-bench votes import rapidata train-00000-of-00001.parquet -o votes.parquet; "
    "nami-bench votes import imgsys data.parquet --values 1=left,0=right,0.5=tie -o imgsys.parquet",
)
@click.argument("profile_name", metavar="PROFILE")
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="FILE.parquet", type=FILE, required=True, help="File to write.")
@click.option("--study", metavar="NAME", help="What the set is to be called. Default: PROFILE.")
@click.option("--prompts", metavar="FILE", type=FILE, help="Pair its prompts with those of this prompt file.")
@click.option(
    "--as",
    "kind",
    type=click.Choice(["votes", "rankings", "ratings"]),
    help="Of a set that holds several: pairs, whole rankings, or ratings. Default: votes, if any.",
)
@click.option(
    "--images",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the images that the file holds, as MODEL/PROMPT_SAMPLE.",
)
@click.option(
    "--style",
    is_flag=True,
    help="Measure width, height and brightness of the images that the file holds (--images does, too).",
)
@foreign_options
@scale_option
@json_option
def import_(
    profile_name: str,
    path: Path,
    output: Path,
    study: str | None,
    prompts: Path | None,
    kind: "Kind | None",
    images: Path | None,
    style: bool,
    reading: "Reading | None",
    scale: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write a published set of votes as one Parquet file: all of it, or nothing.

    PROFILE says in which form PATH is (a file, a folder, a zip archive): see `nami-bench votes profiles`;
    `table` takes any table, with --map. What was understood of its beginning is said first. Votes are read
    and written one after the other, however many there are.
    """
    from nami_bench.errors import InputError
    from nami_bench.export.foreign import ForeignFile, Reading
    from nami_bench.export.foreign.pictures import Pictures
    from nami_bench.export.foreign.profiles import profile_of
    from nami_bench.export.foreign.votes import import_votes
    from nami_bench.prompts.files import load_prompt_set

    if reading is not None and reading.profile is not None:
        raise InputError("the profile stands before the path: leave out --profile")
    if output.suffix.lower() != ".parquet":
        raise InputError(f"-o {output}: the name must end in .parquet")
    profile_of(profile_name)
    asked = replace(reading or Reading(), profile=profile_name, study=study or profile_name)
    with progress(f"votes of {profile_name}", None) as advance:
        done = import_votes(
            ForeignFile(path, asked, None if prompts is None else load_prompt_set(prompts)),
            output,
            scale_of(scale),
            kind=kind,
            pictures=Pictures(images) if images is not None or style else None,
            say=say,
            advance=advance,
        )
    if as_json:
        from dataclasses import asdict

        print_json(asdict(done))
        return
    for line in done.lines():
        echo(line)


@votes.command(
    epilog="Examples: nami-bench votes profiles; nami-bench votes profiles pickapic",
)
@click.argument("name", required=False)
@json_option
def profiles(name: str | None, as_json: bool) -> None:
    """The published sets that are known; of one, its columns, ties, licence and a number to check it by."""
    from dataclasses import asdict

    from nami_bench.errors import UnknownNameError
    from nami_bench.export.foreign.profiles import PROFILES

    known = {key: one for key, one in PROFILES.items() if one.published is not None}
    if name is None:
        if as_json:
            print_json({key: one.about for key, one in known.items()})
            return
        rows = [(one.name, one.about) for one in known.values()]
        print_table(("profile", "set"), rows, whole=("profile",))
        return
    if name not in known:
        raise UnknownNameError("profile", name, known)
    profile = known[name]
    assert profile.published is not None
    if as_json:
        about = {"profile": name, "about": profile.about, "sides": profile.sides}
        print_json({**about, **asdict(profile.published)})
        return
    echo(f"{name}: {profile.about}")
    print_table(("column", "holds"), list(profile.published.columns.items()), whole=("column",))
    echo(f"ties: {profile.published.ties}")
    if profile.sides is not None:
        echo(f"left and right: {profile.sides}, so --side is refused")
    echo(f"licence: {profile.published.licence}")
    echo(f"published: {profile.published.number}")
    echo(f"checked: {profile.published.checked}")
