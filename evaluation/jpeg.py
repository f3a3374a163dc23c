"""Images as the JPEG files that some judges are shown."""

import io

from PIL import Image


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    """An 8-bit RGB image as it is after Pillow has saved it as JPEG in this quality."""
    stored = io.BytesIO()
    image.save(stored, "JPEG", quality=quality)
    with Image.open(stored) as opened:
        return opened.convert("RGB")
