"""TensorBoard: event files, through torch's writer."""

from pathlib import Path

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from nami_bench.images import read_image
from nami_bench.watching.loggers.protocol import COLUMNS, Entry


class TensorBoardLogger:
    """Scalars, a table as text, and images, in FOLDER/tensorboard."""

    def __init__(self, folder: Path, run: str) -> None:
        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def log(self, entry: Entry) -> None:
        """Write one checkpoint, and see to it that it is on disk."""
        writer, step = self._writer, entry.step
        for name, value in entry.values.items():
            writer.add_scalar(name, value, step)
        writer.add_text("scores", _table(entry), step)
        for place, (prompt, image) in enumerate(entry.images):
            pixels = np.asarray(read_image(image))
            writer.add_image(f"images/{place}: {prompt[:60]}", pixels, step, dataformats="HWC")
        writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()


def _table(entry: Entry) -> str:
    """In Markdown, which TensorBoard shows as a table."""
    lines = [("checkpoint", *COLUMNS), ("---",) * (len(COLUMNS) + 1)]
    lines += [(entry.name, *("" if cell is None else str(cell) for cell in row)) for row in entry.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
