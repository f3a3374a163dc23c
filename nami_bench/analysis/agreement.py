"""`nami_bench.agreement`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pandas as pd

from nami_bench.analysis.question_agreement import QuestionAgreementResult
from nami_bench.analysis.shown import Shown
from nami_bench.analysis.sources import (
    CriteriaLike,
    Judgements,
    Names,
    Place,
    check_least,
    named,
    opened,
    ratings_of,
    refuse_raters,
    source_of,
)
from nami_bench.domain import Criterion
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.agreement import Level
from nami_bench.evaluation.human.question_agreement import question_agreement
from nami_bench.evaluation.leaderboard.agreement import (
    Agreement,
    AnnotatorWork,
    ModelAgreement,
    measure_agreement,
)
from nami_bench.evaluation.leaderboard.checks import AnnotatorChecks
from nami_bench.evaluation.leaderboard.coefficients import CriterionAgreement
from nami_bench.evaluation.leaderboard.left_out import LeftOut
from nami_bench.export.agreement_text import COLUMNS, agreement_csv, agreement_notes, agreement_tables
from nami_bench.export.html import tables_fragment
from nami_bench.export.ratings_source import load_answers, of_study
from nami_bench.export.text import TextTable
from nami_bench.pipeline.early_end import unselected_ratings
from nami_bench.pipeline.question_answers import study_answers
from nami_bench.pipeline.screening import annotator_checks, left_out


@dataclass(frozen=True, repr=False)
class AgreementResult(Shown):
    """How far annotators agree, by criterion; `agreement` holds everything as plain values."""

    agreement: Agreement

    @property
    def criteria(self) -> tuple[CriterionAgreement, ...]:
        """Of each criterion: `alpha` (its `alpha`, `low`, `high`, `units`), `kappa`, and `icc` by form."""
        return self.agreement.criteria

    @property
    def models(self) -> tuple[ModelAgreement, ...]:
        """The same on each model's images; none unless asked for."""
        return self.agreement.models

    @property
    def annotators(self) -> tuple[AnnotatorWork, ...]:
        """Of each annotator: what they did, and correlation, severity and spread beside the others."""
        return self.agreement.annotators

    @property
    def heading(self) -> str:
        """The study."""
        return f"Agreement: study {self.agreement.study}"

    @property
    def tables(self) -> tuple[TextTable, ...]:
        """By criterion, by model where asked for, then annotators, and what hangs on each of them."""
        return tuple(agreement_tables(self.agreement))

    @property
    def notes(self) -> tuple[str, ...]:
        """How to read the numbers, and what they rest on."""
        return tuple(agreement_notes(self.agreement))

    def to_frame(self) -> pd.DataFrame:
        """A row for each number: criterion, model, annotator, statistic, value, low, high, n, level.

        `model` and `annotator` are empty where the number is of all of them, `level` where it is no alpha.
        """
        return pd.DataFrame(list(self.agreement.rows()), columns=list(COLUMNS))

    def to_html(self) -> str:
        """A part of a page: agreement by criterion and the notes; the other tables are folded."""
        return tables_fragment(self.heading, self.tables, self.notes)

    def to_json(self) -> dict[str, Any]:
        """The document that the command prints with `--json`, as plain values."""
        return self.agreement.to_json()

    def to_csv(self) -> str:
        """The CSV file's text."""
        return agreement_csv(self.agreement).decode()


def agreement(
    ratings: Judgements | None = None,
    *,
    study: str | None = None,
    workspace: Place | None = None,
    criteria: CriteriaLike | None = None,
    scale: Names = (),
    without: Names = (),
    raters: Mapping[str, str] | None = None,
    level: Level = "interval",
    by: Literal["model"] | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> AgreementResult | QuestionAgreementResult:
    """How far annotators agree, as `nami-bench agreement` computes it.

    Krippendorff's alpha, Fleiss' kappa and intraclass correlations by criterion, each annotator beside the
    others, and what hangs on each of them. Of answers to questions: alpha, always nominal, by category.

    `ratings`, `study`, `workspace`, `criteria`, `scale`, `without` and `raters` are those of
    `nami_bench.leaderboard`. Answers to questions have the columns study, annotator, model, prompt_id,
    sample, question, answer (yes, no, cannot tell, not asked), and optionally text, category, duration_ms,
    created_at.

    `level` of measurement, for alpha: what may be compared of two values. `by` "model": also on each model's
    images alone. `replicates` (50 or more) and `seed`: of the resampled images that intervals come from.

    Raises InputError for bad input, with the row or line, and UnknownNameError, which is one, for a name that
    nothing answers to.
    """
    if level not in get_args(Level):
        raise UnknownNameError("level", level, get_args(Level))
    if by not in (None, "model"):
        raise UnknownNameError("kind", str(by), ["model"])
    check_least("replicates", replicates, 50)
    check_least("seed", seed, 0)
    drawn: dict[str, Any] = {"by_model": by is not None, "replicates": replicates, "seed": seed}
    if ratings is not None:
        refuse_raters(raters)
    answers = _answers(ratings, study, workspace, named(without))
    if answers is not None:
        if raters:
            raise InputError("--raters is of ratings and pairs: these are answers to questions")
        if criteria is not None or scale:
            raise InputError("--criteria and --scale belong to ratings: these are answers to questions")
        return QuestionAgreementResult(question_agreement(answers[0], **drawn), *answers)
    table, chosen = ratings_of(ratings, study, criteria, scale, workspace)
    gone, checks = _left_out(table, chosen, named(without), raters, workspace, in_store=ratings is None)
    table, notes = _unselected(table, workspace) if ratings is None else (table, ())
    table, said = gone.ratings(table)
    said = (*notes, *said)
    found = measure_agreement(table, chosen, level=level, checks=gone.checks(checks), left_out=said, **drawn)
    return AgreementResult(found)


def _answers(
    ratings: Judgements | None, study: str | None, workspace: Place | None, without: tuple[str, ...]
) -> tuple[pd.DataFrame, tuple[str, ...]] | None:
    """The answers that count, and who is left out; None: there are ratings, or nothing."""
    if ratings is None:
        with opened(workspace) as store:
            found = study_answers(store, study, without)
        return None if found is None else (found[0], tuple(found[1]))
    table = load_answers(source_of(ratings, workspace))
    if table is None:
        return None
    return LeftOut(without).ratings(table if study is None else of_study(table, study))


def _unselected(table: pd.DataFrame, workspace: Place | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The ratings of a study of the workspace on which agreement may rest, and what must be said."""
    with opened(workspace) as store:
        return unselected_ratings(store, store.studies.get(str(table["study"].iloc[0])), table)


def _left_out(
    table: pd.DataFrame,
    criteria: tuple[Criterion, ...],
    without: tuple[str, ...],
    raters: Mapping[str, str] | None,
    workspace: Place | None,
    *,
    in_store: bool,
) -> tuple[LeftOut, tuple[AnnotatorChecks, ...]]:
    """Who does not count, and what the workspace knows of everybody's planted items."""
    if not in_store:
        return LeftOut(without), ()
    study = str(table["study"].iloc[0])
    with opened(workspace) as store:
        return left_out(store, study, without, raters), annotator_checks(store, study, criteria)
