"""Prompt files in the forms in which public sets come, each by the one command of docs/prompts.md."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from nami_bench.cli.app import cli
from nami_bench.errors import InputError
from nami_bench.prompts.columns import Columns
from nami_bench.prompts.files import load_prompt_set
from nami_bench.prompts.importing import read_prompt_files

SETS = Path(__file__).parents[1] / "data" / "prompt_sets"
TEXTS = [
    "a red kite over a stubble field",
    "two blue cups beside a loaf of bread",
    "an old tram turning into a rainy street, evening light",
    "a paper fox reading a map",
    "three green bottles on a wooden shelf",
    "a lighthouse drawn with one line",
    'a sign that says "OPEN LATE" above a bakery, with commas, quotes and a 🦊',
    "一只白猫坐在红色的椅子上",
    "a clay model of a market square at noon",
    "a bicycle without wheels leaning on a wall",
]
UNQUOTED = [text.replace('"', "") for text in TEXTS]  # as PartiPrompts' form has them
DPG = ["0", "1", "10", "2", "COCOval2014000000000042", "whoops7"]
DRAWBENCH = (
    "Colors,Counting,Descriptions,Conflicting,Counting,Rare Words,Text,Misspellings,Positional,Conflicting"
)
MJHQ = json.loads((SETS / "mjhq30k_meta_data.json").read_bytes())  # its keys are hashes
FORMS = {
    "OneIG-Bench-ZH.csv": (TEXTS, [f"{n:03d}" for n in range(10)], ["General_Object"] * 10),
    "OneIG-Bench.csv": (
        TEXTS * 2,
        [f"{n:03d}" for n in range(10)] * 2,
        ["Anime_Stylization"] * 10 + ["General_Object"] * 10,
    ),
    "PartiPrompts_form.tsv": (UNQUOTED, None, ["Abstract"] * 10),
    "captions.csv": (TEXTS, [f"{n}.png" for n in range(10)], None),
    "coco_captions_val2017.json": (
        [f"{text} (0)" for text in TEXTS[:5]],
        ["139", "140", "141", "142", "143"],
        None,
    ),
    "dpg_bench/dpg_bench.csv": ([TEXTS[0], TEXTS[5]], ["0", "whoops7"], None),
    "dpg_bench/prompts": ([TEXTS[n] for n in (0, 1, 2, 3, 4, 5)], DPG, None),
    "drawbench.csv": (
        TEXTS,
        None,
        DRAWBENCH.split(","),
    ),
    "geneval2_like.json": (TEXTS, None, None),
    "hpsv2_anime.json": (TEXTS, None, None),
    "hub_prompts.parquet": (TEXTS, None, ["x"] * 10),
    "imagereward_benchmark-prompts.json": (TEXTS, [f"{5700 + n:06d}-{n:04d}" for n in range(10)], None),
    "longtext_text_prompts.jsonl": (TEXTS, [str(n) for n in range(10)], ["sign"] * 10),
    "mjhq30k_meta_data.json": (
        TEXTS,
        list(MJHQ),
        [row["category"] for row in MJHQ.values()],
    ),
    "t2i_compbench_color_val.txt": (TEXTS, None, None),
    "text.jsonl": (TEXTS, None, None),
    "wise_cultural_common_sense.json": (
        TEXTS,
        [str(n) for n in range(1, 11)],
        ["Cultural knowledge"] * 10,
    ),
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in a folder with a workspace; errors are raised, as `main` gets them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAMI_DATABASE_URL", raising=False)

    def invoke(*args):
        return CliRunner().invoke(
            cli, [str(arg) for arg in args], standalone_mode=False, catch_exceptions=False
        )

    invoke("init")
    return invoke


@pytest.mark.parametrize("form", FORMS)
def test_every_public_form_is_read_with_its_ids_and_groups(form):
    texts, ids, groups = FORMS[form]
    prompts = load_prompt_set(SETS / form).prompts
    assert [p.text for p in prompts] == texts
    assert [p.source_id for p in prompts] == (ids or [None] * len(texts))
    assert [p.group for p in prompts] == (groups or [None] * len(texts))


@pytest.mark.slow
def test_every_public_form_is_imported_by_one_command_and_shown(run):
    for form, (texts, ids, groups) in FORMS.items():
        name = form.replace("/", "-").rsplit(".", 1)[0]
        imported = json.loads(run("prompts", "import", SETS / form, "--name", name, "--json").stdout)
        assert imported["name"] == name and imported["understood"]
        shown = json.loads(run("prompts", "show", name, "--json").stdout)
        assert shown["sha256"] == imported["sha256"]
        assert [row["prompt"] for row in shown["prompts"]] == texts
        table = run("prompts", "show", name).stdout
        assert ("source's id" in table) == (ids is not None)
        assert (" group " in table) == (groups is not None)


def test_ids_and_groups_are_shown_and_what_was_understood_is_said_first(run):
    said = run("prompts", "import", SETS / "wise_cultural_common_sense.json", "--dry-run")
    assert (
        "a JSON list of objects; 10 prompts; text: Prompt, id in its source: prompt_id, group: Category"
        in (said.stdout)
    )
    assert "00000 (1): a red kite" in said.stdout
    assert json.loads(run("prompts", "list", "--json").stdout) == []
    run("prompts", "import", SETS / "wise_cultural_common_sense.json")
    table = run("prompts", "show", "wise_cultural_common_sense").stdout
    assert "source's id" in table and "Cultural knowledge" in table


def test_a_question_file_is_said_to_be_one(run):
    said = run("prompts", "import", SETS / "dpg_bench" / "dpg_bench.csv", "--dry-run").stdout
    assert "a file of questions, one prompt an item; 2 prompts" in said
    assert "of 3 questions the first of each item is taken" in said


def test_columns_are_chosen_by_hand(run, tmp_path):
    (tmp_path / "own.csv").write_text("Satz;Nr;Art\nein Hund;7;kurz\n;8;kurz\nein Boot;9;lang\n")
    run(
        "prompts",
        "import",
        "own.csv",
        "--column",
        "text=Satz",
        "--column",
        "id=Nr",
        "--column",
        "stratum=Art",
    )
    found = json.loads(run("prompts", "show", "own", "--json").stdout)["prompts"]
    assert [(p["prompt"], p["stratum"], p["extra"]["source_id"]) for p in found] == [
        ("ein Hund", "kurz", "7"),
        ("ein Boot", "lang", "9"),
    ]
    parquet = read_prompt_files(
        [SETS / "hub_prompts.parquet"], columns=Columns("upsampled_prompt", original="Prompt")
    ).prompt_set
    assert parquet.prompts[0].text == f"{TEXTS[0]}, detailed"
    assert [p.rewritten_from for p in parquet.prompts] == TEXTS


def test_several_files_are_one_set_with_a_stratum_each(run, tmp_path):
    for style in ("anime", "photo"):
        (tmp_path / f"{style}.json").write_text(json.dumps([f"{style} {n}" for n in range(2)]))
    said = run("prompts", "import", "anime.json", "photo.json", "--name", "hpsv2").stdout
    assert "strata: anime 2, photo 2" in said
    found = json.loads(run("prompts", "show", "hpsv2", "--json").stdout)["prompts"]
    assert [(p["id"], p["stratum"]) for p in found] == [
        ("00000", "anime"), ("00001", "anime"), ("00002", "photo"), ("00003", "photo"),
    ]  # fmt: skip
    run("prompts", "export", "hpsv2", "--format", "t2i-compbench", "-o", "out")
    assert (tmp_path / "out" / "photo.txt").read_bytes() == b"photo 0\r\nphoto 1\r\n"


def test_shards_of_one_file_are_no_strata(tmp_path):
    for n in range(2):
        pq.write_table(pa.table({"prompt": [f"text {n}"]}), tmp_path / f"train-{n:05d}-of-00002.parquet")
    found = read_prompt_files(sorted(tmp_path.iterdir()), "shards").prompt_set
    assert [(p.text, p.stratum) for p in found.prompts] == [("text 0", "short"), ("text 1", "short")]


def test_the_same_prompts_are_recognised_by_their_hash(run):
    run("prompts", "import", SETS / "hpsv2_anime.json")
    said = run("prompts", "import", SETS / "t2i_compbench_color_val.txt")
    assert "recorded already, as hpsv2_anime" in said.stderr
    assert [row["name"] for row in json.loads(run("prompts", "list", "--json").stdout)] == ["hpsv2_anime"]


def test_official_forms_come_out_as_they_went_in(run, tmp_path):
    run("prompts", "export", SETS / "dpg_bench" / "prompts", "--format", "folder", "-o", "dpg")
    assert {p.stem for p in (tmp_path / "dpg").iterdir()} == set(DPG)
    assert (tmp_path / "dpg" / "whoops7.txt").read_text() == f"{TEXTS[5]}\n"
    run("prompts", "export", SETS / "hpsv2_anime.json", "--format", "geneval-folders", "-o", "geneval")
    assert json.loads((tmp_path / "geneval" / "00003" / "metadata.jsonl").read_text()) == {"prompt": TEXTS[3]}
    colors = SETS / "t2i_compbench_color_val.txt"
    run("prompts", "export", colors, "--format", "t2i-compbench", "-o", "compbench")
    assert (tmp_path / "compbench" / colors.name).read_bytes() == colors.read_bytes()


def test_other_line_ends_marks_and_encodings_are_read(tmp_path):
    for name, data in {
        "mac.txt": b"a cat\ra dog\r",
        "mac.csv": b"prompt,n\ra cat,1\ra dog,2\r",
        "excel.txt": "a cat\r\na dog\r\n".encode("utf-16"),
        "bom.json": b'\xef\xbb\xbf["a cat", "a dog"]',
        "lines.json": b'{"prompt": "a cat"}\n{"prompt": "a dog"}\n',
        "ids.json": b'{"7": "a cat", "9": "a dog"}',
    }.items():
        (tmp_path / name).write_bytes(data)
        assert [p.text for p in load_prompt_set(tmp_path / name).prompts] == ["a cat", "a dog"], name


def test_characters_that_nobody_sees_are_named_and_taken_out_on_demand(tmp_path):
    path = tmp_path / "odd.txt"
    path.write_text("a cat\na\u200b dog\ufeff\n\na fo\x07x\nfamily 👨‍👩‍👧\nمی\u200cخواهم\n", encoding="utf-8")
    found = read_prompt_files([path])
    assert [line for line in found.lines if "nobody sees" in line] == [
        f"{path} line 2 holds U+200B ZERO WIDTH SPACE, which nobody sees (--clean takes it out)",
        f"{path} line 2 holds U+FEFF ZERO WIDTH NO-BREAK SPACE, which nobody sees (--clean takes it out)",
        f"{path} line 4 holds U+0007 a control character, which nobody sees (--clean takes it out)",
    ]
    cleaned = [p.text for p in read_prompt_files([path], clean=True).prompt_set.prompts]
    assert cleaned == ["a cat", "a dog", "a fox", "family 👨‍👩‍👧", "می\u200cخواهم"]


def test_repeats_are_told(tmp_path):
    (tmp_path / "p.txt").write_text("a cat\na dog\na cat\n")
    assert "1 text stand there more than once: prompts 1, 3" in read_prompt_files([tmp_path / "p.txt"]).lines


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (
            "a.csv",
            b"text,caption\na,b\n",
            r"the prompts may be 'text' or 'caption': say which.*--column text=",
        ),
        ("a.csv", b"prompt\na cat, asleep\n", r"line 2 has more cells than the header: .*into quotes"),
        ("a.json", b'{"a": [1], "b": ["x"]}', r"an object with 'a', 'b', and which of them are the prompts"),
        ("a.json", b'["a", 7]', r"entry 2 is neither a text nor an object: '7'"),
        ("a.json", b'[{"prompt": "a"}, {"prompt": " "}]', r'entry 2 has no "prompt"'),
        ("a.json", b'["a"', r"a\.json is not JSON"),
        ("a.json", b"7", r"holds neither a list nor an object"),
        ("a.json", b"[]", r"holds no prompts"),
        ("a.parquet", b"PAR1", r"is no Parquet file"),
        ("a.xlsx", b"PK", r"not '\.xlsx'; spreadsheets can be saved as \.csv"),
        ("a.txt", b"a\n\0b\n", r"line 2: character 1 is U\+0000"),
        ("a.txt", b"\xff\xfea", r"is not UTF-16 text"),
    ],
)
def test_what_cannot_be_understood_is_refused_in_one_sentence(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=message) as problem:
        load_prompt_set(tmp_path / name)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"words": "x"}, "a column is given for text, id, stratum, original"),
        ({"text": "Prompt"}, "has no 'Prompt' .found: prompt, n"),
        ({"id": "m"}, "has no 'm' .found: prompt, n"),
        ({"id": "n"}, "line 3 has no 'n': every prompt needs one"),
    ],
)
def test_columns_that_are_not_there_are_named(tmp_path, columns, message):
    (tmp_path / "t.csv").write_text("prompt,n\na,1\nb,\n")
    with pytest.raises(InputError, match=message):
        read_prompt_files([tmp_path / "t.csv"], columns=Columns.named(columns))


def test_a_folder_of_a_folder_of_texts_says_where_they_are():
    with pytest.raises(InputError, match=r"dpg_bench holds no \.txt files; .*prompts does: name that"):
        read_prompt_files([SETS / "dpg_bench"])
