"""Items as HTML of ours: thumbnails to choose from, and one item with everything that was said about it.

All words of people, and all names, are escaped. Without `with_models` nothing tells the model of an image;
without `with_names` raters are A, B, C ..., in the order of their names.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from nami_bench.annotator_app.console.tables import MISSING, escaped, moment, number
from nami_bench.domain import Adjudication, Study
from nami_bench.pipeline.item_disagreement import ItemFigure
from nami_bench.store import ItemAnswer, ItemLook

_LONG, _WORDS = 26, ' class="words"'
"""What has more characters than so many is words, which a cell breaks."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def gallery_html(
    study: str,
    looks: Sequence[tuple[ItemLook, ItemFigure | None]],
    chosen: int | None,
    *,
    with_models: bool,
    with_names: bool,
) -> str:
    """Thumbnails with how far annotators disagree."""
    whose = "for-owners" if with_names else "for-adjudicators"
    if not looks:
        return f'<p class="{whose}">No item is like that.</p>'
    cards = "".join(_card(study, look, one, look.item == chosen, with_models) for look, one in looks)
    return f'<ul class="items-gallery {whose}" tabindex="0" aria-label="Items">{cards}</ul>'


def _card(study: str, look: ItemLook, one: ItemFigure | None, is_chosen: bool, with_models: bool) -> str:
    pictures = "".join(
        f'<img src="item/{look.item}/{side}/small" alt="" loading="lazy">' for side in range(len(look.images))
    )
    is_known = one is not None and one.figure is not None
    figure = f"disagreement {number(one.figure)}" if one is not None and is_known else "no disagreement known"
    marks = "".join(f'<span class="mark">{mark}</span>' for mark in _marks(look))
    models = f"<span>{escaped(' : '.join(look.models))}</span>" if with_models else ""
    current = ' aria-current="true"' if is_chosen else ""
    return (
        f'<li><a href="?study={quote(study)}&amp;item={look.item}" data-item="{look.item}"{current} '
        f'title="{escaped(look.prompt)}"><span class="pictures">{pictures}</span>'
        f"<b>Item {look.item}</b><span>{figure}</span>"
        f"<span>{look.completed} of {look.wanted} answers</span>{models}{marks}</a></li>"
    )


def _marks(look: ItemLook) -> Iterable[str]:
    if any(one.flag for one in look.answers):
        yield "flagged"
    if comments := sum(one.comment != "" for one in look.answers):
        yield f"{comments} comment{'s' * (comments != 1)}"
    if look.decisions:
        yield "decided"
    if look.withdrawn:
        yield "withdrawn"


def item_html(
    study: Study, look: ItemLook, one: ItemFigure | None, *, with_models: bool, with_names: bool
) -> str:
    """One item: prompt, images, answers, decisions."""
    raters = sorted({one.annotator for one in look.answers})
    names = {name: _rater(place, name, with_names) for place, name in enumerate(raters)}
    figures = "".join(
        f'<figure><a href="item/{look.item}/{side}" target="_blank" rel="noopener">'
        f'<img src="item/{look.item}/{side}" alt="{_alt(look, side)}"></a>'
        f"<figcaption>{_caption(look, side, with_models)}</figcaption></figure>"
        for side in range(len(look.images))
    )
    return (
        f'<section class="item" aria-label="Item {look.item}">'
        f"<h2>Item {look.item}: {escaped(look.prompt_id)}, {escaped(look.stratum)}</h2>"
        f'<p class="prompt" tabindex="0">{escaped(look.prompt)}</p><div class="figures">{figures}</div>'
        f"{_marked(study, look)}"
        f"<p>{_how_far(look, one)}</p>{_answers(study, look, names)}{_decisions(look, with_names)}</section>"
    )


def _marked(study: Study, look: ItemLook) -> str:
    """What was marked, laid over the images: a heat map for each kind."""
    figures = "".join(
        f'<figure><img src="item/{look.item}/{side}/marks/{quote(kind.name)}" loading="lazy" '
        f'alt="{escaped(kind.name)}: where annotators marked it"><figcaption>'
        f"{': '.join(part for part in (_caption(look, side, False), escaped(kind.name)) if part)}"
        "</figcaption></figure>"
        for kind in study.marks.kinds
        for side in range(len(look.images))
    )
    return f'<h3>Marks</h3><div class="figures">{figures}</div>' if figures and look.answers else ""


def _rater(place: int, name: str, with_names: bool) -> str:
    if with_names:
        return name
    return _LETTERS[place] if place < len(_LETTERS) else f"rater {place + 1}"


def _alt(look: ItemLook, side: int) -> str:
    return "The image" if len(look.images) == 1 else f"Image {side + 1} of {len(look.images)}"


def _caption(look: ItemLook, side: int, with_models: bool) -> str:
    place = "" if len(look.images) == 1 else f"{_SIDES[side] if len(look.images) == 2 else side + 1}"
    model = escaped(look.models[side]) if with_models else ""
    return ": ".join(part for part in (place, model) if part)


_SIDES = ("left", "right")


def _how_far(look: ItemLook, one: ItemFigure | None) -> str:
    done = f"{look.completed} of {look.wanted} answers count."
    if one is None or one.figure is None or one.width is None:
        return f"{done} Two by one criterion are needed to disagree."
    about = escaped(str(one.criterion))
    if len(look.images) == 2:
        return f"{done} Most disputed: {about}, entropy {number(one.figure)} bits."
    return (
        f"{done} Most disputed: {about}, standard deviation {number(one.figure)} and range "
        f"{number(one.width)} of the scale."
    )


def _answers(study: Study, look: ItemLook, names: dict[str, str]) -> str:
    if not look.answers:
        return "<p>Nobody has answered it yet.</p>"
    criteria = [one.name for one in study.asked(look.prompt_id)]
    heads = ("who", *criteria, "comment", "when", "seconds", "corrected", "counts")
    rows = (_answer_row(one, criteria, names[one.annotator]) for one in look.answers)
    return _table("Answers", heads, rows)


def _answer_row(one: ItemAnswer, criteria: Sequence[str], name: str) -> tuple[Any, ...]:
    said = (f"flagged. {one.comment}" if one.comment else "flagged") if one.flag else one.comment
    state = "yes"
    if one.excluded:
        state = "no: excluded"
    elif one.aside is not None:
        state = f"no: set aside, {one.aside.reason}"
    values = (_value(one, name) for name in criteria)
    seconds = None if one.seconds is None else f"{one.seconds:.0f}"
    corrected = f"{one.revision} times" if one.revision else "no"
    return (name, *values, said or None, moment(one.at), seconds, corrected, state)


def _value(one: ItemAnswer, criterion: str) -> str | None:
    if criterion in one.reasons:
        return f"none: {one.reasons[criterion]}"
    value = one.values.get(criterion)
    return (
        f"{value:g}" if isinstance(value, float | int) else None if value is None else value.replace("_", " ")
    )


def _decisions(look: ItemLook, with_names: bool) -> str:
    if not look.decisions:
        return ""
    heads = ("criterion", "decided", "reason", "note", "by", "when", "models were shown")
    return _table("Decisions", heads, (_decision_row(one, with_names) for one in look.decisions.values()))


def _decision_row(one: Adjudication, with_names: bool) -> tuple[Any, ...]:
    answer = "no right answer" if one.answer is None else one.answer
    if isinstance(answer, float):
        answer = f"{answer:g}"
    who = (one.by or "command line") if with_names else "an adjudicator"
    reason = one.reason.value.replace("-", " ")
    said = f"{answer} (all overruled)" if one.overruled else answer
    return (
        one.criterion,
        said,
        reason,
        one.note or None,
        who,
        moment(one.created_at),
        "yes" if one.saw_models else "no",
    )


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in heads)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return (
        f'<h3>{title}</h3><div class="scrolls" tabindex="0" role="group" aria-label="{title}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    text = MISSING if value is None else str(value)
    return f"<td{_WORDS if len(text) > _LONG else ''}>{escaped(text)}</td>"
