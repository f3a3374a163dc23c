"""What the metrics' page and the results quote of the comparison with the authors' code."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEPT = json.loads((ROOT / "docs/results/preference/values.json").read_text())


def test_the_kept_figures_are_those_that_are_quoted() -> None:
    hpsv3 = KEPT["hpsv3"]
    compared = ("mu, alone", "mu, one batch", "log_sigma, one batch", "positions 3d")
    assert max(hpsv3[name] for name in compared) < 5e-5
    page = (ROOT / "docs/results/preference/README.md").read_text()
    for name in (*compared, "alone and in one batch"):
        assert f"| {hpsv3[name]:.1e} |" in page
    assert f"| {hpsv3['what 3d positions change']:.2f} |" in page
    assert f"| {hpsv3['bfloat16 and float32']:.3f} |" in page
    assert f"| {hpsv3['bfloat16, alone and in one batch']:.3f} |" in page


@pytest.mark.slow
def test_the_comparison_runs_and_finds_nothing(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from benchmarks.preference_values import aesthetic_2, aesthetic_2_5, hpsv3

    found = hpsv3(tmp_path)
    assert found["mu, one batch"] < 5e-5 and found["what 3d positions change"] > 0.5
    assert aesthetic_2(tmp_path)["apart"] < 1e-4 and aesthetic_2_5(tmp_path)["apart"] < 1e-4
