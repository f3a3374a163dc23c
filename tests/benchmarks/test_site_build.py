"""The benchmark of a results site, on a small one."""

from pathlib import Path

import pytest

from tests.support.browser import CHROMIUM


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: pages were not opened")
def test_a_small_site_is_built_three_times_and_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks import site_build

    monkeypatch.setattr("nami_bench.evaluation.audit.statistics.RESAMPLES", 20)
    monkeypatch.setattr("nami_bench.evaluation.audit.weighted_ranks.RESAMPLES", 20)
    found = site_build.measure(tmp_path, 8)
    assert found["images"] == 320
    first, again, later = (found["builds"][name] for name in ("first", "unchanged", "after a rating"))
    assert first["kept"] == 0 and again["written"] == 0 and again["kept"] == first["written"]
    assert 0 < later["written"] < first["written"] - 300
    assert set(found["opened"]) == set(site_build.OPENED)
    assert all(one["first_content_s"] > 0 for one in found["opened"].values())
