"""Runs of images and judgements that others made, in the forms in which they have them."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from nami_bench.config import open_workspace
from nami_bench.domain import ImageState
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.run_file import run
from nami_bench.store import Store

DATA = Path(__file__).parents[2] / "data"
RUN = """
[[prompts]]
name = "wise"
file = "sets/wise_cultural_common_sense.json"
first = 3

[[prompts]]
name = "oneig"
file = "oneig.csv"

[[prompts]]
name = "text"
file = "sets/text.jsonl"
first = 4

[[model]]
name = "by-name"
folder = "layouts/wise"
prompts = ["wise"]

[[model]]
name = "in-grids"
folder = "layouts/oneig"
layout = "{stratum}/{model}/{id}"
source_model = "my_model"
grid = "2x2"
prompts = ["oneig"]

[[model]]
name = "by-table"
folder = "layouts/evalscope"
table = "layouts/evalscope/eval.jsonl"
columns = { id = "id" }
prompts = ["text"]

[[study]]
name = "theirs"
prompts = "text"
ratings = ["scores.csv"]
scale = ["1..5"]

[study.reading]
map = { annotator = "who", model = "system", prompt = "text", value = "score" }
rename = { "Model A" = "by-table" }
values = { "n/a" = "", best = 5 }
criterion = ["fit"]

[[leaderboard]]
study = "theirs"
formats = ["csv"]
intervals = { method = "none" }
"""
SCORES = (
    "who;system;text;score\n"
    "ann;Model A;a red kite over a stubble field;4\n"
    "ben;Model A;a red kite over a stubble field;best\n"
    "ann;Model A;two blue cups beside a loaf of bread;n/a\n"
    "ben;Model A;two blue cups beside a loaf of bread;1\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(DATA / "image_folders", tmp_path / "layouts")
    shutil.copytree(DATA / "prompt_sets", tmp_path / "sets")
    header, *rows = (DATA / "prompt_sets" / "OneIG-Bench.csv").read_text().splitlines()
    (tmp_path / "oneig.csv").write_text("\n".join([header, *rows[:3], *rows[10:13]]) + "\n")
    (tmp_path / "bench.toml").write_text(RUN)
    (tmp_path / "scores.csv").write_text(SCORES)
    return tmp_path


def store_of(folder: Path) -> Store:
    return Store.open(open_workspace(folder / "nami-workspace").database_url)


def test_layouts_tables_grids_and_foreign_judgements_go_in_by_one_file(folder: Path) -> None:
    plan = run(folder / "bench.toml", workspace=folder / "nami-workspace", dry_run=True).plan
    assert plan is not None and [step.problem for step in plan.steps if step.problem] == []
    assert {step.name: step.to_do for step in plan.steps if step.step == "images"} == {
        "by-name on wise": 3, "in-grids on oneig": 24, "by-table on text": 4,
    }  # fmt: skip
    done = run(folder / "bench.toml", workspace=folder / "nami-workspace")
    assert done.failures == ()
    with store_of(folder) as store:
        found = store.images.find(state=ImageState.DONE)
        assert [sum(one.model == name for one in found) for name in ("by-name", "in-grids", "by-table")] == [
            3, 24, 4,
        ]  # fmt: skip
        quarter = next(one for one in found if one.model == "in-grids" and one.sample == 3)
        study = store.studies.get("theirs")
        assert (study.models, study.criteria[0].maximum) == (("by-table",), 5)
    with Image.open(folder / "layouts/oneig/anime/my_model/000.webp") as whole:
        corner = whole.convert("RGB").crop((24, 24, 48, 48))
    with Image.open(folder / "nami-workspace/images" / str(quarter.path)) as image:
        assert image.tobytes() == corner.tobytes()
    [row] = done.leaderboards["leaderboard"].rows
    # (4 + 5) / 2 and 1 on a scale from 1 to 5.
    assert (row.criteria["fit"], row.ratings) == (pytest.approx((87.5 + 0) / 2), 3)


def test_a_second_run_finds_all_of_it_there_and_the_lock_knows_the_files(folder: Path) -> None:
    first = run(folder / "bench.toml", workspace=folder / "nami-workspace")
    again = run(folder / "bench.toml", workspace=folder / "nami-workspace")
    assert again.failures == () and again.lock is not None and first.lock is not None
    for part in ("inputs", "models", "studies", "leaderboards"):
        assert again.lock[part] == first.lock[part]
    assert {"scores.csv", "layouts/evalscope/eval.jsonl"} <= again.lock["inputs"].keys()
    assert str(folder) not in json.dumps(again.lock)
    check = run(None, workspace=folder / "nami-workspace", check=first.lock_path).check
    assert check is not None and check.differences == ()


@pytest.mark.parametrize(
    ("old", "new", "kind", "words"),
    [
        ("{stratum}/{model}/{id}", "{idx}", InputError, r"there is no \{idx\}"),
        ('grid = "2x2"', 'grid = "two"', InputError, "the grid 'two' is not COLUMNSxROWS"),
        ("eval.jsonl", "none.jsonl", InputError, "there is no table"),
        ('criterion = ["fit"]', 'profile = "mturks"', UnknownNameError, "unknown profile 'mturks'"),
        ('annotator = "who"', 'annotators = "who"', UnknownNameError, "unknown field 'annotators'"),
        ('prompts = "text"\n', "", InputError, "there are several prompt sets"),
        ('ratings = ["scores.csv"]\nscale = ["1..5"]', "", InputError, "reading belongs to ratings"),
        ('adapter = "shapes"', "", InputError, "layout belongs to a folder"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    folder: Path, old: str, new: str, kind: type[Exception], words: str
) -> None:
    text = RUN if old in RUN else RUN.replace('folder = "layouts/oneig"\n', "")
    (folder / "bench.toml").write_text(text.replace(old, new))
    with pytest.raises(kind, match=words):
        run(folder / "bench.toml", workspace=folder / "nami-workspace")
