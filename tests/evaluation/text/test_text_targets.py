"""Where targets come from: quotation marks, LongText-Bench's and OneIG-Bench's files, a column."""

import json
from pathlib import Path

import pytest

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.text.flow_grpo import FlowGrpoText
from nami_bench.evaluation.text.reader import Reader
from nami_bench.evaluation.text.targets import find_targets


def prompt(words: str, **extra: object) -> Prompt:
    return Prompt("00000", words, extra=extra)


def test_quotation_marks_are_the_default() -> None:
    targets = find_targets(None, None, None)
    assert targets.of(prompt("a sign “A” and 'B'")) == ("A", "B") and targets.of(prompt("a dog")) == ()
    assert targets.identity == "quoted"


def test_longtext_file(tmp_path: Path) -> None:
    file = tmp_path / "text_prompts.jsonl"
    lines = [
        {"category": "sign", "prompt": "a sign ", "text": ["OPEN", "LATE"], "prompt_id": 0},
        {"category": "sign", "prompt": "a board", "text": "one text", "prompt_id": 1},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    targets = find_targets(file, None, None)
    assert targets.of(prompt("a sign")) == ("OPEN", "LATE") and targets.of(prompt("a board")) == ("one text",)
    assert targets.of(prompt('another "sign"')) == ()
    file.write_text('{"prompt": "a sign"}\n')
    with pytest.raises(InputError, match="line 1 must have a 'prompt' and a 'text'"):
        find_targets(file, None, None)


def test_oneig_files(tmp_path: Path) -> None:
    table, texts = tmp_path / "OneIG-Bench-ZH.csv", tmp_path / "text_content_zh.csv"
    table.write_text("category,id,prompt_cn,class\nPortrait,000,一张脸,x\nText_Rendering,000,一块牌子,x\n")
    texts.write_text("id,text_content\n000,你好\n")
    targets = find_targets(texts, table, None)
    assert targets.of(prompt("一块牌子")) == ("你好",) and targets.of(prompt("一张脸")) == ()
    texts.write_text("id,text_content\n007,你好\n")
    with pytest.raises(InputError, match="line 2: the table of prompts has no '007' of Text_Rendering"):
        find_targets(texts, table, None)


def test_column() -> None:
    targets = find_targets(None, None, "text")
    assert targets.of(prompt("x", text="A")) == ("A",) and targets.of(prompt("x", text=["A", " B "])) == (
        "A",
        "B",
    )
    assert targets.of(prompt("x")) == () and targets.identity == "column-text"
    with pytest.raises(InputError, match="prompt 00000: 'text' must be a text or a list of texts, got 3"):
        targets.of(prompt("x", text=3))


def test_options_that_do_not_go_together(tmp_path: Path) -> None:
    csv, jsonl = tmp_path / "a.csv", tmp_path / "a.jsonl"
    for file, prompts, column, complaint in (
        (None, csv, None, "'prompts' belongs to 'targets'"),
        (jsonl, None, "text", "not both"),
        (csv, None, None, "give the benchmark's table"),
        (jsonl, csv, None, "holds its own"),
    ):
        with pytest.raises(InputError, match=complaint):
            find_targets(file, prompts, column)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'a 12" pizza, "HOT"',
            (" pizza, ",),
        ),  # the original takes what follows the first mark, whatever it is
        ('reads "OPEN LATE', ("OPEN LATE",)),
        ("“HOT” and “COLD”", ("HOT",)),
        ("a dog", ()),
    ],
)
def test_flow_grpo_takes_the_first_straight_marks(
    text: str, expected: tuple[str, ...], silent: Reader
) -> None:
    assert FlowGrpoText(FlowGrpoText.Options(), silent).targets_of(prompt(text)) == expected
