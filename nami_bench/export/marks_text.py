"""Agreement on marks as tables of text cells."""

from collections.abc import Iterator

from nami_bench.domain.english import with_interval
from nami_bench.evaluation.human.mark_agreement import MarkAgreement, Ratio
from nami_bench.export.text import TextTable

_KIND = ("F1", "by chance", "presence (alpha)", "marked", "images", "pairs", "marks")
_WORDS = ("alpha (nominal)", "marked", "images", "words")


def mark_tables(found: MarkAgreement) -> Iterator[TextTable]:
    """By kind of mark, and on words where they were asked for."""
    if found.kinds:
        rows = [
            (
                one.kind,
                _ratio(one.f1),
                _number(one.chance),
                _ratio(one.presence),
                f"{one.marked:.0%}",
                str(one.images),
                str(one.pairs),
                str(one.marks),
            )
            for one in found.kinds
        ]
        yield TextTable("Marks", ("kind", *_KIND), tuple(rows), frozenset(_KIND), frozenset({"kind"}))
    if found.words is not None:
        one = found.words
        row = (_ratio(one.alpha), f"{one.marked:.1%}", str(one.images), str(one.words))
        yield TextTable("Words", _WORDS, (row,), frozenset(_WORDS), frozenset())


def mark_notes(found: MarkAgreement) -> Iterator[str]:
    """How to read the numbers."""
    yield (
        "F1: of the marks of each two people on an image, the share that lie together, each mark paired with "
        "one at most; points within a tenth of the image's height, boxes from an intersection over union of "
        "0.5 on. By chance: the same of marks on different images."
    )
    yield (
        "Presence: Krippendorff's alpha (nominal) of whether an image has such a mark. Marked: the share of "
        "looks at an image that left one, or of words that were marked. Images are those that two people or "
        "more looked at."
    )
    if found.replicates:
        yield f"Intervals are {found.confidence:.0%}, by resampling images with all that was marked on them."


def _ratio(ratio: Ratio) -> str:
    return with_interval(ratio.value, ratio.low, ratio.high, 3) or "–"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:z.3f}"
