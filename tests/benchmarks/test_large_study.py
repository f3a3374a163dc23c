"""The benchmark of a large study, on a small one."""

import json
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_every_look_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks import large_study

    url = f"sqlite:///{tmp_path / 'large.db'}"
    large_study.fill(url, large_study.Size(prompts=6))
    lines = [line for part in large_study.PARTS for line in large_study.measure(part, url)]
    assert [line["what"] for line in lines] == [
        "overview, new process",
        "overview, unchanged",
        "overview, after a correction",
        "export",
        "leaderboard",
        "report",
    ]
    assert all(line["peak_mb"] > 50 and line["cpu_seconds"] >= 0 for line in lines)

    from nami_bench.store import Store

    with Store.open(url) as store:
        ratings = store.ratings.all("large")
    assert len(ratings) == 6 * 5 * 5 * 4

    monkeypatch.setattr(sys, "argv", ["large_study", "--prompts", "6", "-o", str(tmp_path / "out")])
    monkeypatch.setattr(large_study, "_alone", lambda part, store: [lines[0]])
    large_study.main()
    found = json.loads((tmp_path / "out" / "large-study.json").read_text())
    assert found["size"]["ratings"] == 600
    assert found["looks"] == [lines[0]] * 4
    assert capsys.readouterr().out.count("| overview, new process |") == 4
