"""The metric `wise` against a real HTTP server on this machine, with files of our own in WISE's form."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nami_bench.domain import Prompt
from nami_bench.errors import InputError, WorkError
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.evaluation.wise import CATEGORIES, Wise, read_marks, wise_score
from nami_bench.services import retrying_client
from tests.support.http_server import Asked, Reply, http_server

FIRST = {1: "a", 401: "b", 568: "c", 701: "d", 801: "e", 1000: "f"}
"""The number and the prompt of one prompt of each category."""

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    rows = [
        {"prompt_id": number, "Prompt": f"riddle {text}", "Explanation": f"it is {text}", "Category": "x"}
        for number, text in FIRST.items()
    ]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cultural_common_sense.json").write_text(json.dumps(rows[:1]))
    (tmp_path / "data" / "others.json").write_text(json.dumps(rows[1:]))
    return tmp_path / "data"


Ask = Callable[..., list[ScoringResult]]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Its address, what it was asked, and what it answers: the status, and the words by prompt."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdefghij")
    monkeypatch.setattr(retrying_client, "_FIRST_WAIT", 0.01)
    running: dict[str, Any] = {"asked": [], "said": {}, "status": 200}

    def answer(asked: Asked) -> Reply:
        running["asked"].append(asked.body)
        text = asked.body["messages"][0]["content"][1]["text"]
        said = next((said for prompt, said in running["said"].items() if f'"{prompt}"' in text), "2 1 0")
        message = {"choices": [{"message": {"content": said}}], "model": "seer-1"}
        return Reply(running["status"], message)

    with http_server(answer) as address:
        running["address"] = f"{address}/v1"
        yield running


@pytest.fixture
def ask(server: dict[str, Any], prompts: Path, tmp_path: Path) -> Ask:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "red.png")

    def run(*texts: str, path: Path = tmp_path / "red.png") -> list[ScoringResult]:
        metric = Wise(Wise.Options(prompts, "seer", server["address"]))
        return list(metric.score(ScoringItem(path, Prompt(f"{n:05d}", t)) for n, t in enumerate(texts)))

    return run


def test_marks_are_weighted_and_kept(ask: Ask, server: dict[str, Any]) -> None:
    server["said"] = {"riddle b": "0 1 2\n"}
    first, second = ask("riddle a", "riddle b")
    assert first.value == pytest.approx((0.7 * 2 + 0.2 * 1) / 2)
    assert second.value == pytest.approx((0.2 * 1 + 0.1 * 2) / 2)
    assert first.details == {
        "consistency": 2,
        "realism": 1,
        "aesthetic": 0,
        "category": "Cultural",
        "served_model": "seer-1",
    }
    texts = [asked["messages"][0]["content"][1]["text"] for asked in server["asked"]]
    assert sum('"riddle a"' in text and '"it is a"' in text for text in texts) == 1
    assert {asked["temperature"] for asked in server["asked"]} == {0}


def test_what_is_not_three_marks_is_a_failure(ask: Ask, server: dict[str, Any], tmp_path: Path) -> None:
    server["said"] = {"riddle a": "Consistency: 2", "riddle b": ""}
    worded, silent = ask("riddle a", "riddle b")
    assert worded.value is silent.value is None
    assert worded.reason == "the model does not answer with three numbers from 0 to 2: 'Consistency: 2'"
    (tmp_path / "broken.png").write_bytes(b"no image")
    (broken,) = ask("riddle a", path=tmp_path / "broken.png")
    assert broken.value is None and broken.reason
    server["status"] = 401
    with pytest.raises(WorkError, match="refused the key"):
        ask("riddle a")


@pytest.mark.parametrize("said", ["", "2 1", "2 1 3", "2 1 0 0", "210", "2, 1, 0", "2 1 0.", "-2 1 0"])
def test_marks_are_read_strictly(said: str) -> None:
    assert read_marks(said) is None


def test_the_overall_score_is_weighted_by_category(ask: Ask, server: dict[str, Any]) -> None:
    server["said"] = {f"riddle {text}": "2 2 2" for text in "ac"} | {"riddle b": "0 0 0"}
    results = ask(*(f"riddle {text}" for text in FIRST.values()))
    found = wise_score((result.item.prompt.id, result.details) for result in results)
    assert {one.category for one in found.categories} == CATEGORIES.keys()
    assert found.overall == pytest.approx(100 * (0.4 + 0.133 + 0.3 * 0.8))
    assert wise_score([("00000", results[0].details)]).overall is None


def test_the_instrument_names_model_words_and_files(prompts: Path) -> None:
    options = {"model": "seer", "base_url": "http://x/v1"}
    whole = Wise(Wise.Options(prompts, **options))
    assert whole.instrument.startswith("seer@http://x/v1+wise-question-1+prompts-")
    assert whole.applies_to(Prompt("00000", " riddle f ")) and not whole.applies_to(Prompt("00000", "f"))
    part = Wise(Wise.Options(prompts / "others.json", **options))
    assert part.instrument != whole.instrument and not part.applies_to(Prompt("00000", "riddle a"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "is no file of WISE: it must be a list of prompts"),
        ("[1]", "prompt 1: it must be an object with 'prompt_id', 'Prompt' and 'Explanation'"),
        ('[{"prompt_id": 1, "Prompt": "a"}]', "'Explanation' must be text, got None"),
        ('[{"prompt_id": 0, "Prompt": "a", "Explanation": "b"}]', "'prompt_id' must be a whole number"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "wise.json").write_text(content)
    with pytest.raises(InputError, match=said):
        Wise(Wise.Options(tmp_path / "wise.json", "seer")).applies_to(Prompt("00000", "a"))
