"""How a study stands: progress, people, when it may end, agreement, and what needs attention."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import gradio as gr

from nami_bench.annotator_app.console import tables
from nami_bench.annotator_app.console.context import Call, Console
from nami_bench.annotator_app.engine.progress import fixed_share
from nami_bench.domain import CheckKind, Role, Study, SubmissionState
from nami_bench.store import ItemProgress, progress_of
from nami_bench.store.oversight import Attendance

REFRESH_S = 15.0
DEEP_REFRESH_S = 60.0
"""An open page looks again after so long. What one look found serves all pages that look a little later."""

IDLE = timedelta(hours=24)
"""For so long nobody was given an item: nobody works on the study."""

PEOPLE = ("name", "state", "done of at most", "today", "gold failed")
CELLS = ("part", "done of wanted", "withdrawn images")
AT_MOST = (
    "“Of at most” is the most items that one person gets, planted ones among them: it follows from the study "
    "alone, and does not move as others come, go or are faster."
)
AGREEMENT_SO_FAR = "Agreement so far (Krippendorff's alpha with 95 % interval)"
REMARK = ("item", "by", "comment", "when")
REMARKS = 10
"""So many of the latest are shown."""
AGREEMENT = ("criterion", "alpha", "images or pairs", "remark")


@dataclass(frozen=True, slots=True)
class Standing:
    """What is found fast."""

    study: Study
    cells: list[ItemProgress]
    people: list[Attendance]
    golds: int
    pending: int
    last: datetime | None


def build(console: Console) -> None:
    """The page."""
    head = gr.HTML(elem_classes=["console-head"], apply_default_css=False)
    counted = gr.HTML(elem_classes=["console-tables"], apply_default_css=False)
    waiting = "<p>Agreement and forecast are being computed …</p>"
    computed = gr.HTML(waiting, elem_classes=["console-tables"], apply_default_css=False)

    def look(call: Call) -> tuple[str, str]:
        found = console.remembered(
            ("overview", call.study), lambda: standing(console, call.study), REFRESH_S / 2
        )
        counts = [
            {"title": "People", "columns": PEOPLE, "rows": _people(found)},
            {"title": "By stratum and model", "columns": CELLS, "rows": _parts(found)},
        ]
        return _head(found), tables.as_html(counts, [AT_MOST])

    async def look_deeper(call: Call) -> str:
        found = json.loads(await console.onlooker.ask_lately(DEEP_REFRESH_S / 2, "overview", call.study))
        rows = [
            (a["criterion"], tables.interval(a["alpha"], a["low"], a["high"]), a["items"], a["note"])
            for a in found["agreement"]
        ]
        agreement = {"title": AGREEMENT_SO_FAR, "columns": AGREEMENT, "rows": tables.cells(rows)}
        said = [_said(call.study, one) for one in found["flags"][:REMARKS]]
        remarks = {"title": "Latest comments and flags", "columns": REMARK, "rows": said}
        notes = [found["end"], f"Computed {tables.moment(found['at'])}."]
        return tables.as_html([agreement, *[remarks] * bool(said)], notes)

    console.show(look, [head, counted], every=REFRESH_S)
    console.show(look_deeper, computed, every=DEEP_REFRESH_S)


def standing(console: Console, name: str) -> Standing:
    """How a study stands, from counters."""
    store = console.store
    study = store.studies.get(name)
    return Standing(
        study=study,
        cells=store.items.progress(name),
        people=store.oversight.attendance(name),
        golds=sum(item.kind is CheckKind.GOLD for item in study.check_items),
        pending=store.proposals.count().get(SubmissionState.PENDING, 0),
        last=store.oversight.last_activity(name),
    )


def _head(found: Standing) -> str:
    study, (done, total) = found.study, progress_of(found.study, found.cells)
    at_work = sum(one.today > 0 for one in found.people)
    facts = (
        ("Items judged", tables.share(done, total)),
        ("People today", f"{at_work} of {len(found.people)}"),
        ("Kind", f"{study.mode}, {study.overlap} per item"),
        ("Open", _hours(study)),
    )
    tiles = "".join(f"<div><span>{name}</span><b>{tables.escaped(value)}</b></div>" for name, value in facts)
    bar = f'<progress max="{max(total, 1)}" value="{done}" aria-label="Items judged"></progress>'
    notices = "".join(f"<li>{notice}</li>" for notice in attention(found, datetime.now(UTC)))
    calls = f"<h2>Needs attention</h2><ul>{notices}</ul>" if notices else "<p>Nothing needs attention.</p>"
    return f'<div class="tiles">{tiles}</div>{bar}<div class="attention">{calls}</div>'


def attention(found: Standing, now: datetime) -> list[str]:
    """What an owner should look at, as HTML; names are escaped."""
    done, total = progress_of(found.study, found.cells)
    people = [one for one in found.people if one.active]
    link = partial(tables.person_link, found.study.name)
    said = [f"{link(one.name)} is paused: {tables.escaped(one.paused)}" for one in people if one.paused]
    said += [
        f"{link(one.name)} failed {one.gold_failed} of {one.gold_seen} gold items"
        for one in people
        if one.gold_failed and not one.paused
    ]
    withdrawn = sum(cell.withdrawn for cell in found.cells)
    if withdrawn:
        said.append(f"{withdrawn} items are withdrawn, for their images cannot be shown: see the log")
    if found.pending:
        said.append(f'<a href="prompts">{found.pending} proposed prompts</a> wait for a decision')
    if done < total and found.study.shut(now) is None:
        said += _idle(found, now)
    return said


def _idle(found: Standing, now: datetime) -> list[str]:
    at_work = [p for p in found.people if p.active and p.paused is None and p.role != Role.ADMINISTRATOR]
    if not at_work:
        return ["Items wait, and nobody takes part who could take them"]
    if found.last is not None and now - found.last > IDLE:
        return [f"Nobody was given an item since {found.last:%Y-%m-%d %H:%M} UTC"]
    return []


def _said(study: str, flag: dict[str, Any]) -> tuple[str | None, ...]:
    item = None if flag["item"] is None else tables.item_link(study, flag["item"])
    return item, flag["annotator"], flag["comment"] or "flagged", tables.moment(flag["at"])


def _hours(study: Study) -> str:
    if study.opens is None and study.closes is None:
        return "always"
    first, last = ("" if at is None else f"{at:%Y-%m-%d %H:%M}" for at in (study.opens, study.closes))
    return f"{first} – {last}"


def _people(found: Standing) -> tables.Cells:
    most = fixed_share(found.study, sum(cell.items for cell in found.cells), found.golds)
    rows = [
        (
            tables.person_link(found.study.name, one.name),
            _state(one),
            tables.share(min(one.done, most), most),
            one.today,
            f"{one.gold_failed} of {one.gold_seen}" if one.gold_seen else None,
        )
        for one in found.people
    ]
    return tables.cells(rows)


def _state(one: Attendance) -> str:
    if not one.active:
        return "disabled" if one.role != Role.SIMULATED else "simulated"
    if one.paused is not None:
        return f"paused: {one.paused}"
    return {Role.SIMULATED: "simulated", Role.ADMINISTRATOR: "rates as well"}.get(
        Role(one.role), "takes part"
    )


def _parts(found: Standing) -> tables.Cells:
    sums: dict[str, list[int]] = {}
    for cell in found.cells:
        for name in (f"stratum {cell.stratum}", *(f"model {model}" for model in cell.models)):
            of = sums.setdefault(name, [0, 0, 0])
            of[0], of[1], of[2] = of[0] + cell.done, of[1] + cell.total, of[2] + cell.withdrawn
    order = sorted(sums, key=lambda name: (not name.startswith("stratum"), name))
    return tables.cells((name, tables.share(*sums[name][:2]), sums[name][2]) for name in order)
