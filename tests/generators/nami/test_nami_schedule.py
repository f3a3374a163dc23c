"""Windows, timesteps and sigmas, against the original's tables."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nami_bench.errors import InputError
from nami_bench.generators.nami.schedule import StageWindow, jumps, stage_steps, stage_windows

RELEASE = ((0, 1 / 3, 2 / 3, 1), 1 / 3)


def test_the_releases_windows() -> None:
    assert stage_windows(*RELEASE) == (
        StageWindow(1000, 256),
        StageWindow(744, 358),
        StageWindow(386, 385),
    )


def test_timesteps_and_sigmas_equal_the_originals(read_json: Callable[[str], Any]) -> None:
    windows = stage_windows(*RELEASE)
    tables = read_json("scheduler_tables.json")["tables"]
    assert "10" in tables
    for steps, stages in tables.items():
        for stage, expected in stages.items():
            timesteps, sigmas = stage_steps(windows[int(stage)], int(steps))
            np.testing.assert_allclose(timesteps, expected["timesteps"], rtol=0, atol=1e-9)
            np.testing.assert_allclose(sigmas, expected["sigmas"], rtol=0, atol=1e-12)
            np.testing.assert_allclose(np.diff(sigmas), expected["dsigma"], rtol=0, atol=1e-12)


def test_the_releases_last_step_hardly_moves_and_trailing_steps_all_do() -> None:
    window = stage_windows(*RELEASE)[1]
    released = -np.diff(stage_steps(window, 10)[1])
    assert released[-1] == pytest.approx(1 / 358)
    assert released[:-1].sum() == pytest.approx(357 / 358)
    timesteps, sigmas = stage_steps(window, 10, "trailing")
    np.testing.assert_allclose(-np.diff(sigmas), 0.1)
    # The model is asked at the time where it stands: the same line from sigma to timestep.
    np.testing.assert_allclose(timesteps, 744 - 358 * np.arange(10) / 10)


@given(
    st.lists(st.floats(0.02, 1.0), min_size=1, max_size=6),
    st.floats(0.05, 1 / 3),
    st.sampled_from(["linspace", "trailing"]),
    st.integers(1, 40),
)
def test_windows_adjoin_and_sigmas_fall_from_one_to_zero(
    shares: list[float], gamma: float, spacing: Any, steps: int
) -> None:
    edges = [0.0, *(np.cumsum(shares) / sum(shares)).tolist()]
    edges[-1] = 1.0
    windows = stage_windows(edges, gamma)
    assert windows[0].start == 1000
    assert all(a.start - a.length == b.start for a, b in pairwise(windows))
    assert windows[-1].start - windows[-1].length == 1
    for window in windows:
        timesteps, sigmas = stage_steps(window, steps, spacing)
        assert (len(timesteps), len(sigmas)) == (steps, steps + 1)
        assert (sigmas[0], sigmas[-1], timesteps[0]) == (1.0, 0.0, window.start)
        assert (np.diff(sigmas) <= 0).all()


def test_the_jumps_are_pyramid_flows(read_json: Callable[[str], Any]) -> None:
    table = read_json("scheduler_tables.json")
    for transition, jump in enumerate(jumps(*RELEASE)):
        # The corrected start keeps (1 - sigma) of the image, rescaled as the latents are.
        sigma = table["ori_start_sigmas"][str(transition + 1)]
        corrected = table["start_sigmas"][str(transition + 1)]
        assert 1 - corrected == pytest.approx(jump.rescale * (1 - sigma), abs=1e-6)
        # Beside independent blocks of variance (rescale sigma)^2, block noise fills up to corrected^2.
        block = (jump.rescale * sigma) ** 2
        assert block + jump.renoise**2 == pytest.approx(corrected**2, abs=1e-6)
        # Within a block: what upsampling made equal is made independent again.
        assert block - jump.renoise**2 / 3 == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize(
    ("stage_range", "gamma", "words"),
    [
        ((0, 0.6, 0.4, 1), 1 / 3, "must rise from 0 to 1"),
        ((0.1, 1), 1 / 3, "must rise from 0 to 1"),
        ((0, 0.5), 1 / 3, "must rise from 0 to 1"),
        ((0,), 1 / 3, "must rise from 0 to 1"),
        ((0, 1), 0.0, "gamma 0.0 must lie above 0"),
        ((0, 1), 0.5, "gamma 0.5 must lie above 0"),
        ((0, 0.0001, 1), 1 / 3, "too few"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(stage_range: Any, gamma: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        stage_windows(stage_range, gamma)


def test_steps_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="at least one step"):
        stage_steps(StageWindow(1000, 256), 0)
    with pytest.raises(InputError, match="unknown timestep spacing 'leading'"):
        stage_steps(StageWindow(1000, 256), 3, "leading")  # type: ignore[arg-type]
