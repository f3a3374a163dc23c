"""What people marked in a study: agreement, heat maps, and pictures with them laid over."""

import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from nami_bench.domain import ImageRecord, Marks, Study
from nami_bench.errors import ImageError, InputError, UnknownNameError
from nami_bench.evaluation.human.mark_agreement import MarkAgreement, mark_agreement
from nami_bench.evaluation.human.mark_maps import (
    RADIUS,
    Floats,
    heat_map,
    majority_words,
    richhf_label,
    word_shares,
)
from nami_bench.export.marks_file import read_marks
from nami_bench.images import read_hashed_image, write_bytes

if TYPE_CHECKING:
    from nami_bench.store import Recorded, Store

ImageKey = tuple[str, str, int]
"""Model, prompt id, sample."""

_HEAT = (230, 30, 20)
_GREY = (128, 128, 128)
_STRONGEST = 0.8
"""How far the color of what everybody marked covers the image."""


@dataclass(frozen=True, slots=True)
class StudyMarks:
    """The marks of a study that count, with what they are about; `prompts` are texts by id."""

    study: Study
    marks: tuple[Marks, ...]
    prompts: dict[str, str]
    images: dict[ImageKey, ImageRecord]

    def by_image(self) -> dict[ImageKey, list[Marks]]:
        """What was marked of each image that anybody looked at."""
        found: dict[ImageKey, list[Marks]] = defaultdict(list)
        for one in self.marks:
            found[one.image].append(one)
        return dict(found)

    def agreement(self, *, replicates: int = 1000, seed: int = 0) -> MarkAgreement:
        """See `mark_agreement`."""
        shapes = {
            key: record.width / record.height
            for key, record in self.images.items()
            if record.width and record.height
        }
        return mark_agreement(
            self.marks,
            [kind.name for kind in self.study.marks.kinds],
            prompts=self.prompts if self.study.marks.words else None,
            shapes=shapes,
            replicates=replicates,
            seed=seed,
        )


def study_marks(store: "Store", study: Study, without: Iterable[str] = ()) -> StudyMarks:
    """Those of excluded annotators, and of `without`, are left out.

    Raises InputError for a study that asks for no marks, UnknownNameError for a name that marked nothing.
    """
    if not study.marks.asked:
        raise InputError(f"study {study.name!r} asks for no marks: see [marks] in docs/studies.md")
    marks = store.markings.all(study.name)
    names = {one.annotator for one in marks}
    for name in (left_out := set(without)):
        if name not in names:
            raise UnknownNameError("annotator", name, names)
    records = store.images.find(models=study.models, prompt_set=study.prompt_set)
    return StudyMarks(
        study,
        tuple(one for one in marks if one.annotator not in left_out),
        {prompt.id: prompt.text for prompt in store.catalog.prompt_set(study.prompt_set).prompts},
        {(record.model, record.prompt_id, record.sample): record for record in records},
    )


def import_marks(
    store: "Store", study: Study, file: Path, *, replace: bool = False, dry_run: bool = False
) -> tuple["Recorded", int]:
    """Record the marks of a file (see `nami_bench.export.marks_file`): all of them, or nothing.

    Returns what was recorded, and how many looks were there already. Raises InputError for anything that is
    not as it should be, such as marks of another study.
    """
    prompts = {prompt.id: prompt.text for prompt in store.catalog.prompt_set(study.prompt_set).prompts}
    marks = read_marks(file, prompts)
    other = next((one.study for one in marks if one.study != study.name), None)
    if other is not None:
        raise InputError(f"{file} holds marks of study {other!r}: name it with --study {other}")
    with store.together(dry_run=dry_run):
        done = store.markings.add(marks, replace=replace)
    return done, len(marks) - done.added - done.replaced


def map_size(record: ImageRecord | None, height: int) -> tuple[int, int]:
    """(width, height) of a map that is so high, in its image's proportions; square where they are unknown."""
    if record is None or not record.width or not record.height:
        return height, height
    return max(1, round(height * record.width / record.height)), height


def write_mark_maps(
    folder: Path,
    found: StudyMarks,
    *,
    height: int = 512,
    radius: float = RADIUS,
    advance: Callable[[int], object] = lambda count: None,
) -> int:
    """Write a gray PNG for each image and kind (255: everybody marked it), and index.jsonl; how many images.

    A line of the index has the image, how many people looked, the files of its maps, and, where words are
    asked for, their shares and the label as RichHF-18K has it. Raises InputError for a folder that holds
    something, StorageError where the disk refuses.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already: name a new or empty folder")
    lines = []
    for number, (key, marks) in enumerate(found.by_image().items(), 1):
        model, prompt_id, sample = key
        line = {"image": "/".join(map(str, key)), "model": model, "prompt_id": prompt_id, "sample": sample}
        line["annotators"] = len({one.annotator for one in marks})
        size = map_size(found.images.get(key), height)
        maps = {}
        for kind in (kind.name for kind in found.study.marks.kinds):
            name = f"{kind}/{number:06d}.png"
            write_bytes(folder / name, gray_png(heat_map(marks, kind, size, radius=radius)))
            maps[kind] = name
        lines.append(
            json.dumps({**line, "maps": maps, **_words(found, prompt_id, marks)}, ensure_ascii=False)
        )
        advance(1)
    write_bytes(folder / "index.jsonl", "".join(f"{line}\n" for line in lines).encode())
    return len(lines)


def _words(found: StudyMarks, prompt_id: str, marks: Sequence[Marks]) -> dict[str, object]:
    if not found.study.marks.words:
        return {}
    prompt = found.prompts[prompt_id]
    shares = word_shares(prompt, marks)
    return {
        "prompt": prompt,
        "words": [
            {"start": start, "end": end, "text": prompt[start:end], "share": round(share, 4)}
            for (start, end), share in shares.items()
        ],
        "prompt_misalignment_label": richhf_label(prompt, majority_words(shares)),
    }


def gray_png(heat: Floats) -> bytes:
    """A map as a gray PNG: 0 where nobody marked, 255 where everybody did."""
    return png_of(Image.fromarray(np.round(heat * 255).astype(np.uint8)))


def overlay(image: Image.Image, heat: Floats) -> Image.Image:
    """The image, drawn as large as the map, with what people marked in red, the more the more of them."""
    height, width = heat.shape
    pixels = np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS), dtype=float)
    share = (heat * _STRONGEST)[:, :, None]
    return Image.fromarray(np.round(pixels * (1 - share) + np.array(_HEAT) * share).astype(np.uint8))


def image_overlay(
    store: "Store", images_dir: Path, study: str, image: ImageKey, kind: str, *, height: int = 512
) -> bytes:
    """One image of a study with the heat map of a kind laid over it, as PNG without any name in it.

    It stands on a grey square where annotators see it on a canvas.

    Raises UnknownNameError for a kind that the study does not ask for, ImageError where the image cannot be
    read or is not the one that was recorded.
    """
    asked = store.studies.get(study)
    kinds = [one.name for one in asked.marks.kinds]
    if kind not in kinds:
        raise UnknownNameError("kind of mark", kind, kinds)
    model, prompt_id, sample = image
    found = store.images.find(models=[model], prompt_set=asked.prompt_set)
    record = next((one for one in found if (one.prompt_id, one.sample) == (prompt_id, sample)), None)
    if record is None or record.path is None:
        raise ImageError(f"{model} has no finished image of prompt {prompt_id}, sample {sample}")
    heat = heat_map(store.markings.all(study, image=image), kind, map_size(record, height))
    drawn = overlay(recorded_picture(images_dir, record), heat)
    if asked.canvas:
        drawn = ImageOps.pad(drawn, (height, height), Image.Resampling.LANCZOS, color=_GREY)
    return png_of(drawn)


def recorded_picture(images_dir: Path, record: ImageRecord) -> Image.Image:
    """An image's pixels; raises ImageError where it is missing, damaged, or not the one that was recorded."""
    assert record.path is not None
    picture, sha256 = read_hashed_image(images_dir / record.path)
    if sha256 != record.sha256:
        raise ImageError(f"{images_dir / record.path} is not the file that was recorded")
    return picture


def png_of(image: Image.Image) -> bytes:
    """The image as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
