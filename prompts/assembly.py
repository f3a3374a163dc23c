"""From a recipe and its sources to a prompt set and its manifest.

The same recipe, seed and source bytes give the same bytes on every machine. Candidates are put in the
order of a hash of seed and text, so neither the order of a source's file nor a prompt added to it later
reshuffles the rest.
"""

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from nami_bench import __version__
from nami_bench.domain import Prompt, PromptSet, prompt_id
from nami_bench.domain.clauses import parse_clauses
from nami_bench.errors import InputError
from nami_bench.prompts.duplicates import EXACT_RULE, NEAR_RULE, DuplicateIndex
from nami_bench.prompts.filters import FILTERS
from nami_bench.prompts.protocol import Availability, Candidate, PromptSource, SourceContent
from nami_bench.prompts.recipe import Recipe, Share, Stratum, load_recipe
from nami_bench.prompts.sources import resolve_sources
from nami_bench.prompts.summary import summarize
from nami_bench.prompts.tagging import TAGGINGS, tagged

MANIFEST_FORMAT = 1


def build_prompt_set(
    recipe: str,
    paths: Mapping[str, Path] | None = None,
    *,
    name: str | None = None,
    seed: int | None = None,
) -> PromptSet:
    """Assemble a recipe given by name or file, with local files for some of its sources."""
    loaded = load_recipe(recipe)
    return assemble(loaded, resolve_sources(loaded.source_names, paths or {}), name=name, seed=seed)


def assemble(
    recipe: Recipe,
    sources: Mapping[str, PromptSource],
    *,
    name: str | None = None,
    seed: int | None = None,
) -> PromptSet:
    """The recipe's prompt set with its manifest; `name` and `seed` are the recipe's by default.

    `sources` has every one of `recipe.source_names`. Raises InputError where a source is short of usable
    prompts, with the number that each rule dropped.
    """
    seed = recipe.seed if seed is None else seed
    if seed < 0:
        raise InputError(f"the seed must be 0 or more, got {seed}")
    _check_files(recipe, sources)
    contents = {source: _checked(source, sources[source].load()) for source in recipe.source_names}
    chosen = DuplicateIndex(recipe.near_duplicates)
    prompts: list[Prompt] = []
    pools: list[dict[str, Any]] = []
    for stratum in recipe.stratum:
        for share, count in stratum.shares():
            pool = _pool(contents[share.name], stratum, share, seed, chosen)
            for candidate in _pick(pool, stratum, share, count):
                chosen.add(candidate)
                prompts.append(_prompt(len(prompts), candidate, stratum, share, recipe.tags))
            pools.append({"stratum": stratum.name, "source": share.name, "taken": count, **pool.counts()})
    prompt_set = PromptSet(recipe.name if name is None else name, tuple(prompts))
    return replace(prompt_set, manifest=_manifest(prompt_set, recipe, seed, sources, contents, pools))


def _check_files(recipe: Recipe, sources: Mapping[str, PromptSource]) -> None:
    """Name every file that is still to be given at once, before anything is downloaded."""
    missing = [n for n in recipe.source_names if sources[n].availability is Availability.FILE]
    if missing:
        origins = ", ".join(f"{name} ({sources[name].address or 'your own prompts'})" for name in missing)
        raise InputError(
            f"the recipe {recipe.name!r} needs a file for {origins}: "
            f"pass {' '.join(f'--source {name}=FILE' for name in missing)} (txt, jsonl, csv or tsv)"
        )


def _checked(name: str, content: SourceContent) -> SourceContent:
    """What a source, which may be a plugin, gave; raises InputError for clauses that nothing could judge."""
    for candidate in content.candidates:
        if candidate.geneval is not None:
            parse_clauses(candidate.geneval, f"source {name!r}: GenEval's clauses of {candidate.text!r}")
    return content


@dataclass(slots=True)
class _Pool:
    """What is left of a source for one stratum, in the order it is taken in, and what was dropped why."""

    read: int
    usable: list[Candidate] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def counts(self) -> dict[str, Any]:
        return {"read": self.read, "usable": len(self.usable), "dropped": dict(sorted(self.dropped.items()))}


def _pool(
    content: SourceContent,
    stratum: Stratum,
    share: Share,
    seed: int,
    chosen: DuplicateIndex,
) -> _Pool:
    pool = _Pool(read=len(content.candidates))
    seen = DuplicateIndex(chosen.threshold)
    for candidate in _ordered(content.candidates, seed):
        reason = _misfit(candidate, stratum, share) or chosen.reason(candidate) or seen.reason(candidate)
        if reason is None:
            seen.add(candidate)
            pool.usable.append(candidate)
        else:
            pool.dropped[reason] += 1
    return pool


def _ordered(candidates: Iterable[Candidate], seed: int) -> list[Candidate]:
    clean = (replace(candidate, text=clean_text(candidate.text)) for candidate in candidates)
    return sorted(clean, key=lambda candidate: hashlib.sha256(f"{seed}\n{candidate.text}".encode()).digest())


def clean_text(text: str) -> str:
    """NFC, with every run of white space one space and none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _misfit(candidate: Candidate, stratum: Stratum, share: Share) -> str | None:
    """Why the stratum cannot take the candidate, or None."""
    words = len(candidate.text.split())
    if words == 0:
        return "empty"
    if any(candidate.tags.get(tag) not in values for tag, values in share.only.items()):
        return "other tag"
    if words < stratum.min_words:
        return "too short"
    if stratum.max_words is not None and words > stratum.max_words:
        return "too long"
    return next((f"filter {name}" for name in stratum.filters if FILTERS[name].rejects(candidate.text)), None)


def _pick(pool: _Pool, stratum: Stratum, share: Share, count: int) -> Sequence[Candidate]:
    if len(pool.usable) < count:
        dropped = ", ".join(f"{n} {reason}" for reason, n in sorted(pool.dropped.items())) or "nothing"
        raise InputError(
            f"source {share.name!r} has {len(pool.usable)} usable prompts for the stratum {stratum.name!r}, "
            f"the recipe wants {count} ({pool.read} read; dropped: {dropped}): "
            f"lower the count, relax the limits, or give a larger file with --source {share.name}=FILE"
        )
    if share.balance is None:
        return pool.usable[:count]
    return _balanced(pool.usable, share, count)


def _balanced(candidates: Sequence[Candidate], share: Share, count: int) -> list[Candidate]:
    """Take one of each value of the tag in turn until there are `count`; values run out one by one."""
    queues: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        queues[candidate.tags.get(share.balance or "", "")].append(candidate)
    if set(queues) == {""}:
        known = sorted({tag for candidate in candidates for tag in candidate.tags})
        raise InputError(
            f"source {share.name!r} cannot be balanced over {share.balance!r}: its tags are "
            f"{', '.join(known) or 'none'}"
        )
    rounds = zip_longest(*queues.values())
    return [candidate for turn in rounds for candidate in turn if candidate is not None][:count]


def _prompt(
    index: int, candidate: Candidate, stratum: Stratum, share: Share, tags: tuple[str, ...]
) -> Prompt:
    # `extra` stays behind: a source's further keys may say from whom a prompt is.
    return Prompt(
        prompt_id(index),
        candidate.text,
        stratum.name,
        share.name,
        tagged(candidate.text, candidate.tags, tags),
        candidate.geneval,
        candidate.rewritten_from,
    )


def _manifest(
    prompt_set: PromptSet,
    recipe: Recipe,
    seed: int,
    sources: Mapping[str, PromptSource],
    contents: Mapping[str, SourceContent],
    pools: list[dict[str, Any]],
) -> dict[str, Any]:
    filters = dict.fromkeys(name for stratum in recipe.stratum for name in stratum.filters)
    return {
        "format": MANIFEST_FORMAT,
        "name": prompt_set.name,
        "sha256": prompt_set.sha256,
        "nami_bench": __version__,
        "recipe": {"sha256": recipe.sha256, **recipe.to_json()},
        "seed": seed,
        **summarize(prompt_set),
        "pools": pools,
        "rules": {
            "order": "SHA-256 of the seed and the text",
            "duplicate": EXACT_RULE,
            "near duplicate": NEAR_RULE,
            **{f"filter {name}": FILTERS[name].rule for name in filters},
            **{f"tag {name}": TAGGINGS[name].rule for name in recipe.tags},
        },
        "sources": {name: _source(sources[name], content) for name, content in contents.items()},
    }


def _source(source: PromptSource, content: SourceContent) -> dict[str, Any]:
    """Where a source's prompts came from; `as_published` is None where there is nothing to compare with."""
    pairs = ((source.sha256, content.sha256), (source.texts_sha256, content.texts_sha256))
    compared = [published == found for published, found in pairs if published is not None]
    return {
        "origin": source.origin,
        "licence": source.licence,
        "address": source.address,
        "file": content.file,
        "sha256": content.sha256,
        "published_sha256": source.sha256,
        "texts_sha256": content.texts_sha256,
        "published_texts_sha256": source.texts_sha256,
        "as_published": any(compared) if compared else None,
    }
