"""Weights & Biases; offline where WANDB_MODE=offline says so (`wandb sync` sends it later)."""

import hashlib
import os
import time
from pathlib import Path

import wandb

from nami_bench.images import read_image
from nami_bench.watching.loggers.protocol import COLUMNS, Entry

_STEP = "checkpoint_step"


class WandbLogger:
    """Values, a table and images of each checkpoint, in the project that WANDB_PROJECT names, by default
    nami-watch. The same folder is the same run, whenever it is taken up again."""

    def __init__(self, folder: Path, run: str) -> None:
        identity = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "nami-watch"),
            name=run,
            id=identity,
            resume="allow",
            dir=str(folder),
            settings=wandb.Settings(console="off", silent=True),
        )
        # Checkpoints may be measured in another order than they were made in.
        self._run.define_metric(_STEP)
        self._run.define_metric("*", step_metric=_STEP)
        self._row = 0

    def log(self, entry: Entry) -> None:
        """Write one checkpoint."""
        table = wandb.Table(columns=["checkpoint", *COLUMNS])
        for row in entry.rows:
            table.add_data(entry.name, *row)
        images = [wandb.Image(read_image(image), caption=prompt) for prompt, image in entry.images]
        # W&B drops rows whose number does not grow, and offline it does not know that of the last session.
        self._row = max(self._row + 1, time.time_ns() // 1_000_000)
        values = {_STEP: entry.step, **entry.values, "scores": table, "images": images}
        self._run.log(values, step=self._row)

    def close(self) -> None:
        """Finish the run; it can be taken up again."""
        self._run.finish()
