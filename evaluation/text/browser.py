"""A page to look at what was read in images: the lines with their boxes, beside what was to be read."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nami_bench.errors import ImageError
from nami_bench.evaluation.browser.page import picture_path, write_page, write_picture
from nami_bench.evaluation.text.cleaning import Language, is_chinese
from nami_bench.evaluation.text.longtext import cleaned
from nami_bench.images import decode_image, read_recorded


@dataclass(frozen=True, slots=True)
class ReadImage:
    """One image of `model`, in a `file` of this hash, with its metric's value or the reason why it has none,
    and the details of `TextMetric`."""

    model: str
    file: str
    sha256: str
    prompt: str
    value: float | None
    reason: str | None
    details: Mapping[str, Any]


def write_browser(
    results: Sequence[ReadImage],
    images: Path,
    folder: Path,
    title: str,
    instrument: str,
    advance: Callable[[int], None] = lambda count: None,
) -> int:
    """Write `folder`/index.html and the images it shows, made smaller; return how many images are missing.

    Files are looked for in `images`; what is there under a file's name but is not what was read is missing
    too. The page needs nothing outside `folder`. Pictures that are there already are kept.
    """
    rows = []
    with ThreadPoolExecutor() as pool:  # Pillow leaves the interpreter lock
        for row in pool.map(lambda result: _row(result, images, folder), results):
            rows.append(row)
            advance(1)
    write_page(folder, "text/browser.html", title, instrument, rows)
    return sum(row["image"] is None for row in rows)


def missing_words(targets: Sequence[str], lines: Sequence[str]) -> list[str]:
    """What of the targets was not read anywhere, as LongText-Bench counts: words, of Chinese characters."""
    language: Language = "zh" if any(map(is_chinese, targets)) else "en"
    wanted, read = (cleaned(" ".join(texts), language) for texts in (targets, lines))
    pieces = [text.split() if language == "en" else list(text) for text in (wanted, read)]
    return list((Counter(pieces[0]) - Counter(pieces[1])).elements())


def _row(result: ReadImage, images: Path, folder: Path) -> dict[str, Any]:
    """One image as the page's script reads it."""
    targets, read = result.details["targets"], result.details["read"]
    image, width, height = _picture(result, images, folder)
    return {
        "model": result.model,
        "place": result.file,
        "prompt": result.prompt,
        "value": None if result.value is None else round(result.value, 3),
        "reason": result.reason or "",
        "targets": targets,
        "missing": missing_words(targets, [line for line, _, _ in read]),
        "read": read,
        "image": image,
        "width": width,
        "height": height,
    }


def _picture(result: ReadImage, images: Path, folder: Path) -> tuple[str | None, int, int]:
    """The page's path of the image, and the size of the original; None where it is not to be had."""
    path = images / result.file
    try:
        image = decode_image(read_recorded(path, result.sha256), path)
    except ImageError:
        return None, 0, 0
    name = picture_path(result.sha256)
    if not (folder / name).is_file():
        write_picture(folder / name, image)
    return name, *image.size
