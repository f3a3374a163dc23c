import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from nami_bench.domain import ImageState, Rating
from nami_bench.errors import ImageError, InputError
from nami_bench.evaluation.leaderboard.pseudonyms import pseudonyms
from nami_bench.export.ratings_source import load_ratings
from nami_bench.pipeline import dataset_folder
from nami_bench.pipeline.dataset_folder import DatasetContent, write_dataset_folder
from nami_bench.pipeline.leaderboard_from_ratings import leaderboard_from_ratings
from nami_bench.store import Store


@pytest.fixture
def content(rated: Store, tmp_path: Path) -> DatasetContent:
    """The study with image files, in tmp_path / "images", of the recorded hashes."""
    records = []
    for number, record in enumerate(rated.images.find()):
        if record.state is ImageState.DONE:
            buffer = io.BytesIO()
            Image.new("RGB", (8, 8), (number, 0, 0)).save(buffer, format="PNG")
            path = tmp_path / "images" / str(record.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(buffer.getvalue())
            record = replace(record, sha256=hashlib.sha256(buffer.getvalue()).hexdigest())
        records.append(record)
    return DatasetContent(
        rated.studies.get("study"), rated.catalog.prompt_set("stars"), rated.ratings.table("study"), records
    )


def card(folder: Path) -> tuple[dict[str, Any], str]:
    _, front, text = (folder / "README.md").read_text().split("---\n", maxsplit=2)
    return yaml.safe_load(front), text


def test_the_cards_front_matter_names_files_that_are_there(content: DatasetContent, tmp_path: Path) -> None:
    write_dataset_folder(tmp_path / "out", content)
    front, text = card(tmp_path / "out")
    assert front["size_categories"] == ["n<1K"] and "simulated" not in front["tags"]
    assert {config["config_name"] for config in front["configs"]} == {"ratings", "prompts", "images"}
    for config in front["configs"]:
        assert list((tmp_path / "out").glob(config["data_files"])), config
    assert "20 values that 2 annotators gave or withheld, on 6 images of 2 models for 4 prompts" in text
    assert content.prompt_set.sha256 in text
    assert "| beauty | 0.5 | 1 to 5 |" in text


def test_the_folder_alone_gives_the_same_leaderboard(
    content: DatasetContent, rated: Store, tmp_path: Path
) -> None:
    write_dataset_folder(tmp_path / "out", content)
    table, criteria = load_ratings(tmp_path / "out")
    assert criteria == content.study.criteria
    assert leaderboard_from_ratings(table, criteria) == leaderboard_from_ratings(content.ratings, criteria)


def test_people_are_pseudonyms_unless_names_are_wanted(content: DatasetContent, tmp_path: Path) -> None:
    write_dataset_folder(tmp_path / "hidden", content.pseudonymous())
    table, _ = load_ratings(tmp_path / "hidden")
    assert set(table["annotator"]) == {"annotator-01", "annotator-02"}
    assert b"ann" not in (tmp_path / "hidden" / "README.md").read_bytes().replace(b"annotat", b"")
    write_dataset_folder(tmp_path / "named", content)
    assert set(load_ratings(tmp_path / "named")[0]["annotator"]) == {"ann", "ben"}


def test_pseudonyms_are_stable_and_leave_simulated_annotators_alone() -> None:
    names = pseudonyms(["lena", "simulated-1", "omar"], "study")
    assert names == pseudonyms(["omar", "lena", "simulated-1"], "study")
    assert names["simulated-1"] == "simulated-1"
    assert {names["lena"], names["omar"]} == {"annotator-01", "annotator-02"}
    assert len({pseudonyms([f"name{i}" for i in range(9)], s)["name0"] for s in "abcdefgh"}) > 1


def test_images_are_embedded_on_wish_as_the_hub_wants_them(content: DatasetContent, tmp_path: Path) -> None:
    write_dataset_folder(tmp_path / "out", content, tmp_path / "images")
    (path,) = (tmp_path / "out" / "data").glob("images-*.parquet")
    features = json.loads(pq.read_schema(path).metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"} and features["sample"]["dtype"] == "int64"
    rows = pq.read_table(path).to_pylist()
    assert len(rows) == len(content.images) == 16
    for row in rows:
        if row["state"] == "failed":
            assert (row["image"], row["reason"]) == (None, "no memory")
        else:
            assert hashlib.sha256(row["image"]["bytes"]).hexdigest() == row["sha256"]
            assert Image.open(io.BytesIO(row["image"]["bytes"])).size == (8, 8)


def test_many_images_are_spread_over_files(
    content: DatasetContent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_folder, "_BYTES_PER_FILE", 200)
    write_dataset_folder(tmp_path / "out", content, tmp_path / "images")
    paths = sorted((tmp_path / "out" / "data").glob("images-*.parquet"))
    assert len(paths) > 2 and paths[0].name == f"images-00000-of-{len(paths):05d}.parquet"
    assert sum(pq.read_metadata(path).num_rows for path in paths) == 16


def test_simulated_annotators_are_named_first(content: DatasetContent, rated: Store, tmp_path: Path) -> None:
    rated.ratings.add([Rating("study", "simulated-1", "beta", "00003", 0, "relevance", 10.0)])
    write_dataset_folder(tmp_path / "out", replace(content, ratings=rated.ratings.table("study")))
    front, text = card(tmp_path / "out")
    assert "simulated" in front["tags"] and "**1 of 3 annotators are simulated" in text


def test_changed_images_full_folders_and_empty_studies_are_refused(
    content: DatasetContent, tmp_path: Path
) -> None:
    next((tmp_path / "images").rglob("*.png")).write_bytes(b"other")
    with pytest.raises(ImageError, match="is not the file that was recorded"):
        write_dataset_folder(tmp_path / "out", content, tmp_path / "images")
    with pytest.raises(InputError, match="is there already"):
        write_dataset_folder(tmp_path / "images", content)
    with pytest.raises(InputError, match="no ratings yet"):
        write_dataset_folder(tmp_path / "new", replace(content, ratings=content.ratings[:0]))
    assert not (tmp_path / "new").exists()
