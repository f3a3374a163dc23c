"""What people's files are like: delimiters, encodings, spreadsheets, wide tables, duplicates."""

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from nami_bench.domain import Prompt, PromptSet
from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.scales import parse_scales
from nami_bench.export.foreign import ForeignFile, Judged, read_foreign, reading_of
from nami_bench.export.foreign.entries import Entries
from nami_bench.export.foreign.preview import preview

ROWS = [("ann", "alpha", "7", "4"), ("ben", "alpha", "7", "5"), ("ann", "beta", "12", "1")]
FIT = {"criteria": ["fit"]}


def table(rows: list[tuple[str, ...]], sign: str = ",", end: str = "\n", header: str = "") -> str:
    names = header or sign.join(("annotator", "model", "prompt_id", "value"))
    return names + end + "".join(sign.join(row) + end for row in rows)


CAFE = table(ROWS).replace("alpha", "caf\u00e9")
WANG = table(ROWS).replace("ben", "\u5c0f\u738b")


def read(path: Path, data: str | bytes, prompt_set: PromptSet | None = None, **options: Any) -> Judged:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_foreign(ForeignFile(path, reading_of(**{"delimiter": "auto", **options}), prompt_set))


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def judgements(judged: Judged) -> list[tuple[Any, ...]]:
    """Rows by annotator, model or pair, prompt, sample, criterion and answer."""
    if judged.kind == "comparisons":
        return [
            (c.annotator, c.left, c.right, c.prompt_id, c.sample, c.criterion, c.outcome and c.outcome.value)
            for c in judged.comparisons()
        ]
    criteria = judged.criteria(parse_scales(["0-100"]))
    found = judged.ratings(lambda _: criteria)
    names = ["annotator", "model", "prompt_id", "sample", "criterion", "value"]
    return list(found[names].itertuples(index=False, name=None))


WANTED = [
    ("ann", "alpha", "00007", 0, "fit", 4.0),
    ("ben", "alpha", "00007", 0, "fit", 5.0),
    ("ann", "beta", "00012", 0, "fit", 1.0),
]


@pytest.mark.parametrize(
    ("name", "data", "form"),
    [
        ("a.csv", table(ROWS).encode(), "commas, UTF-8"),
        ("a.csv", table(ROWS, ";").encode(), "semicolons"),
        ("a.csv", table(ROWS, "\t", "\r\n").encode("utf-8-sig"), "tabs"),
        ("a.tsv", table(ROWS, "\t").encode("utf-16"), "tabs, UTF-16"),
        ("a.csv", table(ROWS, "|", "\r").encode(), "bars"),
        ("a.csv.gz", gzip.compress(table(ROWS).encode()), "commas"),
        ("a.csv", table([(" ann ", " alpha", "7 ", " 4 "), *ROWS[1:]], ", ").encode(), "commas"),
        ("a.csv", ("\n\n" + table([(*r[:3], f'"{r[3]}"') for r in ROWS]) + "\n,,,\n").encode(), "commas"),
    ],
)
def test_tables_of_every_kind_say_the_same(tmp_path: Path, name: str, data: bytes, form: str) -> None:
    judged = read(tmp_path / name, data, **FIT)
    assert judgements(judged) == WANTED
    assert form in judged.forms[0]
    assert "2 prompt ids got their zeros back, as 7 is 00007" in judged.notes


def workbook(rows: list[tuple[Any, ...]]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_a_spreadsheet_has_numbers_and_stripped_zeros(tmp_path: Path) -> None:
    header = ("annotator", "model", "prompt_id", "value", None)
    rows = [header, (None,) * 4, *((a, m, int(p), float(v)) for a, m, p, v in ROWS)]
    assert judgements(read(tmp_path / "a.xlsx", workbook(rows), **FIT)) == WANTED
    with pytest.raises(InputError, match=r"cannot read .*a.xlsx as an Excel workbook"):
        read(tmp_path / "a.xlsx", b"PK\x03\x04 torn", **FIT)


def test_wide_tables_are_of_criteria_or_of_raters(tmp_path: Path) -> None:
    rows = [("ann", "alpha", "7", "4,5", "3"), ("ben", "alpha", "7", "", "2")]
    header = "annotator;model;prompt_id;Image Quality;fit"
    data = table(rows, ";", header=header)
    judged = read(tmp_path / "a.csv", data, wide="criterion=Image Quality,fit")
    assert judgements(judged) == [
        ("ann", "alpha", "00007", 0, "Image-Quality", 4.5),
        ("ann", "alpha", "00007", 0, "fit", 3.0),
        ("ben", "alpha", "00007", 0, "fit", 2.0),
    ]
    assert judged.left_out == {"without an answer": 1}
    assert "numbers have decimal commas" in judged.notes
    data = table(
        [("alpha", "7", "4", "5"), ("beta", "12", "1", "-")], header="model,prompt_id,score_ann,score_ben"
    )
    judged = read(tmp_path / "a.csv", data, wide="annotator=score_*", values=["-="], **FIT)
    assert judgements(judged) == WANTED


def test_a_line_that_is_there_twice_counts_once_and_contradictions_are_named(tmp_path: Path) -> None:
    judged = read(tmp_path / "a.csv", table([*ROWS, ROWS[0]]), **FIT)
    assert (judgements(judged), judged.twice, judged.again) == (WANTED, 1, 0)
    again = table([*ROWS, ("ann", "alpha", "007", "4.0")])
    judged = read(tmp_path / "a.csv", again, **FIT)
    assert (judgements(judged), judged.twice, judged.again) == (WANTED, 0, 1)
    other = table([*ROWS, ("ann", "alpha", "00007", "3")])
    with pytest.raises(InputError, match=r"a.csv, line 5, ann on fit: 3, and in line 2 4\): mend the file"):
        read(tmp_path / "a.csv", other, **FIT)
    assert judgements(read(tmp_path / "a.csv", other, repeats="first", **FIT)) == WANTED
    last = judgements(read(tmp_path / "a.csv", other, repeats="last", **FIT))
    assert sorted(last) == sorted([("ann", "alpha", "00007", 0, "fit", 3.0), *WANTED[1:]])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            table([*ROWS, ("ann", "beta", "3", "good")]),
            r"line 5: value 'good' is not a number: .*'good'=1",
        ),
        (table([*ROWS, ("ann", "beta", "3")]), "line 5: there are 3 cells below 4 columns"),
        (table([*ROWS, ("", "beta", "3", "1")]), "line 5: annotator is empty"),
        (
            table([("ann", "a", "1", "1.5"), ("ann", "a", "2", '"2,5"')]),
            "line 3: '2,5' has a .* line 2",
        ),
        ("who;model;value\na;b;1\n", "does not say which column is the prompt .--map prompt_id"),
        ("model;prompt_id\nb;1\n", "does not say which column is the answer"),
        ("annotator,model,prompt_id,score,rating\na,b,1,1,2\n", "which column is the answer"),
        (
            table(ROWS).replace("alpha", "caf\u00e9").encode("cp1252"),
            "line 2: this is not UTF-8; --encoding cp1252 reads 'caf\u00e9'",
        ),
        (
            WANG.encode("gb18030"),
            "line 3: .*--encoding gb18030 reads '\u5c0f\u738b'",
        ),
        ("", "is empty: its first line"),
        ("annotator,model,prompt_id,value\n", "holds no judgements in 0 entries"),
        ("a;b,c\n1;2,3\n", "with commas or semicolons between its cells: say which with --delimiter"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(tmp_path: Path, data: str | bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(tmp_path / "a.csv", data, **FIT)


def test_a_text_in_another_encoding_is_read_when_it_is_named(tmp_path: Path) -> None:
    data = CAFE.encode("cp1252")
    assert judgements(read(tmp_path / "a.csv", data, encoding="cp1252", **FIT))[0][1] == "caf\u00e9"
    with pytest.raises(InputError, match="'cp12525' is no encoding that is known"):
        read(tmp_path / "a.csv", data, encoding="cp12525", **FIT)


def test_prompts_are_found_by_id_published_name_or_text(tmp_path: Path) -> None:
    prompts = PromptSet(
        "set",
        (
            Prompt("00000", "a star"),
            Prompt("00001", "two  stars", extra={"item_id": "coco_7"}),
            Prompt("00002", "a star"),
        ),
    )
    rows = [("ann", "alpha", "1", "4"), ("ben", "alpha", "coco_7", "4"), ("cho", "alpha", "00002", "4")]
    judged = read(tmp_path / "a.csv", table(rows), prompts, **FIT)
    assert [row[2] for row in judgements(judged)] == ["00001", "00001", "00002"]
    texts = "annotator,model,prompt,value\nann,alpha,two stars,3\n"
    assert judgements(read(tmp_path / "a.csv", texts, prompts, **FIT))[0][2] == "00001"
    files = "annotator,model,image,value\nann,alpha,x/00001_2.png,3\nann,alpha,00002/samples/0003.png,3\n"
    assert [row[2:4] for row in judgements(read(tmp_path / "a.csv", files, prompts, **FIT))] == [
        ("00001", 2),
        ("00002", 3),
    ]
    for text, words in (
        ("a star", "has 2 prompts with the text 'a star' .00000, 00002.: give its own ids"),
        ("a sun", "no prompt with the text 'a sun'"),
    ):
        with pytest.raises(InputError, match=f"line 2: prompt set 'set' .*{words}"):
            read(tmp_path / "a.csv", f"annotator,model,prompt,value\nann,alpha,{text},3\n", prompts, **FIT)


def test_ids_of_a_source_are_told_from_ours_by_the_text_or_not_at_all(tmp_path: Path) -> None:
    texts = ("a star", "a sun", "a moon")
    prompts = PromptSet(
        "set", tuple(Prompt(f"{n:05d}", text, extra={"id": n + 1}) for n, text in enumerate(texts))
    )
    with pytest.raises(InputError, match="line 2: prompt set 'set' has 2 prompts with the id '1'"):
        read(tmp_path / "a.csv", table([("ann", "alpha", "1", "4")]), prompts, **FIT)
    header = "annotator,model,prompt_id,prompt,value"
    data = table([("ann", "alpha", "1", "a star", "4"), ("ben", "alpha", "1", "a sun", "4")], header=header)
    assert [row[2] for row in judgements(read(tmp_path / "a.csv", data, prompts, **FIT))] == [
        "00000",
        "00001",
    ]
    with pytest.raises(InputError, match="no prompt with the id '1' and the text 'a moth'"):
        read(tmp_path / "a.csv", data.replace("a sun", "a moth"), prompts, **FIT)


def test_items_and_other_names_of_models_are_explained(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item;model;prompt_id\nx1.png;sd1dot5;7\nx2.png;beta;12\n")
    data = "annotator,image,value\nann,/data/x1.png,4\nben,x1.png,5\nann,x2.png,1\n"
    options: dict[str, Any] = {"items": tmp_path / "items.csv", "models": ["sd1dot5=alpha"], **FIT}
    assert judgements(read(tmp_path / "a.csv", data, **options)) == WANTED
    with pytest.raises(InputError, match=r"line 5: --items has no row for 'x3.png'"):
        read(tmp_path / "a.csv", data + "ann,x3.png,1\n", **options)
    judged = read(tmp_path / "a.csv", data, **{**options, "models": ["sd*=alpha", "beta="]})
    assert judgements(judged) == WANTED[:2]
    assert judged.left_out == {"of a model that --rename leaves out": 1}


def test_json_is_a_list_lines_or_in_an_archive(tmp_path: Path) -> None:
    names = ("annotator", "model", "prompt_id", "value")
    entries = [dict(zip(names, row, strict=True)) for row in ROWS]
    lines = "\n\n".join(json.dumps(entry) for entry in entries)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("__MACOSX/._a.jsonl", "junk")
        archive.writestr("x/a.jsonl", lines)
    for name, data in (
        ("a.json", json.dumps(entries, indent=1).encode()),
        ("a.json", lines.encode()),
        ("a.jsonl", lines.encode("utf-8-sig")),
        ("a.zip", stream.getvalue()),
    ):
        assert judgements(read(tmp_path / name, data, **FIT)) == WANTED
    for text, words in (
        ('[{"a": 1}, ', "is no list of JSON: it ends before its last bracket"),
        ('[{"a": 1}, 3]', "entry 2: this is no object"),
        ("[" * 100_000, "is no list of JSON"),
        ('{"a": }', "is no JSON"),
    ):
        with pytest.raises(InputError, match=words):
            list(Entries(_written(tmp_path / "a.json", text)))


def test_a_long_list_is_read_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nami_bench.export.foreign.json_entries._AT_ONCE", 7)
    wanted = [{"n": n, "text": "x]," * n} for n in range(9)]
    (tmp_path / "a.json").write_text(json.dumps(wanted, indent=2))
    assert [entry.cells for entry in Entries(tmp_path / "a.json")] == wanted


def test_a_preview_says_what_was_understood(tmp_path: Path) -> None:
    rows = [(*row, "x") for row in ROWS]
    judged = read(tmp_path / "a.csv", table(rows, header="annotator,model,prompt_id,value,note"), **FIT)
    lines = list(preview(judged, parse_scales(["1-5"])))
    assert lines[1:7] == [
        "columns: annotator = annotator, model = model, prompt_id = prompt_id, value = value",
        "columns that are not used: note",
        "2 annotators: ann, ben",
        "2 models: alpha, beta",
        "2 prompts",
        "criterion fit: 3 values, 1 to 5, on a scale of 1 to 5",
    ]
    assert lines[-3] == "  ann: fit of alpha, prompt 00007, sample 0: 4.0"
    with pytest.raises(InputError, match=r"on which scale fit is; its values are 1 to 5: .* fit=1-5"):
        judged.criteria(parse_scales([]))
