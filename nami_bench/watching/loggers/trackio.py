"""trackio: a local dashboard (`trackio show`), in TRACKIO_DIR or its own place."""

import os
from pathlib import Path

import trackio

from nami_bench.images import read_image
from nami_bench.watching.loggers.protocol import COLUMNS, Entry


class TrackioLogger:
    """Values, a table and images of each checkpoint, in the project that TRACKIO_PROJECT names, by default
    nami-watch."""

    def __init__(self, folder: Path, run: str) -> None:
        project = os.environ.get("TRACKIO_PROJECT", "nami-watch")
        self._run = trackio.init(project=project, name=run, resume="allow", embed=False)

    def log(self, entry: Entry) -> None:
        """Write one checkpoint."""
        import pandas as pd

        table = pd.DataFrame([(entry.name, *row) for row in entry.rows], columns=["checkpoint", *COLUMNS])
        images = {
            f"images/{place}": trackio.Image(read_image(image), caption=prompt)
            for place, (prompt, image) in enumerate(entry.images)
        }
        values = {**entry.values, "scores": trackio.Table(dataframe=table), **images}
        self._run.log(values, step=entry.step)

    def close(self) -> None:
        """Write what waits."""
        self._run.finish()
