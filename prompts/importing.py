"""One prompt set from one or several files, and in words how they were understood."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nami_bench.domain import SOURCE_ID, Prompt, PromptFile, PromptSet, prompt_id
from nami_bench.domain.english import counted
from nami_bench.errors import InputError
from nami_bench.prompts.columns import Columns
from nami_bench.prompts.files import FileContent, load_prompt_set, read_prompts
from nami_bench.prompts.unseen import without_unseen

_NAMED = 5
_SHARD = "-of-"


@dataclass(frozen=True, slots=True)
class Understood:
    """A prompt set that was read, and what to tell about it, a sentence each."""

    prompt_set: PromptSet
    lines: tuple[str, ...]


def read_prompt_files(
    paths: Sequence[Path], name: str | None = None, columns: Columns | None = None, *, clean: bool = False
) -> Understood:
    """The prompts of all files in their order, as one set; `name` is the first file's stem by default.

    The prompts of several files have their file's name for a stratum, unless a column was named for it.
    `clean` takes out characters that nobody sees. Raises InputError for what cannot be read.
    """
    columns = columns or Columns()
    contents = [read_prompts(path, columns) for path in paths]
    strata = _strata(paths) if columns.stratum is None else None
    prompts = tuple(_joined(contents, strata, clean=clean))
    first = paths[0].name if paths[0].is_dir() else paths[0].stem
    prompt_set = PromptSet(name or first, prompts)
    if len(paths) == 1:
        file = PromptFile(paths[0].name, contents[0].sha256)
        same = not clean and columns == Columns() and paths[0].is_file()
        prompt_set = replace(prompt_set, file=file)
        prompt_set = load_prompt_set(paths[0], prompt_set.name) if same else prompt_set
    told = [*_told(paths, contents, columns), *_groups(prompt_set), *_repeats(prompts)]
    return Understood(prompt_set, tuple(told))


def _joined(
    contents: Sequence[FileContent], strata: Sequence[str] | None, *, clean: bool
) -> Iterator[Prompt]:
    number = 0
    for at, content in enumerate(contents):
        for prompt in content.prompts:
            text = without_unseen(prompt.text).strip() if clean else prompt.text
            if not text:
                raise InputError(f"prompt {number + 1} holds nothing but characters that nobody sees")
            stratum = strata[at] if strata else prompt.stratum
            yield replace(prompt, id=prompt_id(number), text=text, stratum=stratum)
            number += 1


def _strata(paths: Sequence[Path]) -> list[str] | None:
    """The files' names, without the numbers of shards; None where they are all one."""
    stems = [path.stem for path in paths]
    names = [stem[: stem.index(_SHARD)].rstrip("0123456789-_") if _SHARD in stem else stem for stem in stems]
    return names if len(set(names)) > 1 else None


def _told(paths: Sequence[Path], contents: Sequence[FileContent], columns: Columns) -> Iterator[str]:
    for path, content in zip(paths, contents, strict=True):
        yield f"{path}: {content.form}; {counted(len(content.prompts), 'prompt')}; {_roles(content, columns)}"
        yield from content.notes
        if "rewrit" in path.stem.lower() and not any(p.rewritten_from for p in content.prompts):
            yield (
                "its name says that these are rewrites, and nothing in it is known for the originals "
                "(--column original=NAME)"
            )


def _roles(content: FileContent, columns: Columns) -> str:
    first = content.prompts[0]
    key = columns.id or first.source_id_key
    found = {
        "text": content.text,
        "id in its source": "the key of each" if key == SOURCE_ID else key,
        "group": first.group_key,
        "stratum": columns.stratum,
        "original": columns.original,
    }
    said = [f"{role}: {name}" for role, name in found.items() if name]
    return ", ".join(said) or "no ids of a source"


def _groups(prompt_set: PromptSet) -> Iterator[str]:
    strata = Counter(prompt.stratum for prompt in prompt_set.prompts)
    groups = Counter(prompt.group for prompt in prompt_set.prompts if prompt.group is not None)
    if len(strata) > 1:
        yield f"strata: {_listed(strata)}"
    elif len(groups) > 1:
        key = prompt_set.prompts[0].group_key
        advice = f" (--column stratum={key} makes strata of them)" if key else ""
        yield f"groups: {_listed(groups)}{advice}"


def _listed(counts: Counter[str]) -> str:
    shown = [f"{name} {count}" for name, count in counts.most_common(_NAMED)]
    return ", ".join([*shown, "..."] if len(counts) > _NAMED else shown)


def _repeats(prompts: Iterable[Prompt]) -> Iterator[str]:
    places: dict[str, list[int]] = {}
    for number, prompt in enumerate(prompts, start=1):
        places.setdefault(prompt.text, []).append(number)
    if several := [numbers for numbers in places.values() if len(numbers) > 1]:
        shown = "; ".join(", ".join(map(str, numbers[:_NAMED])) for numbers in several[:_NAMED])
        yield f"{counted(len(several), 'text')} stand there more than once: prompts {shown}"
