from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from nami_bench.cli.app import cli
from nami_bench.config import init_workspace
from nami_bench.domain import Criterion, ImageRecord, ImageState, ModelCard, Prompt, PromptSet, Rating
from nami_bench.domain.study import Study
from nami_bench.errors import InputError
from nami_bench.images import write_png
from nami_bench.store import Store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with two models, two prompts, a rated study and a study of pairs."""
    workspace = init_workspace(tmp_path / "bench")
    with Store.open(workspace.database_url) as store:
        store.catalog.add_prompt_set(
            PromptSet("set", (Prompt("00000", "one"), Prompt("00001", "two", "long")))
        )
        for number, model in enumerate(("m", "n")):
            store.catalog.add_model(ModelCard(model, "shapes"))
            for prompt in ("00000", "00001"):
                name = f"{model}/{prompt}.png"
                pixels = Image.new("RGB", (32, 32), (90 * number, int(prompt) * 200, 9))
                stored = write_png(workspace.images_dir / name, pixels)
                store.images.put(
                    ImageRecord(model, "set", prompt, 0, ImageState.DONE, path=name, sha256=stored.sha256,
                                width=32, height=32)
                )  # fmt: skip
        store.studies.add(Study("pairs", "set", ("m", "n"), (Criterion("beauty", 1),), mode="pairwise"))
        store.studies.add(Study("pilot", "set", ("m", "n"), (Criterion("beauty", 1),), overlap=2))
        store.ratings.add(
            Rating(
                "pilot", name, model, prompt, 0, "beauty", 50.0 + 20 * (model == "m") + shift + int(prompt)
            )
            for shift, name in enumerate(("lena", "omar"))
            for model in ("m", "n")
            for prompt in ("00000", "00001")
        )
    return workspace.root


def report(root: Path, *arguments: str, fails: bool = False) -> Result:
    return CliRunner().invoke(cli, ["--workspace", str(root), "report", *arguments], catch_exceptions=fails)


@pytest.mark.slow
def test_a_report_goes_into_the_workspace_or_where_one_says(root: Path, tmp_path: Path) -> None:
    page = root / "reports" / "pilot" / "index.html"
    assert report(root).stderr.splitlines()[-1] == f"wrote {page}"
    html = page.read_text()
    assert "annotator-01" in html and "lena" not in html
    assert len(list((page.parent / "thumbnails").rglob("*.jpg"))) == 4
    report(root, "--names", "--no-images", "-o", str(tmp_path / "out"))
    assert "lena" in (tmp_path / "out" / "index.html").read_text()
    assert not (tmp_path / "out" / "thumbnails").exists()


def test_a_study_of_pairs_is_reported_without_scores(root: Path, tmp_path: Path) -> None:
    # Nothing has scores: there is nothing that a leaderboard could rank, but images to look at.
    done = report(root, "--study", "pairs", "-o", str(tmp_path / "out"))
    assert "its verdicts are not in this report" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--study", "x"), "unknown study 'x'"),
        (("--intervals", "none"), "a report is about intervals"),
        (("-o", "."), "holds something that is no report"),
    ],
)
def test_wrong_use_is_refused(root: Path, arguments: tuple[str, ...], words: str) -> None:
    error = report(root, *arguments, fails=True).exception
    assert isinstance(error, InputError) and words in str(error)
