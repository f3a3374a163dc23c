"""What identifies a measurement stands in every format, and mixtures are starred."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator, FormatChecker

from nami_bench.cli.app import cli
from nami_bench.domain import ImageRecord, ImageState, ModelCard, Prompt, PromptSet, Score, SetScore
from nami_bench.evaluation.leaderboard.paths import without_folders
from nami_bench.evaluation.leaderboard.rows import Leaderboard
from nami_bench.export.files import leaderboard_json, leaderboard_wide_csv, wide_rows
from nami_bench.export.html import leaderboard_html
from nami_bench.export.latex import leaderboard_latex
from nami_bench.export.markdown import leaderboard_markdown
from nami_bench.export.origin_text import PROVENANCE_COLUMNS, provenance_csv
from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store
from nami_bench.store import Store

SHA256 = "0123456789ab" + "c" * 52
OTHER = "ba9876543210" + "d" * 52
SETTINGS = {"adapter": "diffusers", "model": "/home/alice/ckpt", "model_files": {"sha256": SHA256}}
MADE = {
    "settings": SETTINGS,
    "nami_bench": "0.1.0",
    "commit": "f" * 40,
    "libraries": {"torch": "2.9.0", "numpy": "2.1"},
    "device": "a fine GPU",
    "dtype": "bfloat16",
    "prompt_rewriting": "none",
}
MEASURED = {"nami_bench": "0.1.0", "libraries": {"torch": "2.8.0"}, "device": "cpu", "dtype": "float32"}
PROMPTS = tuple(Prompt(f"{i:05d}", f"prompt {i}") for i in range(4))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "nami.toml").write_text("[workspace]\nformat = 1\n")
    with Store.open(f"sqlite:///{tmp_path / 'bench' / 'nami.db'}") as opened:
        opened.catalog.add_prompt_set(PromptSet("set", PROMPTS))
        options = {"model": "/home/alice/ckpt", "steps": "4"}
        opened.catalog.add_model(ModelCard("m", "diffusers", options, licence="Apache-2.0"))
        put(opened, *range(4))
        yield opened


def put(store: Store, *prompts: int, prompt_set: str = "set", **changes: Any) -> None:
    """Images with their scores, made with MADE but for the changes."""
    for prompt in prompts:
        key = ("m", prompt_set, f"{prompt:05d}", 0)
        when = datetime(2026, 3, 1 + prompt, tzinfo=UTC)
        store.images.put(
            ImageRecord(*key, ImageState.DONE, path=f"{prompt}.png", sha256="x", provenance=MADE | changes,
                        created_at=when)
        )  # fmt: skip
        details = {"measured_with": MEASURED}
        store.scores.put([Score(*key, "clip-score", "clip-123", 30.0, details=details, created_at=when)])
    store.scores.put_of_set(
        SetScore("m", "set", "kid", "inception-1", 0.1, 4, details={"measured_with": MEASURED})
    )


@pytest.fixture
def board(store: Store) -> Leaderboard:
    return leaderboard_from_store(store)


def test_json_says_what_models_and_scores_were_made_with(board: Leaderboard) -> None:
    document = json.loads(leaderboard_json(board))
    schema = json.loads((files("nami_bench.export") / "leaderboard.schema.json").read_text())
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(document)
    (model,) = document["models"]
    assert (model["model"], model["licence"], model["images"]) == ("m", "Apache-2.0", 4)
    assert model["weights"] == [f"model_files sha256 {SHA256}"]
    assert model["options"] == {"model": "…/ckpt", "steps": "4"}
    assert len(model["settings"]) == 1
    assert model["made_with"] == {
        "software": {
            "nami-bench": ["0.1.0"], "commit": ["f" * 40], "numpy": ["2.1"], "torch": ["2.9.0"],
        },
        "devices": ["a fine GPU"],
        "dtypes": ["bfloat16"],
        "first": "2026-03-01T00:00:00+00:00",
        "last": "2026-03-04T00:00:00+00:00",
    }  # fmt: skip
    clip, kid = document["instruments"]
    assert (clip["metric"], clip["instrument"], clip["scores"]) == ("clip-score", "clip-123", 4)
    assert clip["measured_with"]["software"] == {"nami-bench": ["0.1.0"], "torch": ["2.8.0"]}
    assert (clip["measured_with"]["devices"], clip["measured_with"]["dtypes"]) == (["cpu"], ["float32"])
    assert clip["measured_with"]["last"] == "2026-03-04T00:00:00+00:00"
    assert kid["metric"] == "kid" and kid["measured_with"]["devices"] == ["cpu"]


def test_every_format_for_people_names_weights_licence_software_device_and_days(board: Leaderboard) -> None:
    for render in (leaderboard_html, leaderboard_markdown, leaderboard_latex):
        text = render(board).decode().replace("\\_", "_").replace("\\", "")
        for words in ("Apache-2.0", "sha256 0123456789ab", "bfloat16", "a fine GPU", "2026-03-01",
                      "torch 2.9.0", "torch 2.8.0", "commit ffffffffffff"):  # fmt: skip
            assert words in text, (render.__name__, words)
        assert "alice" not in text


def test_csv_has_licence_and_weights_and_a_file_beside_it_has_the_rest(board: Leaderboard) -> None:
    (row,) = csv.DictReader(io.StringIO(leaderboard_wide_csv(board).decode(), newline=""))
    assert (row["licence"], row["weights"]) == ("Apache-2.0", f"model_files sha256 {SHA256}")
    data = provenance_csv(board).decode()
    assert "alice" not in data
    model, clip, kid = csv.DictReader(io.StringIO(data, newline=""), strict=True)
    assert tuple(model) == PROVENANCE_COLUMNS
    assert (model["kind"], model["name"], model["adapter"], model["results"]) == (
        "model",
        "m",
        "diffusers",
        "4",
    )
    assert (model["dtype"], model["device"], model["licence"]) == ("bfloat16", "a fine GPU", "Apache-2.0")
    assert model["options"] == "model=…/ckpt; steps=4"
    assert model["software"] == f"nami-bench 0.1.0; commit {'f' * 40}; numpy 2.1; torch 2.9.0"
    assert (clip["kind"], clip["instrument"], clip["device"]) == ("metric", "clip-123", "cpu")
    assert (clip["first"], kid["name"]) == ("2026-03-01T00:00:00+00:00", "kid")


def test_the_command_writes_the_file_beside_the_csv(store: Store, tmp_path: Path) -> None:
    words = ["--workspace", str(tmp_path / "bench"), "leaderboard", "-o", str(tmp_path / "board.csv")]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "board.provenance.csv").read_bytes() == provenance_csv(leaderboard_from_store(store))


def test_a_board_of_one_kind_has_no_star(board: Leaderboard) -> None:
    assert [row.gaps for row in board.rows] == [()]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"settings": {**SETTINGS, "model_files": {"sha256": OTHER}}},
            "3 and 1 images of different settings under one name "
            "(model_files sha256 0123456789ab, then sha256 ba9876543210)",
        ),
        (
            {"settings": {**SETTINGS, "model": "/home/bob/other"}},
            '3 and 1 images of different settings under one name (model "…/ckpt", then "…/other")',
        ),
        ({"dtype": "float32"}, "images computed in bfloat16 and float32"),
        ({"prompt_rewriting": "pipeline"}, "images of differently rewritten prompts: none and pipeline"),
    ],
)
def test_images_of_two_models_under_one_name_are_starred_with_the_reason(
    store: Store, changes: dict[str, Any], words: str
) -> None:
    """As earlier versions let them be made."""
    put(store, 3, **changes)
    board = leaderboard_from_store(store)
    assert [row.gaps for row in board.rows] == [(words,)]
    assert f"* m: {words}" in leaderboard_markdown(board).decode().replace("\\", "")


def test_models_that_did_not_draw_the_same_prompts_are_never_beside_each_other_in_silence(
    store: Store,
) -> None:
    assert leaderboard_from_store(store).cautions == ()
    store.catalog.add_model(ModelCard("helped", "diffusers", {}))
    store.catalog.add_model(ModelCard("old", "folder", {}))
    for model, provenance in (("helped", {**MADE, "prompt_rewriting": "pipeline"}), ("old", {})):
        key = (model, "set", "00000", 0)
        store.images.put(ImageRecord(*key, ImageState.DONE, path="0.png", sha256="x", provenance=provenance))
        store.scores.put([Score(*key, "clip-score", "clip-123", 31.0)])
    board = leaderboard_from_store(store)
    sentence = (
        "models did not draw the same prompts, so that their scores are not of the same task (as written: m; "
        "not recorded: old; rewritten by a language model of the pipeline: helped)"
    )
    assert board.cautions == (sentence,)
    cells = {row["model"]: row["prompt_rewriting"] for row in wide_rows(board)}
    assert cells == {"m": "none", "helped": "pipeline", "old": None}
    for page in (leaderboard_markdown(board), leaderboard_html(board), leaderboard_latex(board)):
        assert sentence in page.decode().replace("\\", "")
    assert "rewriting" in leaderboard_html(board).decode()
    assert b"pipeline" in provenance_csv(board)


def test_images_of_two_prompt_sets_must_be_of_one_model_too(store: Store) -> None:
    store.catalog.add_prompt_set(PromptSet("others", PROMPTS[:2]))
    put(store, 0, prompt_set="others", settings={**SETTINGS, "model_files": {"sha256": OTHER}})
    gaps = leaderboard_from_store(store).rows[0].gaps
    assert any(gap.startswith("4 and 1 images of different settings under one name") for gap in gaps)
    assert leaderboard_from_store(store, prompt_set="set").rows[0].gaps == ()


def test_what_an_earlier_version_did_not_record_is_no_difference(store: Store) -> None:
    put(store, 3, settings={**SETTINGS, "scheduler": "new"}, dtype=None, device="another GPU")
    (model,) = leaderboard_from_store(store).models
    assert leaderboard_from_store(store).rows[0].gaps == ()
    assert (len(model.settings), model.made_with.devices) == (2, ("a fine GPU", "another GPU"))


def test_one_column_of_two_served_models_is_starred(store: Store) -> None:
    for prompt, served in enumerate(("seer-0805", "seer-0805", "seer-0805", "seer-1130")):
        score = Score(
            "m", "set", f"{prompt:05d}", 0, "seen", "seer@here", 1.0, details={"served_model": served}
        )
        store.scores.put([score])
    (row,) = leaderboard_from_store(store).rows
    assert row.gaps == (
        "seen on set by seer@here: scores of a server's different models: seer-0805 and seer-1130",
    )


def test_a_score_that_is_measured_again_has_the_day_of_its_value(store: Store) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    failed = Score("m", "set", "00000", 0, "later", "x", None, "no", created_at=long_ago)
    store.scores.put([failed])
    store.scores.put([replace(failed, value=1.0, reason=None, created_at=None)])
    (score,) = store.scores.find(metric="later")
    assert score.created_at is not None and score.created_at > long_ago


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/alice/ckpt", "…/ckpt"),
        ("/home/alice/my ckpt/", "…/my ckpt"),
        ("~/models/ckpt", "…/ckpt"),
        ("../alice/ckpt", "…/ckpt"),
        ("C:\\Users\\Alice A\\ckpt", "…/ckpt"),
        ("file:///home/alice/ckpt", "…/ckpt"),
        (
            "python /home/alice/x.py --ckpt=/home/alice/ckpt {prompts}",
            "python …/x.py --ckpt=…/ckpt {prompts}",
        ),
        ("/opt/venv/bin/python x.py", "…/python x.py"),
        ("no image: expected /home/alice/0/0.png or 0_0.png", "no image: expected …/0.png or 0_0.png"),
        ("https://alice:key@host.example/v1/x", "https://host.example/v1/x"),
        *((same, same) for same in ("owner/name", "ckpts/a", "and/or", "s3://bucket/a/b", "./x/y", "/", "")),
        ({"path": "/home/alice/a", "n": [1, "/home/alice/b"]}, {"path": "…/a", "n": [1, "…/b"]}),
    ],
)
def test_no_folder_of_a_machine_is_published(text: Any, expected: Any) -> None:
    assert without_folders(text) == expected
