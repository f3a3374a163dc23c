"""Where gold items and repetitions stand in an annotator's work.

The work is cut into stretches of `gold_every` (and of `repeat_every`) items; in each stretch, one place
drawn from the study's seed and the annotator's name is planted. So the rate is exact and no place can be
foreseen.
"""

from nami_bench.annotator_app.engine.order import rank
from nami_bench.domain import Checks


def planted_at(seed: int, annotator: str, position: int, checks: Checks) -> tuple[str, ...]:
    """What is to be planted at a position (from 1 on): "gold", "repeat", in the order of preference."""
    rates = (("gold", checks.gold_every), ("repeat", checks.repeat_every))
    return tuple(kind for kind, every in rates if every and _is_place(seed, annotator, position, kind, every))


def _is_place(seed: int, annotator: str, position: int, kind: str, every: int) -> bool:
    stretch, place = divmod(position - 1, every)
    return int.from_bytes(rank(seed, annotator, kind, stretch)) % every == place


def with_planted(items: int, golds: int, checks: Checks) -> int:
    """How long the work is that holds `items` items of the study, `golds` gold items being at hand.

    It depends on nothing that changes when a planted item is done: a total that moved would tell which ones
    they are.
    """
    total = items
    for _ in range(20):
        gold = min(golds, total // checks.gold_every) if checks.gold_every else 0
        repeats = max(0, total - checks.repeat_distance) // checks.repeat_every if checks.repeat_every else 0
        if items + gold + repeats == total:
            break
        total = items + gold + repeats
    return total
