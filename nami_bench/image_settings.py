"""What recorded images were made with, and whether it is one thing: the settings that generators describe."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nami_bench.domain import ImageRecord, ImageState

Settings = Mapping[str, Any]
"""What `Generator.describe` gave, as JSON holds it."""

_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class UsedSettings:
    """Settings, and how many images and refusals they gave."""

    settings: Settings
    images: int

    @property
    def sha256(self) -> str:
        """Identity of the settings, hex."""
        return settings_sha256(self.settings)


def settings_sha256(settings: Settings) -> str:
    """SHA-256 of the settings' canonical JSON, hex."""
    return hashlib.sha256(_canonical(settings).encode()).hexdigest()


def used_settings(records: Iterable[ImageRecord]) -> list[UsedSettings]:
    """Every settings that the records name, the most used first; failures are no images and do not count."""
    counts: Counter[str] = Counter()
    texts: dict[int, tuple[Settings, str]] = {}  # the store gives images that share them one object
    for record in records:
        settings = record.provenance.get("settings")
        if record.state is not ImageState.FAILED and isinstance(settings, Mapping):
            if id(settings) not in texts:
                texts[id(settings)] = settings, _canonical(settings)
            counts[texts[id(settings)][1]] += 1
    return [UsedSettings(json.loads(text), count) for text, count in counts.most_common()]


def differing(one: Settings, other: Settings) -> list[str]:
    """Names of the settings in which the two differ, sorted.

    A name that only one of them has says nothing: another version of NAMI-Bench did not record it.
    """
    return sorted(
        name for name in one.keys() & other.keys() if _canonical(one[name]) != _canonical(other[name])
    )


def described_change(before: Settings, after: Settings) -> str:
    """In words, what differs: "model_files sha256 0123456789ab, then sha256 ba9876543210"."""
    return "; ".join(_described("", before, after))


def _described(place: str, before: Settings, after: Settings) -> Iterator[str]:
    for name in differing(before, after):
        one, other, where = before[name], after[name], f"{place} {name}".strip()
        plain = isinstance(one, Mapping) and isinstance(other, Mapping) and not fingerprints(one)
        if plain and one.keys() == other.keys():
            yield from _described(where, one, other)
        else:
            yield f"{where} {_shown(one)}, then {_shown(other)}"


def fingerprints(settings: Settings) -> dict[str, str]:
    """Hashes and commits of the files that the settings name, by where they stand in them:
    {"model_files": "sha256 0123...", "lora": "commit 4567...", "files draw.py": "sha256 89ab..."}.

    Known by their keys, which end in sha256 or are "commit".
    """
    return dict(_fingerprints("", settings))


def _fingerprints(place: str, value: Any) -> Iterator[tuple[str, str]]:
    for key, inner in value.items() if isinstance(value, Mapping) else ():
        if isinstance(inner, str) and (key.endswith("sha256") or key == "commit"):
            own = place or key.removesuffix("sha256").rstrip("_") or key
            yield own, f"{'commit' if key == 'commit' else 'sha256'} {inner}"
        else:
            yield from _fingerprints(f"{place} {key}".strip(), inner)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _shown(value: Any) -> str:
    """A setting's value for one line: hashes by their first twelve digits."""
    if isinstance(value, Mapping) and (found := fingerprints(value)):
        words = (f"{kind} {digits[:12]}" for kind, digits in (text.split(" ", 1) for text in found.values()))
        return ", ".join(words)
    text = _canonical(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
