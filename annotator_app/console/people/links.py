"""Invitation links: made, one or many, shown once, counted, ended."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import gradio as gr

from nami_bench.annotator_app.console import tables
from nami_bench.annotator_app.console.context import Call, Console
from nami_bench.domain.english import counted
from nami_bench.errors import InputError
from nami_bench.export.link_labels import labels_of
from nami_bench.export.qr_code import qr_svg
from nami_bench.export.spreadsheet import csv_table

COLUMNS = ("number", "for", "used", "of", "expires", "state", "made by")
STATES = {"link_revoked": "revoked", "link_expired": "expired", "link_used": "used up"}

# The server does not know by which address people reach it; the owner's browser does.
_WITH_ADDRESS = """
(study, labels, uses, days, base) =>
  [study, labels, uses, days, base || new URL("../", location.href).href]
"""


def build(console: Console) -> None:
    """The table of links, and what is done with them."""
    links = gr.HTML(elem_classes=["console-tables"], apply_default_css=False)
    labels = gr.Textbox(
        label="For whom: a line for each link",
        info="Names, or the first column of a list. Without any, one link for nobody in particular.",
        lines=3,
    )
    with gr.Row():
        uses = gr.Number(1, precision=0, minimum=0, label="People for each link (0: any number)")
        days = gr.Number(0, precision=0, minimum=0, label="Days until it opens to nobody new (0: never)")
        base = gr.Textbox(label="The server's address", placeholder="this page's own")
    make = gr.Button("Make links", variant="primary")
    made = gr.Textbox(
        label="Links as CSV: copy them now, they are shown this once", lines=5, interactive=False,
        visible=False, buttons=["copy"],
    )  # fmt: skip
    drawn = gr.HTML(visible=False, apply_default_css=False)
    with gr.Row():
        numbers = gr.Textbox(label="Numbers of links to end, such as 3 4")
        end = gr.Button("End these links", variant="stop")

    def look(call: Call) -> str:
        now = console.store.clock()
        rows = tables.cells(
            (
                str(one.id),
                one.label,
                one.uses,
                str(one.uses_allowed or "any"),
                one.expires_at and f"{one.expires_at:%Y-%m-%d}",
                STATES.get(one.problem(now) or "", "open"),
                one.created_by,
            )
            for one in console.store.links.all(call.study)
        )
        return tables.as_html([{"title": "Invitation links", "columns": COLUMNS, "rows": rows}], [])

    def invite(call: Call, names: str, allowed: float, valid: float, address: str) -> tuple[object, ...]:
        wanted = labels_of(names) or [""]
        tokens = console.store.links.invite(
            call.study,
            wanted,
            uses_allowed=int(allowed or 0),
            expires_at=datetime.now(UTC) + timedelta(days=int(valid)) if valid else None,
            created_by=call.owner,
        )
        addresses = [f"{address.rstrip('/')}/join/link/{token}" for token in tokens]
        listed = csv_table(("label", "link"), zip(wanted, addresses, strict=True)).decode()
        console.store.oversight.note(
            "links", f"{counted(len(tokens), 'link')} made", by=call.owner, study=call.study
        )
        code = _image(addresses[0]) if len(addresses) == 1 else ""
        return (
            look(call),
            "",
            gr.update(value=listed, visible=True),
            gr.update(value=code, visible=bool(code)),
        )

    def revoke(call: Call, given: str) -> tuple[object, ...]:
        ended = console.store.links.revoke(call.study, numbers_of(given))
        console.store.oversight.note(
            "links", f"{counted(ended, 'link')} ended", by=call.owner, study=call.study
        )
        console.tell(f"{counted(ended, 'link')} ended")
        return look(call), ""

    console.show(look, links, every=30)
    console.on(make.click, invite, [labels, uses, days, base], [links, labels, made, drawn], js=_WITH_ADDRESS)
    console.on(end.click, revoke, numbers, [links, numbers])


def numbers_of(text: str) -> list[int]:
    """The numbers in a text, with commas or blanks between them."""
    words = text.replace(",", " ").split()
    if not words or not all(word.isdecimal() and len(word) < 10 for word in words):
        raise InputError("give the numbers of links as they stand in the table, such as 3 4")
    return list(map(int, words))


def _image(address: str) -> str:
    data = b64encode(qr_svg(address)).decode()
    return f'<img alt="The link as a QR code" width="220" src="data:image/svg+xml;base64,{data}">'
