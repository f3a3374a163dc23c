"""Run files read: what is wrong is said in one sentence, before anything is done."""

from pathlib import Path

import pytest

from nami_bench.errors import InputError
from nami_bench.run_file import load_run
from nami_bench.run_file.examples import example_paths
from tests.support.small_run import SMALL

EXAMPLES = example_paths()


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_a_run_file_of_its_name(name: str) -> None:
    assert load_run(EXAMPLES[name]).run.name == name


def test_the_examples_are_those_that_the_command_offers() -> None:
    from nami_bench.cli.run import EXAMPLES as offered

    assert sorted(offered) == sorted(EXAMPLES)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[generation]", "[generatoin]", r"generatoin: unknown key: did you mean 'generation'\? known: gene"),
        ("options = { size", "option = { size", r"model\.0\.option: unknown key: did you mean 'options'\?"),
        ("method =", "methode =", r"leaderboard\.0\.intervals\.methode: unknown key: did you mean 'method'"),
        ("samples = 1", 'samples = "few"', r"generation\.samples: input should be a valid integer"),
        ("samples = 1", "samples = 0", "samples must be at least 1, got 0"),
        ("first = 3", "first = 3\nlimit = 3", "limit and first contradict each other"),
        ('grammar = "shapes"', 'grammar = "shapes"\nrecipe = "nami-1k"', "recipe and grammar contradict"),
        ('grammar = "shapes"\nper_task = 1', "seed = 1", "seed belongs to recipe or grammar"),
        ('grammar = "shapes"', 'file = "a.txt"', "per_task belongs to grammar, which is not given"),
        ('name = "poor-0.9"', 'name = "good"', "model: two are called 'good'"),
        ('adapter = "shapes"', 'adapter = "shaeps"', "unknown generator 'shaeps': did you mean 'shapes'"),
        ('detector = "shapes"', 'detector = "shape"', "unknown detector 'shape': did you mean 'shapes'"),
        ('name = "geneval"', 'name = "genval"', "unknown metric 'genval': did you mean 'geneval'"),
        ('study = "simulated"', 'study = "simulate"', "unknown study of this run file 'simulate': did you"),
        ('questions_from = "clauses"', 'questions_from = "air"', r"metric\.1\.questions_from: input should"),
        ('protocol = "nami-1k"', "canvas = 64", "canvas and sizes_may_differ belong to a protocol or file"),
        (
            'formats = ["csv"',
            'formats = ["xls"',
            r"leaderboard\.0\.formats\.0: input should be 'csv'",
        ),
        ('name = "small"', 'name = "../small"', r"run name '\.\./small' is not usable"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "bad.toml"
    assert old in SMALL
    file.write_text(SMALL.replace(old, new, 1))
    with pytest.raises(InputError, match=said) as error:
        load_run(file)
    assert str(file) in str(error.value) and "\n" not in str(error.value)


def test_a_study_among_several_sets_names_its_own(tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(SMALL.replace("[generation]", '[[prompts]]\nname = "other"\n\n[generation]'))
    with pytest.raises(InputError, match="study 'simulated': there are several prompt sets"):
        load_run(file)


def test_a_file_of_an_editor_on_windows_is_the_same_run(tmp_path: Path) -> None:
    plain, marked = tmp_path / "small.toml", tmp_path / "marked.toml"
    plain.write_text(SMALL)
    marked.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert load_run(marked).run == load_run(plain).run


def test_a_run_is_called_as_its_file_or_as_it_says(tmp_path: Path) -> None:
    file = tmp_path / "my-bench.toml"
    file.write_text(SMALL.replace('name = "small"\n', "", 1))
    assert load_run(file).run.name == "my-bench"
    file.write_text(SMALL)
    assert load_run(file).run.name == "small"


@pytest.mark.parametrize("text", ["", "name = ", "\x00", "[[prompts]]\nname = 'a'\n"])
def test_what_is_no_run_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "none.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=r"none\.toml"):
        load_run(file)
