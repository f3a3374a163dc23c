"""The measurements as pictures."""

import io
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nami_bench.generators.nami.bench import published
from nami_bench.generators.nami.bench.report import grouped
from nami_bench.generators.nami.bench.results import SpeedResult
from nami_bench.generators.nami.bench.schedules import SPACINGS, ScheduleErrors
from nami_bench.generators.nami.bench.settings import Arm, SpeedSettings

BAR_LABELS = {"uniform": "uniform", "segmentation": "segmentation\nonly", "nami": "NAMI"}
SPACING_LABELS = {"linspace": "linspace: as released", "trailing": "trailing: n steps, n equal moves"}
_STAGE_COLORS = ("#2a5a8c", "#5b93c7", "#a9cbe6", "#d6e6f3")
"""From the last stage back to the first."""
_OTHER_COLORS = {"bridges": "#d9822b", "setup": "#777777", "not broken down": "#c9c9c9"}


def speed_picture(settings: SpeedSettings, result: SpeedResult, title: str) -> bytes:
    """A PNG of three panels of stacked bars: counted FLOPs, measured seconds, the paper's seconds."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    figure.suptitle(title, fontsize=9)
    left, middle, right = figure.subplots(1, 3)
    runs = {arm: result.runs[arm.name] for arm in settings.arms}
    flops = {
        arm: {part.name: part.flops / 1e12 for part in run.parts if part.flops} for arm, run in runs.items()
    }
    seconds = {
        arm: {part: spread.median for part, spread in grouped(run).items()} for arm, run in runs.items()
    }
    paper = {arm: published.seconds(arm.name, settings.shape.num_stages) for arm in settings.arms}
    flops_saved = {name: result.flops_saved(name) for name in published.SAVED}
    time_saved = {name: result.saved(name).median for name in published.SAVED}
    _stacked(left, "counted", "TFLOPs", flops, flops_saved)
    _stacked(middle, "measured (medians)", "seconds", seconds, time_saved)
    _stacked(right, f"paper: NAMI-2B, 1024 px, {published.MACHINE}", "seconds", paper, published.SAVED)
    entries = {
        label: handle
        for axes in (left, middle, right)
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=7, fontsize=8)
    return _png(figure)


def schedule_picture(found: Sequence[ScheduleErrors]) -> bytes:
    """A PNG with a panel for each target: the typical point's error against the steps of a stage."""
    names = list(dict.fromkeys(one.target for one in found))
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    figure.suptitle("Euler's error where the exact velocity is known (no network)", fontsize=10)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        rows = [one for one in found if one.target == name]
        steps = [one.steps for one in rows]
        for spacing in SPACINGS:
            errors = [one.errors[spacing].median for one in rows]
            axes.plot(steps, errors, marker="o", markersize=3, label=SPACING_LABELS[spacing])
        axes.set(title=name, xlabel="steps in each of three stages", ylabel="median distance")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return _png(figure)


def _stacked(
    axes: Axes,
    title: str,
    unit: str,
    bars: Mapping[Arm, Mapping[str, float]],
    saved: Mapping[str, float],
) -> None:
    for position, (arm, parts) in enumerate(bars.items()):
        bottom = 0.0
        for part, value in parts.items():
            label, color = _look(arm, part)
            known = axes.get_legend_handles_labels()[1]
            axes.bar(
                position,
                value,
                bottom=bottom,
                color=color,
                label=None if label in known else label,
                width=0.65,
            )
            bottom += value
        words = f"{bottom:.3g}" + (f"\n-{saved[arm.name]:.1%}" if arm.name in saved else "")
        axes.text(position, bottom, words, ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(bars)), [BAR_LABELS[arm.name] for arm in bars], fontsize=8)
    axes.set_title(title, fontsize=9)
    axes.set_ylabel(unit)
    axes.margins(y=0.15)
    axes.spines[["top", "right"]].set_visible(False)


def _look(arm: Arm, part: str) -> tuple[str, str]:
    """A part's name in the legend, and its colour: stages of different runs are alike in their size."""
    if part == "total":
        # The uniform run is all one stage; of others the parts are unknown.
        part = "stage 0" if arm.shape.num_stages == 1 else "not broken down"
    if not part.startswith("stage"):
        return part, _OTHER_COLORS[part]
    halvings = arm.shape.num_stages - 1 - int(part.removeprefix("stage "))
    label = "full size" if halvings == 0 else f"1/{2**halvings} size"
    return label, _STAGE_COLORS[min(halvings, len(_STAGE_COLORS) - 1)]


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
