"""What is known of a published system before its weights are fetched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal

from nami_bench.errors import InputError
from nami_bench.generators.batch_sharing import ANY_LENGTHS, EQUAL_LENGTHS

if TYPE_CHECKING:  # it imports torch
    from nami_bench.generators.torch_runtime import DtypeName


@dataclass(frozen=True, slots=True)
class Preset:
    """Where a system's weights are, and how it is run.

    `pipeline` is its class in diffusers, `licence` that of its weights in short (the model's card counts),
    `source` who gives the settings, and when that was read; "not checked" where nobody who published them
    could be asked. `steps`, `guidance_scale`, `negative_prompt` and size: arguments of the call, None where
    it takes none or the pipeline's component decides; `extra`: further ones. `revision`: the branch of the
    hub that has it for diffusers. `components`: parts that the model's folder lacks, by name, and where they
    are on the hub. `requires`: packages beside the extra `models`. `rewriting`: "instruction" where the
    pipeline puts a fixed text before each prompt.
    """

    model: str
    pipeline: str
    licence: str
    source: str
    dtype: "DtypeName" = "bfloat16"
    steps: int | None = None
    guidance_scale: float | None = None
    negative_prompt: str | None = None
    revision: str | None = None
    variant: str | None = None
    height: int | None = 1024
    width: int | None = 1024
    extra: Mapping[str, Any] = field(default_factory=dict)
    components: Mapping[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    rewriting: Literal["none", "instruction"] = "none"

    def check_packages(self) -> None:
        """Raise InputError where a package that the system needs is not installed."""
        for name in self.requires:
            try:
                version(name)
            except PackageNotFoundError as error:
                raise InputError(f"{self.pipeline} needs the package {name}: pip install {name}") from error

    @property
    def guidance(self) -> str:
        """What guides it, in few words."""
        true_scale = self.extra.get("true_cfg_scale")
        if true_scale is not None:
            return f"true_cfg_scale {true_scale}"
        return "the pipeline's own" if self.guidance_scale is None else f"{self.guidance_scale}"

    @property
    def prompts(self) -> str:
        """How it draws prompts where nobody asks for rewriting."""
        return "as written" if self.rewriting == "none" else "behind an instruction"

    @property
    def batches(self) -> str:
        """Which prompts may share a batch: any, those of equal length, or none."""
        if self.pipeline in ANY_LENGTHS:
            return "any prompts"
        return "equal lengths" if self.pipeline in EQUAL_LENGTHS else "one by one"
