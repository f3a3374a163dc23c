from pathlib import Path

import pytest

from nami_bench.config import find_workspace, init_workspace, open_workspace
from nami_bench.domain import Annotator
from nami_bench.errors import InputError, VersionError
from nami_bench.store import Store
from nami_bench.store.engines import shown
from nami_bench.study_file import load_criteria, load_study, nami_1k_study_file


def test_a_new_workspace_opens_with_its_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAMI_DATABASE_URL", raising=False)
    made = init_workspace(tmp_path / "w")
    assert open_workspace(tmp_path / "w") == made
    assert made.database_url == f"sqlite:///{(tmp_path / 'w' / 'nami.db').resolve()}"
    with pytest.raises(InputError, match="workspace already"):
        init_workspace(tmp_path / "w")


def test_the_environment_names_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMI_DATABASE_URL", "postgresql://server/nami")
    assert init_workspace(tmp_path).database_url == "postgresql://server/nami"


def test_the_current_folder_wins_over_the_default_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_workspace() == Path("nami-workspace")
    init_workspace(tmp_path)
    assert find_workspace() == Path()
    assert find_workspace(Path("elsewhere")) == Path("elsewhere")


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("[workspace]\nformat = 99\n", VersionError, "upgrade NAMI-Bench"),
        ("[workspace\n", InputError, "not valid TOML"),
        ("[workspace]\nformat = 1\n[databse]\nurl = 'x'\n", InputError, "databse: unknown key"),
        (
            "[workspace]\nformat = 1\n[annotate]\nport = 'high'\n",
            InputError,
            "annotate.port: input should be",
        ),
        ("[annotate]\nport = 1\n", InputError, "workspace: is missing"),
    ],
)
def test_a_bad_workspace_file_is_named(tmp_path: Path, text: str, error: type, words: str) -> None:
    (tmp_path / "nami.toml").write_text(text)
    with pytest.raises(error, match=words) as caught:
        open_workspace(tmp_path)
    assert str(tmp_path / "nami.toml") in str(caught.value)


def test_no_workspace_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nami-bench init"):
        open_workspace(tmp_path)


def test_the_nami_1k_protocol_is_the_papers() -> None:
    study = load_study(nami_1k_study_file(), prompt_set="p", models=("m",))
    weights = {c.name: c.weight for c in study.criteria}
    assert weights == {"relevance": 0.3, "coherence": 0.3, "aesthetics": 0.2, "authenticity": 0.2}
    assert study.overlap == 5
    assert all((c.minimum, c.maximum) == (0, 100) and {0, 50, 100} <= set(c.anchors) for c in study.criteria)


def test_a_study_file_with_another_scale(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text(
        '[study]\nname = "s"\nprompts = "p"\nmodels = ["a", "b"]\noverlap = 3\n'
        '[[criterion]]\nname = "quality"\nweight = 1\nminimum = 1\nmaximum = 5\n'
        'anchors = { 1 = "bad", 5 = "good" }\n'
    )
    study = load_study(file)
    assert (study.prompt_set, study.models, study.overlap) == ("p", ("a", "b"), 3)
    assert study.criteria == load_criteria(file)
    assert study.criteria[0].anchors == {1: "bad", 5: "good"}
    assert load_study(file, name="t", models=("c",)).models == ("c",)


@pytest.mark.parametrize(
    ("criterion", "words"),
    [
        ('name = "q"\nweight = 1\nminimum = 5\nmaximum = 1', "minimum must be below maximum"),
        ('name = "q"\nweight = -1', "must not be negative"),
        ('name = "q"\nweight = 1\nanchors = { x = "bad" }', "anchors must be numbers"),
        ('name = "q"\nweight = 1\nanchors = { 200 = "bad" }', "outside the scale"),
        ('name = "q"\nweight = "heavy"', "criterion.0.weight"),
        ('name = "q"', "criterion.0.weight: is missing"),
    ],
)
def test_bad_criteria_are_refused_in_words(tmp_path: Path, criterion: str, words: str) -> None:
    file = tmp_path / "s.toml"
    file.write_text(f'[study]\nname = "s"\n[[criterion]]\n{criterion}\n')
    with pytest.raises(InputError, match=words):
        load_criteria(file)


PATHS = (
    "q?one",
    "q?two",
    "%41",
    "%%s",
    "x#y",
    "with space",
    "ü李",
    "c:d",
    "file:x",
    "&e;f=g",
    ":memory:",
    "[b]",
)


def test_a_workspace_of_any_name_has_a_database_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NAMI_DATABASE_URL", raising=False)
    for name in PATHS:
        workspace = init_workspace(tmp_path / name)
        with Store.open(workspace.database_url) as store:
            store.accounts.add(Annotator("ada"))
            assert str(tmp_path / name / "nami.db") == shown(store._database.engine.url)
    assert sorted(path.parent.name for path in tmp_path.rglob("nami.db")) == sorted(PATHS)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(PATHS)


def test_a_url_of_ones_own_is_taken_as_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "a?b"
    init_workspace(root)
    for url, meant in (
        ("sqlite:///my%3Fratings.db", root / "my?ratings.db"),
        ("sqlite:///../beside.db?timeout=5", tmp_path / "beside.db"),
        ("sqlite:///with space.db", root / "with space.db"),
        (f"sqlite:///{tmp_path}/abs%23.db", tmp_path / "abs#.db"),
    ):
        monkeypatch.setenv("NAMI_DATABASE_URL", url)
        Store.open(open_workspace(root).database_url).close()
        assert meant.is_file()
    for url in ("sqlite:///:memory:", "sqlite://", "postgresql://me:p%40ss@server/nami?sslmode=require"):
        monkeypatch.setenv("NAMI_DATABASE_URL", url)
        assert open_workspace(root).database_url == url
