"""Several images of a prompt in one file: DPG-Bench's grids."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image

from nami_bench.errors import ImageError, InputError
from nami_bench.foreign_files import is_hidden
from nami_bench.images import as_rgb, decode_as_stored, read_file
from nami_bench.transparency import over_white

WHOLE = "whole"
"""How results name an image that is a whole file."""
_GRID = re.compile(r"([1-9]\d?)x([1-9]\d?)")
_RESULTS = re.compile(r"dpg-bench_.*_results\.txt")
_CUT = re.compile(rf"{_GRID.pattern} of ([1-9]\d{{0,5}}) px")


@dataclass(frozen=True, slots=True)
class Grid:
    """How a file is cut: `columns` by `rows` cells, of which the first `used` count, row by row.

    Cells are `side` pixels wide and high. What lies beyond the file's edge is black, or the first color of
    its palette; nothing is resized (TencentQQGYLab/ELLA at 3c228f1, compute_dpg_bench.py).
    """

    columns: int
    rows: int
    used: int
    side: int

    def cut(self, image: Image) -> list[Image]:
        """The used cells, in 8-bit RGB, of an image in its own mode."""
        side = self.side
        image = over_white(image)  # before it is cut: beyond its edge there is black, whatever lies within
        corners = [(column * side, row * side) for row in range(self.rows) for column in range(self.columns)]
        return [as_rgb(image.crop((x, y, x + side, y + side))) for x, y in corners[: self.used]]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height that a file should have, pixels."""
        return self.columns * self.side, self.rows * self.side

    def __str__(self) -> str:
        """How results name the cut: "2x2 of 512 px"; which cells are used is another matter."""
        return f"{self.columns}x{self.rows} of {self.side} px"


def parse_cut(text: str) -> Grid:
    """The inverse of a grid's `str`, with all cells used; raises InputError."""
    match = _CUT.fullmatch(text)
    if match is None:
        raise InputError(f"the cut {text!r} is not 'COLUMNSxROWS of SIDE px', such as '2x2 of 512 px'")
    columns, rows, side = map(int, match.groups())
    return Grid(columns, rows, columns * rows, side)


def parse_grid(text: str) -> tuple[int, int]:
    """Columns and rows of "2x2"; raises InputError."""
    match = _GRID.fullmatch(text)
    if match is None:
        raise InputError(f"the grid {text!r} is not COLUMNSxROWS, such as 2x2")
    return int(match[1]), int(match[2])


@dataclass(frozen=True, slots=True)
class GridFile:
    """A file of a folder of grids. `item` is its name up to the first dot, as DPG-Bench's script names it."""

    path: Path

    @property
    def item(self) -> str:
        """Which prompt its images are of."""
        return self.path.name.split(".", 1)[0]


def grid_files(root: Path) -> list[GridFile]:
    """The files of a folder, by name; hidden ones, folders and results are left out: ours (.jsonl), and those
    that DPG-Bench's own script leaves there.

    Raises InputError for what is no folder.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder")
    paths = sorted(path for path in root.iterdir() if not is_hidden(path.name) and path.is_file())
    return [
        GridFile(path) for path in paths if not (path.suffix == ".jsonl" or _RESULTS.fullmatch(path.name))
    ]


@dataclass(frozen=True, slots=True)
class Look:
    """What a file is: its size in pixels and the hex SHA-256 of its bytes, or the `problem` in words."""

    size: tuple[int, int] | None = None
    sha256: str = ""
    problem: str | None = None


def look_at(files: Sequence[GridFile], advance: Callable[[int], None]) -> dict[Path, Look]:
    """What each file is, decoded in full; `advance(1)` after each."""
    found = {}
    with ThreadPoolExecutor() as pool:  # Pillow leaves the interpreter lock
        for file, look in zip(files, pool.map(lambda one: _look(one.path), files), strict=True):
            found[file.path] = look
            advance(1)
    return found


def _look(path: Path) -> Look:
    try:
        data = read_file(path)
        return Look(decode_as_stored(data, path).size, hashlib.sha256(data).hexdigest())
    except ImageError as error:
        return Look(problem=str(error))


def most_common_side(looks: Iterable[Look], columns: int, rows: int) -> int:
    """The cells' side, pixels, that most of the files have room for exactly; raises InputError for none."""
    sides = Counter(
        look.size[0] // columns
        for look in looks
        if look.size and look.size[0] % columns == 0 and look.size[0] // columns * rows == look.size[1]
    )
    if not sides:
        raise InputError(
            f"no image here is a grid of {columns} by {rows} square cells: see --grid and --resolution"
        )
    return sides.most_common(1)[0][0]
