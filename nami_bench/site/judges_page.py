"""The audit: which metric may be trusted with which part of the prompts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nami_bench.domain.english import with_interval
from nami_bench.evaluation.audit.people import people_table
from nami_bench.evaluation.audit.question_results import ALL as ALL_CATEGORIES
from nami_bench.evaluation.audit.question_results import CategoryAudit, QuestionJudgeAudit
from nami_bench.evaluation.audit.results import Estimate
from nami_bench.evaluation.audit.weighted_ranks import spearman_estimate
from nami_bench.evaluation.human.table import IMAGE
from nami_bench.export.accuracy_text import accuracy_notes, accuracy_tables, labels
from nami_bench.export.text import TextTable
from nami_bench.report.tables import audit_tables, correlation_table, shown, table
from nami_bench.site.contents import Section
from nami_bench.site.pages import Site
from nami_bench.site.plots import Plot, agreement_plot, calibration_plot
from nami_bench.site.views import Part

_BINS = 18
_LEAST_IMAGES = 12
"""On fewer images of a part a correlation says next to nothing."""


@dataclass(frozen=True, slots=True)
class Trust:
    """A metric's rank correlation with people over the images of a part, 95 % interval over prompts.

    `word`: "agrees" where the interval leaves zero out on the side of agreement, "disagrees" on the other,
    else "cannot tell".
    """

    spearman: Estimate
    images: int

    @property
    def word(self) -> str:
        """The finding in a word."""
        if self.spearman.value is None or self.spearman.interval is None:
            return "cannot tell"
        low, high = self.spearman.interval
        return "agrees" if low > 0 else "disagrees" if high < 0 else "cannot tell"

    @property
    def text(self) -> str:
        """ "0.62 [0.55, 0.69]"."""
        return shown(self.spearman, 2) or "–"


def judges_page(site: Site, section: Section) -> bytes:
    """The page, UTF-8."""
    audit = section.audit
    trust = _trust(section)
    questions = section.question_audit
    values = {
        "audit": audit,
        "question_audit": questions,
        "parts": [part for part in section.parts if any(part.key in of_metric for _, _, of_metric in trust)],
        "trust": trust,
        "agreement": _agreement(section),
        "correlations": correlation_table(audit) if audit and audit.correlations else None,
        "tables": [*audit_tables(audit)] if audit else [],
        "accuracy": [*accuracy_tables(audit.accuracies)] if audit else [],
        "accuracy_notes": [*accuracy_notes(audit.accuracies)] if audit else [],
        "question_tables": [_judge_table(judge) for judge in questions.judges] if questions else [],
        "plots": [*_plots(section), *_curves(section)],
        "verdicts": section.verdicts.there,
        "notes": [*(audit.notes if audit else ()), *(questions.notes if questions else ()), *section.remarks],
    }
    return site.render(section, "judges", site.address(section, "judges"), **values)


def _scored(section: Section) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """(metric, instrument, table) of every metric that has a value for images: people's beside its own."""
    study = section.study
    if section.audit is None or study is None or section.ratings is None:
        return
    people = people_table(section.ratings, study.criterion(section.audit.criterion))
    columns: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for score in section.scores:
        if score.value is not None:
            row = (score.model, score.prompt_id, score.sample, score.upward)
            columns.setdefault((score.metric, score.instrument), []).append(row)
    for (metric, instrument), rows in sorted(columns.items()):
        own = pd.DataFrame(rows, columns=[*IMAGE, "value"]).astype({"model": str, "prompt_id": str})
        both = people.merge(own, on=list(IMAGE))
        if len(both):
            yield metric, instrument, both


def _trust(section: Section) -> Sequence[tuple[str, str, Mapping[str, Trust]]]:
    """(metric, instrument, by part) of every metric."""
    found = []
    for metric, instrument, both in _scored(section):
        of_parts = {}
        for part in section.parts:
            trust = _on_part(both, part)
            if trust is not None:
                of_parts[part.key] = trust
        if of_parts:
            found.append((metric, instrument, of_parts))
    return found


def _on_part(both: pd.DataFrame, part: Part) -> Trust | None:
    rows = both[both["prompt_id"].isin(part.prompts)]
    if len(rows) < _LEAST_IMAGES:
        return None
    clusters = np.unique(rows["prompt_id"].to_numpy(dtype=str), return_inverse=True)[1]
    value, people = (rows[name].to_numpy(dtype=np.float64) for name in ("value", "people"))
    return Trust(spearman_estimate(value, people, clusters), len(rows))


def _agreement(section: Section) -> TextTable | None:
    """How far people agree with each other, which is about the most that a metric can agree with them."""
    if not section.agreement:
        return None
    rows = []
    for one in section.agreement:
        alpha, icc = one.alpha, one.icc.get("ICC(1,1)")
        single = None if icc is None else with_interval(icc.value, icc.low, icc.high, 2)
        rows.append(
            (one.criterion, with_interval(alpha.alpha, alpha.low, alpha.high, 2), single, str(alpha.units))
        )
    title = "How far people agree with each other"
    return table(title, ("criterion", "Krippendorff's alpha (interval)", "ICC(1,1)", "images"), rows)


def _judge_table(judge: QuestionJudgeAudit) -> TextTable:
    columns = ("category", "questions", "sensitivity, %", "specificity, %", "kappa", "calibration", "Brier")
    rows = [_category(one) for one in (*judge.categories, judge.overall)]
    return table(f"{judge.metric}: {judge.instrument}", columns, rows)


def _category(one: CategoryAudit) -> tuple[str | None, ...]:
    return (
        "all" if one.category == ALL_CATEGORIES else one.category or "(none)",
        str(one.questions),
        shown(one.sensitivity, 1, 100),
        shown(one.specificity, 1, 100),
        shown(one.kappa, 2),
        shown(one.calibration, 3),
        shown(one.brier, 3),
    )


def _plots(section: Section) -> Iterator[Plot]:
    """Of each metric how images fall by it and by people; not of one that only says right or wrong."""
    for metric, _, both in _scored(section):
        value, people = both["value"].to_numpy(dtype=float), both["people"].to_numpy(dtype=float)
        if len(np.unique(value)) < 5:
            continue
        counts, across, up = np.histogram2d(value, people, bins=_BINS)
        bins = [
            (across[i], across[i + 1], up[j], up[j + 1], int(counts[i, j])) for i, j in np.argwhere(counts)
        ]
        assert section.audit is not None  # else nothing is beside people
        yield agreement_plot(
            [(float(a), float(b), float(c), float(d), n) for a, b, c, d, n in bins],
            metric,
            f"people's {section.audit.criterion}",
        )


def _curves(section: Section) -> Iterator[Plot]:
    """Of each metric how often people prefer the image with the higher score, by how much higher it is."""
    found = section.audit.accuracies if section.audit else ()
    for name, metric in zip(labels(found), found, strict=True):
        points = [
            ((bin_.low + bin_.high) / 2, bin_.agreement.value, bin_.agreement.interval, bin_.expected)
            for bin_ in metric.calibration
            if bin_.agreement.value is not None
        ]
        if len(points) > 1:
            yield calibration_plot(points, name)
