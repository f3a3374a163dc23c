"""Marks of images as JSON lines: one for each region, and one for each look at an image, with its words.

    {"study": "pilot", "image": "model/0007/0", "annotator": "ada",
     "kind": "artifact", "x": 0.412, "y": 0.733}
    {"study": "pilot", "image": "model/0007/0", "annotator": "ada",
     "words": [{"start": 12, "end": 19, "text": "red hat"}], "created_at": "2026-11-30T09:00:00+00:00"}

`image` is model/prompt id/sample. Places are shares of the image's own width and height, (0, 0) at the top
left; a box has `w` and `h`, too. Words are [start, end) in code points of the prompt, with the text for
checking. Whoever looked and marked nothing has a line with no words. In pairs `beside` is the model of the
other image.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from nami_bench.domain import Marks, Region
from nami_bench.domain.marking import Span, covered_words, phrases
from nami_bench.errors import InputError, StorageError

Look = tuple[str, str, str, str | None]
"""Study, annotator, image, model beside it."""

Prompts = Mapping[str, str]
"""Texts by prompt id."""

_NAMES = ("study", "annotator", "image", "beside")
_KNOWN = {*_NAMES, "kind", "x", "y", "w", "h", "words", "created_at"}


def marks_jsonl(marks: Iterable[Marks], prompts: Prompts) -> bytes:
    """A file that `read_marks` takes, UTF-8; `prompts` are those of the study's images."""
    lines = [json.dumps(line, ensure_ascii=False) for one in marks for line in _lines(one, prompts)]
    return "".join(f"{line}\n" for line in lines).encode()


def _lines(one: Marks, prompts: Prompts) -> Iterator[dict[str, Any]]:
    prompt = prompts[one.prompt_id]
    about = {"study": one.study, "image": "/".join(map(str, one.image)), "annotator": one.annotator}
    if one.beside is not None:
        about["beside"] = one.beside
    for region in one.regions:
        box = {} if region.w is None else {"w": region.w, "h": region.h}
        yield {**about, "kind": region.kind, "x": region.x, "y": region.y, **box}
    words = [{"start": a, "end": b, "text": prompt[a:b]} for a, b in phrases(prompt, one.words)]
    at = {} if one.created_at is None else {"created_at": one.created_at.isoformat()}
    yield {**about, "words": words, **at}


def read_marks(path: Path, prompts: Prompts) -> list[Marks]:
    """The looks of a file, each with its regions and words; lines of one look may stand apart.

    Raises InputError, which names the line, for anything that is not as it should be.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: {error}") from error
    regions: dict[Look, list[Region]] = {}
    words: dict[Look, tuple[Span, ...]] = {}
    times: dict[Look, datetime | None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
            look = _look(raw)
            own = regions.setdefault(look, [])
            if "words" in raw:
                if look in words:
                    raise ValueError("this look at the image has a line of words already")
                words[look], times[look] = _words(raw["words"], prompts, look), _time(raw.get("created_at"))
            else:
                own.append(_region(raw))
        except (ValueError, TypeError, InputError) as error:
            raise InputError(f"{path}: line {number}: {error}") from error
    return [_marks(look, tuple(own), words.get(look, ()), times.get(look)) for look, own in regions.items()]


def _look(raw: Any) -> Look:
    if not isinstance(raw, dict):
        raise ValueError("is no JSON object")
    if unknown := sorted(raw.keys() - _KNOWN):
        raise ValueError(f"unknown key {unknown[0]!r}")
    for name in _NAMES:
        if not isinstance(raw.get(name), str) and (name != "beside" or raw.get(name) is not None):
            raise ValueError(f"{name} is missing or no text")
    if raw["image"].count("/") != 2 or not raw["image"].rpartition("/")[2].isdecimal():
        raise ValueError(f"image {raw['image']!r} is not model/prompt id/sample")
    return raw["study"], raw["annotator"], raw["image"], raw.get("beside")


def _region(raw: Mapping[str, Any]) -> Region:
    numbers = {name: raw.get(name) for name in ("x", "y", "w", "h")}
    for name, value in numbers.items():
        if value is None and name in "xy":
            raise ValueError(f"{name} is missing")
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(f"{name} is no number")
    if not isinstance(raw.get("kind"), str):
        raise ValueError("kind is missing or no text")
    return Region(raw["kind"], **{n: None if v is None else float(v) for n, v in numbers.items()})  # type: ignore[arg-type]


def _words(raw: Any, prompts: Prompts, look: Look) -> tuple[Span, ...]:
    if not isinstance(raw, list):
        raise ValueError("words is no list")
    prompt_id = look[2].split("/")[1]
    if prompt_id not in prompts:
        raise ValueError(f"prompt {prompt_id!r} is none of the study's")
    prompt, spans = prompts[prompt_id], []
    for one in raw:
        try:
            start, end, text = one["start"], one["end"], one.get("text")
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("a word needs start and end") from error
        if not (type(start) is type(end) is int and 0 <= start < end <= len(prompt)):
            raise ValueError(f"{start} to {end} is no part of the prompt, which has {len(prompt)} characters")
        if text is not None and prompt[start:end] != text:
            raise ValueError(f"the prompt has {prompt[start:end]!r} from {start} to {end}, not {text!r}")
        spans.append((start, end))
    return covered_words(prompt, spans)


def _time(raw: Any) -> datetime | None:
    if raw is None:
        return None
    at = datetime.fromisoformat(raw)
    if at.tzinfo is None:
        raise ValueError("created_at needs a time zone")
    return at


def _marks(look: Look, regions: tuple[Region, ...], words: tuple[Span, ...], at: datetime | None) -> Marks:
    study, annotator, image, beside = look
    model, prompt_id, sample = image.split("/")
    return Marks(study, annotator, model, prompt_id, int(sample), regions, words, beside, at)
