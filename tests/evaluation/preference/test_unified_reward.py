"""UnifiedReward against a real server on this machine."""

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from nami_bench.domain import Prompt
from nami_bench.errors import InputError, WorkError
from nami_bench.evaluation.preference.unified_reward import UnifiedReward, read_marks, read_question
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.services import retrying_client
from tests.support.http_server import Asked, Reply, http_server

pytestmark = pytest.mark.usefixtures("no_proxy")

Ask = Callable[..., list[ScoringResult]]
AS_PUBLISHED = """
import torch
prompt = ''
messages = [{{"role": "user", "content": [{{"type": "text", "text": f'Mark it.\\nCaption: [{{prompt}}]'}}]}}]
raise RuntimeError("was run")
"""
ASPECTS = "Alignment Score (1-5): 2.6947\nCoherence Score (1-5): 4\nStyle Score (1-5): 3.5\n"


@pytest.fixture
def question(tmp_path: Path) -> Path:
    (tmp_path / "published.py").write_text(AS_PUBLISHED.format())
    return tmp_path / "published.py"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Its address, what it was asked, and what it answers."""
    monkeypatch.setattr(retrying_client, "_FIRST_WAIT", 0.01)
    running: dict[str, Any] = {"asked": [], "said": "cat (animal): 1\nFinal Score: 3.25", "status": 200}

    def answer(asked: Asked) -> Reply:
        running["asked"].append(asked)
        body = {"choices": [{"message": {"content": running["said"]}}], "model": "reward-7b"}
        return Reply(running["status"], body)

    with http_server(answer) as address:
        running["address"] = f"{address}/v1"
        yield running


@pytest.fixture
def ask(server: dict[str, Any], question: Path, tmp_path: Path, photographs: dict[str, Path]) -> Ask:
    def run(text: str = "a cat", path: Path = photographs["cat"], **options: Any) -> list[ScoringResult]:
        given = {"model": "UnifiedReward", "base_url": server["address"], "prompt": question, **options}
        metric = UnifiedReward(UnifiedReward.Options(**given))
        return list(metric.score([ScoringItem(path, Prompt("00000", text))]))

    return run


def sent(server: dict[str, Any]) -> tuple[Image.Image, str]:
    image, text = server["asked"][-1].body["messages"][0]["content"]
    return Image.open(io.BytesIO(base64.b64decode(image["image_url"]["url"].partition(",")[2]))), text["text"]


def test_the_mark_and_what_was_asked(ask: Ask, server: dict[str, Any], photographs: dict[str, Path]) -> None:
    long = "a {prompt} with braces, " * 500
    (found,) = ask(long)
    assert found.value == 3.25 and found.details == {"final": 3.25, "served_model": "reward-7b"}
    image, text = sent(server)
    assert text == f"Mark it.\nCaption: [{long}]"
    with Image.open(photographs["cat"]) as original:
        assert ImageChops.difference(image.convert("RGB"), original.convert("RGB")).getbbox() is None
    body = server["asked"][-1].body
    assert (body["temperature"], body["max_tokens"], body["model"]) == (0, 4096, "UnifiedReward")
    assert "authorization" not in {name.lower() for name in server["asked"][-1].headers}


def test_three_aspects_are_one_answer_to_a_jpeg(
    ask: Ask, server: dict[str, Any], photographs: dict[str, Path]
) -> None:
    server["said"] = ASPECTS
    for mark, value in (("alignment", 2.6947), ("coherence", 4.0), ("style", 3.5)):
        (found,) = ask(mark=mark)
        assert found.value == value
        assert found.details.keys() == {"alignment", "coherence", "style", "served_model"}
    stored = io.BytesIO()
    with Image.open(photographs["cat"]) as original:
        original.convert("RGB").save(stored, "JPEG", quality=95)
    assert ImageChops.difference(sent(server)[0].convert("RGB"), Image.open(stored)).getbbox() is None


@pytest.mark.parametrize(
    "said", ["", "I like it", "Final Score: ", "Final Score: 0.5", "Final Score: 5.1", "Final Score: 45"]
)
def test_an_answer_without_a_mark_from_1_to_5_is_a_failure(
    ask: Ask, server: dict[str, Any], said: str
) -> None:
    server["said"] = said
    (found,) = ask()
    assert found.value is None and str(found.reason).startswith(
        "the model gives no mark from 1 to 5 for final"
    )


@pytest.mark.parametrize(
    "said",
    [
        "Final Score: 4",
        "cat: 1\nFinal Score:3.7\nthanks",
        "Final Score: 4/5",
        "Final Score: 1.0 Final Score: 2",
    ],
)
def test_marks_are_read_as_published(said: str) -> None:
    published = re.search(r"Final Score:\s*([1-5](?:\.\d+)?)", said)
    assert published and read_marks(said, final=True) == {"final": float(published[1])}


def test_the_question_is_read_and_not_run(question: Path, tmp_path: Path) -> None:
    assert read_question(question) == "Mark it.\nCaption: [{prompt}]"
    (tmp_path / "own.txt").write_text("How good is {prompt}?\n")
    assert read_question(tmp_path / "own.txt") == "How good is {prompt}?"
    (tmp_path / "none.txt").write_text("How good is it?")
    with pytest.raises(InputError, match=r"none\.txt holds no question for UnifiedReward"):
        read_question(tmp_path / "none.txt")
    with pytest.raises(InputError, match="cannot read"):
        read_question(tmp_path / "not here.txt")


def test_the_instrument_names_what_decides(question: Path, tmp_path: Path) -> None:
    def instrument(**options: Any) -> str:
        given = {"model": "m", "base_url": "http://x/v1/", "prompt": question, **options}
        return UnifiedReward(UnifiedReward.Options(**given)).instrument

    (tmp_path / "own.txt").write_text("How good is {prompt}?\n")
    assert instrument().startswith("m@http://x/v1+unified-reward-final+prompt-")
    several = [instrument(), instrument(mark="style"), instrument(prompt=tmp_path / "own.txt")]
    assert len(set(several)) == 3 and several[1].endswith("+jpeg95")
    assert instrument(extra={"top_k": 1}).endswith("+top_k=1")


def test_a_server_that_refuses_ends_the_run(ask: Ask, server: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    (broken,) = ask(path=tmp_path / "broken.png")
    assert broken.value is None and "broken" in str(broken.reason)
    server["status"] = 404
    with pytest.raises(WorkError, match="answered 404"):
        ask()
