"""Items one by one, the most disputed first: what was said about them, what is decided, what is asked again.

For owners, and for adjudicators, who learn neither models nor raters' names. Owners learn the models where
they ask to; that they did is recorded.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from nami_bench.annotator_app.console.context import Call, Console
from nami_bench.annotator_app.console.item_html import gallery_html, item_html
from nami_bench.domain import Mode, Outcome, Study, WhyDecided
from nami_bench.errors import InputError, RefusedError
from nami_bench.pipeline.item_disagreement import ItemFigures
from nami_bench.store import ItemChoice, ItemLook

SHOWN = 12
"""So many items at a time."""

ASKED_S = 600.0
"""That an owner asked for the models is recorded once in so many seconds."""

ALL = "all"
NO_ANSWER = "no right answer"
DISPUTED, REMARKED, OPEN, FEW = "disputed", "flagged or commented on", "not decided", "answers missing"
DISPUTED_FIRST, BY_NUMBER = "most disputed first", "by number"
MAX_STEPS = 21
"""A scale of so many values is offered value by value."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the page's fields say."""

    order: str
    only: list[str]
    stratum: str
    person: str
    model: str
    with_models: bool
    start: int
    item: int | None


def build(console: Console) -> None:
    """The page."""
    with gr.Row():
        order = _choice("Order", [DISPUTED_FIRST, BY_NUMBER], DISPUTED_FIRST)
        stratum, person = _choice("Stratum", [ALL], ALL), _choice("Answered by", [ALL], ALL)
        model = _choice("Model", [ALL], ALL, visible=False)
    only = gr.CheckboxGroup([DISPUTED, REMARKED, OPEN, FEW], label="Only items that are")
    with_models = gr.Checkbox(label="Show the models (that you asked is recorded)", visible=False)
    summary = gr.Markdown()
    gallery = gr.HTML(elem_classes=["console-items"], apply_default_css=False)
    with gr.Row():
        earlier, later = gr.Button("Earlier items"), gr.Button("Further items")
    with gr.Row():
        previous = gr.Button("Previous item")
        item = gr.Textbox(label="Item (Enter shows it)", elem_id="item", max_length=10, min_width=90)
        following = gr.Button("Next item")
    detail = gr.HTML(elem_classes=["console-items"], apply_default_css=False)
    start = gr.Number(0, precision=0, visible="hidden")
    with gr.Accordion("Decide: a row of its own, no rating is changed", open=False):
        with gr.Row():
            criterion = _choice("By criterion", [], None)
            answer = _choice("Decision", [NO_ANSWER], None)
            why = _choice("Why annotators disagree", _reasons(), None)
        note = gr.Textbox(label="Note; needed where nobody had answered so", max_length=2000, lines=2)
        decide = gr.Button("Decide", variant="primary")
    with gr.Accordion("Ask again", open=False, visible=False) as again:
        ask = gr.Button("Ask one more annotator")
        with gr.Row():
            whose = _choice("Whose answer", [], None)
            reason = gr.Textbox(label="Why it is not to count", max_length=500)
        with gr.Row():
            aside = gr.Button("Set this answer aside", variant="stop")
            back = gr.Button("Let it count again")
    asked = [order, only, stratum, person, model, with_models, start, item]
    shown = [summary, gallery, detail, start, item, stratum, person, model, with_models, criterion, answer,
             whose, again]  # fmt: skip

    async def look(call: Call, *fields: Any) -> tuple[Any, ...]:
        now = _read(fields)
        if now.item is None and call.query.get("item", "").isdecimal():  # a link led here
            now = replace(now, item=int(call.query["item"][:9]))
        return await _look(console, call, now)

    def step(pages: int, items: int) -> Any:
        async def stepped(call: Call, *fields: Any) -> tuple[Any, ...]:
            return await _look(console, call, _read(fields), pages=pages, items=items)

        stepped.__name__ = f"step_{pages}_{items}".replace("-", "back_")
        return stepped

    async def decide_it(
        call: Call, criterion: str, answer: str, why: str, note: str, *fields: Any
    ) -> tuple[Any, ...]:
        now = _read(fields)
        await asyncio.to_thread(_decide, console, call, now, criterion, answer, why, note)
        console.tell(f"Item {now.item}: decided by {criterion}.")
        return ("", *await _look(console, call, now))

    async def ask_again(call: Call, *fields: Any) -> tuple[Any, ...]:
        now = _read(fields)
        left = await asyncio.to_thread(console.store.pool.ask_again, _owners(call), _item(now), by=call.owner)
        who = f"{left} at work have not had it" if left else "it waits for somebody who comes new"
        console.tell(f"Item {now.item} is asked of one more annotator: {who}.")
        return await _look(console, call, now)

    async def set_aside(call: Call, whose: str, reason: str, *fields: Any) -> tuple[Any, ...]:
        now = _read(fields)
        pool = console.store.pool
        await asyncio.to_thread(pool.set_aside, _owners(call), _item(now), whose or "", reason, by=call.owner)
        console.tell(f"{whose}'s answer to item {now.item} does not count any more.")
        return ("", *await _look(console, call, now))

    async def count_again(call: Call, whose: str, *fields: Any) -> tuple[Any, ...]:
        now = _read(fields)
        pool = console.store.pool
        await asyncio.to_thread(pool.count_again, _owners(call), _item(now), whose or "", by=call.owner)
        console.tell(f"{whose}'s answer to item {now.item} counts again.")
        return await _look(console, call, now)

    console.show(look, shown, inputs=asked)
    console.on(item.submit, look, asked, shown)
    changed = [one.input for one in (order, only, stratum, person, model, with_models)]
    console.on(changed, look, asked, shown, again=True)
    for button, pages, items in ((earlier, -1, 0), (later, 1, 0), (previous, 0, -1), (following, 0, 1)):
        console.on(button.click, step(pages, items), asked, shown)
    console.on(decide.click, decide_it, [criterion, answer, why, note, *asked], [note, *shown])
    console.on(ask.click, ask_again, asked, shown)
    console.on(aside.click, set_aside, [whose, reason, *asked], [reason, *shown])
    console.on(back.click, count_again, [whose, *asked], shown)


def _choice(label: str, choices: list[Any], value: Any, **more: Any) -> gr.Dropdown:
    """A drop-down whose choices are those of the moment: what is chosen is looked up where it is used, and
    not compared with what this process remembers of a session."""
    return gr.Dropdown(choices, value=value, label=label, min_width=190, allow_custom_value=True, **more)


def _reasons() -> list[tuple[str, str]]:
    return [(one.value.replace("-", " "), one.value) for one in WhyDecided]


def _read(fields: tuple[Any, ...]) -> _Asked:
    order, only, stratum, person, model, with_models, start, item = fields
    text = str(item or "").strip()
    if text and not (text.isdecimal() and len(text) < 10):
        raise InputError("an item is a number")
    return _Asked(
        str(order),
        [str(one) for one in only or ()],
        str(stratum or ALL),
        str(person or ALL),
        str(model or ALL),
        bool(with_models),
        max(0, int(start or 0)),
        int(text) if text else None,
    )


def _item(asked: _Asked) -> int:
    if asked.item is None:
        raise InputError("choose an item first")
    return asked.item


def _owners(call: Call) -> str:
    """The study, for owners alone; raises RefusedError."""
    if not call.is_owner:
        raise RefusedError("forbidden", "this is for administrators")
    return call.study


def _decide(
    console: Console, call: Call, asked: _Asked, criterion: str, answer: str, why: str, note: str
) -> None:
    study = console.store.studies.get(call.study)
    if why not in tuple(WhyDecided):
        raise InputError("say why annotators disagree")
    console.store.adjudications.decide(
        call.study,
        _item(asked),
        {criterion or "": _decision(study, str(answer or ""))},
        WhyDecided(why),
        note or "",
        by=call.owner,
        saw_models=asked.with_models and call.is_owner,
    )


def _decision(study: Study, text: str) -> float | str | None:
    if text == NO_ANSWER:
        return None
    if study.images_shown > 1:
        return text.replace(" ", "_")
    try:
        return float(text)
    except ValueError:
        raise InputError(f"the decision must be a value of the scale, or {NO_ANSWER!r}") from None


async def _look(
    console: Console, call: Call, asked: _Asked, *, pages: int = 0, items: int = 0
) -> tuple[Any, ...]:
    figures = ItemFigures.from_bytes(await console.onlooker.ask("item_figures", call.study))
    return await asyncio.to_thread(_shown, console, call, asked, figures, pages, items)


def _shown(
    console: Console, call: Call, asked: _Asked, figures: ItemFigures, pages: int, items: int
) -> tuple[Any, ...]:
    store, study = console.store, console.store.studies.get(call.study)
    with_models = asked.with_models and call.is_owner
    if with_models:
        words = "the models of items were shown"
        note = lambda: store.oversight.note("models-shown", words, by=call.owner, study=study.name)  # noqa: E731
        console.remembered(("models-shown", call.owner, study.name), note, ASKED_S)
    found = _found(console, call, study, asked, figures, with_models)
    if asked.item is not None and not store.answers.look(study.name, [asked.item]):
        asked = replace(asked, item=None)  # it is another study's
    chosen = _chosen(found, asked.item, items)
    start = _start(found, chosen if items or asked.item != chosen else None, asked.start + pages * SHOWN)
    page = store.answers.look(study.name, found[start : start + SHOWN])
    look = next(iter(store.answers.look(study.name, [] if chosen is None else [chosen])), None)
    count = f"{len(found):,} items" + (f", {start + 1} to {start + len(page)} shown" if page else "")
    shown = {"with_models": with_models, "with_names": call.is_owner}
    figure = None if look is None else figures.of(look.item)
    gallery = gallery_html(study.name, [(one, figures.of(one.item)) for one in page], chosen, **shown)
    return (
        count,
        gallery,
        "" if look is None else item_html(study, look, figure, **shown),
        start,
        "" if chosen is None else str(chosen),
        gr.Dropdown(choices=[ALL, *_strata(console, study)]),
        gr.Dropdown(choices=[ALL, *_people(console, study, call)], visible=call.is_owner),
        gr.Dropdown(choices=[ALL, *study.models] if with_models else [ALL], visible=with_models),
        gr.Checkbox(visible=call.is_owner),
        gr.Dropdown(choices=_criteria(study, look), value=None if figure is None else figure.criterion),
        gr.Dropdown(choices=_answers(study), value=None),
        gr.Dropdown(choices=[one.annotator for one in look.answers] if look and call.is_owner else []),
        gr.Accordion(visible=call.is_owner),
    )  # fmt: skip


def _found(
    console: Console, call: Call, study: Study, asked: _Asked, figures: ItemFigures, with_models: bool
) -> list[int]:
    choice = ItemChoice(
        model=asked.model if with_models and asked.model != ALL else None,
        stratum=asked.stratum if asked.stratum != ALL else None,
        flagged=REMARKED in asked.only,
        person=asked.person if call.is_owner and asked.person != ALL else None,
        fewer_than=study.overlap if FEW in asked.only else None,
        decided=False if OPEN in asked.only else None,
    )
    found = figures.ordered(
        console.store.answers.choose(study.name, choice), most_disputed_first=asked.order == DISPUTED_FIRST
    )
    if DISPUTED in asked.only:
        found = [one for one in found if (figure := figures.of(one)) is not None and figure.figure]
    return found


def _chosen(found: list[int], item: int | None, more: int) -> int | None:
    """The item that is looked at; one that the filters leave out may still be named by its number."""
    if item is None:
        return found[0] if found else None
    if not more or item not in found:
        return item
    return found[min(max(0, found.index(item) + more), len(found) - 1)]


def _start(found: list[int], chosen: int | None, start: int) -> int:
    """Where the page begins: where the chosen item is, if it was just stepped to."""
    if chosen is not None and chosen in found:
        place = found.index(chosen)
        return place // SHOWN * SHOWN
    last = max(0, len(found) - 1) // SHOWN * SHOWN
    return min(max(0, start), last)


def _strata(console: Console, study: Study) -> list[str]:
    return sorted({cell.stratum for cell in console.store.items.progress(study.name)})


def _people(console: Console, study: Study, call: Call) -> list[str]:
    """For owners alone."""
    members = console.store.oversight.attendance(study.name) if call.is_owner else []
    return [one.name for one in members]


def _criteria(study: Study, look: ItemLook | None) -> list[str]:
    return [] if look is None else [one.name for one in study.asked(look.prompt_id)]


def _answers(study: Study) -> list[str]:
    if study.mode == Mode.PAIRWISE:
        return [NO_ANSWER, *(one.value.replace("_", " ") for one in Outcome)]
    if study.is_ranked:
        return [NO_ANSWER]
    values: dict[str, None] = {}
    for one in study.criteria:
        steps = round((one.maximum - one.minimum) / one.screen_step)
        if steps < MAX_STEPS:
            values |= dict.fromkeys(f"{one.minimum + step * one.screen_step:g}" for step in range(steps + 1))
    return [NO_ANSWER, *values]
