"""A variant beside its base as one HTML page with the pictures that changed most, side by side: no script,
nothing loaded from elsewhere, light and dark."""

import base64
import io
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from nami_bench.errors import ImageError
from nami_bench.evaluation.variant.results import ChangedPair, VariantComparison
from nami_bench.export.variant_text import variant_notes, variant_tables
from nami_bench.images import read_image
from nami_bench.software import version_and_commit

_PIXELS = 640
"""The longer side of a picture in the page."""


def variant_html(found: VariantComparison, images_dir: Path) -> bytes:
    """The page, UTF-8, with its pictures inside."""
    environment = Environment(
        loader=PackageLoader("nami_bench.export"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    page = environment.get_template("variant.html").render(
        found=found,
        tables=list(variant_tables(found)),
        pairs=[_pair(pair, found, images_dir) for pair in found.changes.pairs],
        notes=list(variant_notes(found)),
        version=version_and_commit(),
    )
    return page.encode()


def _pair(pair: ChangedPair, found: VariantComparison, images_dir: Path) -> dict[str, Any]:
    change = pair.reason if pair.change is None else f"mean grey change {pair.change:.1f} of 255"
    return {
        "prompt_id": pair.prompt_id,
        "sample": pair.sample,
        "text": found.texts[pair.prompt_id],
        "change": change,
        "base": _picture(images_dir / pair.base_path),
        "variant": _picture(images_dir / pair.variant_path),
    }


def _picture(path: Path) -> str | None:
    """The picture as a data address; None where it cannot be read."""
    try:
        image = read_image(path)
    except ImageError:
        return None
    image.thumbnail((_PIXELS, _PIXELS), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
