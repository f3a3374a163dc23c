"""What `Scorer.connect` and `nami-bench serve-metrics` say to each other: JSON, or the same as msgpack.

Needs the standard library, numpy and Pillow; msgpack where it is installed. Never pickle: whoever could reach
the server could run programs on it. An image is the bytes of a lossless file (PNG, WebP), or 8-bit RGB pixels
as {"raw": bytes, "height": h, "width": w}; in JSON, bytes are base64. Channels are in the order R, G, B.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from nami_bench.domain import Prompt
from nami_bench.errors import ImageError, InputError
from nami_bench.images import (
    HeldImage,
    ImageSource,
    decode_image,
    encode_png,
    is_lossless,
    read_file,
    read_source,
)
from nami_bench.scoring.given_images import Given
from nami_bench.scoring.scores import Scores

JSON, MSGPACK = "application/json", "application/msgpack"
SCORE_PATH, INFO_PATH = "/v1/score", "/v1/info"
TOKEN_VARIABLE = "NAMI_METRICS_TOKEN"


def preferred_type() -> str:
    """The content type that this Python can speak and that is the smaller."""
    try:
        import msgpack  # noqa: F401
    except ImportError:
        return JSON
    return MSGPACK


def pack(message: Mapping[str, Any], content_type: str) -> bytes:
    """A message whose images are bytes as one body."""
    if content_type == MSGPACK:
        import msgpack

        return bytes(msgpack.packb(message))
    return json.dumps(message, default=_as_text, ensure_ascii=False).encode()


def unpack(body: bytes, content_type: str) -> Any:
    """The message that a body holds; raises InputError where it holds none."""
    try:
        if content_type == MSGPACK:
            import msgpack

            return msgpack.unpackb(body)
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        kind = "msgpack" if content_type == MSGPACK else "JSON"
        raise InputError(f"the message is no {kind}: {error}") from error


def image_message(image: ImageSource) -> bytes:
    """An image as it is sent: a lossless file's bytes as they are, anything else as PNG.

    Raises ImageError for what is no image.
    """
    if isinstance(image, HeldImage) and isinstance(image.content, Image.Image):
        return encode_png(read_source(image)[0], compress_level=1)[1]
    data = image.content if isinstance(image, HeldImage) else read_file(image)
    assert isinstance(data, bytes)
    if is_lossless(data):
        return data
    return encode_png(decode_image(data, getattr(image, "name", image)), compress_level=1)[1]


def received_image(message: Any, name: str, max_pixels: int, allow_lossy: bool) -> Given:
    """The image of one message, decoded, or why it is none. Raises InputError for what is no message of an
    image, and for a lossy file unless that is allowed."""
    if isinstance(message, Mapping):
        return _raw_image(message, name, max_pixels)
    data = _as_bytes(message, name)
    if not allow_lossy and is_lossless(data) is False:
        raise InputError(
            f"{name} is JPEG or lossy WebP, which changes verdicts: send PNG, lossless WebP or raw pixels"
        )
    try:
        return HeldImage(decode_image(data, name, max_pixels), name)
    except ImageError as error:
        return error


def _raw_image(message: Mapping[str, Any], name: str, max_pixels: int) -> Given:
    height, width = message.get("height"), message.get("width")
    if not all(isinstance(side, int) and side > 0 for side in (height, width)) or "raw" not in message:
        raise InputError(f"{name}: raw pixels need 'raw', 'height' and 'width'")
    assert isinstance(height, int) and isinstance(width, int)
    data = _as_bytes(message["raw"], name)
    if len(data) != height * width * 3:
        raise InputError(
            f"{name}: {height} x {width} RGB pixels are {height * width * 3} bytes, not {len(data)}"
        )
    if height * width > max_pixels:
        return ImageError(f"{name} has {width}x{height} pixels, over the limit of {max_pixels}")
    return HeldImage(Image.frombytes("RGB", (width, height), data), name)


def _as_bytes(message: Any, name: str) -> bytes:
    if isinstance(message, bytes):
        return message
    if not isinstance(message, str):
        raise InputError(f"{name} must be an image file's bytes (in JSON as base64) or raw pixels")
    try:
        return base64.b64decode(message, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"{name} is not base64: {error}") from error


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is no JSON")


def scores_message(scores: Scores) -> dict[str, Any]:
    """Scores as they are sent, without the prompts, which the asker has."""
    return {
        "instrument": scores.instrument,
        "values": [None if np.isnan(value) else float(value) for value in scores.values],
        "reasons": list(scores.reasons),
        "details": [dict(one) for one in scores.details],
        "measured_with": dict(scores.measured_with),
        "value_range": scores.value_range,
        "of_set": scores.of_set,
    }


def received_scores(name: str, message: Mapping[str, Any], prompts: tuple[Prompt, ...]) -> Scores:
    """The scores that were sent for images of these prompts; raises InputError where they are not."""
    try:
        values = np.array(
            [np.nan if value is None else value for value in message["values"]], dtype=np.float64
        )
        limits = message["value_range"]
        found = Scores(
            name,
            str(message["instrument"]),
            prompts,
            values,
            tuple(message["reasons"]),
            tuple(message["details"]),
            message["measured_with"],
            None if limits is None else (float(limits[0]), float(limits[1])),
            bool(message["of_set"]),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"the server's scores of {name} are not as they should be: {error!r}") from error
    expected = 1 if found.of_set else len(prompts)
    if not len(found.values) == len(found.reasons) == len(found.details) == expected:
        raise InputError(f"the server gave {len(found.values)} scores of {name} for {expected} images")
    return found
