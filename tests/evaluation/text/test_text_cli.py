"""`nami-bench evaluate text-...`, `text scores` and `text browse` as they are typed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nami_bench.cli.app import cli
from nami_bench.errors import InputError, WorkError
from nami_bench.evaluation.text.browser import missing_words
from nami_bench.evaluation.text.rapidocr_reader import RapidOCRReader
from nami_bench.evaluation.text.reader import Line, Page, ReadText
from tests.support.browser import opened_page, page_data

ATTACK = "</script><script>window.attacked = 1</script>"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A workspace with a clean and a misspelling model; the reader says what it is told."""
    said = {"clean": "OPEN LATE", "wrong": ATTACK}

    def read(self: RapidOCRReader, pages: list[Page]) -> list[ReadText]:
        # The misspelling model's pictures are the smaller ones.
        texts = [said["clean" if page.image.width == 96 else "wrong"] for page in pages]
        return [ReadText((Line(text, 0.9, ((8, 60), (80, 60), (80, 70), (8, 70))),)) for text in texts]

    monkeypatch.setattr(RapidOCRReader, "read", read)
    (tmp_path / "prompts.jsonl").write_text(
        json.dumps({"prompt": 'a sign "OPEN LATE"'}) + "\n" + json.dumps({"prompt": "a dog"}) + "\n"
    )

    def typed(*words: object, expect: type[Exception] | None = None) -> Result:
        result = CliRunner().invoke(cli, ["--workspace", str(tmp_path / "bench"), *map(str, words)])
        if expect is None:
            assert result.exit_code == 0, (result.output, result.exception)
        else:
            assert isinstance(result.exception, expect), result.output
        return result

    typed("init")
    typed("prompts", "import", tmp_path / "prompts.jsonl", "--name", "signs")
    for model, size in (("clean", 96), ("wrong", 64)):
        typed("models", "add", model, "--adapter", "shapes", "-O", f"size={size}")
    # One prompt has nothing to draw: the run says so, and goes on.
    models = ("--model", "clean", "--model", "wrong")
    typed("generate", *models, "--prompts", "signs", "--samples", 2, expect=WorkError)
    return typed


def test_from_evaluation_to_figures_and_page(
    run: Callable[..., Result], tmp_path: Path, browser: Any
) -> None:
    run("text", "scores", "--metric", "text-longtext", expect=InputError)
    run("evaluate", "text-longtext", "text-oneig", "--prompts", "signs")
    rows = json.loads(run("text", "scores", "--metric", "text-longtext", "--json").stdout)
    assert [(row["model"], row["group"], row["images"], row["figures"]) for row in rows] == [
        ("clean", "en", 2, {"accuracy": 1.0}),
        ("wrong", "en", 2, {"accuracy": 0.0}),
    ]
    shown = run("text", "scores", "--metric", "text-oneig", "--model", "clean").stdout
    assert "score" in shown and "1.0000" in shown
    error = run("text", "scores", "--metric", "geneval", expect=InputError).exception
    assert str(error) == "'geneval' does not read text in images"
    run("text", "browse", "--metric", "text-longtext", "-o", tmp_path / "page")
    data = page_data(tmp_path / "page")
    assert [(row["model"], row["value"], row["missing"]) for row in data] == [
        *[("clean", 1.0, [])] * 2,
        *[("wrong", 0.0, ["open", "late"])] * 2,
    ]
    with opened_page(browser, tmp_path / "page") as page:
        assert page.locator("article").count() == 4 and page.locator("polygon.box").count() == 4
        page.select_option("#text", "not all read")
        assert page.locator("article").count() == 2 and "wrong" in page.locator("article").first.inner_text()
        assert ATTACK in page.locator("article").first.inner_text()
        assert page.evaluate("window.attacked") is None
        page.locator("body").press("b")
        assert not page.locator("polygon.box").first.is_visible()


def test_what_is_missing_is_named() -> None:
    assert missing_words(["the cat", "the dog"], ["The dog"]) == ["the", "cat"]
    assert missing_words(["你好"], ["你"]) == ["好"] and missing_words(["a"], []) == ["a"]
