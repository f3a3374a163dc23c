"""The metrics of text over images: results in order, failures as failures, readers behind one protocol."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nami_bench import registry
from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.jpeg import as_jpeg
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.evaluation.sharing import shared_encodings
from nami_bench.evaluation.text.flow_grpo import FlowGrpoText
from nami_bench.evaluation.text.judge_reader import READ, JudgeReader
from nami_bench.evaluation.text.longtext import LongText
from nami_bench.evaluation.text.metric import TextMetric
from nami_bench.evaluation.text.oneig import OneIGText
from nami_bench.evaluation.text.reader import Line, Page, ReadText
from nami_bench.evaluation.text.tiif import TiifText
from nami_bench.images import HeldImage, encode_png
from tests.evaluation.text.conftest import Told, lines
from tests.support.http_server import Asked, Reply, http_server

STRIPES = Image.frombytes("RGB", (8, 8), bytes(range(192)))
OPEN = Prompt("00000", 'a sign "OPEN LATE"')


def item(prompt: Prompt = OPEN, shade: int = 9) -> ScoringItem:
    return ScoringItem(HeldImage(encode_png(Image.new("RGB", (8, 6), (shade, 0, 0)))[1]), prompt)


def test_values_and_details() -> None:
    read = ReadText((Line("Open", 0.9, ((0, 0), (8.04, 0), (8, 6), (0, 6))), Line("LATF")), details={"x": 1})
    found = {
        metric.name: next(iter(metric(metric.Options(), Told(read)).score([item()])))
        for metric in (LongText, OneIGText, TiifText, FlowGrpoText)
    }
    assert found["text-longtext"].value == 0.5
    details = found["text-longtext"].details
    box = [[0, 0], [8.0, 0], [8, 6], [0, 6]]
    assert details["targets"] == ["OPEN LATE"] and details["x"] == 1
    assert details["read"] == [["Open", 0.9, box], ["LATF", None, None]]
    assert (details["matched"], details["words"], details["language"]) == (1, 2, "en")
    assert found["text-oneig"].details["edits"] == 4 and found["text-oneig"].value == pytest.approx(
        1 - 4 / 100
    )
    assert found["text-tiif"].value == 1.0 and found["text-tiif"].details["gned"] == pytest.approx(0.125)
    assert found["text-flow-grpo"].value == 7 / 8


def test_images_that_cannot_be_read_keep_their_place() -> None:
    broken = ScoringItem(HeldImage(b"no image", "broken.png"), OPEN)
    reader = Told(lines("OPEN LATE"), ReadText(problem="no reading today"), lines())
    metric = LongText(LongText.Options(), reader)
    results = list(metric.score([broken, item(), broken, item(), item(), broken]))
    assert [result.value for result in results] == [None, 1.0, None, None, 0.0, None]
    assert results[3].reason == "no reading today" and "broken.png" in str(results[0].reason)


def test_what_the_cleaning_leaves_nothing_of_has_no_value() -> None:
    prompt = Prompt("00000", "вывеска «ЧАЙ»")
    for metric in (LongText, OneIGText):
        (result,) = metric(metric.Options(), Told(lines("ЧАЙ"))).score([item(prompt)])
        assert result.value is None and "leaves nothing" in str(result.reason)
    (result,) = FlowGrpoText(FlowGrpoText.Options(), Told(lines("ЧАЙ"))).score([item(prompt)])
    assert result.value == 1.0


def test_languages() -> None:
    chinese, mixed = Prompt("00000", "写着“你好”"), lines("你 ok")
    (result,) = LongText(LongText.Options(), Told(mixed)).score([item(chinese)])
    assert (result.value, result.details["language"]) == (0.5, "zh")
    forced = LongText(LongText.Options(language="en"), Told(mixed))
    (result,) = forced.score([item(chinese)])
    assert result.value == 0.0 and forced.instrument == "told+longtext-1+quoted+en"
    (result,) = OneIGText(OneIGText.Options(), Told(mixed)).score([item(chinese)])
    assert result.value == pytest.approx(1 - 2 * 0.5 / 50)


def test_how_long_a_reader_may_speak() -> None:
    long = Prompt("00000", f'a page "{"word " * 61}"')
    for metric, expected in ((LongText, [1024, 1024]), (OneIGText, [128, 256])):
        reader = Told(lines(), lines())
        list(metric(metric.Options(), reader).score([item(), item(long)]))
        assert reader.longest == expected


def test_a_metric_applies_to_prompts_with_text_to_read() -> None:
    metric = TiifText(TiifText.Options(), Told())
    assert metric.applies_to(OPEN) and not metric.applies_to(Prompt("00000", "a dog"))


def test_metrics_of_one_run_read_an_image_once() -> None:
    reader = Told(lines("OPEN LATE"), lines("OPEN"), lines("never read"))
    items = [item(), item(shade=99), item()]
    with shared_encodings():
        for metric in (LongText, TiifText, FlowGrpoText):
            values = [result.value for result in metric(metric.Options(), reader).score(items)]
            assert values == [1.0, 0.5, 1.0]
        speaking = Told(lines("OPEN LATE"), lines("OPEN"), lines("OPEN LATE"))
        speaking.speaks = True
        for other in (LongText, OneIGText):  # which let a model say more or less
            next(iter(other(other.Options(), speaking).score([item()])))
    assert len(reader.longest) == 2 and speaking.longest == [1024, 128]


def test_a_reader_or_a_judge() -> None:
    with pytest.raises(InputError, match="text-tiif: a reader or a judge reads, not both"):
        registry.create("metrics", "text-tiif", {"reader": "rapidocr", "judge": "shapes"})
    with pytest.raises(InputError, match="'no-such'"):
        registry.create("metrics", "text-tiif", {"reader": "no-such"})
    given = registry.create("metrics", "text-tiif", {"reader_options": '{"side": 64}'})
    assert given.instrument.endswith("+side=64+tiif-text-1+quoted")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    asked: list[dict[str, Any]] = []

    def answer(request: Asked) -> Reply:
        asked.append(request.body)
        return Reply(body={"model": "seer-1", "choices": [{"message": {"content": "OPEN\n\nlate\n"}}]})

    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdefghij")
    with http_server(answer) as address:
        yield f"{address}/v1", asked


def test_a_server_reads_in_the_benchmarks_words(server: tuple[str, list[dict[str, Any]]]) -> None:
    address, asked = server
    options = {"judge": "openai", "judge_options": {"model": "seer", "base_url": address}}
    metric: TextMetric = registry.create("metrics", "text-oneig", options)
    (result,) = metric.score([ScoringItem(HeldImage(encode_png(STRIPES)[1]), OPEN)])
    assert result.details["read"] == [["OPEN", None, None], ["late", None, None]]
    assert (result.details["edits"], result.details["served_model"]) == (4, "seer-1")
    assert metric.instrument == f"seer@{address}+plain+spellings+words+read-1+oneig-text-1+quoted+jpeg75"
    (body,) = asked
    image, words = body["messages"][0]["content"]
    assert words["text"] == READ.text and body["max_tokens"] == 128 and "logprobs" not in body
    png = base64.b64decode(image["image_url"]["url"].partition(",")[2])
    assert Image.open(io.BytesIO(png)).tobytes() == as_jpeg(STRIPES, 75).tobytes() != STRIPES.tobytes()
    plain = OneIGText(OneIGText.Options(jpeg=False), Told())
    assert plain.instrument == "told+oneig-text-1+quoted"


@pytest.mark.slow
def test_a_local_model_reads(llava_folder: Path) -> None:
    reader = JudgeReader("transformers", {"model": str(llava_folder), "device": "cpu"})
    pages = [Page(Image.new("RGB", (32, 32), (shade, 0, 0)), 4) for shade in (10, 250)]
    first, second = reader.read(pages)
    assert first.problem is None and 0 < len(first.text.split()) <= 4 and second.problem is None
    assert "+plain+" in reader.identity and reader.identity.endswith("+read-1")
