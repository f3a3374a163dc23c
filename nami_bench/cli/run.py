"""`nami-bench run`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import (
    echo,
    open_bench,
    parse_pairs,
    print_json,
    print_table,
    progress,
    say,
    workspace_root,
)
from nami_bench.cli.consent import dry_run_option
from nami_bench.cli.options import FILE, json_option

if TYPE_CHECKING:
    from nami_bench.run_file import Check, Plan, RunResult

EXAMPLES = ("demo", "geneval", "nami-1k", "paper")
DEFAULT = Path("bench.toml")


class Terminal:
    """Tells a run's progress as every command does."""

    say = staticmethod(say)
    progress = staticmethod(progress)


@click.command(
    epilog="Examples: nami-bench run --init --example demo demo.toml; nami-bench run demo.toml --dry-run; "
    "nami-bench run demo.toml -s model.shapes-poor.options.error_rate=0.4; "
    "nami-bench run demo.toml --check demo.lock.json"
)
@click.argument("file", required=False, type=FILE)
@dry_run_option
@click.option(
    "-s",
    "--set",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set one value of the file, such as model.NAME.seed=3 or metric.0.detector=shapes; repeatable.",
)
@click.option(
    "--check",
    metavar="LOCK",
    type=FILE,
    help="Say what would differ from an earlier run's lock file on this machine; exit code 1 if anything.",
)
@click.option(
    "--init",
    "write",
    is_flag=True,
    help="Write FILE, with comments: the run that this workspace's contents are.",
)
@click.option("--example", type=click.Choice(EXAMPLES), help="With --init: write this example instead.")
@json_option
def run(
    file: Path | None,
    dry_run: bool,
    pairs: tuple[str, ...],
    check: Path | None,
    write: bool,
    example: str | None,
    as_json: bool,
) -> int:
    """Do what FILE.toml describes: prompts, images, metrics, studies, leaderboards and reports in one.

    FILE is bench.toml by default; docs/run-files.md has all keys. Stop it at any time and run it again: what
    is finished is passed over. At the end reports/NAME.lock.json holds the hash or version of everything that
    the results rest on. Without a workspace one is made.
    """
    from nami_bench.errors import InputError, WorkError
    from nami_bench.run_file import run as run_it

    if [dry_run, check is not None, write].count(True) > 1:
        raise InputError("--dry-run, --check and --init contradict each other: give one of them")
    if example is not None and not write:
        raise InputError("--example belongs to --init, which was not asked for")
    if write:
        _init(file or DEFAULT, example, bool(pairs))
        return 0
    source = file if file is not None or check is not None else DEFAULT
    overrides = parse_pairs(pairs, "-s")
    done = run_it(
        source, workspace=workspace_root(), overrides=overrides, dry_run=dry_run, check=check, tell=Terminal()
    )
    if done.plan is not None:
        _print_plan(done.plan, as_json)
    elif done.check is not None:
        _print_check(done.check, as_json)
        return int(bool(done.check.differences))
    else:
        _print_results(done, as_json)
        if done.failures:
            raise WorkError(f"{'; '.join(done.failures)}; run again to try these once more")
    return 0


def _print_plan(plan: "Plan", as_json: bool) -> None:
    from nami_bench.run_file.plan import in_words

    if as_json:
        print_json(plan.to_json())
        return
    rows = [
        (
            one.step,
            one.name,
            one.what,
            one.there,
            one.to_do,
            in_words(one.seconds) if one.seconds is not None else None,
            "PROBLEM, see below" if one.problem else one.note or None,
        )
        for one in plan.steps
    ]
    print_table(
        ("step", "of", "what", "there", "to do", "about", "note"), rows, numeric=("there", "to do", "about")
    )
    for problem in plan.problems:
        echo(f"problem: {problem}")
    echo(plan.duration())
    say("nothing was changed (--dry-run)")


def _print_check(check: "Check", as_json: bool) -> None:
    if as_json:
        print_json(check.to_json())
        return
    for sentence in check.differences:
        echo(f"differs: {sentence}")
    for sentence in check.not_compared:
        echo(f"not compared: {sentence}")
    if not check.differences:
        echo("nothing differs" + (" in what could be compared" if check.not_compared else ""))


def _print_results(done: "RunResult", as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "leaderboards": list(done.leaderboards),
                "written": [str(path) for path in done.written],
                "lock": str(done.lock_path),
                "failures": list(done.failures),
            }
        )
        return
    from nami_bench.cli.leaderboard import print_leaderboard

    for result in done.leaderboards.values():
        print_leaderboard(result.board)


def _init(file: Path, example: str | None, has_overrides: bool) -> None:
    from nami_bench.errors import InputError
    from nami_bench.images import write_bytes
    from nami_bench.run_file.draft import draft
    from nami_bench.run_file.examples import example_text

    if has_overrides:
        raise InputError("-s belongs to a run: --init writes the file, which is to be edited")
    if file.exists():
        raise InputError(f"{file} exists: name another file, or remove it first")
    if example is not None:
        text = example_text(example)
    else:
        with open_bench() as bench:
            text = draft(bench.workspace, bench.store, file.stem)
    write_bytes(file, text.encode())
    say(f"wrote {file}: look it over, then `nami-bench run {file} --dry-run`")
