"""The uniform baseline, flow segmentation alone and NAMI under one clock, and the counting of their FLOPs."""

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from nami_bench.errors import WorkError, one_line
from nami_bench.generators.nami.bench.candidates import candidates
from nami_bench.generators.nami.bench.clock import PartClock, marking
from nami_bench.generators.nami.bench.results import PLAIN, PartTime, RunTime, SpeedResult, Spread
from nami_bench.generators.nami.bench.settings import Arm, SpeedSettings
from nami_bench.generators.nami.cost import stage_size
from nami_bench.generators.nami.latents import image_ids, text_ids
from nami_bench.generators.nami.transformer import NamiTransformer2DModel
from nami_bench.generators.torch_runtime import dtype_name
from nami_bench.neural.device import is_out_of_memory


def measure_speed(
    settings: SpeedSettings,
    device: torch.device,
    dtype: torch.dtype,
    advance: Callable[[int], None] = lambda count: None,
) -> SpeedResult:
    """Measure all arms and the plain loop; `advance` is called with 1 after each of their runs.

    Weights and inputs are random: they do not change the time. Text encoders and VAE are left out. In each
    repeat every arm runs once, so that what slows the machine down for a while slows all of them down.

    Raises WorkError where memory runs out, compilation fails or the latents are not finite.
    """
    if device.index is not None:
        torch.accelerator.set_device_index(device.index)
    try:
        return _measure(settings, device, dtype, advance)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            if settings.compiled:
                reason = one_line(str(error).partition("\n")[0])
                raise WorkError(f"the compiled run failed ({reason}): leave out --compile") from error
            raise
        height, width = settings.pixels
        raise WorkError(
            f"{settings.config} at {width}x{height} pixels in {dtype_name(dtype)} does not fit the memory of "
            f"{device}: take a smaller --config or --size, or a half-precision --dtype"
        ) from error


def measured_runs(settings: SpeedSettings) -> int:
    """How often `measure_speed` calls `advance`."""
    return (settings.repeats + settings.warmup) * (len(settings.arms) + 1)


@cache
def forward_flops(arm: Arm, stage: int, settings: SpeedSettings) -> int:
    """FLOPs of one pass in `stage`, counted by running it without data.

    Two for each multiply-add of matrix products and attention. The text's projection is part of it, as in
    the plain loop; the pipeline does that once a run.
    """
    height, width = stage_size(arm.shape, settings.latent_size, stage)
    sequences, shape = settings.sequences, arm.shape
    with torch.device("meta"), torch.no_grad():
        transformer = NamiTransformer2DModel.from_shape(shape)
        with FlopCounterMode(display=False) as counter:
            transformer(
                torch.empty(sequences, height * width // 4, shape.in_channels),
                timestep=torch.empty(sequences),
                stage=stage,
                encoder_hidden_states=torch.empty(sequences, settings.text_tokens, shape.joint_attention_dim),
                pooled_projections=torch.empty(sequences, shape.pooled_projection_dim),
                img_ids=image_ids(height, width),
                txt_ids=text_ids(settings.text_tokens),
            )
    return int(counter.get_total_flops())


def _measure(
    settings: SpeedSettings, device: torch.device, dtype: torch.dtype, advance: Callable[[int], None]
) -> SpeedResult:
    timed = candidates(settings, device, dtype)
    for _ in range(settings.warmup):
        for candidate in timed.values():
            candidate.run()
            advance(1)
    timings: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in timed}
    latents: dict[str, Tensor] = {}
    clock = PartClock(device)
    for _ in range(settings.repeats):
        for name, candidate in timed.items():
            with marking(candidate.pipeline, clock):
                clock.start()
                latents[name] = candidate.run()
                timings[name].append(clock.stop())
            advance(1)
    own, plain = latents["nami"].double(), latents[PLAIN].double()
    if not (own.isfinite().all() and plain.isfinite().all()):
        raise WorkError(f"the latents hold NaN or infinity in {dtype_name(dtype)}: take another --dtype")
    runs = {name: _run_time(timed[name].arm, timings[name], settings) for name in timed}
    return SpeedResult(runs, float((own - plain).abs().max()), float(own.abs().max()))


def _run_time(arm: Arm, timings: Sequence[tuple[float, Sequence[float]]], settings: SpeedSettings) -> RunTime:
    flops = {
        f"stage {stage}": count * forward_flops(arm, stage, settings) for stage, count in enumerate(arm.steps)
    }
    columns = zip(*(parts for _, parts in timings), strict=True)
    parts = (
        PartTime(name, Spread(tuple(seconds)), flops.get(name, 0))
        for name, seconds in zip(arm.parts, columns, strict=True)
    )
    return RunTime(Spread(tuple(total for total, _ in timings)), tuple(parts))
