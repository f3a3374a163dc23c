"""What identifies a prompt set, and that it is a rewrite, stands in every format of a leaderboard."""

import csv
import io
import json
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from nami_bench import pipeline
from nami_bench.domain import ImageRecord, ImageState, ModelCard, PromptSet, Score
from nami_bench.evaluation.leaderboard.rows import Leaderboard
from nami_bench.export.files import leaderboard_json, leaderboard_wide_csv
from nami_bench.export.html import leaderboard_html
from nami_bench.export.latex import leaderboard_latex
from nami_bench.export.leaderboard_short import legend_csv
from nami_bench.export.markdown import leaderboard_markdown
from nami_bench.export.sections import notes
from nami_bench.images import hash_file
from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store
from nami_bench.pipeline.prompt_origins import identity
from nami_bench.prompts.geneval import OFFICIAL_SHA256, geneval_metadata, metadata_lines
from nami_bench.store import Store

CANONICAL = "251b4a3d"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "official.jsonl").write_bytes(metadata_lines(geneval_metadata()))
    rewrites = ({**row, "prompt": f"A famous picture: {row['prompt']}"} for row in geneval_metadata())
    (tmp_path / "reworded.jsonl").write_bytes(metadata_lines(rewrites))
    return tmp_path


@pytest.fixture
def board(folder: Path) -> Leaderboard:
    with Store.open(f"sqlite:///{folder / 'nami.db'}") as store:
        store.catalog.add_model(ModelCard("alpha", "folder"))
        for name in ("official", "reworded"):
            add_score(store, pipeline.resolve_prompt_set(store, str(folder / f"{name}.jsonl")))
        return leaderboard_from_store(store)


def add_score(store: Store, prompts: PromptSet) -> None:
    image = ImageRecord("alpha", prompts.name, "00000", 0, ImageState.DONE, path=prompts.name, sha256="ab")
    store.images.put(image)
    store.scores.put([Score("alpha", prompts.name, "00000", 0, "geneval", "d-1", 1.0)])


def test_the_official_files_own_hash_stands_in_every_format(board: Leaderboard) -> None:
    for write in (
        leaderboard_wide_csv,
        legend_csv,
        leaderboard_json,
        leaderboard_html,
        leaderboard_latex,
        leaderboard_markdown,
    ):
        text = write(board).decode()
        assert OFFICIAL_SHA256 in text, write
        assert CANONICAL in text, write
    said = next(note for note in notes(board) if note.startswith("Prompt set official"))
    assert said == (
        f"Prompt set official: canonical sha256 {board.prompt_sets['official']}; "
        f"its file official.jsonl: sha256 {OFFICIAL_SHA256}."
    )


def test_the_csv_and_the_json_name_files_and_rewrites(board: Leaderboard, folder: Path) -> None:
    [row] = csv.DictReader(io.StringIO(leaderboard_wide_csv(board).decode(), newline=""))
    hashes = {name: hash_file(folder / f"{name}.jsonl") for name in ("official", "reworded")}
    assert row["prompt_files"] == " ".join(f"{name}@{sha256}" for name, sha256 in hashes.items())
    assert row["rewritten_prompts"] == "reworded=553/553"
    document = json.loads(leaderboard_json(board))
    schema = json.loads(files("nami_bench.export").joinpath("leaderboard.schema.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(document)) == []
    assert document["prompt_origins"]["official"] == {
        "prompts": 553, "rewritten": 0, "file": {"name": "official.jsonl", "sha256": OFFICIAL_SHA256},
    }  # fmt: skip
    assert [column["rewritten"] for column in document["automatic"]] == [False, True]


def test_scores_on_rewrites_are_called_so_wherever_they_show(board: Leaderboard) -> None:
    for write in (leaderboard_html, leaderboard_latex, leaderboard_markdown):
        text = write(board).decode()
        assert text.count("(rewritten prompts)") >= 1, write
        assert "553 of its 553 prompts are rewritten" in text, write


def test_a_set_that_was_recorded_before_rewrites_were_is_known_too(folder: Path) -> None:
    with Store.open(f"sqlite:///{folder / 'nami.db'}") as store:
        store.catalog.add_model(ModelCard("alpha", "folder"))
        loaded = pipeline.resolve_prompt_set(store, str(folder / "reworded.jsonl"))
        bare = PromptSet("older", tuple(
            type(p)(p.id, p.text, p.stratum, p.source, p.tags, p.geneval) for p in loaded.prompts
        ))  # fmt: skip
        store.catalog.add_prompt_set(bare)
        add_score(store, store.catalog.prompt_set("older"))
        found = leaderboard_from_store(store)
    assert found.prompt_origins["older"].rewritten == 553
    assert found.prompt_origins["older"].file is None
    assert identity(bare)["file"] is None
