import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from nami_bench.cli.app import cli
from nami_bench.config import init_workspace
from nami_bench.domain import (
    Comparison,
    Criterion,
    ImageRecord,
    ImageState,
    ModelCard,
    Outcome,
    Prompt,
    PromptSet,
    Study,
)
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.images import encode_png
from nami_bench.store import Store

HEADER = "study,annotator,model,prompt_id,sample,criterion,value,reason,created_at\n"
ROWS = (
    "pilot,lena,m,00000,0,beauty,4,,2026-03-01T10:00:00+00:00\n"
    'pilot,omar,m,00000,0,beauty,,"too dark, too small",2026-03-01T10:00:00+00:00\n'
)
STUDY = """
[study]
name = "pilot"
[[criterion]]
name = "beauty"
weight = 1
minimum = 1
maximum = 5
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with one finished image and a study of it."""
    workspace = init_workspace(tmp_path / "bench")
    with Store.open(workspace.database_url) as store:
        store.catalog.add_prompt_set(PromptSet("set", (Prompt("00000", "a star"),)))
        store.catalog.add_model(ModelCard("m", "shapes"))
        store.images.put(
            ImageRecord(
                "m", "set", "00000", 0, ImageState.DONE, path="m.png", sha256="0" * 64, width=8, height=8
            )
        )
        store.studies.add(Study("pilot", "set", ("m",), (Criterion("beauty", 1, 1, 5),)))
    return workspace.root


def run(root: Path, *arguments: str, fails: bool = False) -> Result:
    return CliRunner().invoke(cli, ["--workspace", str(root), *arguments], catch_exceptions=fails)


def test_imported_ratings_are_exported_as_they_were(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text(HEADER + ROWS)
    assert run(root, "ratings", "import", str(file)).stderr == "recorded 2 ratings\n"
    assert "recorded 0 ratings; 2 were recorded already" in run(root, "ratings", "import", str(file)).stderr
    out = tmp_path / "out.csv"
    assert "study pilot: 2 ratings" in run(root, "ratings", "export", "-o", str(out)).stderr
    assert out.read_bytes().decode() == (
        "study,annotator,model,prompt_id,sample,criterion,value,reason,duration_ms,created_at\r\n"
        "pilot,lena,m,00000,0,beauty,4,,,2026-03-01T10:00:00+00:00\r\n"
        'pilot,omar,m,00000,0,beauty,,"too dark, too small",,2026-03-01T10:00:00+00:00\r\n'
    )
    assert run(root, "ratings", "export", "--study", "pilot").stdout_bytes == out.read_bytes()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("pilot,lena,m,00000,0,beauty,6,,\n", "line 4: beauty rating 6 is outside its scale 1 to 5"),
        ("pilot,lena,m,00000,0,charm,3,,\n", "line 4: unknown criterion 'charm'"),
        ("pilot,lena,m,00009,0,beauty,3,,\n", "has no image m/00009/0"),
        ("pilots,lena,m,00000,0,beauty,3,,\n", "unknown study 'pilots': did you mean 'pilot'?"),
    ],
)
def test_a_bad_row_imports_nothing(root: Path, tmp_path: Path, row: str, words: str) -> None:
    file = tmp_path / "in.csv"
    file.write_text(HEADER + ROWS + row)
    error = run(root, "ratings", "import", str(file), fails=True).exception
    assert isinstance(error, InputError) and words in str(error)
    with Store.open(f"sqlite:///{root / 'nami.db'}") as store:
        assert (store.ratings.all("pilot"), store.accounts.all()) == ([], [])


def test_what_lies_beside_a_csv_file_must_be_about_its_study(root: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(HEADER + ROWS)
    (tmp_path / "in.study.json").write_text('{"study": {"name": "other"}, "criteria": []}')
    for arguments in (("leaderboard", "--ratings"), ("ratings", "import")):
        error = run(root, *arguments, str(tmp_path / "in.csv"), fails=True).exception
        assert isinstance(error, InputError) and "says what study 'other' is, but" in str(error)
    (tmp_path / "in.study.json").write_text("{")
    error = run(root, "ratings", "import", str(tmp_path / "in.csv"), fails=True).exception
    assert isinstance(error, InputError) and "not readable as JSON" in str(error)


def test_judgements_of_a_study_of_the_same_name_on_other_prompts_are_refused(
    root: Path, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text(HEADER + ROWS)
    run(root, "ratings", "import", str(tmp_path / "in.csv"))
    run(root, "ratings", "export", "-o", str(tmp_path / "out.csv"))
    about = json.loads((tmp_path / "out.study.json").read_text())
    (tmp_path / "out.study.json").write_text(json.dumps(about | {"prompt_set_sha256": "f" * 64}))
    error = run(root, "ratings", "import", str(tmp_path / "out.csv"), fails=True).exception
    assert isinstance(error, InputError) and "is about other prompts" in str(error)


def test_a_dataset_folder_brings_its_images_into_an_empty_workspace(tmp_path: Path) -> None:
    first = init_workspace(tmp_path / "first")
    data = encode_png(Image.new("RGB", (8, 8)))
    path = first.images_dir / "m/set/00000/samples/0000.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(data[1])
    with Store.open(first.database_url) as store:
        store.catalog.add_prompt_set(
            PromptSet("set", (Prompt("00000", "=a star", tags={"b": "1", "a": "2"}),))
        )
        store.catalog.add_model(ModelCard("m", "shapes", parameters=7, licence="MIT"))
        place = str(path.relative_to(first.images_dir))
        store.images.put(
            ImageRecord("m", "set", "00000", 0, ImageState.DONE, path=place, sha256=data[0].sha256)
        )
        store.studies.add(Study("pilot", "set", ("m",), (Criterion("beauty", 1, 1, 5),)))
    (tmp_path / "in.csv").write_text(HEADER + ROWS)
    run(first.root, "ratings", "import", str(tmp_path / "in.csv"))
    folder = str(tmp_path / "out")
    run(first.root, "ratings", "export", "--format", "dataset", "--with-images", "--names", "-o", folder)
    second = init_workspace(tmp_path / "second").root
    assert run(second, "ratings", "import", folder).stderr == "recorded 2 ratings\n"
    assert "1 images are as recorded" in run(second, "images", "verify").stderr
    assert (second / "images/m/set/00000/metadata.jsonl").is_file()
    boards = [json.loads(run(root, "leaderboard", "--json").stdout) for root in (first.root, second)]
    for board in boards:
        board.pop("models")  # how the images were made does not travel
    assert boards[0] == boards[1] and boards[1]["rows"][0]["parameters"] == 7


def test_unknown_studies_and_workspaces_without_any_are_refused(root: Path, tmp_path: Path) -> None:
    error = run(root, "ratings", "export", "--study", "x", fails=True).exception
    assert isinstance(error, UnknownNameError)
    empty = init_workspace(tmp_path / "empty").root
    error = run(empty, "ratings", "export", fails=True).exception
    assert isinstance(error, InputError) and "there is no study yet" in str(error)


@pytest.mark.slow
def test_ratings_are_exported_as_parquet_and_as_a_dataset_folder(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text(HEADER + ROWS)
    run(root, "ratings", "import", str(file))
    boards = []
    for arguments in (("-o", "out.parquet"), ("--format", "dataset", "-o", "out"), ("-o", "out.csv")):
        name = arguments[-1]
        run(root, "ratings", "export", *arguments[:-1], str(tmp_path / name))
        board = run(root, "leaderboard", "--ratings", str(tmp_path / name), "--json")
        boards.append(json.loads(board.stdout))
    assert boards[0]["rows"][0]["total"] == 75
    assert boards[0] == boards[1] == boards[2]
    (tmp_path / "out.study.json").unlink()
    (tmp_path / "study.toml").write_text(STUDY)
    by_file = ("--criteria", str(tmp_path / "study.toml"), "--json")
    assert (
        json.loads(run(root, "leaderboard", "--ratings", str(tmp_path / "out.csv"), *by_file).stdout)
        == boards[0]
    )
    names = run(root, "ratings", "export", "--pseudonyms").stdout
    assert "annotator-01" in names and "lena" not in names


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--with-images",), "--with-images belongs to --format dataset"),
        (("--format", "dataset"), "writes a folder: name it with -o"),
        (("--format", "dataset", "-o", "new"), "no ratings yet"),
    ],
)
def test_exports_that_cannot_be_are_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    error = run(root, "ratings", "export", *arguments, fails=True).exception
    assert isinstance(error, InputError) and words in str(error)
    assert not (tmp_path / "new").exists()


def test_comparisons_are_exported_in_every_form(root: Path, tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{root / 'nami.db'}") as store:
        store.catalog.add_model(ModelCard("n", "shapes"))
        store.images.put(
            ImageRecord(
                "n", "set", "00000", 0, ImageState.DONE, path="n.png", sha256="1" * 64, width=8, height=8
            )
        )
        store.studies.add(Study("pairs", "set", ("m", "n"), (Criterion("beauty", 1),), mode="pairwise"))
        store.comparisons.add(
            [
                Comparison("pairs", "lena", "00000", 0, "beauty", "n", "m", Outcome.LEFT),
                Comparison("pairs", "omar", "00000", 0, "beauty", "m", "n", None, "too dark"),
            ]
        )
    text = run(root, "ratings", "export", "--study", "pairs").stdout
    assert text.splitlines()[1].startswith("pairs,lena,00000,0,beauty,n,m,left")
    run(root, "ratings", "export", "--study", "pairs", "-o", str(tmp_path / "pairs.parquet"))
    rows = pq.read_table(tmp_path / "pairs.parquet").to_pylist()
    assert [(r["annotator"], r["left"], r["outcome"], r["reason"]) for r in rows] == [
        ("lena", "n", "left", None),
        ("omar", "m", None, "too dark"),
    ]
    run(root, "ratings", "export", "--study", "pairs", "--format", "dataset", "-o", str(tmp_path / "out"))
    card = (tmp_path / "out" / "README.md").read_text()
    assert "config_name: comparisons" in card and "2 verdicts that 2 annotators" in card
    hidden = pq.read_table(tmp_path / "out" / "data" / "comparisons.parquet").to_pylist()
    assert {row["annotator"] for row in hidden} == {"annotator-01", "annotator-02"}
    assert not (tmp_path / "out" / "data" / "ratings.parquet").exists()
