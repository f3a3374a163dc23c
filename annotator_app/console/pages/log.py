"""What happened in a study: when, what, about whom."""

from nami_bench.annotator_app.console import tables
from nami_bench.annotator_app.console.context import Call, Console

REFRESH_S = 10.0
SHOWN = 500
"""So many of the latest events."""


def build(console: Console) -> None:
    """The page."""
    events = tables.table("What happened", ("when (UTC)", "what", "about", "in words"))

    def look(call: Call) -> tables.Cells:
        found = console.store.oversight.events(call.study, SHOWN)
        return tables.cells((f"{e.at:%Y-%m-%d %H:%M:%S}", e.kind, e.annotator, e.text) for e in found)

    console.show(look, events, every=REFRESH_S)
