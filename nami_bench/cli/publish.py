"""`nami-bench publish`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import echo, open_bench, print_json, print_table, say, workspace_root
from nami_bench.cli.options import json_option

if TYPE_CHECKING:
    from nami_bench.export.revealed import Finding, KnownPeople


@click.group()
def publish() -> None:
    """What is about to be published."""


@publish.command(
    "check",
    epilog="Examples: nami-bench publish check --study pilot; nami-bench publish check pilot-dataset",
)
@click.argument("path", metavar="[PATH]", required=False, type=click.Path(path_type=Path))
@click.option("--study", metavar="NAME", help="Without PATH: whose dataset folder is looked through.")
@json_option
def check(path: Path | None, study: str | None, as_json: bool) -> None:
    """What files would reveal about people, before anything leaves.

    PATH is a folder or a file that is to be published; without it the dataset folder of a study is made,
    looked through and deleted. Looked for are names, ids of platforms, contacts, comments, answers about the
    person, time stamps, rare combinations and small cells, by patterns and by what the workspace knows of its
    people. Ends with 1 where something identifies a person. No program replaces reading the files.
    """
    from nami_bench.errors import InputError
    from nami_bench.export.revealed import Concern

    if path is not None and study is not None:
        raise InputError("name PATH or --study, not both: the files or the study")
    findings = _of_path(path) if path is not None else _of_study(study)
    worst = sum(one.concern is Concern.IDENTIFIES for one in findings)
    if as_json:
        print_json({"identifies": worst, "findings": [_plain(one) for one in findings]})
    else:
        rows = [(one.concern, one.kind, one.where, one.what, one.advice or None) for one in findings]
        print_table(("concern", "kind", "where", "what", "advice"), rows, whole=("concern", "kind"))
        echo(f"{worst} findings identify somebody" if worst else "nothing found that identifies somebody")
    if worst:
        raise click.exceptions.Exit(1)


def _of_path(path: Path) -> "tuple[Finding, ...]":
    from nami_bench.pipeline.publication import check_files

    return check_files(path, _known_people())


def _known_people() -> "KnownPeople":
    """What the workspace knows, where there is one."""
    from nami_bench.export.revealed import KnownPeople
    from nami_bench.pipeline.publication import known_people

    if not (workspace_root() / "nami.toml").is_file():
        say("no workspace here: names and ids are looked for by patterns alone")
        return KnownPeople()
    with open_bench() as bench:
        return known_people(bench.store)


def _of_study(study: str | None) -> "tuple[Finding, ...]":
    from nami_bench.errors import InputError
    from nami_bench.pipeline.leaderboard_from_store import choose_study
    from nami_bench.pipeline.publication import check_study

    with open_bench() as bench:
        chosen = choose_study(bench.store, study, asks=True)
        if chosen is None:
            raise InputError("there is no study: name the files that are to be published")
        say(f"looking through the dataset folder of study {chosen.name}")
        return check_study(bench.store, chosen)


def _plain(finding: "Finding") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(finding)
