"""Speed and price beside quality: from records to rows, columns, notes and the drawing."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from nami_bench.domain import ImageRecord, ImageState
from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.rows import (
    AutomaticColumn,
    AutomaticScore,
    Interval,
    Leaderboard,
    LeaderboardRow,
    Status,
)
from nami_bench.evaluation.leaderboard.speed import (
    Conditions,
    Prices,
    Speed,
    model_speed,
    not_comparable,
    speeds,
)
from nami_bench.evaluation.speed import latency
from nami_bench.export.files import leaderboard_json, leaderboard_wide_csv
from nami_bench.export.html import leaderboard_html
from nami_bench.export.sections import notes
from nami_bench.export.speed_plot import speed_plot
from nami_bench.export.text import text_tables

PICK = AutomaticColumn("pickscore", "stars", "v1")
H200 = {"device": "NVIDIA H200", "dtype": "bfloat16", "batch": 1}


def records(
    model: str, count: int, seconds: float = 2.0, gap: float = 0.5, begin: float = 1000.0, **known: Any
) -> Iterator[ImageRecord]:
    """Images made one after the other, each of so many seconds, so many apart; the first one was cold."""
    for i in range(count):
        started = begin + i * (seconds + gap)
        about = {**H200, "started": started, "finished": started + seconds, "warm": i > 0, "run": "one"}
        yield ImageRecord(
            model, "stars", f"{i:05d}", 0, ImageState.DONE,
            path="x", sha256="x", width=64, height=64, provenance=about | known,
        )  # fmt: skip


def test_latency_is_of_warm_images_and_throughput_of_the_whole_run() -> None:
    found = model_speed(records("m", 21, peak_memory_bytes=2**30, load_seconds=7.5))
    assert found is not None
    assert found.latency.images == 20
    assert found.latency.p50 is not None and found.latency.p50.value == pytest.approx(2.0)
    assert found.latency.p95 is not None and found.latency.p99 is None
    assert found.images_per_second == pytest.approx(20 / (20 * 2.5 - 0.5))
    assert (found.peak_memory_bytes, found.load_seconds) == (2**30, 7.5)
    assert found.conditions == Conditions("NVIDIA H200", "bfloat16", "64x64", 1)


def test_a_pause_between_two_runs_is_in_no_throughput() -> None:
    first = list(records("m", 10, gap=0.0))
    second = list(records("m", 6, gap=0.0, begin=90_000.0, run="two"))
    found = model_speed([*first, *second])
    assert found is not None
    assert found.images_per_second == pytest.approx(9 / 18)
    assert found.latency.images == 14
    unnamed = [replace(r, provenance={**r.provenance, "run": None}) for r in first]
    assert (speed := model_speed(unnamed)) is not None and speed.images_per_second is None


def test_a_batch_is_as_slow_as_it_is_whole_and_its_images_share_the_time() -> None:
    batches = [
        replace(
            r,
            provenance={**r.provenance, "started": 10.0 * b, "finished": 10.0 * b + 8, "batch": 4 - (b == 5)},
        )
        for b in range(6)
        for r in records("m", 4 - (b == 5), warm=b > 0)
    ]
    found = model_speed(batches)
    assert found is not None and found.latency.p50 is not None
    assert found.latency.p50.value == 8.0
    assert found.images_per_second == pytest.approx(19 / 48)
    assert found.conditions.batch == 4 and found.other_conditions == 0


def test_other_conditions_of_one_model_do_not_count_and_are_counted() -> None:
    other = records("m", 3, seconds=30.0, device="cpu", dtype="float32")
    found = model_speed([*records("m", 9), *other])
    assert found is not None and found.other_conditions == 3
    assert found.latency.p50 is not None and found.latency.p50.value == pytest.approx(2.0)


def test_what_is_not_known_is_none() -> None:
    (untimed,) = records("m", 1, started=None)
    assert model_speed([untimed]) is None
    failed = [replace(r, state=ImageState.FAILED) for r in records("m", 3)]
    assert model_speed(failed) is None
    cold = model_speed(records("m", 1))
    assert cold is not None and cold.latency.images == 0 and cold.images_per_second is None
    garbage = model_speed(records("m", 3, started=True, finished="x"))
    assert garbage is None


def test_prices_of_images_and_of_hours() -> None:
    prices = Prices({"b": 40.0}, {"": 3.6}, "EUR, 2026-11-30")
    found = speeds({"a": list(records("a", 12, gap=0.0)), "b": [], "c": []}, prices)
    assert found["a"].price == pytest.approx(1000 * 3.6 / 3600 / 0.5)
    assert found["b"].price == 40.0 and found["b"].latency.images == 0
    assert "c" not in found  # nobody knows how many images an hour brings


@pytest.mark.parametrize(
    ("prices", "words"),
    [
        (Prices({"a": 1.0}), "need their currency and date"),
        (Prices({"x": 1.0}, note="EUR"), "unknown model 'x'"),
        (Prices({"a": -1.0}, note="EUR"), "is not an amount"),
        (Prices({"a": 1.0}, {"a": 1.0}, "EUR"), "give one"),
    ],
)
def test_prices_that_are_none(prices: Prices, words: str) -> None:
    with pytest.raises(InputError, match=words):
        prices.check(["a", "b"])


def speed(seconds: float, **changes: Any) -> Speed:
    times = [seconds * (1 + i / 100) for i in range(-20, 21)]
    conditions = Conditions(
        **({"device": "NVIDIA H200", "dtype": "bfloat16", "size": "64x64", "batch": 1} | changes)
    )
    return Speed(latency(times), conditions, images_per_second=1 / seconds)


def board() -> Leaderboard:
    """`fast` and `good` are on the front, `worse` is beaten by `good`; `cpu` was timed elsewhere."""
    quality = {"good": 30.0, "worse": 25.0, "fast": 20.0, "cpu": 40.0, "folder <b>": 10.0}
    found = {
        "good": speed(4.0),
        "worse": speed(5.0),
        "fast": speed(0.4),
        "cpu": speed(0.1, device="cpu", batch=4),
    }
    scores = {n: AutomaticScore(v, interval=Interval(v - 1, v + 2)) for n, v in quality.items()}
    rows = tuple(
        LeaderboardRow(name, Status.MEASURED, automatic={PICK.key: score}) for name, score in scores.items()
    )
    return Leaderboard(rows=rows, automatic=(PICK,), ranked_by=PICK.key, speeds=found)


def test_unlike_conditions_are_marked_and_said() -> None:
    unlike = not_comparable(board().speeds)
    assert unlike == {"cpu": "device cpu, not NVIDIA H200, batch 4, not 1"}
    table = next(table for table in text_tables(board()) if table.title == "Speed")
    assert [row[0] for row in table.rows] == ["good", "worse", "fast", "cpu\N{NO-BREAK SPACE}†"]
    said = [note for note in notes(board()) if note.startswith("†")]
    assert said == [
        "† The speed of cpu is not comparable with the others': device cpu, not NVIDIA H200, batch 4, not 1 "
        "(most: NVIDIA H200, bfloat16, 64x64, batch 1)."
    ]


def test_the_csv_and_the_json_have_it() -> None:
    priced = {name: replace(one, price=1.5) for name, one in board().speeds.items()}
    whole = replace(board(), speeds=priced, prices_in="USD, 2026-11-30")
    good, _, _, cpu, folder = csv.DictReader(io.StringIO(leaderboard_wide_csv(whole).decode()))
    assert float(good["latency_p50"]) == pytest.approx(4.0)
    assert float(good["latency_p50:low"]) < 4.0 < float(good["latency_p50:high"])
    assert good["latency_p95"] and not good["latency_p99"]
    assert (good["speed_comparable"], cpu["speed_comparable"]) == ("true", "false")
    assert (good["price_per_1000"], good["price_note"]) == ("1.5", "USD, 2026-11-30")
    assert {folder[name] for name in ("images_per_second", "latency_p50", "timed_on", "price_note")} == {""}
    schema = json.loads((files("nami_bench.export") / "leaderboard.schema.json").read_text())
    document = json.loads(leaderboard_json(whole))
    Draft202012Validator(schema).validate(document)
    assert document["speeds"]["cpu"]["comparable"] is False


def test_the_drawing_has_the_front_of_comparable_models() -> None:
    plot = speed_plot(board())
    assert plot is not None and plot.front == ("fast", "good")
    root = ElementTree.fromstring(plot.svg)
    space = "{http://www.w3.org/2000/svg}"
    circles = {c[0].text.split(":")[0]: c for c in root.iter(f"{space}circle") if c[0].text}
    assert {name: c.get("class") for name, c in circles.items()} == {
        "good": "point best", "worse": "point", "fast": "point best", "cpu": "point unlike",
    }  # fmt: skip
    across = {name: float(c.get("cx", 0)) for name, c in circles.items()}
    up = {name: float(c.get("cy", 0)) for name, c in circles.items()}
    assert across["cpu"] < across["fast"] < across["good"] < across["worse"]
    assert up["cpu"] < up["good"] < up["worse"] < up["fast"]  # from above
    assert len(list(root.iter(f"{space}path"))) == 1
    page = leaderboard_html(board()).decode()
    assert plot.svg in page and re.search("<h2>Speed</h2>", page)


def test_lower_is_better_turns_the_front_round() -> None:
    fid = AutomaticColumn("fid", "stars", "v1", of_sets=True, lower_is_better=True)
    rows = tuple(replace(row, automatic={fid.key: row.automatic[PICK.key]}) for row in board().rows)
    plot = speed_plot(replace(board(), rows=rows, automatic=(fid,), ranked_by=fid.key))
    assert plot is not None and plot.front == ("fast",)


def test_nothing_is_drawn_or_said_where_nothing_was_timed() -> None:
    bare = replace(board(), speeds={})
    assert speed_plot(bare) is None
    assert "Speed" not in [table.title for table in text_tables(bare)]
    assert not any("Latency" in note for note in notes(bare))
    assert b"<figure" not in leaderboard_html(bare)
    odd = replace(board(), speeds={"folder <b>": speed(1.0), "good": speed(1.0)})
    assert b"folder &lt;b&gt;" in leaderboard_html(odd)
