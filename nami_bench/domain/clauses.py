"""GenEval's clauses (Ghosh, Hajishirzi, Schmidt 2023, arXiv 2310.11513): what a prompt demands of an image.

One strict parser for everybody: what a prompt file may say is what can be drawn and judged.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nami_bench.errors import InputError

GENEVAL_TASKS = ("single_object", "two_object", "counting", "colors", "position", "color_attr")
GENEVAL_COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")
GENEVAL_RELATIONS = ("left of", "right of", "above", "below")
GENEVAL_CLASSES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse",
    "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie",
    "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove",
    "skateboard", "surfboard", "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon",
    "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut",
    "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet", "tv", "laptop",
    "computer mouse", "tv remote", "computer keyboard", "cell phone", "microwave", "oven", "toaster",
    "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""The 80 COCO classes in COCO's order, three of them under the names GenEval gives them."""

CLAUSE_KEYS = ("tag", "include", "exclude")
"""The keys of a metadata line that say what is judged; `prompt` stands beside them."""

_INCLUDE_KEYS = ("class", "count", "color", "position")
_EXCLUDE_KEYS = ("class", "count")


@dataclass(frozen=True, slots=True)
class Clause:
    """One demand on an image. `position` is (relation, index of the include clause it refers to)."""

    class_name: str
    count: int
    color: str | None = None
    position: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Clauses:
    """What a prompt demands: all of `include`, none of `exclude`."""

    tag: str
    include: tuple[Clause, ...]
    exclude: tuple[Clause, ...]

    @property
    def class_names(self) -> frozenset[str]:
        """Every class that the verdict depends on."""
        return frozenset(clause.class_name for clause in self.include + self.exclude)


def has_clauses(metadata: Mapping[str, Any]) -> bool:
    """Whether a prompt's metadata carry anything that GenEval could judge by, well formed or not."""
    return any(metadata.get(key) is not None for key in ("include", "exclude"))


def parse_clauses(metadata: Mapping[str, Any], where: str | None = None) -> Clauses:
    """Read the demands of one line of a GenEval prompt file; keys other than CLAUSE_KEYS are passed over.

    `where` begins every error; by default it names the prompt. A null is a key left out, as in the reference
    implementation. Raises InputError for what GenEval could only misjudge: no clause at all (every image
    would be correct), missing or unknown keys in a clause, a color or relation it has no name for, a count
    below 1, or a position that does not refer to an earlier clause.
    """
    where = where or f"GenEval metadata of {metadata.get('prompt', 'a prompt without text')!r}"
    tag = metadata.get("tag")
    if not isinstance(tag, str) or not tag.strip():
        raise InputError(f"{where}: 'tag' must name the task, got {tag!r}")
    include = _part(metadata, "include", where)
    exclude = _part(metadata, "exclude", where)
    if not include and not exclude:
        raise InputError(f"{where}: there is no include or exclude clause to judge by")
    return Clauses(tag, include, exclude)


def clause_fields(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a metadata line that says what is judged: tag, include and, where there is one, exclude."""
    fields: dict[str, Any] = _without_nulls({key: metadata.get(key) for key in CLAUSE_KEYS})
    return fields


def demand_key(metadata: Mapping[str, Any]) -> str:
    """What an image is asked to show, whatever else the line says: equal for equal tag, include and exclude.

    The order of keys, nulls and further keys make no difference; nothing is checked.
    """
    return json.dumps(clause_fields(metadata), sort_keys=True)


def line_key(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """(prompt, `demand_key`): equal for two lines of one prompt."""
    return str(metadata.get("prompt")), demand_key(metadata)


def _part(metadata: Mapping[str, Any], part: str, where: str) -> tuple[Clause, ...]:
    raw = metadata.get(part)
    if raw is None:
        return ()
    if not isinstance(raw, list | tuple):
        raise InputError(f"{where}: {part!r} must be a list of clauses, got {raw!r}")
    return tuple(_clause(entry, i, part, f"{where}: {part}[{i}]") for i, entry in enumerate(raw))


def _clause(raw: Any, index: int, part: str, where: str) -> Clause:
    if not isinstance(raw, Mapping):
        raise InputError(f"{where} is not an object with 'class' and 'count'")
    known = _INCLUDE_KEYS if part == "include" else _EXCLUDE_KEYS
    unknown = [key for key, value in raw.items() if key not in known and value is not None]
    if unknown:
        raise InputError(
            f"{where}: GenEval has no rule for {unknown[0]!r} here (it knows {', '.join(known)})"
        )
    name, count, color, position = (raw.get(key) for key in _INCLUDE_KEYS)
    if not isinstance(name, str) or not name or name != name.strip():
        raise InputError(f"{where}: 'class' must name an object, without blanks around it, got {name!r}")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise InputError(f"{where}: 'count' must be a whole number from 1, got {count!r}")
    if color is not None and color not in GENEVAL_COLORS:
        raise InputError(f"{where}: color {color!r} is none of {', '.join(GENEVAL_COLORS)}")
    return Clause(name, count, color, None if position is None else _position(position, index, where))


def _position(raw: Any, index: int, where: str) -> tuple[str, int]:
    if not isinstance(raw, list | tuple) or len(raw) != 2 or raw[0] not in GENEVAL_RELATIONS:
        raise InputError(
            f"{where}: 'position' must be [relation, clause] with one of {', '.join(GENEVAL_RELATIONS)}, "
            f"got {raw!r}"
        )
    relation, target = raw
    if not isinstance(target, int) or isinstance(target, bool) or not 0 <= target < index:
        raise InputError(
            f"{where}: 'position' must refer to an earlier clause, and there is no {target!r} there"
        )
    return relation, target


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list | tuple) else value
