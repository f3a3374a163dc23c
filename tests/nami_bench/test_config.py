from pathlib import Path

import pytest

from nami_bench.config import (
    find_workspace,
    init_workspace,
    load_criteria,
    load_study,
    nami_1k_study_file,
    open_workspace,
)
from nami_bench.errors import InputError, VersionError


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
