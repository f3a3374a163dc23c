import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nami_bench import pipeline
from nami_bench.domain import Prompt, PromptSet
from nami_bench.errors import InputError
from nami_bench.prompts.exports import FORMATS, write_folder
from nami_bench.prompts.files import digest, load_prompt_set, parse_candidates
from nami_bench.prompts.geneval import geneval_prompt_set
from nami_bench.prompts.public import DPGBench

QUESTIONS = Path(__file__).parents[1] / "data" / "dpg" / "questions.csv"

BENCH = {"tag": "single_object", "include": [{"class": "bench", "count": 1}], "prompt": "a photo of a bench"}


@pytest.fixture
def mixed():
    return PromptSet(
        "mixed",
        (
            Prompt("00000", "a photo of a bench", "short", "geneval", {"task": "single_object"}, {
                "tag": "single_object", "include": [{"class": "bench", "count": 1}],
            }),
            Prompt("00001", "ein Flügel\u2028im Regen", "community", "own", {"category": "Arts"}),
        ),
    )  # fmt: skip


def test_our_own_file_round_trips_with_its_manifest(tmp_path, mixed):
    saved = replace(mixed, manifest={"sha256": mixed.sha256, "seed": 3})
    path = pipeline.write_prompt_set(tmp_path / "mixed.jsonl", saved)
    loaded = load_prompt_set(path)
    assert loaded == mixed
    assert loaded.manifest == saved.manifest
    assert digest(path.read_bytes()) == loaded.sha256


def test_a_manifest_of_other_prompts_is_not_taken_over(tmp_path, mixed):
    path = pipeline.write_prompt_set(tmp_path / "a.jsonl", replace(mixed, manifest={"sha256": mixed.sha256}))
    path.write_bytes(path.read_bytes().replace(b"bench", b"couch"))
    assert load_prompt_set(path).manifest == {}


def test_genevals_file_gives_the_same_set_under_any_name(tmp_path):
    official = geneval_prompt_set()
    for name in ("evaluation_metadata", "other"):
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(FORMATS["geneval"](official))
        loaded = load_prompt_set(path)
        assert loaded.name == name
        assert loaded.sha256 == official.sha256
    assert load_prompt_set(path, name="chosen").name == "chosen"


def test_text_files_hold_a_prompt_a_line(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_bytes("\ufeffa cat\r\n\r\n  un café \n".encode())
    loaded = load_prompt_set(path)
    assert [p.text for p in loaded.prompts] == ["a cat", "un café"]
    assert {p.source for p in loaded.prompts} == {"file"}


def test_every_format_has_one_line_for_each_prompt(mixed):
    for write in FORMATS.values():
        assert write(mixed).count(b"\n") == len(mixed)
    assert json.loads(FORMATS["geneval"](mixed).splitlines()[1]) == {"prompt": "ein Flügel\u2028im Regen"}
    assert FORMATS["txt"](mixed).decode() == "a photo of a bench\nein Flügel im Regen\n"


@pytest.mark.parametrize("form", FORMATS)
def test_exports_can_be_read_again(tmp_path, mixed, form):
    path = tmp_path / f"out.{'txt' if form == 'txt' else 'jsonl'}"
    path.write_bytes(FORMATS[form](mixed))
    assert [p.text.split() for p in load_prompt_set(path).prompts] == [p.text.split() for p in mixed.prompts]


def test_tables_take_the_prompt_column_and_the_named_tags():
    data = b'Prompt,Note\n"a cat, asleep",x\n"two\nlines",\n,empty\n'
    found = parse_candidates(data, ".csv", "f.csv", ("Note",))
    assert [(c.text, c.tags) for c in found] == [("a cat, asleep", {"note": "x"}), ("two\nlines", {})]


def test_a_text_column_serves_where_there_is_no_prompt_column():
    assert [c.text for c in parse_candidates(b"id,Text\n1,a cat\n", ".csv", "f.csv")] == ["a cat"]
    assert [c.text for c in parse_candidates(b"text,prompt\nx,a cat\n", ".csv", "f.csv")] == ["a cat"]


def test_tabs_separate_without_quoting():
    data = b'prompt\tCategory\n"quoted" sign says "hi\tArts\nshort row\n'
    found = parse_candidates(data, ".tsv", "f.tsv", ("Category",))
    assert [(c.text, c.tags) for c in found] == [
        ('"quoted" sign says "hi', {"category": "Arts"}),
        ("short row", {}),
    ]


def test_json_lines_bring_clauses_and_task():
    (found,) = parse_candidates(json.dumps(BENCH).encode(), ".jsonl", "f")
    assert found.tags == {"task": "single_object"}
    assert found.geneval == {"tag": "single_object", "include": [{"class": "bench", "count": 1}]}


def test_clauses_survive_when_our_own_set_is_used_as_a_source(mixed):
    first, second = parse_candidates(mixed.to_jsonl(), ".jsonl", "f")
    assert first.geneval == mixed.prompts[0].geneval
    assert second.geneval is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is not JSON"),
        ("[1]", "line 2 is not a JSON object"),
        ('{"text": "a cat"}', 'line 2 has no "prompt"'),
        ('{"prompt": "  "}', 'line 2 has no "prompt"'),
        ('{"prompt": "\\ud83d cat"}', "line 2 is not JSON: .*surrogates not allowed"),
        ('{"prompt": 7}', 'line 2 has no "prompt"'),
        ('{"prompt": "a", "include": [{"class": "cat", "count": 1}]}', "line 2: 'tag' must name the task"),
        ('{"prompt": "a", "tag": "t", "include": []}', "line 2: there is no include or exclude clause"),
        ('{"prompt": "a", "tag": "t", "include": [{"class": "cat"}]}', r"line 2: include\[0\]: 'count' must"),
        (
            '{"prompt": "a", "tag": "t", "include": [{"class": "c", "count": 1}], "exclude": [{"count": 0}]}',
            r"line 2: exclude\[0\]: 'class' must name an object",
        ),
    ],
)
def test_bad_json_lines_are_named_by_number(tmp_path, line, message):
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(BENCH) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_prompt_set(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "00005"}, "expected '00001'"),
        ({"tags": {"n": 3}}, "'tags' must be text"),
        ({"source": None}, "'source' must be text"),
        ({"prompt": ""}, 'no "prompt"'),
        ({"geneval": {"include": []}}, "line 2: 'tag' must name the task"),
        ({"geneval": 0.55}, "'geneval' must be an object"),
        ({"extra": "x"}, "'extra' must be an object"),
        ({"rewritten_from": 12}, "'rewritten_from' must be the text of the original"),
    ],
)
def test_damaged_prompt_sets_are_refused(tmp_path, mixed, change, message):
    rows = [p.to_json() for p in mixed.prompts]
    rows[1].update(change)
    path = tmp_path / "set.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_prompt_set(path)


def test_a_line_without_a_key_the_first_line_has_is_refused(tmp_path, mixed):
    rows = [p.to_json() for p in mixed.prompts]
    del rows[1]["stratum"]
    path = tmp_path / "set.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(InputError, match=r"line 2: the prompt has no 'stratum'"):
        load_prompt_set(path)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", b"caf\xe9", "is not UTF-8 text: byte 3"),
        ("a.txt", b"\n \n", "holds no prompts"),
        (
            "a.csv",
            b"note,x\na,b\n",
            "nothing is called prompt, prompts, text, caption or the like .found: note, x",
        ),
        ("a.csv", b"", "found: none"),
        ("a.csv", b'prompt\n"' + b"x" * 200_000 + b'"\n', "cannot be read after line 1: field larger"),
        ("a.docx", b"x", "not '.docx'"),
    ],
)
def test_unusable_files_are_refused_in_one_sentence(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=message):
        load_prompt_set(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*gone.txt: No such file"):
        load_prompt_set(tmp_path / "gone.txt")


def test_a_question_file_holds_each_item_once_under_its_published_name(tmp_path):
    shutil.copy(QUESTIONS, tmp_path / "dpg_bench.csv")
    found = load_prompt_set(tmp_path / "dpg_bench.csv")
    assert len(found) == 12
    assert found.prompts[0].item == "opening" and found.prompts[0].text == "A tin robot waters a fern."
    assert [p.item for p in found.prompts].count("twice") == 1  # though its rows lie apart
    assert all(set(p.extra) == {"item_id"} for p in found.prompts)  # nothing of a question
    (tmp_path / "again.jsonl").write_bytes(found.to_jsonl())
    assert [p.item for p in load_prompt_set(tmp_path / "again.jsonl").prompts] == [
        p.item for p in found.prompts
    ]


def test_dpg_benchs_source_reads_its_question_file_too(tmp_path):
    source = DPGBench(DPGBench.Options(QUESTIONS))
    candidates = source.load().candidates
    assert len(candidates) == 12
    assert {c.extra["item"]: c.tags["origin"] for c in candidates}["456"] == "dpg"
    assert {c.extra["item"]: c.tags["origin"] for c in candidates}["chain7"] == "chain"


def test_a_folder_of_texts_keeps_published_names_both_ways(tmp_path):
    source = tmp_path / "prompts"
    source.mkdir()
    for name, text in {"0": "a red fox\n", "partiprompts9": "two lines\nof one prompt\n"}.items():
        (source / f"{name}.txt").write_text(text)
    (source / "README.md").write_text("not a prompt")
    found = load_prompt_set(source)
    assert [(p.item, p.text) for p in found.prompts] == [
        ("0", "a red fox"),
        ("partiprompts9", "two lines of one prompt"),
    ]
    write_folder(tmp_path / "again", found)
    assert load_prompt_set(tmp_path / "again").prompts == found.prompts
    assert (found.name, found.file.name) == ("prompts", "prompts")


def test_a_folder_without_texts_and_an_empty_text_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no \.txt files"):
        load_prompt_set(tmp_path)
    (tmp_path / "0.txt").write_text(" \n")
    with pytest.raises(InputError, match=r"0\.txt holds no prompt"):
        load_prompt_set(tmp_path)


def test_two_prompts_of_one_name_are_not_written_over_each_other(tmp_path):
    prompts = tuple(Prompt(f"{n:05d}", f"prompt {n}", extra={"item": "same"}) for n in range(2))
    with pytest.raises(InputError, match="two prompts of s are published as 'same'"):
        write_folder(tmp_path / "out", PromptSet("s", prompts))
    assert not (tmp_path / "out").exists()
