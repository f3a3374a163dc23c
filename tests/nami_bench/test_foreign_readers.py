"""Every reader of files from elsewhere, against real small files that were damaged: an error of ours or none.

The damage is drawn by a fixed seed. `NAMI_FUZZ=20000` draws more of it.
"""

import io
import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from nami_bench.config import open_workspace
from nami_bench.errors import InputError, NamiBenchError
from nami_bench.foreign_text import parse_json, parse_toml
from nami_bench.geneval_folder import read_metadata
from nami_bench.images import read_image, read_provenance
from nami_bench.prompts.files import load_prompt_set, read_content
from nami_bench.prompts.recipe import load_recipe
from nami_bench.study_file import load_criteria, load_study, nami_1k_study_file

DRAWS = int(os.environ.get("NAMI_FUZZ", "120"))
DEEP = b"[" * 200_000 + b"]" * 200_000
NASTY = [
    b"\x00",
    b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"'", b"{", b"[", b"]", b"}", b",", b"\n", b"\r", b"\t", b";",
    b"NaN", b"-Infinity", b"1e999", b"null", b"-1", b"9" * 400, b"9" * 5000, b"\\ud800", b"\xed\xa0\x80",
    b"\x1b[2J",
    "\u202e\u2066".encode(), b"x" * 200_000, DEEP[:3000], b"true", b'{"a":', b"=HYPERLINK(1)", b"0",
]  # fmt: skip


def damaged(data: bytes, dice: random.Random) -> bytes:
    """`data` after one to three accidents."""
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        at = dice.randrange(len(data) + 1)
        to = min(len(data), at + dice.choice((1, 2, 8, 40, 400)))
        data = dice.choice(
            [
                data[:at],
                data[:at] + data[to:],
                data[:at] + dice.choice(NASTY) + data[to:],
                data[:at] + dice.choice(NASTY) + data[at:],
                data[:at] + data[at:to] * 3 + data[to:],
                data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :],
                data[to:] + data[:at],
            ]
        )
    return data


def _image(form: str) -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.linear_gradient("L").resize((24, 16)).convert("RGB").save(buffer, form, exif=exif)
    return buffer.getvalue()


CLAUSES = {"tag": "counting", "include": [{"class": "cat", "count": 2}], "exclude": [], "prompt": "two cats"}
SET = [
    {"id": "00000", "prompt": "two cats", "stratum": "short", "source": "x", "tags": {"task": "counting"},
     "geneval": {key: CLAUSES[key] for key in ("tag", "include", "exclude")}},
    {"id": "00001", "prompt": "a dög", "stratum": "long", "source": "y", "tags": {}, "extra": {"a": [1]}},
]  # fmt: skip
TABLE = (
    'prompt,tag,include,exclude\n"two ""cats""",counting,"[{""class"": ""cat"", ""count"": 2}]",[]\ndog,,,\n'
)
RATINGS = "study,annotator,model,prompt_id,sample,criterion,value,duration_ms,created_at\n" + "".join(
    f"s,anna,m{n},0000{n},0,{c},{n * 7},1200,2025-01-0{n + 1}T10:00:00Z\n"
    for n in range(4)
    for c in ("relevance", "aesthetics")
)
COMPARISONS = (
    "study,annotator,prompt_id,sample,left,right,criterion,outcome\ns,anna,00000,0,m1,m2,overall,left\n"
)
WORKSPACE = '[workspace]\nformat = 1\n[annotate]\nport = 7860\ntrusted_proxies = ["127.0.0.1"]\n'
RESULT = {"filename": "x/00000/samples/0000.png", "tag": "counting", "prompt": "two cats", "correct": True,
          "reason": "", "metadata": json.dumps(CLAUSES), "details": json.dumps({})}  # fmt: skip


def _ratings(path: Path) -> object:
    from nami_bench.export.ratings_file import read_ratings

    return read_ratings(path, lambda study: load_criteria(nami_1k_study_file()))


def _comparisons(path: Path) -> object:
    from nami_bench.export.comparisons_file import read_comparisons

    return read_comparisons(path)


def _parquet_ratings(path: Path) -> object:
    from nami_bench.export.ratings_parquet import read_ratings_parquet

    return read_ratings_parquet(path, lambda study: load_criteria(nami_1k_study_file()))


def _foreign(path: Path) -> object:
    from nami_bench.evaluation.leaderboard.scales import parse_scales
    from nami_bench.export.foreign import ForeignFile, read_foreign, reading_of
    from nami_bench.export.foreign.preview import preview

    profile, answer = path.name.partition(".")[0], ["outcome=Answer.choice"] if "mturk" in path.name else []
    reading = reading_of(profile, answer, ["yes=2,partly=1,no=0"], criteria=["quality"], repeats="last")
    assert reading is not None
    return list(preview(read_foreign(ForeignFile(path, reading)), parse_scales(["1-5"])))


def _sample(name: str) -> bytes:
    return (Path(__file__).parents[1] / "data" / "judgements" / name).read_bytes()


def _results(path: Path) -> object:
    from nami_bench.evaluation.geneval.results import read_results

    return list(read_results(path))


def _parquet() -> bytes:
    import pandas as pd

    sink = io.BytesIO()
    pd.read_csv(io.StringIO(RATINGS), dtype={"prompt_id": str}).to_parquet(sink)
    return sink.getvalue()


def _prompt_parquet() -> bytes:
    import pandas as pd

    sink = io.BytesIO()
    pd.DataFrame({"Prompt": ["two cats", "dog"], "n": [1.5, None]}).to_parquet(sink)
    return sink.getvalue()


def _recipe() -> bytes:
    from importlib.resources import files

    return (files("nami_bench.prompts") / "data" / "recipes" / "shapes-demo.toml").read_bytes()


@dataclass(frozen=True)
class Reader:
    """What reads a file of this name, and a sound one."""

    name: str
    data: bytes
    read: Callable[[Path], object]


def _lines(*rows: object) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


READERS = [
    Reader("set.jsonl", _lines(*SET), load_prompt_set),
    Reader("geneval.jsonl", _lines(CLAUSES, CLAUSES), load_prompt_set),
    Reader("lines.txt", "a cat\nein Hünd\n".encode(), load_prompt_set),
    Reader("table.csv", TABLE.encode(), load_prompt_set),
    Reader("table.tsv", b'Prompt\tCategory\ntwo "cats"\tArts\ndog\n', read_content),
    Reader(
        "lists.json",
        json.dumps({"prompts": [{"id": 1, "prompt": "a"}, {"prompt": "b"}]}).encode(),
        load_prompt_set,
    ),
    Reader("table.parquet", _prompt_parquet(), load_prompt_set),
    Reader(
        "study.toml",
        nami_1k_study_file().read_bytes(),
        lambda path: load_study(path, prompt_set="x", models=("m",)),
    ),
    Reader("criteria.toml", nami_1k_study_file().read_bytes(), load_criteria),
    Reader("nami.toml", WORKSPACE.encode(), lambda path: open_workspace(path.parent)),
    Reader("recipe.toml", _recipe(), lambda path: load_recipe(str(path))),
    Reader("ratings.csv", RATINGS.encode(), _ratings),
    Reader("comparisons.csv", COMPARISONS.encode(), _comparisons),
    Reader("ratings.parquet", _parquet(), _parquet_ratings),
    Reader(
        "mturk.csv", _sample("mturk/Batch_900001_batch_results.csv")[:2600].rpartition(b"\n")[0], _foreign
    ),
    Reader("label-studio.json", _sample("label_studio/project-8-pairwise-export.json"), _foreign),
    Reader("doccano.zip", _sample("doccano/export.zip"), _foreign),
    Reader("metadata.jsonl", _lines(CLAUSES), lambda path: read_metadata(path.parent)),
    Reader("results.jsonl", _lines(RESULT, RESULT | {"filename": "x/00001/samples/0000.png"}), _results),
    Reader("image.png", _image("PNG"), read_image),
    Reader("image.jpg", _image("JPEG"), read_image),
    Reader("image.webp", _image("WEBP"), read_image),
    Reader("provenance.png", _image("PNG"), read_provenance),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@pytest.mark.filterwarnings("ignore")  # of libraries, about what they read
def test_a_damaged_file_gives_an_error_of_ours_or_none(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / reader.name
    path.write_bytes(reader.data)
    reader.read(path)  # the sound one is read
    dice = random.Random(reader.name)
    for draw in range(DRAWS):
        data = damaged(reader.data, dice)
        path.write_bytes(data)
        try:
            reader.read(path)
        except NamiBenchError as error:
            assert isinstance(error, InputError) and error.exit_code == 2
        except Exception as error:
            raise AssertionError(f"draw {draw}: {data[:2000]!r}") from error


@pytest.mark.parametrize(
    "reader",
    [r for r in READERS if r.name.endswith(("jsonl", "csv", "toml"))],
    ids=lambda reader: reader.name,
)
@pytest.mark.parametrize("kind", ["deep", "long"])
def test_what_is_nested_or_long_without_end_is_refused(reader: Reader, kind: str, tmp_path: Path) -> None:
    path = tmp_path / reader.name
    header = reader.data.split(b"\n", 1)[0] + b"\n"
    path.write_bytes(
        {
            ("deep", ".jsonl"): b'{"prompt": "a", "x": ' + DEEP + b"}\n",
            ("deep", ".csv"): header + b'"a","b","' + DEEP + b'"\n',
            ("deep", ".toml"): b"x = " + DEEP[100_000:-100_000],
            ("long", ".jsonl"): b'{"prompt": ' + b"9" * 1_000_000 + b"}\n",
            ("long", ".csv"): header + b'"' + b"x" * 10_000_000 + b'"\n',
            ("long", ".toml"): b"x = " + b"9" * 100_000,
        }[kind, path.suffix]
    )
    with pytest.raises(InputError):
        reader.read(path)


@pytest.mark.parametrize("parse", [parse_json, parse_toml])
def test_nesting_has_an_end(parse: Callable[[str], object]) -> None:
    begin = "x = " if parse is parse_toml else ""
    most = 199 if begin else 200  # TOML's document is a level of its own
    assert parse(begin + "[" * most + "]" * most)
    for depth in (most + 1, 900, 100_000):
        with pytest.raises(ValueError, match="nested deeper than 200 levels"):
            parse(begin + "[" * depth + "]" * depth)
