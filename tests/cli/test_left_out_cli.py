"""Whose judgements do not count, and which samples: the same everywhere, and said everywhere."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from nami_bench.cli.app import cli
from nami_bench.config import init_workspace
from nami_bench.domain import (
    Annotator,
    Comparison,
    Criterion,
    ImageRecord,
    ImageState,
    ModelCard,
    Outcome,
    Prompt,
    PromptSet,
    Rating,
    Score,
    SetScore,
    Study,
    prompt_id,
)
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.audit import statistics
from nami_bench.images import write_png
from nami_bench.store import Store

PROMPTS = tuple(prompt_id(i) for i in range(6))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHIFT = {"lena": 0.0, "yuki": 3.0, "omar": -30.0}
LEFT_OUT = "ratings of 1 of 3 annotators are left out: 24 values (--without)"
EXCLUDED = "1 annotator excluded from every count: 24 values not counted (nami-bench ratings exclude)"


def build(root: Path, people: dict[str, float]) -> Path:
    """Two models, six prompts, two samples; a study of ratings by `people`, and one of pairs."""
    workspace = init_workspace(root)
    with Store.open(workspace.database_url) as store:
        store.catalog.add_prompt_set(PromptSet("set", tuple(Prompt(p, f"prompt {p}") for p in PROMPTS)))
        for number, model in enumerate(("m", "n")):
            store.catalog.add_model(ModelCard(model, "shapes"))
            for prompt in PROMPTS:
                for sample in (0, 1):
                    path = f"{model}/set/{prompt}/samples/{sample:04d}.png"
                    pixels = Image.new("RGB", (8, 8), (90 * number, int(prompt) * 40, sample))
                    sha256 = write_png(workspace.images_dir / path, pixels).sha256
                    done = ImageState.DONE
                    store.images.put(
                        ImageRecord(model, "set", prompt, sample, done, path=path, sha256=sha256)
                    )
                    value = 20.0 + 5 * number + int(prompt) + 40 * sample
                    store.scores.put([Score(model, "set", prompt, sample, "pickscore", "v1", value)])
            store.scores.put_of_set(SetScore(model, "set", "fid", "v1", 8.0 + number, 12, True))
        store.studies.add(Study("pairs", "set", ("m", "n"), (Criterion("relevance", 1),), mode="pairwise"))
        pilot = Study("pilot", "set", ("m", "n"), (Criterion("relevance", 1),), overlap=3, samples=2)
        store.studies.add(pilot)
        for name in people:
            store.accounts.add(Annotator(name))
        store.ratings.add(
            Rating("pilot", name, model, prompt, sample, "relevance",
                   50.0 + shift + 7 * (model == "m") + (int(prompt) * 5 + len(name)) % 7 + 9 * sample,
                   created_at=NOON)
            for name, shift in people.items()
            for model in ("m", "n") for prompt in PROMPTS for sample in (0, 1)
        )  # fmt: skip
        store.comparisons.add(
            Comparison("pairs", name, prompt, 0, "relevance", "m", "n",
                       Outcome.LEFT if (int(prompt) + len(name)) % 3 else Outcome.RIGHT)
            for name in people for prompt in PROMPTS
        )  # fmt: skip
    return workspace.root


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 50)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build(tmp_path / "all", SHIFT)


@pytest.fixture
def smaller(tmp_path: Path) -> Path:
    """The same without omar, who draws everything down."""
    return build(tmp_path / "two", {name: shift for name, shift in SHIFT.items() if name != "omar"})


def run(root: Path, *arguments: object, fails: bool = False) -> Result:
    line = ["--workspace", str(root), *map(str, arguments)]
    result = CliRunner().invoke(cli, line, catch_exceptions=fails)
    assert fails or result.exit_code == 0, result.output
    return result


def leaderboard(root: Path, *more: object) -> Any:
    of_pilot = ("leaderboard", "--study", "pilot", "--replicates", 50, "--json")
    return json.loads(run(root, *of_pilot, *more).stdout)


def agreement(root: Path, *more: object) -> Any:
    return json.loads(run(root, "agreement", "--study", "pilot", "--replicates", 50, "--json", *more).stdout)


def audit(root: Path, *more: object) -> Any:
    return json.loads(run(root, "evaluate", "--audit", "--study", "pilot", "--json", *more).stdout)


def strengths(root: Path, *more: object) -> Any:
    return json.loads(run(root, "strengths", "--study", "pairs", "--json", *more).stdout)


def numbers(found: Any) -> Any:
    """A document without what is said in words, and without the times at which images were made."""
    others = ("notes", "left_out", "models", "instruments")
    return {key: value for key, value in found.items() if key not in others}


READERS = [leaderboard, agreement, audit, strengths]


def test_who_is_left_out_may_be_written_in_other_case(root: Path) -> None:
    assert strengths(root, "--without", "OMAR") == strengths(root, "--without", "omar")
    assert LEFT_OUT in leaderboard(root, "--without", "Omar")["notes"]


@pytest.mark.slow
@pytest.mark.parametrize("read", READERS)
def test_left_out_once_or_excluded_for_good_the_numbers_are_those_without(
    read: Callable[..., Any], root: Path, smaller: Path
) -> None:
    wanted, everybody = numbers(read(smaller)), read(root)
    assert numbers(everybody) != wanted
    assert numbers(read(root, "--without", "omar")) == wanted
    run(root, "ratings", "exclude", "--annotator", "omar")
    assert numbers(read(root)) == wanted
    run(root, "ratings", "exclude", "--annotator", "omar", "--undo")
    assert read(root) == everybody


@pytest.mark.parametrize("read", READERS)
def test_an_unknown_annotator_is_refused_with_near_names(read: Callable[..., Any], root: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown annotator 'omer': did you mean 'omar'"):
        read(root, "--without", "omer")
    for command in (("report", "--study", "pilot"), ("ratings", "export", "--study", "pilot")):
        with pytest.raises(UnknownNameError, match="did you mean 'omar'"):
            run(root, *command, "--without", "omer")


def said(root: Path, folder: Path, *more: object) -> dict[str, str]:
    """What each command prints or writes, in every format that has room for a sentence."""
    folder.mkdir()
    found = {}
    for name in ("table", "csv", "csv-long", "csv-wide", "json", "markdown", "latex", "html"):
        one = run(root, "leaderboard", "--study", "pilot", "--format", name, *more).stdout
        found[f"leaderboard {name}"] = " ".join(one.split()).replace("\\-", "-")
    found["agreement"] = run(root, "agreement", "--study", "pilot", "--replicates", 50, *more).stdout
    for command in ("agreement --study pilot --replicates 50", "evaluate --audit --study pilot"):
        file = folder / f"{command.split()[0]}.csv"
        run(root, *command.split(), "--csv", file, *more)
        found[f"{file.name}"] = file.read_text()
    found["audit"] = run(root, "evaluate", "--audit", "--study", "pilot", *more).stdout
    run(root, "report", "--study", "pilot", "--no-images", "-o", folder / "report", *more)
    found["report"] = (folder / "report" / "index.html").read_text()
    found["export"] = run(root, "ratings", "export", "--study", "pilot", *more).stderr
    run(root, "ratings", "export", "--study", "pilot", "-o", folder / "r.parquet", *more)
    found["parquet"] = pq.read_metadata(folder / "r.parquet").metadata[b"nami_bench"].decode()
    hub = folder / "hub"
    run(root, "ratings", "export", "--study", "pilot", "--format", "dataset", "-o", hub, *more)
    found["card"] = (hub / "README.md").read_text().replace("\\", "")
    return found


@pytest.mark.slow
def test_it_is_said_in_every_format(root: Path, tmp_path: Path) -> None:
    for where, text in said(root, tmp_path / "without", "--without", "omar").items():
        assert LEFT_OUT.removesuffix(" (--without)")[1:] in text, where
        assert "omar" not in text, where
    run(root, "ratings", "exclude", "--annotator", "omar")
    for where, text in said(root, tmp_path / "excluded").items():
        assert EXCLUDED.partition(" (")[0] in text, where
        assert "omar" not in text, where
    rows = run(root, "ratings", "export", "--study", "pilot").stdout.splitlines()
    assert len(rows) == 1 + 2 * 24
    file = tmp_path / "strengths.csv"
    run(root, "strengths", "--study", "pairs", "--csv", file, "--without", "lena")
    assert "1 of 2 annotators are left out" in file.read_text() and "excluded" in file.read_text()


@pytest.mark.slow
def test_an_exclusion_is_looked_at_first_and_done_once(root: Path) -> None:
    before = leaderboard(root)
    looked = run(root, "ratings", "exclude", "--annotator", "omar", "--dry-run")
    assert looked.stdout.splitlines() == [
        "study pairs: 6 values of omar do not count",
        "study pilot: 24 values of omar do not count",
    ]
    assert leaderboard(root) == before
    run(root, "ratings", "exclude", "--annotator", "omar")
    with pytest.raises(InputError, match="'omar' is excluded already"):
        run(root, "ratings", "exclude", "--annotator", "omar")
    assert leaderboard(root, "--without", "omar") == leaderboard(root)  # who is out is out
    listed = json.loads(run(root, "annotators", "list", "--json").stdout)
    assert {one["name"]: one["excluded"] for one in listed} == {"lena": False, "yuki": False, "omar": True}
    run(root, "ratings", "include", "--annotator", "omar")
    with pytest.raises(InputError, match="'omar' is not excluded"):
        run(root, "ratings", "include", "--annotator", "omar")
    assert leaderboard(root) == before


@pytest.mark.slow
def test_only_the_first_samples_count_where_one_says_so(root: Path, tmp_path: Path) -> None:
    board = leaderboard(root, "--samples", 1)
    m = board["rows"][0]
    assert board["samples"] == 1
    assert (m["images"], m["images_expected"], m["ratings"]) == (6, 6, 18)
    assert m["automatic"]["pickscore:set:v1"]["value"] == pytest.approx(22.5)
    assert "fid:set:v1" not in m["automatic"]  # of all images, which do not all count
    assert m["total"] == pytest.approx(leaderboard(root)["rows"][0]["total"] - 4.5)
    assert m["complete"] is False and m["gaps"] == ["only 1 of 2 samples count (--samples 1)"]
    file = tmp_path / "r.csv"
    run(root, "ratings", "export", "--study", "pilot", "-o", file)
    for more in ((), ("--ratings", str(file))):
        of = more or ("--study", "pilot")
        for name in ("table", "csv", "csv-long", "csv-wide", "json", "markdown", "latex", "html"):
            text = run(root, "leaderboard", *of, "--samples", 1, "--format", name).stdout
            assert "only sample 0 of 0 to 1 of each prompt count" in " ".join(text.split()), (name, more)
    criteria = tmp_path / "c.toml"
    criteria.write_text('[study]\nname = "pilot"\n[[criterion]]\nname = "relevance"\nweight = 1\n')
    of_file = ("leaderboard", "--ratings", file, "--criteria", criteria, "--samples", 1, "--json")
    totals = {row["model"]: row["total"] for row in json.loads(run(root, *of_file).stdout)["rows"]}
    assert totals == {row["model"]: pytest.approx(row["total"]) for row in board["rows"]}
    every = leaderboard(root, "--samples", 2)
    assert every["rows"] == leaderboard(root)["rows"]
    assert run(root, "leaderboard", "--samples", 0, fails=True).exit_code == 2
