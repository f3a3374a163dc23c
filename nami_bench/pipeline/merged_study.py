"""Two workspaces' work on one study, put together in one of them."""

from typing import TYPE_CHECKING

from nami_bench.domain import Criterion, Study
from nami_bench.errors import InputError

if TYPE_CHECKING:
    from nami_bench.store import Merged, Naming, Store

_SAME = ("mode", "total", "control", "questions_sha256")


def merge_study(
    store: "Store",
    other: "Store",
    study: str,
    naming: "Naming",
    *,
    replace: bool = False,
    dry_run: bool = False,
) -> "Merged":
    """Take over into `store` what was done in `other` on the study of that name: all of it, or nothing.

    Both must ask the same about the same images; overlap, texts, hours and checks may differ. See
    `Work.merge`. Raises UnknownNameError for a study that one of them does not have, InputError where
    they are not the same study.
    """
    ours, work = store.studies.get(study), other.work.of(study)
    if store.catalog.prompt_set_hashes()[ours.prompt_set] != work.prompt_set_sha256:
        raise InputError(f"study {study!r} is about other prompts there than here: nothing was merged")
    _check_same(ours, work.study)
    return store.work.merge(work, naming, replace=replace, dry_run=dry_run)


def _check_same(ours: Study, theirs: Study) -> None:
    for name in _SAME:
        if getattr(ours, name) != getattr(theirs, name):
            raise InputError(
                f"study {ours.name!r} has another {name} there ({getattr(theirs, name)}) than here "
                f"({getattr(ours, name)}): nothing was merged"
            )
    here, there = ([_scale(c) for c in study.criteria] for study in (ours, theirs))
    if here != there:
        raise InputError(
            f"study {ours.name!r} has other criteria, scales or weights there than here: nothing was merged"
        )


def _scale(criterion: Criterion) -> tuple[object, ...]:
    return (criterion.name, criterion.weight, criterion.minimum, criterion.maximum)
