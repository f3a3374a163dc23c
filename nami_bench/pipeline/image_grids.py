"""Several images of a prompt in one file, as DPG-Bench wants them: cut when they are imported, joined when
they are exported."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from nami_bench.domain import ImageRecord, ImageState, Prompt, PromptSet
from nami_bench.errors import ImageError, IncompleteError, InputError
from nami_bench.evaluation.questions.grids import parse_grid
from nami_bench.generators.image_files import ImageFiles
from nami_bench.generators.placed_images import PlacedImages
from nami_bench.generators.placement import Placement
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.images import decode_told, encode_png, read_file, read_image, write_bytes
from nami_bench.pipeline.image_import import ImageImport
from nami_bench.transparency import SAID

if TYPE_CHECKING:
    from nami_bench.store import Store

_NAMED = 5


@dataclass(frozen=True, slots=True)
class GridShape:
    """`columns` by `rows` images in a file, row by row."""

    columns: int
    rows: int

    @property
    def cells(self) -> int:
        """How many images a file holds."""
        return self.columns * self.rows

    def __str__(self) -> str:
        return f"{self.columns}x{self.rows}"

    def cut(self, image: Image.Image, cell: int) -> Image.Image:
        """One of the images; raises ImageError where they are not all of one size."""
        width, height = image.width // self.columns, image.height // self.rows
        if (width * self.columns, height * self.rows) != image.size:
            raise ImageError(
                f"{image.width}x{image.height} pixels are not {self} images of one size: margins between "
                "images must be taken off first"
            )
        row, column = divmod(cell, self.columns)
        return image.crop((column * width, row * height, (column + 1) * width, (row + 1) * height))

    def join(self, images: Sequence[Image.Image]) -> Image.Image:
        """The images as one; those that lack at the end stay black.

        Raises ImageError where they are not of one size.
        """
        if len(sizes := {image.size for image in images}) > 1:
            shown = ", ".join(f"{width}x{height}" for width, height in sorted(sizes))
            raise ImageError(f"images of different sizes ({shown} pixels) make no grid")
        width, height = images[0].size
        whole = Image.new("RGB", (self.columns * width, self.rows * height))
        for cell, image in enumerate(images):
            row, column = divmod(cell, self.columns)
            whole.paste(image, (column * width, row * height))
        return whole


def parse_shape(text: str) -> GridShape:
    """The shape "2x2"; raises InputError."""
    return GridShape(*parse_grid(text))


def cut_from_grids(found: ImageImport, shape: GridShape) -> ImageImport:
    """The import of a folder whose files each hold `shape.cells` samples of their prompt."""
    how = {**found.images.how, "grid": str(shape)}
    images = GridImages(found.images.files, _of_cells(found.placement, shape), how, shape)
    return replace(found, images=images, by=f"{found.by}, cut from files of {shape}")


class GridImages(PlacedImages):
    """`PlacedImages` that are cut from files: sample n of a prompt is image n of its file, row by row."""

    def __init__(
        self, files: ImageFiles, placement: Placement, how: Mapping[str, Any], shape: GridShape
    ) -> None:
        super().__init__(files, placement, how)
        self.shape = shape
        self._last: tuple[str, Image.Image, Mapping[str, str]] | None = None

    def _read(self, request: GenerationRequest, name: str) -> Iterator[GenerationResult]:
        try:
            whole, said = self._whole(name)
            cell = request.sample % self.shape.cells
            image = self.shape.cut(whole, cell)
        except InputError as problem:
            yield GenerationResult(request, ImageState.FAILED, reason=f"{name}: {problem}")
            return
        about = {
            **self.found_as(name),
            "cell": f"{cell} of {self.shape}",
            "source_file": Path(name).name,
            **said,
        }
        yield GenerationResult(request, ImageState.DONE, image=image, provenance=about)

    def _whole(self, name: str) -> tuple[Image.Image, Mapping[str, str]]:
        """The file's image, and what is to be said of it; the last one is kept, since a prompt's samples
        follow one another."""
        if self._last is None or self._last[0] != name:
            with self.files.file(name) as path:
                data = read_file(path)
            image, see_through = decode_told(data, name)
            said = {"source_sha256": hashlib.sha256(data).hexdigest(), **(SAID if see_through else {})}
            self._last = name, image, said
        return self._last[1], self._last[2]


def export_grids(
    store: "Store",
    images_dir: Path,
    folder: Path,
    model: str,
    prompt_set: PromptSet,
    shape: GridShape,
    *,
    allow_incomplete: bool = False,
    advance: Callable[[int], None] = lambda count: None,
) -> int:
    """Write a PNG file for each prompt, with its first samples; return how many.

    A file is named after the prompt's published name, else its id, which is what DPG-Bench looks for. Raises
    InputError for a folder that holds something, IncompleteError, unless that is allowed, where samples are
    not there: prompts with none get no file, and images that lack are black.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something already: name a new or empty folder")
    found = _samples(store, model, prompt_set, shape)
    names = _names(prompt_set)
    lacking = [names[prompt] for prompt in names if len(found.get(prompt, {})) < shape.cells]
    if not found or (lacking and not allow_incomplete):
        shown = ", ".join([*lacking[:_NAMED], *(["..."] if len(lacking) > _NAMED else [])])
        raise IncompleteError(
            f"{model} lacks images of {len(lacking)} of {len(names)} prompts ({shown}): {shape.cells} "
            "samples of each are needed; make them, or pass --allow-incomplete"
        )
    for prompt, records in found.items():
        write_bytes(folder / f"{names[prompt]}.png", _joined(records, images_dir, shape))
        advance(1)
    return len(found)


def _of_cells(placement: Placement, shape: GridShape) -> Placement:
    files = {
        (prompt, sample * shape.cells + cell): names
        for (prompt, sample), names in placement.files.items()
        for cell in range(shape.cells)
    }
    return replace(placement, files=files)


def _samples(
    store: "Store", model: str, prompt_set: PromptSet, shape: GridShape
) -> dict[str, dict[int, ImageRecord]]:
    """By prompt, the finished images that belong into its file."""
    found: dict[str, dict[int, ImageRecord]] = {}
    for record in store.images.find(models=[model], prompt_set=prompt_set.name, state=ImageState.DONE):
        if record.sample < shape.cells:
            found.setdefault(record.prompt_id, {})[record.sample] = record
    return found


def _names(prompt_set: PromptSet) -> dict[str, str]:
    """By prompt id, how its file is called; raises InputError for names that files cannot have."""
    names = {prompt.id: _name(prompt) for prompt in prompt_set.prompts}
    for name in names.values():
        if "/" in name or "\\" in name or name.startswith("."):
            raise InputError(f"no file can be called {name!r}, which is the name of a prompt")
    if len(set(names.values())) < len(names):
        raise InputError(f"prompts of {prompt_set.name} share a published name, so their files would be one")
    return names


def _name(prompt: Prompt) -> str:
    return prompt.item or prompt.id


def _joined(records: Mapping[int, ImageRecord], images_dir: Path, shape: GridShape) -> bytes:
    read = {sample: read_image(images_dir / str(record.path)) for sample, record in records.items()}
    black = Image.new("RGB", next(iter(read.values())).size)
    whole = shape.join([read.get(cell, black) for cell in range(shape.cells)])
    return encode_png(whole)[1]
