"""Which scale values are on, where nobody said so."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from nami_bench.domain import Criterion
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.leaderboard.scales import NO_SCALES, Scales, parse_scales
from nami_bench.export.ratings_file import ratings_csv, read_ratings
from nami_bench.export.ratings_parquet import ratings_parquet
from nami_bench.export.ratings_source import load_ratings

STUDY = '[study]\nname = "s"\n[[criterion]]\nname = "relevance"\nweight = 1\n'


def file_of(folder: Path, values: Sequence[float], criterion: str = "relevance", study: str = "s") -> Path:
    path = folder / "r.csv"
    new = not path.exists()
    with path.open("a") as file:
        if new:
            file.write("study,annotator,model,prompt_id,sample,criterion,value\n")
        for number, value in enumerate(values):
            file.write(f"{study},ann,m,{number:05d},0,{criterion},{value}\n")
    return path


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            (1, 3, 5),
            "the values of relevance are 1 to 5, at most a tenth of the scale 0 to 100 .* --scale 1-5 ",
        ),
        ((0, 0.25, 1), "are 0 to 1, .* --scale 0-1 .* --scale 0-100 if they are that low"),
        ((1, 10), "are 1 to 10, .* --scale 1-10 "),
        ((0,), "are 0 to 0"),
        ((9.5, 0.5), "are 0.5 to 9.5, .* --scale 0-10 "),
    ],
)
def test_values_of_another_scale_are_not_taken_for_0_to_100(
    tmp_path: Path, values: Sequence[float], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        load_ratings(file_of(tmp_path, values))


def test_one_value_above_a_tenth_tells_the_scale(tmp_path: Path) -> None:
    table, criteria = load_ratings(file_of(tmp_path, (1, 2, 10.5)))
    assert len(table) == 3 and criteria[0].maximum == 100


def test_each_criterion_is_looked_at_by_itself(tmp_path: Path) -> None:
    file_of(tmp_path, (1, 80))
    with pytest.raises(InputError, match="the values of coherence are 1 to 5"):
        load_ratings(file_of(tmp_path, (1, 5), "coherence"))


def test_only_the_chosen_study_of_a_file_is_looked_at(tmp_path: Path) -> None:
    file_of(tmp_path, (1, 80))
    path = file_of(tmp_path, (1, 5), study="t")
    assert len(load_ratings(path, study="s")[0]) == 2
    with pytest.raises(InputError, match="are 1 to 5"):
        load_ratings(path, study="t")
    with pytest.raises(UnknownNameError, match="unknown study 'x'"):
        load_ratings(path, study="x")


def test_a_scale_that_is_given_holds(tmp_path: Path) -> None:
    path = file_of(tmp_path, (1, 3, 5))
    for text, low, high in (("1-5", 1, 5), ("0..10", 0, 10), ("0-100", 0, 100), ("relevance=-1..7", -1, 7)):
        _, criteria = load_ratings(path, scales=parse_scales([text]))
        assert (criteria[0].minimum, criteria[0].maximum) == (low, high)
    with pytest.raises(InputError, match="line 4: relevance rating 5 is outside its scale 1 to 3"):
        load_ratings(path, scales=parse_scales(["1-3"]))
    with pytest.raises(InputError, match="the values of relevance are 1 to 5"):
        load_ratings(path, scales=parse_scales(["coherence=1-5"]))
    with pytest.raises(UnknownNameError, match=r"unknown criterion 'charm'.*in --scale"):
        load_ratings(path, scales=parse_scales(["charm=1-5"]))


def test_a_criteria_file_is_a_scale_that_is_given(tmp_path: Path) -> None:
    path = file_of(tmp_path, (1, 3, 5))
    (tmp_path / "study.toml").write_text(STUDY)
    assert load_ratings(path, tmp_path / "study.toml")[1][0].maximum == 100
    with pytest.raises(InputError, match="--criteria and --scale contradict each other"):
        load_ratings(path, tmp_path / "study.toml", parse_scales(["1-5"]))


def test_a_scale_that_a_file_carries_is_one_that_is_given(tmp_path: Path) -> None:
    criteria = (Criterion("relevance", 1, 0, 100),)
    table = read_ratings(file_of(tmp_path, (1, 3, 5)), lambda _: criteria)
    (tmp_path / "r.parquet").write_bytes(ratings_parquet(table, criteria))
    assert load_ratings(tmp_path / "r.parquet")[1] == criteria
    assert ratings_csv(load_ratings(tmp_path / "r.parquet")[0]) == ratings_csv(table)


def test_a_scale_for_all_leaves_that_of_one_criterion(tmp_path: Path) -> None:
    scales = parse_scales(["1–5", "beauty=0..1"])
    assert (scales.of("beauty"), scales.of("fit")) == ((0, 1), (1, 5))
    beauty = Criterion("beauty", 1, 0, 100, {50: "so so"}, step=5)
    assert scales.applied([beauty]) == (Criterion("beauty", 1, 0, 1),)
    assert NO_SCALES.applied([beauty]) == (beauty,) and Scales(all=(0, 100)).applied([beauty]) == (beauty,)


@pytest.mark.parametrize("text", ["5-1", "1", "1-1", "five", "1-5-9", "beauty", "", "=", "1...5", "nan-inf"])
def test_what_is_no_scale_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no scale: write the lowest and the highest value"):
        parse_scales([text])
    with pytest.raises(InputError, match="another --scale for the same"):
        parse_scales(["1-5", "1..5"])
