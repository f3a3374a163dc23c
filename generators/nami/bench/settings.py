"""What a speed measurement runs, as plain values that need no torch."""

from dataclasses import dataclass, replace

from nami_bench.errors import InputError
from nami_bench.generators.nami.config import PIXELS_PER_LATENT, NamiConfig
from nami_bench.generators.nami.cost import stage_size

GUIDANCE_SCALE = 3.0
"""The release's. Its value costs nothing, but above 1 every step runs twice the batch."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to make the same image: `shape` has the depth of each of its stages, `steps` their steps."""

    name: str
    title: str
    shape: NamiConfig
    steps: tuple[int, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of a run, in order: what is done once, then stages with bridges between them."""
        names = ["setup", "stage 0"]
        for stage in range(1, self.shape.num_stages):
            names += [f"bridge {stage - 1}", f"stage {stage}"]
        return tuple(names)


@dataclass(frozen=True, slots=True)
class SpeedSettings:
    """One measurement.

    `config` is what `shape` is called. `latent_size` is the last stage's (height, width); `steps` has one
    entry for each stage. One image is made at a time; `guided` runs it with classifier-free guidance, so
    two sequences a step. `compiled` compiles the transformer's blocks. Each way is run `warmup` times, then
    `repeats` times under the clock.

    Raises InputError where the numbers do not fit together.
    """

    config: str
    shape: NamiConfig
    latent_size: tuple[int, int]
    steps: tuple[int, ...]
    text_tokens: int
    guided: bool = False
    compiled: bool = False
    repeats: int = 5
    warmup: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        stages = self.shape.num_stages
        if len(self.steps) != stages or min(self.steps) < 1:
            raise InputError(
                f"steps {list(self.steps)} are not {stages} positive numbers, one for each stage of "
                f"{self.config}"
            )
        stage_size(self.shape, self.latent_size, 0)

    @property
    def sequences(self) -> int:
        """Batch of the transformer: guidance runs the negative prompt beside the prompt."""
        return 2 if self.guided else 1

    @property
    def guidance_scale(self) -> float:
        """1 is no guidance."""
        return GUIDANCE_SCALE if self.guided else 1.0

    @property
    def pixels(self) -> tuple[int, int]:
        """The image's (height, width)."""
        height, width = self.latent_size
        return height * PIXELS_PER_LATENT, width * PIXELS_PER_LATENT

    @property
    def arms(self) -> tuple[Arm, Arm, Arm]:
        """Without NAMI's two ideas, with the first of them, and NAMI; all take the same number of steps."""
        depth = self.shape.num_single_layers
        uniform = replace(self.shape, stage_singleblock_index=(depth,))
        full_depth = replace(self.shape, stage_singleblock_index=(depth,) * self.shape.num_stages)
        return (
            Arm("uniform", "uniform: full depth, full size", uniform, (sum(self.steps),)),
            Arm("segmentation", "flow segmentation only: full depth", full_depth, self.steps),
            Arm("nami", "NAMI: segmentation, nested depth", self.shape, self.steps),
        )
