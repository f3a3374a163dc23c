"""What a workspace says of a study's annotators: their planted items, and whose judgements do not count."""

from collections.abc import Iterable, Mapping

from nami_bench.domain import Criterion, Mode
from nami_bench.evaluation.leaderboard.checks import AnnotatorChecks, repeats_by_annotator
from nami_bench.evaluation.leaderboard.left_out import LeftOut
from nami_bench.pipeline.raters import raters_who_said
from nami_bench.store import Store


def annotator_checks(store: Store, study: str, criteria: Iterable[Criterion]) -> tuple[AnnotatorChecks, ...]:
    """Of every annotator who took part in a study; raises UnknownNameError for the study."""
    repeats = repeats_by_annotator(store.oversight.check_answers(study), criteria)
    return tuple(
        AnnotatorChecks(
            member.name,
            member.gold_seen,
            member.gold_passed,
            repeats.get(member.name),
            member.paused,
            member.excluded,
        )
        for member in store.oversight.members(study)
        if member.came
    )


def repeat_differences(store: Store, study: str, criteria: Iterable[Criterion]) -> dict[str, float | None]:
    """`AnnotatorChecks.repeat_difference` of those who answered an item again."""
    found = repeats_by_annotator(store.oversight.check_answers(study), criteria)
    return {name: round(repeats.difference, 2) for name, repeats in found.items()}


def left_out(
    store: Store, study: str, names: Iterable[str] = (), raters: Mapping[str, str] | None = None
) -> LeftOut:
    """Whose judgements of a study do not count: `names`, those whom the store excludes, and with `raters` all
    who did not say so of themselves (see `raters_who_said`)."""
    names = tuple(dict.fromkeys(names))
    others: set[str] = set()
    if names and store.studies.get(study).mode == Mode.PAIRWISE:
        others = {one.annotator for one in store.comparisons.all(study)}
    elif names and store.studies.get(study).is_ranked:
        others = {one.annotator for one in store.rankings.all(study)}
    only = raters_who_said(store, study, raters) if raters else None
    why = " and ".join(f"{name}={value}" for name, value in (raters or {}).items())
    return LeftOut(
        names,
        store.exclusions.values(study),
        tuple(sorted(others)),
        only,
        why,
        set_aside=store.pool.count_set_aside(study),
        decided=store.adjudications.count(study),
    )
