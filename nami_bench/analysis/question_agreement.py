"""What `nami_bench.agreement` says of answers to questions."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from nami_bench.analysis.shown import Shown
from nami_bench.evaluation.human.question_agreement import QuestionAgreement
from nami_bench.export.html import tables_fragment
from nami_bench.export.question_text import agreement_csv, agreement_notes, agreement_rows, agreement_table
from nami_bench.export.text import TextTable


@dataclass(frozen=True, repr=False, eq=False)
class QuestionAgreementResult(Shown):
    """How far people agree in their answers to questions.

    `categories`: one for all questions, then one for each category, and the same by model where asked for;
    each has `model`, `category`, `alpha` (with `alpha`, `low`, `high`, `units`) and counts of answers.
    `answers`: those that count. `left_out` says whose do not.
    """

    categories: tuple[QuestionAgreement, ...]
    answers: pd.DataFrame
    left_out: tuple[str, ...]

    @property
    def heading(self) -> str:
        """The studies."""
        return f"Agreement: study {', '.join(sorted(map(str, self.answers['study'].unique())))}"

    @property
    def tables(self) -> tuple[TextTable, ...]:
        """One, a row for each of `categories`."""
        return (agreement_table(self.categories),)

    @property
    def notes(self) -> tuple[str, ...]:
        """Who is left out, and how to read the numbers."""
        return (*self.left_out, *agreement_notes(self.answers))

    def to_frame(self) -> pd.DataFrame:
        """A row for each category, in the columns of the CSV file, unrounded."""
        return pd.DataFrame(agreement_rows(self.categories))

    def to_html(self) -> str:
        """A part of a page: the table and the notes."""
        return tables_fragment(self.heading, self.tables, self.notes)

    def to_json(self) -> dict[str, Any]:
        """The document that the command prints with `--json`, as plain values."""
        return {"agreement": [one.to_json() for one in self.categories], "left_out": list(self.left_out)}

    def to_csv(self) -> str:
        """The CSV file's text."""
        return agreement_csv(self.categories).decode()
