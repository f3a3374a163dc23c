"""The flow whose velocity is known, the sampler's steps on it, and `nami-bench nami bench --schedules`."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from nami_bench.cli.app import cli
from nami_bench.generators.nami.bench.schedules import (
    DIMENSIONS,
    MixtureFlow,
    euler,
    final_noise_level,
    measure_schedules,
    targets,
)
from nami_bench.generators.nami.schedule import TimestepSpacing
from nami_bench.generators.nami.scheduler import NamiEulerScheduler


def noise(points: int, dimensions: int) -> torch.Tensor:
    return torch.randn(points, dimensions, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def test_the_exact_flow_to_a_gaussian_only_scales() -> None:
    flow = targets()["gaussian"]
    start, end = noise(5, DIMENSIONS), 0.1
    scale = (end**2 + ((1 - end) * flow.deviations) ** 2).sqrt()
    torch.testing.assert_close(flow.exact(start, 1.0, end), start * scale, rtol=0, atol=1e-6)


def test_the_exact_flow_in_one_dimension_keeps_quantiles() -> None:
    means, deviation, end = torch.tensor([[-1.0], [0.3], [1.1]]).double(), 0.2, 0.05
    flow = MixtureFlow(means, torch.tensor([deviation]).double())
    start = torch.linspace(-2, 2, 41, dtype=torch.float64)[:, None]
    spread = (end**2 + ((1 - end) * deviation) ** 2) ** 0.5
    reached = torch.special.ndtr((flow.exact(start, 1.0, end) - (1 - end) * means.T) / spread).mean(1)
    torch.testing.assert_close(reached, torch.special.ndtr(start)[:, 0], rtol=0, atol=1e-6)


def test_velocity_is_the_mean_of_noise_less_target_at_a_point() -> None:
    flow = MixtureFlow(torch.tensor([[-1.0, 0.5], [1.0, 0.0]]).double(), torch.tensor([0.5, 0.3]).double())
    tau = torch.tensor(0.6).double()
    generator = torch.Generator().manual_seed(0)
    samples = 2_000_000
    start = torch.randn(samples, 2, dtype=torch.float64, generator=generator)
    which = torch.randint(2, (samples,), generator=generator)
    spread = torch.randn(samples, 2, dtype=torch.float64, generator=generator) * flow.deviations
    target = flow.means[which] + spread
    point = torch.tensor([[0.2, 0.1]]).double()
    near = (tau * start + (1 - tau) * target - point).norm(dim=1) < 0.05
    assert near.sum() > 3000
    mean = (start - target)[near].mean(0)
    torch.testing.assert_close(flow.velocity(point, tau)[0], mean, rtol=0, atol=0.08)


@pytest.mark.parametrize("spacing", ["linspace", "trailing"])
def test_eulers_error_falls_with_the_number_of_steps(spacing: TimestepSpacing) -> None:
    flow, start = targets()["gaussian"], noise(64, DIMENSIONS)
    scheduler = NamiEulerScheduler(timestep_spacing=spacing)
    exact = flow.exact(start, 1.0, final_noise_level(scheduler))
    few, many = ((euler(flow, scheduler, start, n) - exact).square().mean().sqrt() for n in (40, 80))
    assert few / many == pytest.approx(2, rel=0.05)
    assert many < 0.01


def test_a_window_ends_where_the_next_begins_and_the_last_just_before_the_image() -> None:
    scheduler = NamiEulerScheduler()
    ends = [window.start - window.length for window in scheduler.windows]
    assert ends[:-1] == [window.start for window in scheduler.windows[1:]]
    assert final_noise_level(scheduler) == 0.001


def test_equal_steps_save_the_release_one_step_a_stage() -> None:
    rows = {(row.target, row.steps): row.errors for row in measure_schedules((5, 6, 10, 11))}
    assert len(rows) == 8
    for target in ("gaussian", "mixture"):
        for steps in (5, 10):
            equal, released = rows[target, steps]["trailing"], rows[target, steps]["linspace"]
            assert equal.median < released.median * 0.95
            assert equal.rms < released.rms
            one_more = rows[target, steps + 1]["linspace"]
            assert equal.median == pytest.approx(one_more.median, rel=0.02)


@pytest.mark.slow
def test_schedules_are_printed_and_written(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["nami", "bench", "--schedules", "-o", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "trailing/linspace" in done.stdout
    found = json.loads((tmp_path / "schedules.json").read_text())
    assert [(row["target"], row["steps"]) for row in found["errors"]] == [
        (target, steps) for target in ("gaussian", "mixture") for steps in range(4, 21)
    ]
    assert all(0 < kind["median"] < 1 for row in found["errors"] for kind in row["errors"].values())
    with Image.open(tmp_path / "schedules.png") as picture:
        assert picture.format == "PNG"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["schedules.json", "schedules.png"]
