import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from nami_bench.domain import Criterion, Rating
from nami_bench.errors import InputError
from nami_bench.evaluation.human.table import ratings_table, table_ratings
from nami_bench.export.ratings_file import ratings_csv, read_ratings

CRITERIA = (Criterion("beauty", 1, minimum=-5, maximum=5), Criterion("fit", 1))
HEADER = "study,annotator,model,prompt_id,sample,criterion,value,reason,duration_ms,created_at"
ROW = "s,ann,m,00012,0,fit,75,,,"


def criteria_of(study: str) -> Sequence[Criterion]:
    return CRITERIA


def written(folder: Path, *lines: str, ending: str = "\n") -> Path:
    path = folder / "ratings.csv"
    path.write_bytes("".join(line + ending for line in lines).encode())
    return path


def read(folder: Path, *lines: str, ending: str = "\n") -> pd.DataFrame:
    return read_ratings(written(folder, *lines, ending=ending), criteria_of)


def test_ratings_come_back_as_they_were_written(tmp_path: Path) -> None:
    when = datetime(2026, 3, 1, 12, 30, 5, 250_000, tzinfo=UTC)
    rows = [
        Rating("s", "ann", "FLUX.1, dev", "00012", 0, "fit", 66.6, None, 1200, when),
        Rating("s", "ann", 'the "best"', "00012", 1, "beauty", -2.5, None, None, None),
        Rating("s", "ann", "m", "7", 2, "fit", None, 'two\nlines, a "quote" and\r\na comma', 5, when),
        Rating("s", "ann", "m", "8", 2, "fit", None, "=1+1", 0, when),
        Rating("s", "ann", "m", "9", 2, "fit", None, "'tis dark", 0, when),
        Rating("s", "ann", "m", "10", 2, "fit", None, "Übergröße 暗い", 0, when),
        Rating("=s", "NA", "-m\n'1e5'", "007", 2, "fit", 1e-7, None, 0, when),
        Rating("s", "null", "m 👩\u200d🎨\u00a0x", "@1", 2, "fit", 5.0, None, 0, when),
    ]
    path = tmp_path / "out.csv"
    path.write_bytes(ratings_csv(ratings_table(rows)))
    assert table_ratings(read_ratings(path, criteria_of)) == rows


def test_the_file_is_rfc_4180_with_one_header_and_without_formulas() -> None:
    reasons = ["=cmd()", "+1", "-1", "@x", "\t=1", "a,b", 'say "no"', "two\nlines", "plain"]
    rows = [Rating("s", "a", "m", str(i), 0, "beauty", None, reason) for i, reason in enumerate(reasons)]
    rows.append(Rating("s", "a", "m", "x", 0, "beauty", -2.0))
    data = ratings_csv(ratings_table(rows)).decode()
    assert data.endswith("\r\n")
    table = list(csv.DictReader(io.StringIO(data, newline=""), strict=True))
    assert list(table[0]) == HEADER.split(",")
    cells = [row["reason"] for row in table]
    assert cells[:9] == ["'=cmd()", "'+1", "'-1", "'@x", "'\t=1", *reasons[5:]]
    assert table[-1]["value"] == "-2"  # a number is no formula


def test_optional_columns_may_lack_and_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    table = read(tmp_path, "value,criterion,sample,prompt_id,model,annotator,study", "75,fit,0,00012,m,ann,s")
    assert table_ratings(table) == [Rating("s", "ann", "m", "00012", 0, "fit", 75.0)]


def test_spreadsheets_habits_are_taken(tmp_path: Path) -> None:
    """A byte order mark, CRLF, blank lines, quoted cells, blanks around names."""
    lines = (
        "\ufeff" + HEADER,
        '"s", ann ,m,"00012",0,fit,"75",,,2026-03-01 12:00',
        "",
        ROW.replace("fit", "beauty").replace("75", "1e0"),
    )
    first, second = table_ratings(read(tmp_path, *lines, ending="\r\n"))
    assert (first.annotator, first.value) == ("ann", 75.0)
    assert first.created_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert second.value == 1.0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (ROW, "'ann' rated fit of m/00012/0 in an earlier line already"),
        ("s,ann,m,00013,0,fitt,75,,,", "unknown criterion 'fitt': did you mean 'fit'?"),
        ("s,ann,m,00013,0,fit,100.5,,,", "fit rating 100.5 is outside its scale 0 to 100"),
        ("s,ann,m,00013,0,beauty,-5.01,,,", "beauty rating -5.01 is outside its scale -5 to 5"),
        ("s,ann,m,00013,0,fit,high,,,", "value 'high' is not a finite number"),
        ("s,ann,m,00013,0,fit,NaN,,,", "value 'NaN' is not a finite number"),
        ("s,ann,m,00013,0,fit,inf,,,", "value 'inf' is not a finite number"),
        ("s,ann,m,00013,0,fit,1e999,,,", "value '1e999' is not a finite number"),
        ('s,ann,m,00013,0,fit,"7,5",,,', "value '7,5' is not a finite number"),
        ("s,ann,m,00013,0,fit,1_0,,,", "value '1_0' is not a finite number"),
        ("s,ann,m,00013,0,fit,,,,", "value is empty: give a number, or the reason"),
        ("s,ann,m,00013,0,fit,75,too dark,,", "a value and a reason for having none"),
        ("s,,m,00013,0,fit,75,,,", "annotator is empty"),
        ("s,ann,m,00013,-1,fit,75,,,", "sample '-1' is not a whole number"),
        ("s,ann,m,00013,0.0,fit,75,,,", "sample '0.0' is not a whole number"),
        ("s,ann,m,00013,0,fit,75,,2.5,", "duration_ms '2.5' is not a whole number"),
        ("s,ann,m,00013,0,fit,75,,,yesterday", "created_at 'yesterday' is not a time"),
        ("s,ann,m", "is empty"),
        ("s,ann,m,00013,0,fit,75", "there are not as many cells as columns"),
        ("s,\x1b[1mann,m,00013,0,fit,75,,,", "annotator is empty or unprintable"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, words: str) -> None:
    # The blank line and the cell of two lines before it count as lines of the file.
    lines = (HEADER, ROW, "", 's,ann,m,00012,1,fit,,"no\nidea",,', line)
    with pytest.raises(InputError) as error:
        read(tmp_path, *lines)
    assert "ratings.csv, line 6: " in str(error.value)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((), "is empty"),
        (("",), "is empty"),
        ((HEADER,), "holds no ratings"),
        (("study,annotator,model,sample,value", "s,a,m,0,1"), "lacks the columns prompt_id, criterion"),
        ((HEADER + ",reasn", ROW + ","), "unknown column 'reasn': did you mean 'reason'?"),
        ((HEADER + ",value", ROW + ",1"), "has the column 'value' twice"),
        ((HEADER.replace(",", ";"), ROW.replace(",", ";")), "unknown column"),
        ((HEADER, ROW + ",one,more"), "line 2: there are more cells than columns"),
        ((HEADER, ROW, ROW + ",one,more"), "Expected 10 fields in line 3"),
        ((HEADER, 's,"ann,m,00012,0,fit,75,,,'), "not a CSV table"),
    ],
)
def test_a_file_that_is_no_table_of_ratings_is_refused(
    tmp_path: Path, lines: tuple[str, ...], words: str
) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, *lines)
    assert words in str(error.value)


def test_missing_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.csv: No such file"):
        read_ratings(tmp_path / "none.csv", criteria_of)
    (tmp_path / "latin.csv").write_bytes((HEADER + "\n" + ROW.replace("ann", "jos\xe9")).encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        read_ratings(tmp_path / "latin.csv", criteria_of)


def test_each_study_is_read_by_its_own_criteria(tmp_path: Path) -> None:
    own = {"s": CRITERIA, "t": (Criterion("fit", 1, 1, 7),)}
    path = written(tmp_path, HEADER, ROW, ROW.replace("s,", "t,", 1))
    with pytest.raises(InputError, match="line 3: fit rating 75 is outside its scale 1 to 7"):
        read_ratings(path, lambda study: own[study])
