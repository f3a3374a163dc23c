"""Prompt sets written in the forms of others: lines, metadata, and the folders of public benchmarks."""

from collections.abc import Callable, Mapping
from pathlib import Path

from nami_bench.domain import PromptSet
from nami_bench.domain.names import checked_name
from nami_bench.errors import InputError
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import write_bytes
from nami_bench.prompts.geneval import metadata_lines


def _to_txt(prompt_set: PromptSet) -> bytes:
    return "".join(" ".join(prompt.text.split()) + "\n" for prompt in prompt_set.prompts).encode()


def _to_geneval(prompt_set: PromptSet) -> bytes:
    return metadata_lines(prompt.metadata() for prompt in prompt_set.prompts)


FORMATS: Mapping[str, Callable[[PromptSet], bytes]] = {
    "jsonl": PromptSet.to_jsonl,
    "txt": _to_txt,
    "geneval": _to_geneval,
}
"""How a prompt set can be written: ours, one prompt a line, GenEval's metadata (line N is prompt N)."""


def write_folder(folder: Path, prompt_set: PromptSet) -> int:
    """DPG-Bench's form: each prompt in a file of its published name, else of its id. Returns how many.

    Raises InputError where two prompts have one name, or one is no name of a file; StorageError.
    """
    names = [checked_name("published", prompt.source_id or prompt.id) for prompt in prompt_set.prompts]
    if doubled := _doubled(names):
        raise InputError(
            f"two prompts of {prompt_set.name} are published as {doubled!r}: nothing was written"
        )
    for name, prompt in zip(names, prompt_set.prompts, strict=True):
        write_bytes(folder / f"{name}.txt", f"{prompt.text}\n".encode())
    return len(names)


def write_geneval_folders(folder: Path, prompt_set: PromptSet) -> int:
    """GenEval's layout without images yet: 00000/metadata.jsonl and so on. Returns how many."""
    layout = GenEvalFolder(folder)
    for index, prompt in enumerate(prompt_set.prompts):
        layout.write_metadata(index, prompt.metadata())
    return len(prompt_set)


def write_t2i_compbench(folder: Path, prompt_set: PromptSet) -> int:
    """T2I-CompBench's form: a file for each category, one prompt a line, lines ended as there. Returns how
    many.

    Categories are the strata, or the groups of a source where there is one stratum only. Raises InputError
    for a category that cannot name a file.
    """
    several = len({prompt.stratum for prompt in prompt_set.prompts}) > 1
    lines: dict[str, list[str]] = {}
    for prompt in prompt_set.prompts:
        category = prompt.stratum if several else prompt.group or prompt_set.name
        name = checked_name("category", "_".join(category.split()))
        lines.setdefault(name, []).append(" ".join(prompt.text.split()) + "\r\n")
    for name, texts in lines.items():
        write_bytes(folder / f"{name}.txt", "".join(texts).encode())
    return len(lines)


FOLDERS: Mapping[str, Callable[[Path, PromptSet], int]] = {
    "folder": write_folder,
    "geneval-folders": write_geneval_folders,
    "t2i-compbench": write_t2i_compbench,
}
"""How it can be written as a folder; each says how many files it wrote."""


def _doubled(names: list[str]) -> str | None:
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]
