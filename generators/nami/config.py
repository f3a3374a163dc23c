"""The shape of a NAMI transformer, as plain values that need no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.foreign_text import parse_json
from nami_bench.serialize import validated

PIXELS_PER_LATENT = 8
"""Side of a latent in pixels, as NAMI's VAE has it."""


@dataclass(frozen=True, slots=True)
class NamiConfig:
    """Shape of a NAMI transformer; the defaults are those of NAMI-2B.

    `stage_singleblock_index[k]` is the number of single-stream blocks that stage k runs, after all
    `num_layers` double-stream blocks: its length is the number of stages, and the last stage runs them
    all. `axes_dims_rope` splits a head's width among (text, row, column) positions. `sample_size` is
    the side of the last stage's latents. For `ntk_factor` see `NamiTransformer2DModel.rotary_embedding`.

    Raises InputError where the numbers do not fit together.
    """

    in_channels: int = 64
    num_layers: int = 8
    num_single_layers: int = 14
    attention_head_dim: int = 128
    num_attention_heads: int = 16
    joint_attention_dim: int = 4096
    pooled_projection_dim: int = 1024
    axes_dims_rope: tuple[int, ...] = (16, 56, 56)
    stage_singleblock_index: tuple[int, ...] = (1, 8, 14)
    ntk_factor: float = 1.0
    sample_size: int = 128

    def __post_init__(self) -> None:
        for name in ("in_channels", "attention_head_dim", "num_attention_heads", "sample_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} {getattr(self, name)} must be at least 1")
        if self.in_channels % 4 or self.num_layers < 0:
            raise InputError(
                f"in_channels {self.in_channels} must be a multiple of 4, for tokens of 2x2 pixels, and "
                f"num_layers {self.num_layers} not negative"
            )
        index = self.stage_singleblock_index
        if not index or index[0] < 0 or list(index) != sorted(index) or index[-1] != self.num_single_layers:
            raise InputError(
                f"stage_singleblock_index {list(index)} must not decrease and must end with the number of "
                f"single-stream blocks, {self.num_single_layers}"
            )
        if sum(self.axes_dims_rope) != self.attention_head_dim or any(d % 2 for d in self.axes_dims_rope):
            raise InputError(
                f"axes_dims_rope {list(self.axes_dims_rope)} must be even numbers that add up to "
                f"attention_head_dim, {self.attention_head_dim}"
            )
        if self.sample_size % self.size_multiple:
            raise InputError(f"sample_size {self.sample_size} is not a multiple of {self.size_multiple}")
        if self.ntk_factor <= 0:
            raise InputError(f"ntk_factor {self.ntk_factor} must be positive")

    @property
    def num_stages(self) -> int:
        """K: the number of time windows, and of resolutions."""
        return len(self.stage_singleblock_index)

    @property
    def inner_dim(self) -> int:
        """Width of a token inside the transformer."""
        return self.num_attention_heads * self.attention_head_dim

    @property
    def size_multiple(self) -> int:
        """What the sides of the last stage's latents must be multiples of: 2x2 packing in every stage."""
        return int(2**self.num_stages)


NAMI_2B = NamiConfig()

# The paper gives 12 layers, 5 : 4 : 3, about 0.6 B parameters, and no width. As in NAMI-2B, about a
# third of the layers are double-stream, all of them and one single-stream block make the first stage,
# and heads are 128 wide; 12 heads then come nearest: 641,081,408 parameters.
NAMI_0_6B = NamiConfig(
    num_layers=4, num_single_layers=8, num_attention_heads=12, stage_singleblock_index=(1, 5, 8)
)

# NAMI-2B's layers at an eighth of its width, for measurements on a CPU: at its 384 px with 36 text
# tokens, attention has about the same share of the work as in NAMI-2B at 1024 px with 256.
NAMI_TINY = NamiConfig(
    num_attention_heads=2, joint_attention_dim=512, pooled_projection_dim=128, sample_size=48
)

RELEASE_PROMPT_SUFFIX = ".extremely detailed,best quality,high quality,perfect composition"
RELEASE_NEGATIVE_PROMPT = "(face asymmetry, eyes asymmetry, deformed eyes, open mouth)"

CONFIGS = {"nami-2b": NAMI_2B, "nami-0.6b": NAMI_0_6B, "tiny": NAMI_TINY}
"""The configurations that have a name."""


def find_config(name: str) -> NamiConfig:
    """A configuration by name, or from a pipeline's folder, a transformer's folder or a JSON file."""
    if name in CONFIGS:
        return CONFIGS[name]
    path = Path(name)
    if path.is_dir():
        inner = path / "transformer" / "config.json"
        return load_config(inner if inner.is_file() else path / "config.json")
    if path.is_file():
        return load_config(path)
    raise UnknownNameError("configuration", name, CONFIGS, "or name a folder or a JSON file")


def load_config(path: Path) -> NamiConfig:
    """Read a transformer's config.json; keys that start with an underscore are diffusers' own."""
    try:
        raw = parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(raw, Mapping):
        raise InputError(f"{path} does not hold a JSON object")
    fields: dict[str, Any] = {key: value for key, value in raw.items() if not key.startswith("_")}
    return validated(NamiConfig, fields, str(path))
