"""The calibration block: the items of a study that everybody judges."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from nami_bench.store.annotation_tables import STUDY_KIND, ItemRow
from nami_bench.store.item_images import groups_of, other_model, shown_models, with_images
from nami_bench.store.tables import ImageRow, ModelRow, PromptRow, StudyRow


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item that may come into the block; `models` are those that it shows. `name` is the same in every
    database that holds the study."""

    id: int
    stratum: str
    models: tuple[str, ...]
    name: str
    chosen: bool = False


def fill_block(session: Session, row: StudyRow, size: int, seed: int) -> int:
    """Let the block hold `size` items, if there are so many; how many came in.

    None leaves it: an item that is withdrawn is asked about again when its image is back.
    """
    if not size:
        return 0
    new = [item.id for item in choose(_candidates(session, row.id), size, seed)]
    if new:
        session.execute(
            update(ItemRow)
            .where(ItemRow.id.in_(new))
            .values(calibration=True)
            .execution_options(synchronize_session=False)
        )
        row.version += 1  # workers forget what they know of the items
    return len(new)


def choose(candidates: Iterable[Candidate], size: int, seed: int) -> list[Candidate]:
    """Those that a block still needs to hold `size`, with what was chosen before.

    Each next one is of the stratum that has the smallest share of its items in the block, as an annotator's
    own work is shared out; there of the models that are in it least, in the stratum and then in all; which of
    their items it is follows from the seed and the item's name.
    """
    waiting: dict[tuple[str, tuple[str, ...]], list[Candidate]] = defaultdict(list)
    sizes: Counter[str] = Counter()
    taken = _Taken()
    for one in candidates:
        sizes[one.stratum] += 1
        if one.chosen:
            taken.add(one)
        else:
            waiting[one.stratum, one.models].append(one)
    for items in waiting.values():
        items.sort(key=lambda one: _lot(seed, one.name))
    return list(_in_turn(waiting, sizes, taken, size - taken.count, seed))


class _Taken:
    """How many of the block are of each stratum, of models in a stratum, and of a model."""

    def __init__(self) -> None:
        self.count = 0
        self.of_stratum: Counter[str] = Counter()
        self.of_cell: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.of_model: Counter[str] = Counter()

    def add(self, one: Candidate) -> None:
        self.count += 1
        self.of_stratum[one.stratum] += 1
        self.of_cell[one.stratum, one.models] += 1
        self.of_model.update(one.models)


def _in_turn(
    waiting: dict[tuple[str, tuple[str, ...]], list[Candidate]],
    sizes: Counter[str],
    taken: _Taken,
    count: int,
    seed: int,
) -> Iterator[Candidate]:
    def turn(cell: tuple[str, tuple[str, ...]]) -> tuple[float, int, int, bytes]:
        stratum, models = cell
        share = taken.of_stratum[stratum] / sizes[stratum]
        in_all = sum(taken.of_model[model] for model in models)
        return share, taken.of_cell[cell], in_all, _lot(seed, f"{stratum}\n{models}\n{taken.of_cell[cell]}")

    for _ in range(count):
        left = [cell for cell, items in waiting.items() if items]
        if not left:
            return
        chosen = waiting[min(left, key=turn)].pop(0)
        taken.add(chosen)
        yield chosen


def _lot(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed}\ncalibration\n{text}".encode()).digest()


def _candidates(session: Session, study_id: int) -> Iterator[Candidate]:
    query = (
        with_images(
            select(
                ItemRow.id,
                ItemRow.cell,
                ModelRow.name,
                other_model.name,
                PromptRow.prompt_id,
                ImageRow.sample,
                ItemRow.calibration,
            )
        )
        .where(
            ItemRow.study_id == study_id,
            ItemRow.kind == STUDY_KIND,
            ItemRow.withdrawn_at.is_(None) | ItemRow.calibration,
            ItemRow.stopped_at.is_(None),
        )
        .order_by(ItemRow.id)
    )
    rows = session.execute(query).all()
    groups = groups_of(session, ItemRow.study_id == study_id)
    for item, cell, first, second, prompt_id, sample, chosen in rows:
        models = tuple(sorted(shown_models(groups, item, first, second)))
        stratum = cell.partition(":")[2]
        yield Candidate(item, stratum, models, "\n".join((*models, prompt_id, str(sample))), chosen)
