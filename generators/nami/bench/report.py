"""What was measured, as a JSON document and as rows of a table."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nami_bench.generators.nami.bench import published
from nami_bench.generators.nami.bench.results import RunTime, SpeedResult, Spread
from nami_bench.generators.nami.bench.schedules import (
    COMPONENTS,
    DIMENSIONS,
    POINTS,
    SPACINGS,
    ScheduleErrors,
)
from nami_bench.generators.nami.bench.settings import Arm, SpeedSettings
from nami_bench.generators.nami.config import PIXELS_PER_LATENT
from nami_bench.generators.nami.cost import stage_size

SPEED_COLUMNS = (
    "run",
    "part",
    "pixels",
    "layers",
    "steps",
    "seconds",
    "least-most",
    "TFLOPs",
    "TFLOP/s",
    f"paper: s, NAMI-2B, {published.MACHINE}",
)
SCHEDULE_COLUMNS = (
    "target",
    "steps a stage",
    *SPACINGS,
    "trailing/linspace",
    *(f"{s}: rms" for s in SPACINGS),
)


def grouped(run: RunTime) -> dict[str, Spread]:
    """Seconds by part, all bridges together, as the paper has them."""
    columns: dict[str, list[tuple[float, ...]]] = {}
    for part in run.parts:
        name = "bridges" if part.name.startswith("bridge") else part.name
        columns.setdefault(name, []).append(part.seconds.values)
    return {
        name: Spread(tuple(sum(repeat) for repeat in zip(*values, strict=True)))
        for name, values in columns.items()
    }


def speed_document(
    settings: SpeedSettings,
    result: SpeedResult,
    dtype: str,
    machine: dict[str, Any],
    versions: dict[str, Any],
) -> dict[str, Any]:
    """All of a measurement; seconds as medians, extremes and every value."""
    facts = asdict(settings)
    shape = facts.pop("shape")
    return {
        "settings": {
            **facts,
            "config": {"name": settings.config, **shape},
            "pixels": settings.pixels,
            "sequences_per_step": settings.sequences,
            "dtype": dtype,
        },
        "machine": machine,
        "versions": versions,
        "runs": {name: _run_document(run) for name, run in result.runs.items()},
        "saved": {
            name: {
                "time": _spread_document(result.saved(name)),
                "flops": result.flops_saved(name),
                "time_published": published.SAVED[name],
            }
            for name in published.SAVED
        },
        "plain_loop": {
            "seconds_over_pipelines": _spread_document(result.speedup),
            "largest_difference_of_latents": result.difference,
            "largest_latent": result.largest,
        },
        "published": {
            "machine": published.MACHINE,
            "model": "NAMI-2B, 1024x1024 pixels, batch 1, 30 steps",
            "seconds": {arm.name: published.seconds(arm.name, 3) for arm in settings.arms},
        },
    }


def speed_rows(settings: SpeedSettings, result: SpeedResult) -> list[tuple[Any, ...]]:
    """Rows under SPEED_COLUMNS: each run's total, then its parts."""
    arms = {arm.name: arm for arm in settings.arms}
    rows = []
    for name, run in result.runs.items():
        arm = arms.get(name, arms["nami"])
        paper = published.seconds(name, settings.shape.num_stages) if name in arms else {}
        total = f"{sum(paper.values()):.2f}" if paper else None
        rows.append(_row(name, "total", (None, None, sum(arm.steps)), run.seconds, run.flops, total))
        flops = {part.name: part.flops for part in run.parts}
        for part, seconds in grouped(run).items():
            figure = f"{paper[part]:.2f}" if part in paper else None
            rows.append(
                _row("", part, _stage_facts(arm, part, settings), seconds, flops.get(part, 0), figure)
            )
    return rows


def speed_lines(settings: SpeedSettings, result: SpeedResult) -> list[str]:
    """What the table comes to, in words."""
    lines = []
    for name, title in (("nami", "NAMI"), ("segmentation", "segmentation alone")):
        lines.append(
            f"time saved by {title}: {_percent(result.saved(name))}; FLOPs saved: "
            f"{result.flops_saved(name):.1%}; time saved in the paper: {published.SAVED[name]:.2%}"
        )
    low, high = result.speedup.range
    how = "compiled" if settings.compiled else "eager"
    lines.append(
        f"the plain eager loop takes {result.speedup.median:.2f}x ({low:.2f}-{high:.2f}) the time of the "
        f"pipeline, {how}; their latents differ by {result.difference:.1g} at most, values reach "
        f"{result.largest:.1f}"
    )
    return lines


def speed_title(settings: SpeedSettings, dtype: str, machine: dict[str, Any]) -> str:
    """What was measured, and where."""
    height, width = settings.pixels
    sequences = "2 sequences (guided)" if settings.guided else "1 sequence (no guidance)"
    where = machine["device"]
    if where == "cpu":
        where = f"{machine['processor']} (threads: {machine['torch_threads']})"
    return (
        f"{settings.config} at {width}x{height}, {sequences} of {settings.text_tokens} text tokens a step, "
        f"{dtype}, {'compiled' if settings.compiled else 'eager'}, {where}; medians of {settings.repeats}"
    )


def schedule_document(found: Sequence[ScheduleErrors], versions: dict[str, Any]) -> dict[str, Any]:
    """All errors, and what they are errors of."""
    return {
        "points": POINTS,
        "dimensions": DIMENSIONS,
        "mixture_components": COMPONENTS,
        "unit": "distance from the exact end point / sqrt(dimensions); the target's standard deviation is 1",
        "versions": versions,
        "errors": [asdict(one) for one in found],
    }


def schedule_rows(found: Sequence[ScheduleErrors]) -> list[tuple[Any, ...]]:
    """Rows under SCHEDULE_COLUMNS: the median errors, their ratio, and the root mean squares."""
    rows = []
    for one in found:
        medians = [one.errors[spacing].median for spacing in SPACINGS]
        ratio = one.errors["trailing"].median / one.errors["linspace"].median
        squares = [f"{one.errors[spacing].rms:.4f}" for spacing in SPACINGS]
        rows.append((one.target, one.steps, *(f"{m:.4f}" for m in medians), f"{ratio:.3f}", *squares))
    return rows


def _row(
    run: str, part: str, facts: tuple[Any, ...], seconds: Spread, flops: int, paper: str | None
) -> tuple[Any, ...]:
    low, high = seconds.range
    speed = (f"{flops / 1e12:.3f}", f"{flops / 1e12 / seconds.median:.3f}") if flops else (None, None)
    return (run, part, *facts, f"{seconds.median:.4f}", f"{low:.4f}-{high:.4f}", *speed, paper)


def _stage_facts(arm: Arm, part: str, settings: SpeedSettings) -> tuple[Any, ...]:
    """(pixels, layers, steps) of a stage; other parts have none."""
    if not part.startswith("stage"):
        return None, None, None
    stage = int(part.removeprefix("stage "))
    height, width = (side * PIXELS_PER_LATENT for side in stage_size(arm.shape, settings.latent_size, stage))
    layers = arm.shape.num_layers + arm.shape.stage_singleblock_index[stage]
    return f"{width}x{height}", layers, arm.steps[stage]


def _run_document(run: RunTime) -> dict[str, Any]:
    parts = {
        part.name: {"seconds": _spread_document(part.seconds), "flops": part.flops} for part in run.parts
    }
    return {"seconds": _spread_document(run.seconds), "flops": run.flops, "parts": parts}


def _spread_document(spread: Spread) -> dict[str, Any]:
    low, high = spread.range
    return {"median": spread.median, "least": low, "most": high, "values": spread.values}


def _percent(spread: Spread) -> str:
    low, high = spread.range
    return f"{spread.median:.1%} ({low:.1%} to {high:.1%})"
