"""`nami-bench compare`: from recorded images, scores and judgements to what a variant saves and costs."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import stats

import nami_bench as nami_bench_package
from nami_bench.config import Workspace, init_workspace
from nami_bench.domain import (
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
    Study,
)
from nami_bench.errors import InputError
from nami_bench.store import Store
from tests.support.program import nami_bench

PROMPTS = PromptSet("set", tuple(Prompt(f"{i:05d}", f"a <fox> {i}", "short") for i in range(40)))
CRITERIA = (Criterion("relevance", 1.0, 1, 5),)
START = datetime(2026, 11, 30, tzinfo=UTC)
SAMPLES = 2


def _image(model: str, prompt: str, sample: int, **changes: Any) -> ImageRecord:
    """The base's first image takes long, as one does that compiles; its others 2 s, a variant's 0.4 s."""
    number = int(prompt) * SAMPLES + sample
    seconds = 2.0 if model == "base" else 0.4
    known = {
        "seed": number,
        "seconds": 60.0 if number == 0 else seconds * (1 + 0.1 * (number % 3)),
        "provenance": {
            "dtype": "bfloat16",
            "device": "gpu",
            "peak_memory_bytes": 8e9 if model == "base" else 2e9,
        },
        "created_at": START + timedelta(seconds=number),
    } | changes
    return ImageRecord(
        model, "set", prompt, sample, ImageState.DONE, path=f"{model}/{prompt}-{sample}.png",
        sha256=f"{model}{number}", width=8, height=8, **known,
    )  # fmt: skip


def _values() -> dict[str, np.ndarray]:
    """By model, (prompts, samples): verdicts of which the variant loses two prompts."""
    right = (np.arange(40)[:, None] % 3 > 0).repeat(SAMPLES, axis=1).astype(float)
    lost = right.copy()
    lost[[1, 4]] = 0.0
    return {"base": right, "variant": lost}


def _scores(model: str) -> list[Score]:
    values = _values()[model]
    return [
        Score(model, "set", p.id, s, "verdict", "judge", float(values[n, s]), value_range=(0.0, 1.0))
        for n, p in enumerate(PROMPTS.prompts)
        for s in range(SAMPLES)
    ]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = init_workspace(tmp_path_factory.mktemp("compared"))
    with Store.open(made.database_url) as store:
        store.catalog.add_prompt_set(PROMPTS)
        for model in ("base", "variant", "reseeded", "unlike"):
            store.catalog.add_model(ModelCard(model, "diffusers"))
        for model in ("base", "variant"):
            for prompt in PROMPTS.prompts:
                for sample in range(SAMPLES):
                    store.images.put(_image(model, prompt.id, sample))
            store.scores.put(_scores(model))
        store.images.put(_image("base", "00000", 2))
        store.images.put(_image("reseeded", "00000", 0, seed=99))
        for sample in range(SAMPLES):
            store.images.put(_image("unlike", "00003", sample, provenance={"dtype": "float32", "batch": 4}))
        store.images.put(_image("unlike", "00004", 0, seed=5))
        store.studies.add(Study("pilot", "set", ("base", "variant"), CRITERIA, samples=1))
        store.studies.add(Study("duel", "set", ("base", "variant"), CRITERIA, mode="pairwise", samples=1))
        store.ratings.add(_ratings())
        store.comparisons.add(_verdicts())
    for model in ("base", "variant"):
        for number in range(3):
            grey = 100 + (10 * number if model == "variant" else 0)
            picture = Image.new("RGB", (8, 8), (grey, grey, grey))
            path = made.images_dir / model / f"{number:05d}-0.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
    return made


def _ratings() -> list[Rating]:
    draw = np.random.default_rng(4)
    return [
        Rating("pilot", who, model, prompt.id, 0, "relevance", float(draw.integers(2, 6)))
        for who in ("ann", "bob", "cid")
        for model in ("base", "variant")
        for prompt in PROMPTS.prompts
    ]


def _verdicts() -> list[Comparison]:
    """Of 40: 20 for the base, 10 for the variant, 10 ties."""
    outcomes = [Outcome.LEFT] * 20 + [Outcome.RIGHT] * 10 + [Outcome.TIE] * 10
    return [
        Comparison("duel", "ann", prompt.id, 0, "relevance", "base", "variant", outcome)
        for prompt, outcome in zip(PROMPTS.prompts, outcomes, strict=True)
    ]


@pytest.fixture
def compare(workspace: Workspace) -> Callable[..., Any]:
    def run(*arguments: object, code: int = 0) -> Any:
        done = nami_bench("--workspace", workspace.root, "compare", *arguments)
        assert done.returncode == code, done.stderr
        return done

    return run


def test_savings_and_differences_are_those_of_the_pairs(compare: Callable[..., Any]) -> None:
    found = json.loads(compare("base", "variant", "--margin", "verdict=0.2", "--json", "--changes", 0).stdout)
    assert found["pairs"] == 80
    assert found["unpaired"] == {"base_only": 1, "variant_only": 0, "other_seed": 0}
    # One image of each model is cold; the medians of the others are 2.2 s and 0.44 s.
    assert (found["seconds"]["images"], found["seconds"]["factor"]) == (79, pytest.approx(5.0))
    assert found["memory"]["factor"] == 4.0
    by_name = {(row["kind"], row["name"]): row for row in found["differences"]}
    verdict = by_name["metric", "verdict"]
    values = _values()
    known = stats.ttest_rel(values["variant"].mean(axis=1), values["base"].mean(axis=1))
    assert verdict["difference"] == pytest.approx(-0.05)
    assert verdict["p_value"] == pytest.approx(known.pvalue)
    assert (verdict["images"], verdict["prompts"]) == (80, 40)
    assert 0.1 < verdict["most_lost"] < 0.2
    assert verdict["shown"] is True
    duel = by_name["pairs", "relevance"]
    assert (duel["base"], duel["variant"], duel["difference"]) == (0.5, 0.25, -0.25)
    assert found["sentence"] == "5 times as fast; verdict not worse by more than 0.2, 95 %"


def test_people_are_tested_as_the_leaderboard_tests_them(
    compare: Callable[..., Any], workspace: Workspace
) -> None:
    found = json.loads(compare("base", "variant", "--study", "pilot", "--json", "--changes", 0).stdout)
    total = next(row for row in found["differences"] if row["name"] == "total")
    board = nami_bench("--workspace", workspace.root, "leaderboard", "--study", "pilot", "--json")
    [pair] = json.loads(board.stdout)["pairs"]
    sign = 1 if pair["first"] == "variant" else -1
    assert total["difference"] == pytest.approx(sign * pair["difference"], abs=1e-4)
    assert total["p_value"] == pytest.approx(pair["p_value"], abs=1e-4)
    assert total["most_lost"] == pytest.approx(-total["interval"][0])
    assert not [row for row in found["differences"] if row["kind"] == "pairs"]


def test_the_table_says_what_must_be_said(compare: Callable[..., Any]) -> None:
    shown = compare("base", "variant", "--margin", "verdict=0.02", "--changes", 2).stdout
    assert "verdict not worse by more than 0.02: not shown" in shown
    assert "80 pairs of images" in shown
    assert "1 images have no twin" in shown
    assert "shares the" not in shown
    assert "mean grey change of 3 pairs, 0-255: median 10.0, largest 20.0; 1 did not change" in shown


def test_files_of_every_form(compare: Callable[..., Any], tmp_path: Path) -> None:
    table, page = tmp_path / "c.csv", tmp_path / "c.html"
    compare("base", "variant", "-o", table, "--changes", 0)
    rows = list(csv.DictReader(io.StringIO(table.read_bytes().decode())))
    assert [row["name"] for row in rows][:3] == ["seconds", "peak memory, bytes", "verdict"]
    assert float(rows[2]["difference"]) == pytest.approx(-0.05)
    compare("base", "variant", "-o", page, "--changes", 2)
    text = page.read_text()
    assert text.count("data:image/jpeg;base64,") == 4
    assert "a &lt;fox&gt; 2" in text
    assert "<fox>" not in text
    refused = compare("base", "variant", "-o", tmp_path / "c.txt", code=2)
    assert ".csv, .json or .html" in refused.stderr


def test_from_python_comes_what_the_command_says(
    compare: Callable[..., Any], workspace: Workspace, tmp_path: Path
) -> None:
    """Numbers, files and refusals; a notebook shows the tables, and never a name as markup."""
    options = ("--margin", "verdict=0.2", "--study", "pilot", "--without", "bob", "--level", 0.9)
    options = (*options, "--changes", 2)
    said = {"margin": {"verdict": 0.2}, "study": "pilot", "without": "bob", "level": 0.9, "changes": 2}
    found = nami_bench_package.compare("base", "variant", workspace=workspace, **said)
    printed = compare("base", "variant", *options, "--json").stdout
    assert json.loads(json.dumps(found.to_json(), default=str)) == json.loads(printed)
    for ending in ("csv", "html", "json"):
        compare("base", "variant", *options, "-o", tmp_path / f"command.{ending}")
        found.save(tmp_path / f"python.{ending}")
        assert (tmp_path / f"python.{ending}").read_bytes() == (tmp_path / f"command.{ending}").read_bytes()
    assert found.sentence == json.loads(printed)["sentence"] and found.sentence in repr(found)
    assert list(found.to_frame()["name"])[:3] == ["seconds", "peak memory, bytes", "verdict"]
    shown = found._repr_html_()
    assert "Pictures that changed most" in shown and "a &lt;fox&gt; 2" in shown and "<img" not in shown
    with pytest.raises(InputError, match="changes is -1, but must be at least 0"):
        nami_bench_package.compare("base", "variant", workspace=workspace, changes=-1)
    with pytest.raises(InputError, match="cannot be compared with itself"):
        nami_bench_package.compare("base", "base", workspace=workspace.root)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["base", "base"], "cannot be compared with itself"),
        (["base", "reseeded"], "were made with other seeds"),
        (["base", "nobody"], "unknown model"),
        (["base", "variant", "--margin", "verdict=0"], "must be above 0"),
        (["base", "variant", "--margin", "verdict"], "not of the form"),
        (["base", "variant", "--margin", "verdict=much"], "with a number"),
        (["base", "variant", "--margin", "verdct=0.1"], "did you mean 'verdict'?"),
        (["base", "unlike", "--study", "pilot"], "has no ratings or pairs of both"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    compare: Callable[..., Any], arguments: list[str], words: str
) -> None:
    refused = compare(*arguments, "--changes", 0, code=2)
    assert words in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_other_noise_other_seeds_and_batches_are_said(compare: Callable[..., Any]) -> None:
    shown = compare("base", "unlike", "--changes", 0).stdout
    assert "the models compute in bfloat16 and float32" in shown
    assert "1 were made with other seeds" in shown
    assert "in batches (1 and 4 at once)" in shown
