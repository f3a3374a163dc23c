"""Pictures that are transparent in places: laid over white, wherever they come from, whoever looks at them.

What stands behind transparent pixels differs from viewer to viewer: a page's background, black, or colors
that nobody was to see. People and metrics must see one picture.
"""

from collections.abc import Mapping

from PIL import Image

SAID: Mapping[str, str] = {"alpha": "composited over white"}
"""What an image's record says where it was transparent."""


def over_white(image: Image.Image) -> Image.Image:
    """The image in RGB, over white where it is transparent; an image without transparency as it is."""
    if not image.has_transparency_data:
        return image
    layers = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")


def is_see_through(image: Image.Image) -> bool:
    """Whether any pixel is transparent, and not only could be."""
    if not image.has_transparency_data:
        return False
    lowest, _ = image.convert("RGBA").getchannel("A").getextrema()
    return lowest != 255
