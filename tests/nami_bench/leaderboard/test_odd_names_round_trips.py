"""Files of judgements with names that no workspace has: what was written is what is read."""

from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nami_bench.domain import Comparison, Criteria, Criterion, Outcome, Rating, Total
from nami_bench.errors import NamiBenchError
from nami_bench.evaluation.human.table import ratings_table
from nami_bench.evaluation.leaderboard.rows import Precision
from nami_bench.evaluation.leaderboard.strengths import strength_table
from nami_bench.export.carried_study import side_file, side_file_json
from nami_bench.export.comparisons_file import comparisons_csv
from nami_bench.export.comparisons_parquet import comparisons_parquet
from nami_bench.export.csv_columns import is_name
from nami_bench.export.ratings_file import ratings_csv
from nami_bench.export.ratings_parquet import ratings_parquet
from nami_bench.export.ratings_source import load_comparisons, load_ratings
from nami_bench.pipeline.leaderboard_from_ratings import leaderboard_from_ratings

ODD = (
    "=1+1",
    "+1",
    "-1",
    "@cmd",
    "'=x",
    "''",
    "'tis",
    'a "b", c',
    "two\nlines",
    "two\r\nlines",
    "a\tb",
    "NA",
    "007",
)
AT = datetime(2026, 3, 1, 12, 0, 0, 123_457, tzinfo=UTC)
names = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)
    .map(str.strip)
    .filter(is_name),
)
quick = settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


def some(least: int, most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(names, min_size=least, max_size=most, unique=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@st.composite
def criteria(draw: st.DrawFn) -> Criteria:
    scales = st.sampled_from(((1.0, 5.0), (0.0, 1.0), (0.0, 100.0)))
    found = [Criterion(name, 1 + i, *draw(scales)) for i, name in enumerate(("fit", "007"))]
    return Criteria(found, draw(st.sampled_from(Total)))


@pytest.mark.slow
@quick
@given(data=st.data())
def test_ratings_with_odd_names_give_the_same_leaderboard(data: st.DataObject, folder: Path) -> None:
    used = data.draw(criteria())
    (study,), annotators, models = data.draw(some(1, 1)), data.draw(some(1, 3)), data.draw(some(1, 3))
    found = []
    for annotator, model, prompt in product(annotators, models, ("00000", "=2")):
        for criterion in used:
            value = data.draw(st.none() | st.floats(criterion.minimum, criterion.maximum))
            reason = data.draw(names) if value is None else None
            found.append(
                Rating(study, annotator, model, prompt, 0, criterion.name, value, reason, created_at=AT)
            )
    table = ratings_table(found)
    wanted = repr(_board(table, used))
    (folder / "r.csv").write_bytes(ratings_csv(table))
    side_file(folder / "r.csv").write_bytes(side_file_json(used, {}))
    (folder / "r.parquet").write_bytes(ratings_parquet(table, used))
    for file in ("r.csv", "r.parquet"):
        again, carried = load_ratings(folder / file)
        assert Criteria.of(carried).total == used.total
        assert repr(_board(again, carried)) == wanted


def _board(table: object, used: Criteria) -> object:
    try:
        return leaderboard_from_ratings(table, used, precision=Precision(replicates=20))  # type: ignore[arg-type]
    except NamiBenchError as error:
        return str(error)


@pytest.mark.slow
@quick
@given(data=st.data())
def test_comparisons_with_odd_names_give_the_same_strengths(data: st.DataObject, folder: Path) -> None:
    (study,), annotators = data.draw(some(1, 1)), data.draw(some(1, 3))
    first, second = data.draw(some(2, 2))
    found = [
        Comparison(study, annotator, prompt, 0, "fit", first, second, data.draw(st.sampled_from(Outcome)))
        for annotator, prompt in product(annotators, ("00000", "=2", "3"))
    ]
    wanted = repr(strength_table(found))
    (folder / "c.csv").write_bytes(comparisons_csv(found))
    (folder / "c.parquet").write_bytes(comparisons_parquet(found, (Criterion("fit", 1),)))
    for file in ("c.csv", "c.parquet"):
        again = load_comparisons(folder / file)
        assert again == found
        assert repr(strength_table(again)) == wanted
