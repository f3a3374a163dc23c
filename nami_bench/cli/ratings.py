"""`nami-bench ratings`."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import echo, open_bench, print_table, say, who, write_or_print
from nami_bench.cli.consent import dry_run_option
from nami_bench.cli.foreign import foreign_options, say_understood
from nami_bench.cli.options import FILE, scale_of, scale_option, without_option

if TYPE_CHECKING:
    from nami_bench.cli.common import Bench
    from nami_bench.evaluation.leaderboard.scales import Scales
    from nami_bench.export.foreign import Reading
    from nami_bench.pipeline.dataset_folder import DatasetContent
    from nami_bench.pipeline.import_foreign import Elsewhere


class _Format(click.Choice[str]):
    """Takes the name that the folder's form had in earlier versions, too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert("dataset" if value == "huggingface" else value, param, ctx)


_FORMATS = _Format(("csv", "parquet", "dataset"))


@click.group()
def ratings() -> None:
    """Human ratings as tables (CSV or Parquet), one line for each value.

    Columns: study, annotator, model, prompt_id, sample, criterion, value, and optionally reason, duration_ms,
    created_at. Where an annotator could not judge, value is empty and reason says why. Comparisons have left,
    right (models as they stood) and outcome (left, tie, right, both_bad) in place of model and value. Orders
    of several images have a line for each trial and image: trial, model and rank (equal in a tie); best and
    worst a line for each trial: trial, items, best and worst; both in place of model and value. Answers to
    questions have question (its id), answer (yes, no, cannot tell, not asked), and optionally text and
    category, in place of criterion, value and reason.

    Files in other forms, such as those of annotation tools, are read with --profile, --map and other options:
    see `nami-bench ratings profiles` and `nami-bench ratings convert --help`.
    """


@ratings.command(
    "import",
    epilog="Examples: nami-bench ratings import ratings.csv; "
    "nami-bench ratings import batch.csv --profile mturk --map value=Answer.score --study pilot",
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--study", metavar="NAME", help="Of a file in another form: which study it is of.")
@click.option(
    "--prompts",
    metavar="SET",
    help="Of a file in another form: make the study of it, over this prompt set; it is closed.",
)
@foreign_options
@scale_option
@click.option(
    "--replace", is_flag=True, help="Where another answer stands, the file's is recorded as a correction."
)
@dry_run_option
def import_(
    file: Path,
    study: str | None,
    prompts: str | None,
    reading: "Reading | None",
    scale: tuple[str, ...],
    replace: bool,
    dry_run: bool,
) -> None:
    """Record ratings, comparisons, rankings or answers that were made elsewhere: all of the file, or nothing.

    FILE is CSV, Parquet, or a folder that `ratings export --format dataset` wrote, which brings along its
    study, prompts, models and images. Else they must be there; an exported file brings along its study's
    settings. New annotators are added, without a log-in.

    It is work that they have done: it counts for the overlap and in `study status`, and they are not asked
    again about what they judged by all criteria. What is recorded already is passed over; where another
    answer stands nothing is recorded, unless --replace is given.

    With --profile, --map or another option of how to read it, FILE may be in another form: what was
    understood is said first, and its prompts are found by their ids, published names or texts.
    """
    from nami_bench.pipeline.import_foreign import import_foreign
    from nami_bench.pipeline.import_judgements import import_judgements

    scales = scale_of(scale)
    elsewhere = _elsewhere(reading, study, prompts, scales)
    how = {"replace": replace, "dry_run": dry_run}
    with open_bench() as bench:
        if elsewhere is not None:
            done = import_foreign(bench.store, file, elsewhere, scales, **how)
        else:
            done = import_judgements(bench.store, file, bench.workspace.images_dir, scales, **how)
    say(
        f"recorded {done.added} {done.kind}"
        + (f"; {done.replaced} replace others" if done.replaced else "")
        + (f"; {done.known} were recorded already" if done.known else "")
    )
    if dry_run:
        say("nothing was changed (--dry-run)")


def _elsewhere(
    reading: "Reading | None", study: str | None, prompts: str | None, scales: "Scales"
) -> "Elsewhere | None":
    """How a file in another form goes into a study; None where it is in our own."""
    from dataclasses import replace

    from nami_bench.errors import InputError
    from nami_bench.pipeline.import_foreign import Elsewhere

    if reading is None:
        if study is not None or prompts is not None:
            raise InputError(
                "--study and --prompts belong to a file in another form (--profile, --map): our own says them"
            )
        return None
    return Elsewhere(replace(reading, study=study), prompts, lambda judged: say_understood(judged, scales))


@ratings.command(
    epilog="Examples: nami-bench ratings convert export.json --profile label-studio; "
    "nami-bench ratings convert votes.csv --map left=a,right=b,outcome=won -o comparisons.csv"
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--study", metavar="NAME", help="What the study is to be called. Default: as the file.")
@click.option("--prompts", metavar="FILE", type=FILE, help="Pair its prompts with those of this prompt file.")
@foreign_options
@scale_option
@click.option("-o", "--output", metavar="FILE.csv", type=FILE, help="Write it in our own form.")
def convert(
    file: Path,
    study: str | None,
    prompts: Path | None,
    reading: "Reading | None",
    scale: tuple[str, ...],
    output: Path | None,
) -> None:
    """Say what a file of judgements that others made holds, and write it in our own form. Needs no workspace.

    Without -o it is a preview: columns, people, models, prompts, criteria and scales, what would not count,
    and the first rows. The file that is written goes into `leaderboard`, `strengths`, `agreement` and
    `ratings import`; its criteria stand beside it, in FILE.study.json.
    """
    from dataclasses import replace

    from nami_bench.export.carried_study import side_file
    from nami_bench.export.foreign import ForeignFile, Reading, read_foreign
    from nami_bench.export.foreign.preview import preview
    from nami_bench.export.foreign.written import written_judgements
    from nami_bench.prompts.files import load_prompt_set

    scales = scale_of(scale)
    prompt_set = None if prompts is None else load_prompt_set(prompts)
    judged = read_foreign(ForeignFile(file, replace(reading or Reading(), study=study), prompt_set))
    for line in preview(judged, scales):
        echo(line)
    if output is not None:
        data, beside = written_judgements(judged, scales)
        write_or_print(output, data)
        if beside is not None:
            write_or_print(side_file(output), beside)


@ratings.command(epilog="Example: nami-bench ratings profiles")
def profiles() -> None:
    """The forms of other people's files that are known by name, for --profile."""
    from nami_bench.export.foreign.profiles import PROFILES

    print_table(
        ("profile", "files"), [(one.name, one.about) for one in PROFILES.values()], whole=("profile",)
    )


@ratings.command(
    "exclude",
    epilog="Examples: nami-bench ratings exclude --annotator lena --dry-run; "
    "nami-bench ratings exclude --annotator lena --undo",
)
@click.option("--annotator", metavar="NAME", required=True, help="Whose judgements.")
@click.option("--undo", is_flag=True, help="Let them count again, as `ratings include` does.")
@dry_run_option
def exclude(annotator: str, undo: bool, dry_run: bool) -> None:
    """Let nothing that an annotator judged count, in any study, from now on.

    Nothing is deleted. The annotator gets nothing more to judge, and the items go back to the pool, so that
    others are asked. Leaderboards, agreement, reports and exports leave the judgements out and say so.
    """
    _set_counted(annotator, counted=undo, dry_run=dry_run)


@ratings.command("include", epilog="Example: nami-bench ratings include --annotator lena")
@click.option("--annotator", metavar="NAME", required=True, help="Whose judgements.")
@dry_run_option
def include(annotator: str, dry_run: bool) -> None:
    """Let the judgements of an excluded annotator count again; they go on where they were."""
    _set_counted(annotator, counted=True, dry_run=dry_run)


def _set_counted(annotator: str, *, counted: bool, dry_run: bool) -> None:
    with open_bench() as bench:
        change = bench.store.exclusions.include if counted else bench.store.exclusions.exclude
        values = change(annotator, dry_run=dry_run, by=who())
    for study, count in values.items():
        echo(f"study {study}: {count} values of {annotator} {'count' if counted else 'do not count'}")
    if dry_run:
        say("nothing was changed (--dry-run)")
    elif counted:
        say(f"{annotator} counts again")
    else:
        say(f"{annotator} is excluded; `nami-bench ratings include --annotator {quote(annotator)}` undoes it")


@ratings.command(
    "export",
    epilog="Examples: nami-bench ratings export --study pilot -o ratings.csv; "
    "nami-bench ratings export --format dataset --licence CC-BY-4.0 -o pilot-dataset",
)
@click.option("--study", metavar="NAME", help="Default: the newest study that has ratings.")
@click.option("--format", "format_", type=_FORMATS, help="Default: by the ending of -o, else csv.")
@click.option("--with-images", is_flag=True, help="dataset: put the images themselves into the folder, too.")
@click.option(
    "--pseudonyms/--names",
    default=None,
    help="Annotators as annotator-01 ..., or by name. Default: pseudonyms for dataset, else names.",
)
@click.option(
    "--adjudicated",
    is_flag=True,
    help="Write what adjudicators decided, too: FILE.adjudicated.csv, or a file in the folder.",
)
@click.option("--licence", metavar="ID", help="dataset: under which the data are given, as CC-BY-4.0.")
@click.option("--consent", metavar="TEXT", help="dataset: what annotators with accounts agreed to, in words.")
@click.option("--days", is_flag=True, help="Cut times to days, so that nobody's working hours are told.")
@without_option
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="File to write (dataset: a new folder); default: stdout.",
)
def export(
    study: str | None,
    format_: str | None,
    with_images: bool,
    pseudonyms: bool | None,
    adjudicated: bool,
    licence: str | None,
    consent: str | None,
    days: bool,
    without: tuple[str, ...],
    output: Path | None,
) -> None:
    """Write a study's ratings, comparisons, rankings or answers: the last of each, where an annotator
    corrected one.

    As CSV with the criteria in a file beside it (FILE.study.json), as Parquet with them inside, or as a
    folder for the Hugging Face hub (dataset): a card, a Croissant file, the ratings, the prompts and the
    images' hashes. `publish check` says what it would reveal about people.
    `ratings import` reads all three; so do `leaderboard`, `agreement` and `study plan` with --ratings, and
    `strengths` with --comparisons.
    """
    from dataclasses import replace

    from nami_bench.errors import InputError
    from nami_bench.pipeline.dataset_folder import study_content
    from nami_bench.pipeline.leaderboard_from_store import choose_study

    chosen_format = format_ or ("parquet" if output and output.suffix.lower() == ".parquet" else "csv")
    if with_images and chosen_format != "dataset":
        raise InputError("--with-images belongs to --format dataset: only that folder holds images")
    if (licence or consent) and chosen_format != "dataset":
        raise InputError("--licence and --consent belong to --format dataset: only that folder has a card")
    if adjudicated and output is None:
        raise InputError("--adjudicated writes a second file: name the first with -o FILE")
    if output is None and chosen_format == "dataset":
        raise InputError("--format dataset writes a folder: name it with -o FOLDER")
    with open_bench() as bench:
        chosen = choose_study(bench.store, study, asks=True)
        if chosen is None:
            raise InputError("there is no study yet: make one with `nami-bench study create`")
        content = study_content(bench.store, chosen, without, adjudicated=adjudicated)
        if pseudonyms or (pseudonyms is None and chosen_format == "dataset"):
            content = content.pseudonymous()
        content = replace(content, licence=licence, consent=consent or content.consent)
        if days:
            content = content.in_days()
        _write(bench, content, output, chosen_format, with_images)
    if adjudicated and output is not None:
        _write_decisions(content, output, chosen_format)
    say(f"study {chosen.name}: {content.count} {content.kind}")
    for sentence in content.left_out:
        say(sentence)


def _write_decisions(content: "DatasetContent", output: Path, format_: str) -> None:
    from nami_bench.export.item_answers_file import decisions_csv

    if format_ != "dataset":  # the folder has them
        write_or_print(output.with_suffix(".adjudicated.csv"), decisions_csv(content.decisions))
    say(f"{len(content.decisions)} decisions of adjudicators")


def _write(
    bench: "Bench", content: "DatasetContent", output: Path | None, format_: str, with_images: bool
) -> None:
    from nami_bench.export.carried_study import side_file
    from nami_bench.pipeline.dataset_folder import csv_of, parquet_of, side_file_of, write_dataset_folder

    if format_ == "dataset":
        assert output is not None  # checked before anything is read
        write_dataset_folder(output, content, bench.workspace.images_dir if with_images else None)
        say(f"wrote {output}")
    elif format_ == "parquet":
        write_or_print(output, parquet_of(content))
    else:
        write_or_print(output, csv_of(content))
        if output is None:
            say("the criteria and their scales are in no file: with -o FILE.csv they are written beside it")
        else:
            write_or_print(side_file(output), side_file_of(content))
