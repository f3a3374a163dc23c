import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nami_bench.domain import Criterion, Rating
from nami_bench.errors import InputError
from nami_bench.evaluation.human.table import ratings_table, table_ratings
from nami_bench.export.carried_study import carried_criteria
from nami_bench.export.ratings_parquet import ratings_parquet, read_ratings_parquet
from nami_bench.export.ratings_source import load_ratings

CRITERIA = (Criterion("beauty", 1, -5, 5, {-5: "ugly", 2.5: "nice"}), Criterion("fit", 3))
GOOD = {
    "study": ["s", "s"],
    "annotator": ["ann", "ann"],
    "model": ["m", "m"],
    "prompt_id": ["00000", "00001"],
    "sample": [0, 0],
    "criterion": ["fit", "fit"],
    "value": [75.0, 80.0],
}


def file_of(folder: Path, **changes: object) -> Path:
    path = folder / "r.parquet"
    columns = {name: values for name, values in (GOOD | changes).items() if values is not None}
    pq.write_table(pa.table(columns), path)
    return path


def test_ratings_come_back_as_they_were_written_with_their_criteria(tmp_path: Path) -> None:
    when = datetime(2026, 3, 1, 12, 30, 5, 250_000, tzinfo=UTC)
    rows = [
        Rating("s", "ann", "FLUX.1, dev", "00012", 0, "fit", 66.6, None, 1200, when),
        Rating("s", "ann", "m", "7", 2, "beauty", None, "=too\ndark", None, None),
    ]
    path = tmp_path / "r.parquet"
    path.write_bytes(ratings_parquet(ratings_table(rows), CRITERIA, {"version": "1", "at": when}))
    assert carried_criteria(path) == CRITERIA
    table, criteria = load_ratings(path)
    assert (table_ratings(table), criteria) == (rows, CRITERIA)
    assert json.loads(pq.read_schema(path).metadata[b"nami_bench"])["version"] == "1"
    assert pq.read_schema(path).field("model").type == pa.string()


def test_files_of_other_programs_are_read_too(tmp_path: Path) -> None:
    path = file_of(tmp_path, sample=[0.0, 1.0], value=[75, 80])
    assert carried_criteria(path) is None
    assert [r.value for r in table_ratings(read_ratings_parquet(path, lambda _: CRITERIA))] == [75.0, 80.0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": [75.0, 101.0]}, "row 2: fit rating 101 is outside its scale"),
        ({"value": [75.0, float("nan")]}, "row 2: value is empty"),
        ({"value": ["75", "high"]}, "column 'value' is not usable"),
        ({"criterion": ["fit", "charm"]}, "row 2: unknown criterion 'charm'"),
        ({"prompt_id": ["00000", "00000"]}, "row 2: 'ann' rated fit of m/00000/0 in an earlier"),
        ({"annotator": ["ann", None]}, "row 2: annotator is empty"),
        ({"annotator": ["", "ann"]}, "row 1: annotator is empty"),
        ({"sample": [0.5, 0.0]}, "column 'sample' is not usable"),
        ({"value": None, "model": None}, "lacks the columns model, value"),
        ({"valeu": [1, 2]}, "unknown column 'valeu': did you mean 'value'"),
        ({name: [] for name in GOOD}, "holds no ratings"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as error:
        read_ratings_parquet(file_of(tmp_path, **changes), lambda _: CRITERIA)
    assert words in str(error.value) and "r.parquet" in str(error.value)


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    for name, content in (("r.parquet", b"PAR1 but no more"), ("empty.parquet", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=rf"cannot read .*{name} as Parquet"):
            load_ratings(tmp_path / name)
    with pytest.raises(InputError, match=r"cannot read .*none\.parquet"):
        load_ratings(tmp_path / "none.parquet")
    with pytest.raises(InputError, match=r"holds no data/ratings\.parquet"):
        load_ratings(tmp_path)
