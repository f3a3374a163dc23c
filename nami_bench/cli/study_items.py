"""`nami-bench study items`, `adjudicate`, `ask-again`, `set-aside` and `count-again`: items one by one."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import open_bench, parse_pairs, print_json, print_table, say, who, write_or_print
from nami_bench.cli.options import FILE, json_option

if TYPE_CHECKING:
    from nami_bench.cli.common import Bench
    from nami_bench.domain import Study
    from nami_bench.pipeline.item_disagreement import ItemFigure, ItemFigures
    from nami_bench.store import ItemLook

NUMBER = click.IntRange(1, 2**31 - 1)
NO_ANSWER = "none"
_SHOWN = 20
_REASONS = (
    "ambiguous-prompt", "gap-in-instructions", "rater-error", "edge-case", "subjective", "other"
)  # fmt: skip


@click.command(
    "items",
    epilog="Examples: nami-bench study items pilot --disagreed; nami-bench study items pilot --flagged; "
    "nami-bench study items pilot --person lena --answers lena.csv; "
    "nami-bench study items pilot -o items.csv",
)
@click.argument("name")
@click.option("--disagreed", is_flag=True, help="Only items about which annotators disagree.")
@click.option("--flagged", is_flag=True, help="Only items that somebody flagged or commented on.")
@click.option("--person", metavar="ANNOTATOR", help="Only items that this annotator answered.")
@click.option("--stratum", help="Only items of this stratum.")
@click.option("--model", help="Only items that show an image of this model; shows the models.")
@click.option(
    "--fewer-than", type=NUMBER, metavar="N", help="Only items with fewer than N answers that count."
)
@click.option(
    "--decided/--undecided", default=None, help="Only items about which an adjudicator decided, or not."
)
@click.option("--models", "with_models", is_flag=True, help="Show the models; that you asked is recorded.")
@click.option("--limit", type=NUMBER, metavar="N", help="So many at most; default: 20, in files all.")
@click.option("--from", "first", type=NUMBER, default=1, metavar="N", help="Begin with the Nth.")
@click.option("--answers", metavar="FILE.csv", type=FILE, help="Write every answer to these items as CSV.")
@click.option(
    "-o",
    "--output",
    metavar="FILE.csv",
    type=FILE,
    help="Write a line for each of these items as CSV, with its models and what ended it early.",
)
@json_option
def items(
    name: str,
    disagreed: bool,
    flagged: bool,
    person: str | None,
    stratum: str | None,
    model: str | None,
    fewer_than: int | None,
    decided: bool | None,
    with_models: bool,
    limit: int | None,
    first: int,
    answers: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Items with everything that was said about them, the most disputed first.

    An item's disagreement is that of the criterion with the most: the standard deviation of its ratings as a
    share of the scale, for pairs the entropy of who won in bits. Answers to planted items have no part in it.
    Without --models nothing tells which model made an image.
    """
    from nami_bench.pipeline.item_disagreement import item_figures
    from nami_bench.store import ItemChoice

    choice = ItemChoice(model, stratum, flagged, person, fewer_than, decided)
    with_models |= model is not None or output is not None
    with open_bench() as bench:
        study = bench.store.studies.get(name)
        figures = item_figures(bench.store, study)
        found = figures.ordered(bench.store.answers.choose(name, choice))
        if disagreed:
            found = [item for item in found if (one := figures.of(item)) is not None and one.figure]
        if with_models:
            bench.store.oversight.note("models-shown", "the models of items were shown", by=who(), study=name)
        most = limit or (len(found) if output or answers else _SHOWN)
        shown = found[first - 1 : first - 1 + most]
        if output is not None:
            _write_items(bench, study, shown, output)
        looks = [] if output and not answers else bench.store.answers.look(name, shown)
    if answers is not None:
        _write_answers(figures, looks, with_models, answers)
    elif output is None:
        _show(figures, looks, with_models, as_json)
    if len(shown) < len(found):
        say(f"{len(shown)} of {len(found)} items: --limit and --from show others")


def _write_items(bench: "Bench", study: "Study", chosen: "list[int]", output: Path) -> None:
    from nami_bench.export.items_file import items_csv

    found = {one.item: one for one in bench.store.items.states(study.name)}
    states = [found[item] for item in chosen]
    write_or_print(output, items_csv(states, study.overlap))
    ended = sum(one.stopped_why is not None for one in states)
    say(f"study {study.name}: {len(states)} items, {ended} of them ended early")


def _write_answers(figures: "ItemFigures", looks: "list[ItemLook]", with_models: bool, file: Path) -> None:
    from nami_bench.export.item_answers_file import answers_csv

    of = {look.item: figures.of(look.item) for look in looks}
    disagreement = {item: None if one is None else one.figure for item, one in of.items()}
    write_or_print(file, answers_csv(looks, disagreement, with_models=with_models))


def _show(figures: "ItemFigures", looks: "list[ItemLook]", with_models: bool, as_json: bool) -> None:
    from dataclasses import asdict

    from nami_bench.export.item_answers_file import look_json

    of = {look.item: figures.of(look.item) for look in looks}
    if as_json:
        figure = {item: None if one is None else asdict(one) for item, one in of.items()}
        print_json([look_json(look, figure[look.item], with_models=with_models) for look in looks])
        return
    models = ("models",) if with_models else ()
    columns = ("item", "prompt", *models, "answers", "disagreement", "by", "said")
    print_table(columns, [_row(look, of[look.item], with_models) for look in looks], whole=("item",))


def _row(look: "ItemLook", one: "ItemFigure | None", with_models: bool) -> tuple[Any, ...]:
    worst = None if one is None else one.criterion
    said = [] if worst is None else [_value(a.values.get(worst)) for a in look.answers if a.counts]
    marks = [f'"{a.comment}"' for a in look.answers if a.comment]
    marks += ["flagged"] * any(a.flag for a in look.answers)
    marks += ["decided"] * bool(look.decisions) + ["withdrawn"] * look.withdrawn
    marks += [f"{a.annotator}'s set aside" for a in look.answers if a.aside is not None]
    figure = None if one is None or one.figure is None else round(one.figure, 3)
    models = (" : ".join(look.models),) if with_models else ()
    count = f"{look.completed}/{look.wanted}"
    return (look.item, look.prompt_id, *models, count, figure, worst, "; ".join([", ".join(said), *marks]))


def _value(value: Any) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


@click.command(
    "adjudicate",
    epilog="Examples: nami-bench study adjudicate pilot 12 --answer realism=3 --reason edge-case --by judy; "
    "nami-bench study adjudicate pilot 12 --answer realism=none --reason subjective",
)
@click.argument("name")
@click.argument("item", type=NUMBER)
@click.option(
    "--answer",
    "answers",
    multiple=True,
    required=True,
    metavar="CRITERION=VALUE",
    help="A value on the criterion's scale; of a pair left, tie, right or both_bad, its first model on the "
    "left; of an order its ranks, one digit for each model; none: there is no right answer; repeatable.",
)
@click.option("--reason", type=click.Choice(_REASONS), required=True, help="Why annotators disagreed.")
@click.option("--note", default="", help="In words; needed where nobody had answered so.")
@click.option("--by", metavar="NAME", help="The adjudicator, an account; default: nobody is named.")
@json_option
def adjudicate(
    name: str, item: int, answers: tuple[str, ...], reason: str, note: str, by: str | None, as_json: bool
) -> None:
    """Decide about an item that annotators disagree on: a row of its own, no rating is changed.

    The leaderboard leaves decisions out and says how many there are; `ratings export --adjudicated` writes
    them. An earlier decision about the same is kept, and no longer in force.
    """
    from nami_bench.domain import WhyDecided
    from nami_bench.export.item_answers_file import decision_json

    with open_bench() as bench:
        given = {key: _answer(bench, name, text) for key, text in parse_pairs(answers, "--answer").items()}
        decided = bench.store.adjudications.decide(
            name, item, given, WhyDecided(reason), note, by=by, logged_as=who()
        )
    if as_json:
        print_json([decision_json(one) for one in decided])
        return
    rows = [(one.criterion, "none" if one.answer is None else _value(one.answer), one.reason.value,
             "yes" if one.overruled else "no", one.by, one.note) for one in decided]  # fmt: skip
    print_table(("criterion", "decided", "reason", "all overruled", "by", "note"), rows)


def _answer(bench: "Bench", study: str, text: str) -> float | str | None:
    from nami_bench.errors import InputError

    if text == NO_ANSWER:
        return None
    if bench.store.studies.get(study).images_shown > 1:
        return text
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--answer {text!r} is neither a number nor {NO_ANSWER!r}") from None


@click.command("ask-again", epilog="Example: nami-bench study ask-again pilot 12")
@click.argument("name")
@click.argument("item", type=NUMBER)
def ask_again(name: str, item: int) -> None:
    """Ask one more annotator about an item, beyond the study's overlap."""
    with open_bench() as bench:
        who_can = bench.store.pool.ask_again(name, item, by=who())
    left = f"{who_can} of those at work have not had it" if who_can else "it waits for somebody who comes new"
    say(f"item {item} of {name} is asked of one more annotator: {left}")


@click.command("set-aside", epilog="Example: nami-bench study set-aside pilot 12 lena --reason 'slipped'")
@click.argument("name")
@click.argument("item", type=NUMBER)
@click.argument("annotator")
@click.option("--reason", required=True, help="Why; kept with the answer and in the log.")
def set_aside(name: str, item: int, annotator: str, reason: str) -> None:
    """Let one annotator's answer to one item not count, and ask somebody else in their place.

    It is kept as it was sent. Whoever gave it is not asked again.
    """
    with open_bench() as bench:
        bench.store.pool.set_aside(name, item, annotator, reason, by=who())
    undo = f"nami-bench study count-again {quote(name)} {item} {quote(annotator)}"
    say(f"{annotator}'s answer to item {item} does not count any more; `{undo}` undoes it")


@click.command("count-again", epilog="Example: nami-bench study count-again pilot 12 lena")
@click.argument("name")
@click.argument("item", type=NUMBER)
@click.argument("annotator")
def count_again(name: str, item: int, annotator: str) -> None:
    """Let an answer count again that was set aside."""
    with open_bench() as bench:
        bench.store.pool.count_again(name, item, annotator, by=who())
    say(f"{annotator}'s answer to item {item} counts again")
