"""What people marked, for a report: agreement, and the images with most marks of each kind, drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nami_bench.domain import ImageRecord
from nami_bench.errors import ImageError
from nami_bench.evaluation.human.mark_agreement import MarkAgreement
from nami_bench.evaluation.human.mark_maps import Floats, heat_map, majority_words, word_shares
from nami_bench.images import write_bytes
from nami_bench.pipeline.marks import StudyMarks, map_size, overlay, png_of, recorded_picture

MOST = 24
"""So many images of each kind are shown."""

HEIGHT = 320
"""Of a drawn image, in pixels."""


@dataclass(frozen=True, slots=True)
class MarkedImage:
    """An image with the heat map of a kind: `peak` is the largest share of people at one place, 0 to 1."""

    kind: str
    record: ImageRecord
    prompt: str
    annotators: int
    peak: float
    heat: Floats


@dataclass(frozen=True, slots=True)
class MarkContents:
    """What a report says of marks; `images` by kind, the most marked first."""

    agreement: MarkAgreement
    images: dict[str, list[MarkedImage]]
    words: list[tuple[str, str, list[str]]]
    """(model, prompt, the words that most people marked) of images that have some."""


@dataclass(frozen=True, slots=True)
class MarkFigure:
    """A drawn image: its file in the report's folder, and what stands below it."""

    file: str
    text: str
    caption: str


def mark_contents(found: StudyMarks, *, replicates: int, seed: int) -> MarkContents:
    """Agreement, the images with most marks, and the words that most people marked."""
    by_image = found.by_image()
    images: dict[str, list[MarkedImage]] = {}
    for kind in (kind.name for kind in found.study.marks.kinds):
        counts = {
            key: sum(region.kind == kind for one in marks for region in one.regions) / len(marks)
            for key, marks in by_image.items()
            if key in found.images and found.images[key].path is not None
        }
        most = sorted((key for key in counts if counts[key]), key=lambda key: (-counts[key], key))[:MOST]
        images[kind] = []
        for key in most:
            record, marks = found.images[key], by_image[key]
            heat = heat_map(marks, kind, map_size(record, HEIGHT))
            people = len({one.annotator for one in marks})
            images[kind].append(
                MarkedImage(kind, record, found.prompts[key[1]], people, float(heat.max()), heat)
            )
    words = []
    for (model, prompt_id, _), marks in by_image.items():
        prompt = found.prompts[prompt_id]
        if missing := majority_words(word_shares(prompt, marks)):
            words.append((model, prompt, [prompt[start:end] for start, end in missing]))
    return MarkContents(found.agreement(replicates=replicates, seed=seed), images, words[:MOST])


def write_marked_images(
    folder: Path, contents: MarkContents, images_dir: Path
) -> tuple[dict[str, list[MarkFigure]], list[str]]:
    """Draw the images into `folder`; the figures by kind, and what could not be shown."""
    figures: dict[str, list[MarkFigure]] = {}
    problems = []
    for kind, images in contents.images.items():
        figures[kind] = []
        for number, one in enumerate(images, 1):
            file = f"marks/{kind}-{number:03d}.png"
            try:
                picture = recorded_picture(images_dir, one.record)
            except ImageError as error:
                problems.append(str(error))
                continue
            write_bytes(folder / file, png_of(overlay(picture, one.heat)))
            caption = f"{one.record.model}: {one.prompt}"
            text = f"{kind}: at most {one.peak:.0%} of {one.annotators} annotators at one place"
            figures[kind].append(MarkFigure(file, text, caption))
    return figures, problems


def word_rows(contents: MarkContents) -> Sequence[tuple[str, str, str]]:
    """(model, prompt, words) as a table shows them."""
    return [(model, prompt, ", ".join(words)) for model, prompt, words in contents.words]
