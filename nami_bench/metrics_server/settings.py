"""What a metrics server allows."""

from dataclasses import dataclass

from nami_bench.errors import InputError


@dataclass(frozen=True, slots=True)
class Limits:
    """`body_mb`: megabytes of one request; four such may be held at once. `images`: of one request. `pixels`:
    of one image. `waiting`: images in all requests that wait. `batch`: images that are joined at most.
    `allow_lossy`: take JPEG and lossy WebP too."""

    body_mb: int = 256
    images: int = 1024
    pixels: int = 4096 * 4096
    waiting: int = 4096
    batch: int = 64
    allow_lossy: bool = False

    def __post_init__(self) -> None:
        for name in ("body_mb", "images", "pixels", "waiting", "batch"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")

    @property
    def body_bytes(self) -> int:
        """Bytes of one request."""
        return self.body_mb << 20
