"""`nami-bench study`."""

from pathlib import Path
from shlex import quote
from typing import Any

import click

from nami_bench.cli.common import open_bench, print_json, print_table, say, who, write_or_print
from nami_bench.cli.options import FILE, json_option
from nami_bench.cli.study_items import adjudicate, ask_again, count_again, items, set_aside
from nami_bench.cli.study_log import log
from nami_bench.cli.study_merge import merge
from nami_bench.cli.study_messages import COMMANDS as MESSAGES
from nami_bench.cli.study_open import changed, close, duplicate, open_, say_made
from nami_bench.cli.study_people import NOT_COME, assign, people, unassign
from nami_bench.cli.study_plan import study_plan

_may_differ_option = click.option(
    "--sizes-may-differ",
    is_flag=True,
    help="Accept that models can be told apart by the sizes of their images.",
)


@click.group()
def study() -> None:
    """Annotation studies: criteria, weights, anchors, overlap, checks. docs/studies.md has all keys."""


@study.command(
    "create", epilog="Example: nami-bench study create --name pilot --prompts shapes-demo --model shapes-good"
)
@click.argument("file", required=False, type=FILE)
@click.option("--name", help="Overrides the file's.")
@click.option("--prompts", metavar="SET", help="A prompt set's name; overrides the file's.")
@click.option(
    "--model", "models", multiple=True, help="Models to be judged; repeatable; override the file's."
)
@click.option(
    "--canvas",
    type=click.IntRange(min=1),
    metavar="PIXELS",
    help="Fit every image into a square of so many pixels, so that no size tells a model.",
)
@_may_differ_option
def create(
    file: Path | None,
    name: str | None,
    prompts: str | None,
    models: tuple[str, ...],
    canvas: int | None,
    sizes_may_differ: bool,
) -> None:
    """Create a study from FILE.toml. Without a file: NAMI-1K's protocol over all models with images.

    Models whose images have different sizes are refused, for who rates could tell them apart: give --canvas,
    or accept it with --sizes-may-differ.
    """
    from dataclasses import replace

    from nami_bench.domain import ImageState
    from nami_bench.pipeline.question_study import with_questions
    from nami_bench.pipeline.study_setup import add_study
    from nami_bench.study_file import load_study, nami_1k_study_file

    with open_bench() as bench:
        if file is None and not models:
            records = bench.store.images.find(prompt_set=prompts, state=ImageState.DONE)
            models = tuple(dict.fromkeys(record.model for record in records))
        file = file or nami_1k_study_file()
        loaded = load_study(file, name=name, prompt_set=prompts, models=models)
        loaded = replace(
            loaded,
            canvas=canvas or loaded.canvas,
            sizes_may_differ=sizes_may_differ or loaded.sizes_may_differ,
        )
        loaded = with_questions(bench.store, loaded, file.parent)
        notes = add_study(bench.store, loaded)
        size = bench.store.items.count(loaded.name)
    for note in notes:
        say(note)
    if loaded.questions:
        asked = sum(map(len, loaded.questions.values()))
        say(f"{loaded.question_file}: {asked} questions about {len(loaded.questions)} prompts are copied")
    say_made(loaded, size)


@study.command("change", epilog="Example: nami-bench study change pilot.toml")
@click.argument("file", type=FILE)
@click.option("--name", help="The study, where it is not called as the file says.")
@click.option("--prompts", metavar="SET", help="As for `study create`.")
@click.option("--model", "models", multiple=True, help="As for `study create`.")
def change(file: Path, name: str | None, prompts: str | None, models: tuple[str, ...]) -> None:
    """Give a study that exists the protocol of FILE.toml, also while people work on it.

    Models, samples, prompts, overlap and items with known answers may grow; texts, hours, checks and limits
    may be set at will. All else is refused, for it would make later judgements something else than
    earlier ones.
    """
    from nami_bench.study_file import load_study

    with open_bench() as bench:
        loaded = load_study(file, name=name, prompt_set=prompts, models=models)
        changes = changed(bench, loaded)
    say(f"study {loaded.name}: " + ("; ".join(changes) or "nothing changed"))


@study.command("add-models", epilog="Example: nami-bench study add-models pilot shapes-poor")
@click.argument("name")
@click.argument("models", nargs=-1, required=True)
@_may_differ_option
def add_models(name: str, models: tuple[str, ...], sizes_may_differ: bool) -> None:
    """Let more models be judged in a study, also while people work on it."""
    from dataclasses import replace

    with open_bench() as bench:
        found = bench.store.studies.get(name)
        grown = tuple(dict.fromkeys((*found.models, *models)))
        accepted = sizes_may_differ or found.sizes_may_differ
        changes = changed(bench, replace(found, models=grown, sizes_may_differ=accepted))
    say(f"study {name}: " + ("; ".join(changes) or "nothing changed"))


@study.command("list", epilog="Example: nami-bench study list --json")
@json_option
def list_(as_json: bool) -> None:
    """All studies of the workspace."""
    from dataclasses import asdict

    with open_bench() as bench:
        studies = bench.store.studies.all()
    if as_json:
        print_json([asdict(s) for s in studies])
    else:
        rows = [(s.name, s.mode, s.panel, s.prompt_set, ", ".join(s.models), s.overlap) for s in studies]
        print_table(("study", "mode", "panel", "prompts", "models", "overlap"), rows)


@study.command("show", epilog="Example: nami-bench study show pilot")
@click.argument("name")
@click.option("--toml", "as_toml", is_flag=True, help="As a study file, for `study create` and `change`.")
@json_option
def show(name: str, as_toml: bool, as_json: bool) -> None:
    """A study's protocol in full."""
    from dataclasses import asdict

    from nami_bench.study_text import study_text

    if as_toml and as_json:
        raise click.UsageError("--toml and --json exclude each other")
    with open_bench() as bench:
        study = bench.store.studies.get(name)
    found = asdict(study)
    if as_toml:
        write_or_print(None, study_text(study).encode())
        return
    if as_json:
        print_json(found)
        return
    criteria = found.pop("criteria")
    checks = found.pop("check_items")
    questions = found.pop("questions")
    print_table(("key", "value"), [(key, _shown(value)) for key, value in found.items()])
    if not questions:
        print_table(
            ("criterion", "weight", "scale", "anchors"),
            [
                (c["name"], c["weight"], f"{c['minimum']:g} to {c['maximum']:g}", _shown(c["anchors"]))
                for c in criteria
            ],
        )
    else:
        print_table(
            ("prompt", "question", "text", "expected", "after", "category"),
            [
                (prompt_id, q["id"], q["text"], q["expected"], _shown(q["parents"]), q["category"])
                for prompt_id, asked in questions.items()
                for q in asked
            ],
        )
    if checks:
        print_table(
            ("known answer", "prompt", "models", "expected"),
            [(c["kind"], c["prompt_id"], ", ".join(c["models"]), _shown(c["expected"])) for c in checks],
        )


@study.command("status", epilog="Example: nami-bench study status pilot")
@click.argument("name")
@json_option
def status(name: str, as_json: bool) -> None:
    """How far a study is: ratings done and wanted, by stratum, model and annotator.

    `repeats differ by`: how far answers to repeated items lie from the first ones, both as last corrected: in
    points of 0-100, for pairs the share of verdicts that changed in percent.
    """
    from nami_bench.pipeline.screening import annotator_checks
    from nami_bench.pipeline.study_cost import study_cost
    from nami_bench.pipeline.study_setup import items_called
    from nami_bench.store import progress_of

    with open_bench() as bench:
        found = bench.store.studies.get(name)
        size, completed = bench.store.items.count(name), bench.store.annotation.completed(name)
        cells = bench.store.items.progress(name)
        members = bench.store.oversight.members(name)
        checks = annotator_checks(bench.store, name, found.criteria)
        cost = study_cost(bench.store, found, cells)
    done, wanted = progress_of(found, cells)
    withdrawn = sum(cell.withdrawn for cell in cells)
    summary: dict[str, Any] = {
        "study": name,
        "images": size,
        "withdrawn": withdrawn,
        "overlap": found.overlap,
        "calibration": found.calibration,
        "ended_early": sum(cell.ended for cell in cells),
        "wanted": wanted,
        "done": done,
        "cost": cost.to_json(),
        "by_annotator": completed,
        "cells": [
            {
                "stratum": c.stratum,
                "models": c.models,
                "items": c.items,
                "withdrawn": c.withdrawn,
                "done": c.done,
                "total": c.total,
                "ended_early": c.ended,
            }
            for c in cells
        ],
        "paused": {m.name: m.paused for m in members if m.paused is not None},
        "not_come_yet": [m.name for m in members if not m.came],
        "repeat_difference": {
            c.annotator: c.repeat_difference for c in checks if c.repeat_difference is not None
        },
    }
    if as_json:
        print_json(summary)
        return
    gone = f"; {withdrawn} more are withdrawn, what was judged of them counts" if withdrawn else ""
    say(f"{name}: {done} of {wanted} ratings ({size} {items_called(found)} x {found.overlap}{gone})")
    for sentence in cost.sentences():
        say(sentence)
    print_table(
        ("stratum", "model", "items", "ended early", "done", "wanted"),
        [(c.stratum, " : ".join(c.models), c.items, c.ended, c.done, c.total) for c in cells],
    )
    print_table(
        ("annotator", "rated", "gold passed", "repeats differ by", "paused"),
        [
            (
                c.annotator,
                completed.get(c.annotator, 0),
                f"{c.gold_passed}/{c.gold_seen}",
                c.repeat_difference,
                c.screened_out,
            )
            for c in checks
        ]
        + [(m.name, 0, None, None, m.paused or NOT_COME) for m in members if not m.came],
    )


@study.command("restore", epilog="Example: nami-bench study restore pilot")
@click.argument("name")
def restore(name: str) -> None:
    """Ask again about images that were withdrawn because they could not be shown."""
    with open_bench() as bench:
        count = bench.store.items.restore(name)
    say(f"study {name}: {count} items are asked about again")


@study.command("delete", epilog="Example: nami-bench study delete pilot")
@click.argument("name")
def delete(name: str) -> None:
    """Forget a study that has no ratings yet."""
    with open_bench() as bench:
        bench.store.studies.delete(name)
    say(f"study {name} is gone")


@study.command("pause", epilog="Example: nami-bench study pause pilot lena --reason 'please call me'")
@click.argument("name")
@click.argument("annotator")
@click.option("--reason", default="by the administrator", show_default=True, help="The annotator is told.")
def pause(name: str, annotator: str, reason: str) -> None:
    """Give an annotator nothing more in a study; nothing is deleted."""
    with open_bench() as bench:
        bench.store.oversight.pause(name, annotator, reason, by=who())
    say(f"{annotator} is paused in {name}; `nami-bench study resume {name} {quote(annotator)}` undoes it")


@study.command("resume", epilog="Example: nami-bench study resume pilot lena")
@click.argument("name")
@click.argument("annotator")
def resume(name: str, annotator: str) -> None:
    """Let a paused annotator go on; a failed qualification counts as passed."""
    with open_bench() as bench:
        bench.store.oversight.resume(name, annotator, by=who())
    say(f"{annotator} can go on in {name}")


@study.command("checks", epilog="Example: nami-bench study checks pilot -o checks.csv")
@click.argument("name")
@click.option(
    "-o",
    "--output",
    metavar="FILE.csv",
    type=FILE,
    help="File to write; default: stdout.",
)
def checks(name: str, output: Path | None) -> None:
    """Answers that the study does not count, as CSV: to gold, qualification and training items and to
    repeated ones, one line for each criterion."""
    from nami_bench.annotator_app.check_answers import check_answers_csv

    with open_bench() as bench:
        found = bench.store.oversight.check_answers(name)
    write_or_print(output, check_answers_csv(found))
    say(f"study {name}: {len(found)} answers")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{_shown(key)}: {_shown(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


study.add_command(log)
for command in (merge, items, adjudicate, ask_again, set_aside, count_again, duplicate, open_, close):
    study.add_command(command)
study.add_command(study_plan)
study.add_command(people)
study.add_command(assign)
study.add_command(unassign)
for command in MESSAGES:
    study.add_command(command)
