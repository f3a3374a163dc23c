"""The column query gives what the one object a row gives."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from nami_bench.domain import Criterion, ImageRecord, ImageState, ModelCard, Prompt, PromptSet, Rating, Study
from nami_bench.errors import UnknownNameError
from nami_bench.evaluation.human.table import ratings_table
from nami_bench.store import Store

STUDY = Study("s", "set", ("m", "n"), (Criterion("beauty", 1), Criterion("appeal", 1)), overlap=2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        store.catalog.add_prompt_set(PromptSet("set", tuple(Prompt(f"{i:05d}", "x") for i in range(3))))
        for model in ("n", "m"):
            store.catalog.add_model(ModelCard(model, "shapes"))
            for prompt in range(3):
                name = f"{model}{prompt}"
                store.images.put(
                    ImageRecord(
                        model, "set", f"{prompt:05d}", 0, ImageState.DONE,
                        path=name, sha256=name, width=8, height=8,
                    )
                )  # fmt: skip
        store.studies.add(STUDY)
        store.studies.add(replace(STUDY, name="other"))
        yield store


def a_rating(
    study: str, annotator: str, model: str, prompt: int, criterion: str, value: float | None
) -> Rating:
    reason = "too dark" if value is None else None
    when = datetime(2026, 3, 1, 10, prompt, 5, 250_000 * prompt, tzinfo=UTC)
    duration = 1200 if prompt else None
    return Rating(study, annotator, model, f"{prompt:05d}", 0, criterion, value, reason, duration, when)


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """Without categories, of which order and number are free."""
    names = table.select_dtypes("category").columns
    return table.assign(**{name: table[name].astype(object) for name in names})


def test_the_table_holds_what_the_ratings_hold_in_their_order(store: Store) -> None:
    store.ratings.add(
        a_rating("s", annotator, model, prompt, criterion, None if prompt == 1 else 10.0 * prompt + 1)
        for annotator in ("omar", "lena")
        for prompt in (2, 1, 0)
        for model in ("m", "n")
        for criterion in ("appeal", "beauty")
        if (annotator, prompt) != ("omar", 0)
    )
    store.ratings.add([a_rating("other", "lena", "m", 0, "beauty", 99.0)])
    table = store.ratings.table("s")
    expected = ratings_table(store.ratings.all("s"))
    pd.testing.assert_frame_equal(plain(table), plain(expected))
    assert list(table.dtypes.astype(str)) == list(expected.dtypes.astype(str))
    assert list(table["study"].unique()) == ["s"]


def test_only_the_last_revision_is_in_force(store: Store, tmp_path: Path) -> None:
    store.ratings.add(a_rating("s", "lena", model, 0, "beauty", 40.0) for model in ("m", "n"))
    for value in (60.0, 70.0):
        store.ratings.add([a_rating("s", "lena", "m", 0, "beauty", value)], replace=True)
    table = store.ratings.table("s")
    pd.testing.assert_frame_equal(plain(table), plain(ratings_table(store.ratings.all("s"))))
    assert sorted(table["value"]) == [40.0, 70.0]


def test_a_study_without_ratings_is_an_empty_table(store: Store) -> None:
    table = store.ratings.table("s")
    assert len(table) == 0
    assert list(table.columns) == list(ratings_table([]).columns)
    assert table["value"].dtype == "float64"


def test_an_unknown_study_is_refused(store: Store) -> None:
    with pytest.raises(UnknownNameError, match="unknown study 'x'"):
        store.ratings.table("x")
