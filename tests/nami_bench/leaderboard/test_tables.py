"""Tables that people reuse: the short and the long CSV, and model cards."""

import codecs
import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.columns import find_column, short_names
from nami_bench.evaluation.leaderboard.rows import (
    AutomaticColumn,
    AutomaticScore,
    Interval,
    Leaderboard,
    LeaderboardRow,
    Precision,
    PromptOrigin,
    Status,
)
from nami_bench.evaluation.leaderboard.speed import Speed
from nami_bench.evaluation.speed import latency
from nami_bench.export.files import leaderboard_json, leaderboard_wide_csv, wide_rows
from nami_bench.export.leaderboard_formats import FORMATS, leaderboard_as, leaderboard_files, leaderboard_path
from nami_bench.export.leaderboard_long import LONG_COLUMNS, leaderboard_long_csv
from nami_bench.export.leaderboard_short import LEGEND_COLUMNS, leaderboard_short_csv, legend_csv
from nami_bench.export.spreadsheet import csv_table, restored
from nami_bench.pipeline.published import with_published
from tests.nami_bench.leaderboard.test_leaderboard_formats import BLUNT, EVIL, PICK, SHARP, board, simulated

FID = AutomaticColumn("fid", "stars", "inception", of_sets=True, lower_is_better=True)


def full() -> Leaderboard:
    """With every kind of number that a board has, and published rows."""
    good, evil = board().rows
    scores = {
        **good.automatic,
        PICK.key: AutomaticScore(21.5, {}, 8, 8, Interval(21.0, 22.0)),
        FID.key: AutomaticScore(3.25, {}, 8, 8),
    }
    rows = (replace(good, automatic=scores, rank=1), evil)
    speed = Speed(latency([0.5 + 0.01 * i for i in range(30)]), images_per_second=1.75, load_seconds=3.5)
    found = board(
        rows=rows, automatic=(BLUNT, FID, PICK, SHARP), speeds={"alpha": speed}, rated_prompts="stars",
        cautions=("annotator lena left out",),
    )  # fmt: skip
    return with_published(found)


def read(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))


def test_the_long_csv_makes_the_same_board_in_pandas() -> None:
    found = full()
    long = pd.read_csv(io.BytesIO(leaderboard_long_csv(found)))
    assert list(long.columns) == list(LONG_COLUMNS)
    long["model"] = long["model"].map(restored)
    values = long.pivot(index=["model", "status"], columns="column", values=["value", "low", "high"])
    told = 0
    for wide in wide_rows(found):
        at = (wide["model"], wide["status"])
        for name, cell in wide.items():
            column, _, end = name.rpartition(":")
            kind, column = (end, column) if end in ("low", "high") else ("value", name)
            if column in values["value"].columns and not isinstance(cell, (str, bool)):
                again = values.loc[at, (kind, column)]
                assert (pd.isna(again) and cell is None) or again == pytest.approx(cell, abs=5e-7), (at, name)
                told += cell is not None
        if wide["rank"] is not None:
            ranks = (wide["rank_low"], wide["rank_high"])
            assert (values.loc[at, ("low", "rank")], values.loc[at, ("high", "rank")]) == ranks
            of_model = long[(long["model"] == wide["model"]) & (long["column"] == "rank")]
            assert list(of_model["ties"]) == [wide["ties"]]
        assert {*long.loc[long["model"] == wide["model"], "gaps"].fillna("")} == {wide["gaps"]}
    assert told > 60
    # Every number of the wide table that the long one could hold is in it.
    numbers = {
        n
        for w in wide_rows(found)
        for n, c in w.items()
        if isinstance(c, float) and n[-4:] not in (":low", "high")
    }
    assert numbers - set(long["column"]) == {"missing_share", "interval_level"}


def test_every_line_of_the_long_csv_says_by_what_and_on_what() -> None:
    lines = {(line["model"], line["column"]): line for line in read(leaderboard_long_csv(full()))}
    total = lines["alpha", "total"]
    assert (total["kind"], total["metric"], total["prompt_set"], total["instrument"]) == (
        "human", "total", "stars", "people",
    )  # fmt: skip
    assert (total["level"], total["interval_method"], total["n"], total["ratings"]) == (
        "0.95", "crossed", "8", "160",
    )  # fmt: skip
    stratum = lines["alpha", "total:stratum=long"]
    assert (stratum["part"], stratum["name"], stratum["n"]) == ("stratum", "long", "")
    task = lines["alpha", "geneval:stars:sharp, 640px:counting"]
    assert (task["part"], task["name"], task["instrument"]) == ("task", "counting", "sharp, 640px")
    pick, fid = lines["alpha", PICK.key], lines["alpha", FID.key]
    assert (pick["interval_method"], pick["interval_over"]) == ("cluster", "prompts")
    assert (fid["better"], fid["low"], fid["interval_method"]) == ("lower", "", "")
    assert lines["alpha", "total:adjusted"]["kind"] == "adjusted"
    assert lines["FLUX-dev", "total"]["source"] and not lines["FLUX-dev", "total"]["study"]
    assert (EVIL not in {model for model, _ in lines}) and ("'" + EVIL, "relevance") in lines
    assert all(line["cautions"] == "annotator lena left out" for line in lines.values() if line["study"])
    of_simulated = read(leaderboard_long_csv(simulated(5)))
    assert {line["instrument"] for line in of_simulated if line["kind"] == "human"} == {"simulated"}


def test_the_short_csv_has_readable_names_and_a_legend_for_each() -> None:
    found = full()
    data = leaderboard_short_csv(found)
    header = next(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    of = lambda name: [name, f"{name}:low", f"{name}:high"]  # noqa: E731
    assert header == [
        "rank", "rank_low", "rank_high", "ties", "model", "status", "complete", "parameters",
        *of("relevance"), *of("coherence"), *of("aesthetics"), *of("authenticity"), *of("total"),
        *of("geneval@stars#blunt"), "fid@stars", *of("pickscore@stars"), *of("geneval@stars#0ae274f5"),
        *of("geneval@geneval"), *of("dpg@dpg"),
        "images_per_second", "latency_p50", "price_per_1000",
        "images", "ratings", "annotators", "gaps", "study", "cautions", "source",
    ]  # fmt: skip
    alpha = read(data)[0]
    assert (alpha["model"], alpha["total"], alpha["total:low"], alpha["fid@stars"]) == (
        "alpha", "60.0", "55.5", "3.25",
    )  # fmt: skip
    legend = {line["column"]: line for line in read(legend_csv(found))}
    assert list(legend) == header
    assert list(next(iter(legend.values()))) == list(LEGEND_COLUMNS)
    assert all(line["holds"] for line in legend.values())
    assert legend["fid@stars"]["better"] == "lower" and legend["fid@stars"]["interval"] == ""
    assert legend["geneval@stars#0ae274f5"]["instrument"] == "sharp, 640px"
    assert legend["geneval@stars#blunt"]["column_in_wide_csv"] == "geneval:stars:blunt:overall"
    assert legend["total"]["interval"] == "95%, crossed, over both"
    assert legend["total"]["prompt_set_sha256"] == "ab" * 32
    wide = next(csv.reader(io.StringIO(leaderboard_wide_csv(found).decode())))
    assert {line["column_in_wide_csv"] for line in legend.values()} <= set(wide)


def test_short_names_do_not_depend_on_the_order_or_on_other_metrics() -> None:
    columns = [BLUNT, SHARP, PICK, FID]
    assert short_names(columns) == short_names(columns[::-1])
    assert short_names([PICK])[PICK.key] == short_names(columns)[PICK.key] == "pickscore@stars"
    assert find_column(board(), "geneval@stars#blunt").key == f"{BLUNT.key}:overall"  # type: ignore[union-attr]


def test_excel_opens_them_right() -> None:
    tiny = csv_table(["a"], [[1e-7], [1e22], [-0.5]])
    assert tiny == b"a\r\n0.0000001\r\n10000000000000000000000\r\n-0.5\r\n"
    for data in (leaderboard_short_csv(full()), leaderboard_long_csv(full()), legend_csv(full())):
        assert data.startswith(codecs.BOM_UTF8) and data.count(codecs.BOM_UTF8) == 1
        for cell in (cell for row in read(data) for cell in row.values()):
            assert not cell.startswith(("=", "+", "@", "\t")), cell
            assert not cell.startswith("-") or re.fullmatch(r"-\d+\.\d+", cell)
            assert not re.fullmatch(r"\d+,\d+|.*\de[+-]\d+", cell), cell


def test_an_automatic_board_says_how_its_intervals_are_made() -> None:
    score = AutomaticScore(21.5, {}, 8, 8, Interval(21.0, 22.0))
    found = Leaderboard(
        rows=(LeaderboardRow("m", Status.MEASURED, automatic={PICK.key: score}, rank=1),),
        automatic=(PICK,), ranked_by=PICK.key, automatic_level=0.9,
    )  # fmt: skip
    [wide] = wide_rows(found)
    assert [wide[f"interval_{name}"] for name in ("method", "over", "level")] == ["cluster", "prompts", 0.9]
    legend = {line["column"]: line for line in read(legend_csv(found))}
    assert legend["pickscore@stars"]["interval"] == "90%, cluster, over prompts"
    assert read(leaderboard_long_csv(found))[1]["level"] == "0.9"
    assert "90%" in leaderboard_as(found, "markdown").decode()
    assert json.loads(leaderboard_json(found))["automatic_level"] == 0.9


def test_the_hub_reads_the_model_cards() -> None:
    origins = {"stars": PromptOrigin(8)}
    found = replace(full(), prompt_origins=origins)
    files = leaderboard_files(found, Path("cards"), "model-card")
    assert len(files) == len(found.measured)
    card = ModelCard(files[Path("cards/alpha.md")].decode())
    assert card.data.pipeline_tag == "text-to-image"
    name, results = model_index_to_eval_results(card.data.to_dict()["model-index"])
    assert (name, len(results)) == ("alpha", 5 + 2 + 2 + 1 + 1)
    by_name = {(r.metric_type, r.metric_name, r.metric_args["instrument"]): r for r in results}
    total = by_name["human-total", "people: total", "people"]
    assert (total.metric_value, total.dataset_name, total.dataset_revision) == (60.0, "stars", "ab" * 32)
    assert (total.metric_args["low"], total.metric_args["high"], total.metric_args["level"]) == (
        55.5,
        64.5,
        0.95,
    )
    assert by_name["geneval", "geneval, counting", "blunt"].metric_value == 0.25
    assert "low" not in by_name["fid", "fid", "inception"].metric_args
    assert "| fid (lower is better) | 3.250 | – | 8 | stars | inception |" in card.text
    assert "Place 1 of 1 by total; it may be any from 1 to 2." in card.text
    evil = next(data for path, data in files.items() if "alpha" not in path.name).decode()
    assert ModelCard(evil).data.model_name == EVIL and "<b>" not in ModelCard(evil).text


def test_a_card_says_that_people_were_simulated() -> None:
    card = ModelCard(leaderboard_files(simulated(5), Path("x"), "model-card")[Path("x/alpha.md")].decode())
    assert {r.metric_name for r in card.data.eval_results} >= {"simulated people: total"}  # type: ignore[union-attr]
    assert "**SIMULATED: All human scores here are simulated" in card.text


def test_cards_of_several_models_are_files() -> None:
    with pytest.raises(InputError, match="2 models, each with a card of its own: name a folder"):
        leaderboard_as(board(), "model-card")
    assert leaderboard_as(board(rows=board().rows[:1]), "model-card").startswith(b"---\n")
    bare = Leaderboard(rows=(LeaderboardRow("m", Status.MEASURED),), precision=Precision())
    with pytest.raises(InputError, match="no measured model has a score"):
        leaderboard_as(bare, "model-card")


def test_every_format_has_a_place_and_is_written(tmp_path: Path) -> None:
    places: dict[str, Any] = {form: leaderboard_path(tmp_path / "board", form) for form in FORMATS}
    assert len(set(places.values())) == len(FORMATS)
    written = {path.name for form in FORMATS for path in leaderboard_files(full(), places[form], form)}
    assert {"board.csv", "board.legend.csv", "board.long.csv", "board.wide.csv", "alpha.md"} <= written


def test_the_documented_long_columns_are_those_of_the_code() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "leaderboards.md").read_text(encoding="utf-8")
    rows = "\n".join(f"| `{name}` | {holds} |" for name, holds in LONG_COLUMNS.items())
    assert f"| column | holds |\n|---|---|\n{rows}\n" in page
