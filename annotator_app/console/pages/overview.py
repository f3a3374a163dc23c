"""How a study stands."""

from nami_bench.annotator_app.console import tables
from nami_bench.annotator_app.console.context import Call, Console

REFRESH_S = 5.0


def build(console: Console) -> None:
    """The page."""
    people = tables.table("People", ("name", "role", "state", "done", "today", "flags"))

    def look(call: Call) -> tables.Cells:
        members = console.store.oversight.members(call.study)
        return tables.cells(
            (m.name, m.role, m.paused or "at work", m.done, m.today, m.flags) for m in members
        )

    console.show(look, people, every=REFRESH_S)
