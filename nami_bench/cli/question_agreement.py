"""`nami-bench agreement` of answers to questions."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.cli.common import echo, open_bench, print_json, print_table, write_or_print

if TYPE_CHECKING:
    import pandas as pd


def answers_of(
    study: str | None, file: Path | None, without: Sequence[str]
) -> "tuple[pd.DataFrame, Sequence[str]] | None":
    """The answers of a file, else of a study in the workspace, and who is left out; None: there are ratings,
    or nothing."""
    from nami_bench.evaluation.leaderboard.left_out import LeftOut
    from nami_bench.export.answers_file import read_answers
    from nami_bench.export.ratings_source import holds_answers, judgements_file, of_study
    from nami_bench.pipeline.question_answers import study_answers

    if file is None:
        with open_bench() as bench:
            return study_answers(bench.store, study, without)
    file = judgements_file(file)
    if not holds_answers(file):
        return None
    table = read_answers(file)
    return LeftOut(tuple(without)).ratings(table if study is None else of_study(table, study))


def show_question_agreement(
    answers: "tuple[pd.DataFrame, Sequence[str]]",
    by_model: bool,
    replicates: int,
    seed: int,
    csv_file: Path | None,
    as_json: bool,
) -> None:
    """Measure it; print a table or JSON, and write the CSV where one is asked for."""
    from nami_bench.evaluation.human.question_agreement import question_agreement
    from nami_bench.export.question_text import agreement_csv, agreement_notes, agreement_table

    table, left_out = answers
    found = question_agreement(table, by_model=by_model, replicates=replicates, seed=seed)
    if csv_file is not None:
        write_or_print(csv_file, agreement_csv(found))
    if as_json:
        print_json({"agreement": [one.to_json() for one in found], "left_out": list(left_out)})
        return
    shown = agreement_table(found)
    print_table(shown.columns, shown.rows, shown.title, shown.numeric, shown.whole)
    for note in (*left_out, *agreement_notes(table)):
        echo(f"- {note}")
