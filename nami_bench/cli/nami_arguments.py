"""What the commands on the NAMI model have in common: arguments, and the extra they need."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nami_bench.generators.nami.config import NamiConfig


@contextmanager
def models_extra() -> Iterator[None]:
    """Turn a missing package into the command that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        from nami_bench.errors import InputError

        raise InputError(
            f"this command needs the package {error.name!r}: pip install 'nami-bench[models]'"
        ) from error


def latent_size_of(size: str | None, shape: "NamiConfig") -> tuple[int, int]:
    """Latents' (height, width) for a size in pixels, N or WxH; the model's own for None."""
    if size is None:
        return shape.sample_size, shape.sample_size
    from nami_bench.errors import InputError
    from nami_bench.generators.nami.config import PIXELS_PER_LATENT

    sides = whole_numbers(size.replace("x", ","))
    if len(sides) > 2 or any(side % PIXELS_PER_LATENT for side in sides):
        raise InputError(f"--size {size}: name N or WxH, in multiples of {PIXELS_PER_LATENT} pixels")
    return sides[-1] // PIXELS_PER_LATENT, sides[0] // PIXELS_PER_LATENT


def whole_numbers(text: str) -> list[int]:
    """[10, 10, 10] from "10,10,10"."""
    from nami_bench.errors import InputError

    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"{text!r} is not a list of whole numbers such as 10,10,10") from error
