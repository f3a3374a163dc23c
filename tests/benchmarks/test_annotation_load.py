"""What the benchmark of the annotation server makes of what it measured; its figures are no test."""

from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its modules find each other as those of a script do."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


def good() -> dict[str, Any]:
    """A report's result that keeps all promises."""
    return {
        "items_per_second": 427.0,
        "submit_ms": {"p95": 217.0},
        "problems": [],
        "memory_mb": {"after a tenth": 235.0, "at the end": 244.0},
        "onlooker_memory_mb": {"after a tenth": 200.0, "at the end": 201.0},
        "database": {"rating rows": 100_000, "doubled": 0},
    }


def test_each_broken_promise_is_told() -> None:
    from annotation_load import broken_promises

    assert broken_promises(good(), slow_is_wrong=True) == []
    assert broken_promises(good() | {"onlooker_memory_mb": None}, slow_is_wrong=True) == []
    slow = good() | {
        "items_per_second": 299.0,
        "submit_ms": {"p95": 401.0},
        "memory_mb": {"after a tenth": 235.0, "at the end": 300.0},
        "onlooker_memory_mb": {"after a tenth": 200.0, "at the end": 300.0},
    }
    assert len(broken_promises(slow, slow_is_wrong=True)) == 4
    assert broken_promises(slow, slow_is_wrong=False) == []
    wrong = good() | {"problems": ["the overview: 500"], "database": {"rating rows": 8, "doubled": 1}}
    assert broken_promises(wrong, slow_is_wrong=False) == ["doubled: 1", "the overview: 500"]


def test_the_course_of_memory_is_told_from_where_it_began_to_its_end() -> None:
    from annotation_load import course

    samples = [100.0, *range(1, 20)]
    assert course(samples) == {"after a tenth": 2, "at half": 10, "at the end": 19, "most": 100}
    assert course([]) is None


def test_what_other_programs_took_is_the_machines_time_without_ones_own() -> None:
    import psutil
    from annotation_load import Use

    use = Use(psutil.Process())
    use.seconds = [(7.0, 100.0, 10.0, 5.0), (8.1, 101.9, 11.0, 5.8), (9.0, 103.0, 12.0, 6.6)]
    assert use.cores == {"by other programs": 0.5, "by the benchmark": 1.0, "the server of that": 0.8}


def test_the_console_is_asked_for_as_its_page_does() -> None:
    from annotation_load import judged
    from load_clients import DEEP_EVERY, LOOK_S

    from nami_bench.annotator_app.console.pages import overview

    assert LOOK_S == overview.REFRESH_S and LOOK_S * DEEP_EVERY == overview.DEEP_REFRESH_S
    assert judged('<div class="tiles"><div><span>Items judged</span><b>1,234 / 5,000 (25 %)</b>') == 1234
