"""A folder with a page and the images it shows, which needs nothing outside itself.

A benchmark's page extends `browser/page.html` with its filters, style and script; `browser/page.js` says what
a script may call.
"""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from nami_bench.errors import InputError
from nami_bench.images import write_bytes

SIDE = 512
"""Longest side of the page's images, pixels."""


def picture_path(sha256: str) -> str:
    """Where, within the folder, the picture of this hash lies, hex: it is of what the picture is made of, so
    that one which is there already need not be made again."""
    return f"images/{sha256[:16]}.webp"


def write_picture(path: Path, image: Image.Image) -> None:
    """Write an image for the page, made smaller where it is larger than `SIDE`; raises StorageError."""
    small = image.copy()
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=82)
    write_bytes(path, stream.getvalue())


def write_page(folder: Path, template: str, title: str, about: str, data: Any) -> None:
    """Write `folder`/index.html.

    `template` is a file of `nami_bench.evaluation`, such as "geneval/browser.html"; its script reads `data`,
    plain JSON values. No text in `data` can become markup. Raises StorageError, and InputError for a number
    that JSON has no form for.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("nami_bench.evaluation", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    try:
        text = environment.get_template(template).render(title=title, about=about, data=data)
    except ValueError as error:
        raise InputError(f"{title} cannot be shown as a page: {error}") from error
    write_bytes(folder / "index.html", text.encode())
