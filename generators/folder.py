"""The generator that makes nothing: images made elsewhere, found in a folder."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Json

from nami_bench.domain import ImageState, Prompt
from nami_bench.errors import ImageError, InputError
from nami_bench.generators.layouts import Layout
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.geneval_folder import GenEvalFolder, read_metadata, what_it_is
from nami_bench.images import hash_file, inspect_image

_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp"})
_ID = re.compile(r"\d{5}")
_FLAT = re.compile(r"(\d{5})(?:[_-](\d+))?\.(?:png|jpg|jpeg|webp)", re.IGNORECASE)


class FolderGenerator:
    """Finds each requested image in a folder; png, jpg, jpeg and webp.

    Names that are understood, for prompt 00007 and sample 2:

        00007/samples/0002.png          GenEval's layout
        00007_2.png, 00007-0002.png     flat, any number of digits after the prompt's id
        00007.png                       flat, sample 0
        ITEM.png, ITEM_2.png            flat, by the name under which the prompt was published

    Where that name is itself five digits long, it alone counts. A missing, ambiguous, damaged or linked-in
    file is a failure with a reason, and so is one in GenEval's layout whose metadata.jsonl names another
    prompt.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`path`: the folder, or a tar file. `layout`, `table`, `columns` (by role), `source_model` and
        `grid` say of other names which image each file is, as the options of `nami-bench images import` do;
        then images are found by the prompt set as a whole, where they are asked for."""

        path: Path
        layout: str | None = None
        table: Path | None = None
        columns: Json[dict[str, str]] | dict[str, str] = field(default_factory=dict)
        source_model: str | None = None
        grid: str | None = None

        @property
        def says_how(self) -> bool:
            """Whether it is said how the files are named, beyond the names that are always understood."""
            return any((self.layout, self.table, self.columns, self.source_model, self.grid))

    batch_size = 16

    def __init__(self, options: Options) -> None:
        """Raises InputError where there is no such folder, tar file or table, and for a bad layout."""
        if not options.path.is_dir() and not (options.path.is_file() and options.path.suffix == ".tar"):
            raise InputError(f"generator 'folder': {options.path} is not a folder")
        if options.layout is not None and options.table is not None:
            raise InputError("generator 'folder': layout and table contradict each other: give one")
        if options.layout is not None:
            Layout.parse(options.layout)
        if options.table is not None and not options.table.is_file():
            raise InputError(f"generator 'folder': there is no table {options.table}")
        self.options = options
        self.root = options.path.resolve()

    def describe(self) -> Mapping[str, Any]:
        """Adapter and folder."""
        return {"adapter": "folder", "path": str(self.root)}

    def samples_per_prompt(self) -> int:
        """How many samples the fullest prompt has; raises InputError where the folder holds no image."""
        if not self._files:
            if self._named:
                return 1
            strange = [f"; {path} {what}" for path, what in GenEvalFolder(self.root).strangers()]
            raise InputError(
                f"{self.root} holds no images in GenEval's layout or under names such as 00012_3.png"
                f"{strange[0] if strange else ''}"
            )
        return 1 + max(sample for _, sample in self._files)

    def finds_any(self, prompts: Sequence[Prompt]) -> bool:
        """Whether there is a file under a name that is understood, of any of the prompts."""
        if not self.root.is_dir():
            return False
        places = {index for index, _ in self._files}
        return any(int(prompt.id) in places or self._of_item(prompt) for prompt in prompts)

    def _of_item(self, prompt: Prompt) -> bool:
        return prompt.item is not None and prompt.item in self._items

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        """Yield one file, or one failure with its reason, for each request."""
        for request in requests:
            try:
                file = self._find(request)
            except InputError as problem:
                yield GenerationResult(request, ImageState.FAILED, reason=str(problem))
            else:
                found_as = file.relative_to(self.root).as_posix()
                yield GenerationResult(request, ImageState.DONE, file=file, provenance={"file": found_as})

    def source_sha256(self, request: GenerationRequest) -> str | None:
        """Hex SHA-256 of the request's file as it is now; None where there is none, or more than one."""
        files = self._of(request)
        try:
            return hash_file(files[0]) if len(files) == 1 else None
        except ImageError:
            return None

    def _find(self, request: GenerationRequest) -> Path:
        """The request's file, whole and where it should be; raises InputError that says what is wrong."""
        files = self._of(request)
        if not files:
            expected = GenEvalFolder(self.root).sample_path(int(request.prompt.id), request.sample)
            raise InputError(
                f"no image for it: expected {expected} or {request.prompt.item or request.prompt.id}"
                f"_{request.sample}.png{_in_its_place(expected)}"
            )
        if len(files) > 1:
            raise InputError(f"more than one file for it, keep one: {', '.join(map(str, files))}")
        file = files[0]
        if not Path(os.path.realpath(file)).is_relative_to(self.root):
            raise InputError(f"{file} links out of the folder; put the image itself there")
        if file.parent != self.root:
            check_prompt(file.parent.parent, request.prompt.text)
        inspect_image(file)
        return file

    def _of(self, request: GenerationRequest) -> list[Path]:
        """All files under the request's names."""
        item, sample = request.prompt.item, request.sample
        names = (
            [] if item is None else [f"{item}_{sample}", f"{item}-{sample}", *([item] if sample == 0 else [])]
        )
        named = [path for name in names for path in self._named.get(name, [])]
        found = self._files.get((int(request.prompt.id), sample), [])
        if item is not None and _ID.fullmatch(item):
            found = [path for path in found if path.parent != self.root]
        return [*found, *(path for path in named if path not in found)]

    @cached_property
    def _named(self) -> dict[str, list[Path]]:
        """Name without its ending -> images in the folder itself."""
        files: dict[str, list[Path]] = {}
        for path in sorted(self.root.iterdir()):
            if path.suffix.lower() in _ENDINGS:
                files.setdefault(path.stem, []).append(path)
        return files

    @cached_property
    def _items(self) -> set[str]:
        """Names of images in the folder itself, with and without the sample's number behind them."""
        return {*self._named, *(re.sub(r"[_-]\d+$", "", name) for name in self._named)}

    @cached_property
    def _files(self) -> dict[tuple[int, int], list[Path]]:
        """(prompt index, sample) -> files; the folder is listed once."""
        files: dict[tuple[int, int], list[Path]] = {}
        for found in GenEvalFolder(self.root).samples():
            files.setdefault((found.index, found.sample), []).append(found.path)
        for path in sorted(self.root.iterdir()):
            if match := _FLAT.fullmatch(path.name):
                files.setdefault((int(match[1]), int(match[2] or 0)), []).append(path)
        return files


def _in_its_place(expected: Path) -> str:
    """What is there under the expected name but for its ending."""
    found = sorted(expected.parent.glob(f"{expected.stem}.*"))
    return f"; {found[0]} {what_it_is(found[0])}" if found else ""


def check_prompt(folder: Path, expected: str) -> None:
    """Raise InputError where a folder of GenEval's layout names another prompt in its metadata."""
    if not (folder / "metadata.jsonl").exists():
        return
    prompt = read_metadata(folder)["prompt"]
    if prompt != expected:
        raise InputError(f"the folder's prompt is {prompt!r}, not {expected!r}")
