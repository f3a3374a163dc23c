"""What the Hugging Face hub's library says of its progress, told to somebody else than its own bars."""

import threading
from typing import Any

from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

from nami_bench.services.download import Report


def reporting_bars(report: Report) -> type[Any]:
    """A class of bars that show nothing, for `snapshot_download`; `report` is told of those that count bytes.

    Of several, bytes received and bytes written, it hears of the one that is ahead.
    """
    lock = threading.Lock()
    ahead = 0

    class Bar(tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self.counts_bytes = options.get("unit") == "B"
            super().__init__(*arguments, **{**options, "disable": True})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> None:
            nonlocal ahead
            with lock:
                self.n += n or 0
                if self.counts_bytes and self.n > ahead:
                    ahead = int(self.n)
                    report(ahead, int(self.total) if self.total else None)

    return Bar
