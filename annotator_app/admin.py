"""What the administrator's page shows: progress, agreement, time, checks, flags, events."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from nami_bench.domain import CheckAnswer, Mode, Study
from nami_bench.leaderboard.spreadsheet import csv_table
from nami_bench.store import ItemProgress, Store, progress_of

SHOWN = 200
"""So many of the latest flags and events are shown."""

REPLICATES = 200
"""Of the bootstrap for agreement: the page must not wait."""


def overview(store: Store, study_name: str | None) -> dict[str, Any]:
    """Everything on the administrator's page about one study (None: the newest), as JSON values."""
    from nami_bench.leaderboard.checks import annotator_checks

    studies = store.studies()
    study = store.study(study_name) if study_name else studies[-1]
    cells = store.item_progress(study.name)
    done, total = progress_of(study, cells)
    checks = {check.annotator: check for check in annotator_checks(store, study.name, study.criteria)}
    return {
        "studies": [one.name for one in studies],
        "study": {
            "name": study.name,
            "mode": study.mode,
            "overlap": study.overlap,
            "opens": study.opens and study.opens.isoformat(),
            "closes": study.closes and study.closes.isoformat(),
            "live_leaderboard": study.live_leaderboard,
        },
        "progress": {"done": done, "total": total},
        "by_stratum": _sums(cells, "stratum", lambda cell: (cell.stratum,)),
        "by_model": _sums(cells, "model", lambda cell: cell.models),
        "annotators": [
            {**asdict(member), "repeat_difference": checks[member.name].repeat_difference}
            for member in store.member_reports(study.name)
        ],
        "agreement": agreement_so_far(store, study),
        "flags": [_flag(flag) for flag in store.flags(study.name, SHOWN)],
        "events": [
            {"at": e.at.isoformat(), "kind": e.kind, "annotator": e.annotator, "text": e.text}
            for e in store.events(study.name, SHOWN)
        ],
    }


def judgements_csv(store: Store, study_name: str) -> bytes:
    """A study's ratings or comparisons in force, as `nami-bench ratings export` writes them."""
    from nami_bench.leaderboard.dataset_folder import csv_of, study_content

    return csv_of(study_content(store, store.study(study_name)))


def leaderboard_page(store: Store, study_name: str) -> str:
    """A study's leaderboard as it stands, a complete HTML document."""
    from nami_bench.leaderboard.from_store import leaderboard_from_store
    from nami_bench.leaderboard.html import leaderboard_html

    return leaderboard_html(leaderboard_from_store(store, study=study_name)).decode()


def agreement_so_far(store: Store, study: Study) -> list[dict[str, Any]]:
    """Krippendorff's alpha of each criterion: interval for ratings, nominal for verdicts on pairs."""
    import numpy as np
    import pandas as pd

    from evaluation.human.agreement import krippendorff_alpha

    rows: list[tuple[str, str, Any]]
    if study.mode == Mode.PAIRWISE:
        rows = [
            # Two ways round are one unit, and one verdict: who won, not on which side.
            (f"{min(c.left, c.right)} {max(c.left, c.right)} {c.prompt_id} {c.sample}", c.criterion,
             c.winner or c.outcome)
            for c in store.comparisons(study.name)
        ]  # fmt: skip
    else:
        rows = [
            (f"{r.model} {r.prompt_id} {r.sample}", r.criterion, r.value) for r in store.ratings(study.name)
        ]
    table = pd.DataFrame(rows, columns=["unit", "criterion", "value"]).dropna()
    found = []
    for criterion in study.criteria:
        own = table[table["criterion"] == criterion.name]
        values = pd.factorize(own["value"])[0] if study.mode == Mode.PAIRWISE else own["value"]
        alpha = krippendorff_alpha(
            pd.factorize(own["unit"])[0],
            np.asarray(values, dtype=float),
            "nominal" if study.mode == Mode.PAIRWISE else "interval",
            replicates=REPLICATES,
        )
        found.append(
            {
                "criterion": criterion.name,
                "alpha": alpha.alpha,
                "low": alpha.low,
                "high": alpha.high,
                "items": alpha.units,
                "note": "; ".join(alpha.notes),
            }
        )
    return found


CHECK_COLUMNS = (
    "study", "annotator", "kind", "prompt_id", "sample", "models", "criterion", "value", "reason",
    "expected", "passed", "revision", "in_force", "duration_ms", "created_at",
)  # fmt: skip


def check_answers_csv(answers: Sequence[CheckAnswer]) -> bytes:
    """Answers to planted items as CSV, one line for each criterion; its columns are `CHECK_COLUMNS`."""
    return csv_table(CHECK_COLUMNS, (row for answer in answers for row in _check_rows(answer)))


def _check_rows(answer: CheckAnswer) -> Iterator[tuple[Any, ...]]:
    for name in (*answer.values, *answer.reasons):
        expected = answer.expected.get(name)
        yield (
            answer.study,
            answer.annotator,
            answer.kind,
            answer.prompt_id,
            answer.sample,
            " ".join(answer.models),
            name,
            answer.values.get(name),
            answer.reasons.get(name),
            expected if expected is None or isinstance(expected, str) else json.dumps(expected),
            answer.passed,
            answer.revision,
            answer.in_force,
            answer.duration_ms,
            answer.created_at.isoformat(),
        )


def _sums(cells: Sequence[ItemProgress], key: str, groups: Any) -> list[dict[str, Any]]:
    done: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for cell in cells:
        for group in groups(cell):
            done[group] += cell.done
            total[group] += cell.total
    return [{key: group, "done": done[group], "total": total[group]} for group in sorted(total)]


def _flag(flag: Any) -> dict[str, Any]:
    return {
        "annotator": flag.annotator,
        "model": " : ".join(flag.models),
        "prompt_id": flag.prompt_id,
        "sample": flag.sample,
        "prompt": flag.prompt,
        "flag": flag.flag,
        "comment": flag.comment,
        "at": flag.at.isoformat(),
    }
