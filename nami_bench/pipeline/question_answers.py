"""What people answered in a workspace's study of questions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nami_bench.domain import Mode
from nami_bench.errors import InputError
from nami_bench.evaluation.human.answers_table import answers_table
from nami_bench.pipeline.leaderboard_from_store import choose_study
from nami_bench.pipeline.screening import left_out

if TYPE_CHECKING:
    import pandas as pd

    from nami_bench.store import Store


def study_answers(
    store: "Store", name: str | None, without: Sequence[str] = ()
) -> "tuple[pd.DataFrame, Sequence[str]] | None":
    """The answers (`nami_bench.evaluation.human.answers_table`) to a study's questions, and who is left out.

    Which study: see `choose_study`; None where it is another one, or there is none. `without` names
    annotators whose answers do not count. Raises UnknownNameError for an unknown study, InputError for one
    without answers.
    """
    study = choose_study(store, name, asks=True)
    if study is None or study.mode != Mode.QUESTIONS:
        return None
    table, said = left_out(store, study.name, without).ratings(store.ratings.table(study.name))
    if not len(table):
        raise InputError(f"study {study.name!r} has no answers yet")
    return answers_table(table, study.questions), said
