"""`-s KEY=VALUE`: one value of a run file, found by names and numbers and read as the schema has it."""

from pathlib import Path
from typing import Any

import pytest

from nami_bench.errors import InputError
from nami_bench.run_file import RunFile, load_run
from tests.support.small_run import SMALL


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("generation.samples", "3", 3),
        ("model.good.seed", "7", 7),
        ("model.0.seed", "7", 7),
        ("model.poor-0.9.seed", "7", 7),
        ("model.1.options.error_rate", "0.5", 0.5),
        ("model.good.options.note", "two words", "two words"),
        ("model.good.options.note", '"5"', "5"),
        ("model.good.licence", "1", "1"),
        ("metric.geneval.options.params.threshold", "0.4", 0.4),
        ("leaderboard.0.formats", "csv, html", ("csv", "html")),
        ("leaderboard.0.formats", '["latex"]', ("latex",)),
        ("leaderboard.0.by", "stratum", ("stratum",)),
        ("leaderboard.0.intervals.level", "0.9", 0.9),
        ("leaderboard.0.published", "true", True),
        ("metric.dsg.questions_from", "clauses", "clauses"),
        ("name", "2024", "2024"),
    ],
)
def test_values_are_read_as_their_place_wants_them(file: Path, key: str, text: str, value: Any) -> None:
    assert at(load_run(file, {key: text}).run, key) == value


def at(run: RunFile, key: str) -> Any:
    """What stands at a key, looked up in another way than the one that is tested."""
    value: Any = run
    for part in key.replace("poor-0.9", "1").split("."):
        if isinstance(value, tuple):
            named = {one.name: one for one in value}
            value = named[part] if part in named else value[int(part)]
        else:
            value = value[part] if isinstance(value, dict) else getattr(value, part)
    return value


def test_values_from_python_need_not_be_texts(file: Path) -> None:
    run = load_run(file, {"model.good.options": {"size": 128}, "leaderboard.0.formats": ["json"]}).run
    assert run.model[0].options == {"size": 128} and run.leaderboard[0].formats == ("json",)


def test_the_content_that_was_given_stays_as_it_is() -> None:
    values = {"prompts": [{"name": "a"}], "model": [{"name": "m"}]}
    assert load_run(values, {"model.m.prompts": "a"}).run.model[0].prompts == ("a",)
    assert values == {"prompts": [{"name": "a"}], "model": [{"name": "m"}]}


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        (
            "modle.good.seed",
            "1",
            r"unknown key 'modle': did you mean 'model'\? known: generation, lead",
        ),
        (
            "model.good.sead",
            "1",
            r"unknown key 'sead': did you mean 'seed'\? known: adapter, columns, folder",
        ),
        ("model.goood.seed", "1", "unknown entry in -s model.goood.seed 'goood': did you mean 'good'"),
        ("model.2.seed", "1", "unknown entry"),
        ("model.good", "1", "names a whole entry: set one of its keys"),
        ("model", "1", "is a list of entries: set a key of one of them"),
        ("name.more", "1", "there is nothing below 'name' to set"),
        ("generation.ray.gpus", "0.5", "belongs to engine"),
        ("prompts.shapes.sources.lumiere", "a b.txt", "sources belongs to recipe, which is not given"),
        ("generation.samples", "few", r"generation\.samples: input should be a valid integer"),
        ("generation.samples", "1\nseed = 2", "is more than one value"),
        (
            "leaderboard.0.formats",
            "csv,doc",
            r"leaderboard\.0\.formats\.1: input should be 'csv', 'csv-long'",
        ),
    ],
)
def test_a_key_that_leads_nowhere_is_refused(file: Path, key: str, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_run(file, {key: text})
