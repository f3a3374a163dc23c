"""NAMI-2B at 1024 pixels in bfloat16: the uniform schedule, flow segmentation alone, and NAMI.

What runs is `nami_bench.generators.nami.bench`'s candidates, which share one set of random weights; text
encoders and VAE are left out. FLOPs are those of `nami_bench.generators.nami.cost`.
"""

import statistics
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu.part import Part
from nami_bench.errors import WorkError
from nami_bench.generators.nami.bench import published
from nami_bench.generators.nami.bench.candidates import Candidate, candidates
from nami_bench.generators.nami.bench.clock import PartClock, marking
from nami_bench.generators.nami.bench.results import PLAIN
from nami_bench.generators.nami.bench.settings import SpeedSettings
from nami_bench.generators.nami.config import NAMI_2B, NamiConfig
from nami_bench.generators.nami.cost import RunFlops, run_flops
from nami_bench.neural.device import choose_device

_SMALL_SHAPE = NamiConfig(
    num_layers=1,
    num_single_layers=2,
    attention_head_dim=16,
    num_attention_heads=2,
    joint_attention_dim=32,
    pooled_projection_dim=16,
    axes_dims_rope=(4, 6, 6),
    stage_singleblock_index=(1, 1, 2),
    sample_size=16,
)
FULL = SpeedSettings("nami-2b", NAMI_2B, (128, 128), (10, 10, 10), text_tokens=256, repeats=5)
SMALL = SpeedSettings("a toy", _SMALL_SHAPE, (16, 16), (2, 2, 2), text_tokens=8, repeats=1)


def measure(part: Part) -> None:
    """Eager; `benchmarks.gpu.nami_compiled` is the same with compiled blocks."""
    measure_schedules(part, SMALL if part.small else FULL)


def measure_schedules(part: Part, settings: SpeedSettings) -> None:
    """Seconds per image by schedule, by stage and bridge, and against the FLOPs that they take."""
    dtype = torch.float32 if part.device == "cpu" else torch.bfloat16
    device = choose_device(part.device)
    height, width = settings.pixels
    flops = run_flops(
        settings.shape, settings.latent_size, settings.steps,
        text_tokens=settings.text_tokens, batch=settings.sequences,
    )  # fmt: skip
    part.keep(
        config=settings.config, pixels=f"{width}x{height}", steps=settings.steps, dtype=str(dtype),
        compiled=settings.compiled, text_tokens=settings.text_tokens, sequences_per_step=settings.sequences,
        flops=_by_schedule(flops), flops_saved=_saved(_by_schedule(flops)),
    )  # fmt: skip
    timed = candidates(settings, device, dtype)
    parts: dict[str, list[list[float]]] = {name: [] for name in timed}
    clock = PartClock(device)
    ways = {name: partial(_run, candidate, clock, parts[name]) for name, candidate in timed.items()}
    seconds, latents = part.in_turns(ways, settings.repeats)
    median = {name: statistics.median(of_way) for name, of_way in seconds.items()}
    part.keep(
        seconds_per_image=median,
        seconds_saved=_saved(median),
        flops_per_second={
            name: count / median[name] for name, count in _by_schedule(flops).items() if name in median
        },
        seconds_of_parts={
            name: dict(zip(timed[name].arm.parts, _medians(parts[name][1:]), strict=True)) for name in median
        },
        published={"machine": published.MACHINE, "seconds_saved": published.SAVED},
        **_latents(latents),
    )


def _run(candidate: Candidate, clock: PartClock, parts: list[list[float]]) -> Tensor:
    """Final latents; `parts` gets the seconds of this run's parts."""
    with marking(candidate.pipeline, clock):
        clock.start()
        latents = candidate.run()
        parts.append(clock.stop()[1])
    return latents


def _by_schedule(flops: RunFlops) -> dict[str, int]:
    return {"uniform": flops.uniform, "segmentation": flops.segmentation_only, "nami": flops.nami}


def _saved(of_schedules: dict[str, Any]) -> dict[str, float]:
    """What each schedule saves of the uniform one's."""
    if "uniform" not in of_schedules:
        return {}
    return {
        name: 1 - of_schedules[name] / of_schedules["uniform"]
        for name in ("segmentation", "nami")
        if name in of_schedules
    }


def _medians(repeats: list[list[float]]) -> list[float]:
    return [statistics.median(of_part) for of_part in zip(*repeats, strict=True)]


def _latents(latents: dict[str, Tensor]) -> dict[str, Any]:
    """How far NAMI's pipeline is from the plain loop over the same weights.

    Raises WorkError for latents that are not finite.
    """
    broken = [name for name, one in latents.items() if not one.isfinite().all()]
    if broken:
        raise WorkError(f"the latents hold NaN or infinity: {', '.join(broken)}")
    if not {"nami", PLAIN} <= latents.keys():
        return {}
    own, plain = latents["nami"].double(), latents[PLAIN].double()
    return {
        "largest_difference_from_the_plain_loop": float((own - plain).abs().max()),
        "largest_latent": float(own.abs().max()),
    }
