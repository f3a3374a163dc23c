"""Images made elsewhere: what a folder holds is understood and told before anything is copied."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nami_bench.domain import Prompt, PromptSet
from nami_bench.domain.english import counted
from nami_bench.errors import InputError
from nami_bench.generators.image_files import ImageFiles, TarFiles, open_images
from nami_bench.generators.layouts import KNOWN, Layout
from nami_bench.generators.placed_images import PlacedImages
from nami_bench.generators.placement import PlacedPrompts, Placement, place
from nami_bench.pipeline.image_tables import (
    Said,
    TableColumns,
    metadata_table,
    read_image_table,
    read_tar_texts,
)
from nami_bench.pipeline.prompt_sets import folder_prompt_set, known_prompt_set
from nami_bench.prompts.files import holds_prompts, load_prompt_set

if TYPE_CHECKING:
    from nami_bench.store import Store

_NAMED = 5
_OTHER_MODEL = "name the one to take with --source-model"
_AS_NAMED = TableColumns()


@dataclass(frozen=True, slots=True)
class ImportHow:
    """How a folder is to be understood: by a layout's pattern, by a table, or (both None) by trying.

    `source_model`: the model's name in the layout or table. `set_name`: what a set is called that is made of
    the folder's own prompts, or read from a file.
    """

    layout: str | None = None
    table: Path | None = None
    columns: TableColumns = _AS_NAMED
    source_model: str | None = None
    set_name: str | None = None

    def told(self) -> dict[str, Any]:
        """What of it says which image each file is, as options of the adapter `folder`."""
        table = None if self.table is None else str(self.table.resolve())
        columns = {name: column for name, column in asdict(self.columns).items() if column is not None}
        told = {"layout": self.layout, "table": table, "columns": columns, "source_model": self.source_model}
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class ImageImport:
    """The images that would be imported, as what, and how they were found, in words.

    `by_texts`: by a table or the texts beside them, not by their names; `missing`: what those name in vain.
    """

    images: PlacedImages
    prompt_set: PromptSet
    by: str
    by_texts: bool = False
    missing: Sequence[str] = ()

    @property
    def placement(self) -> Placement:
        """Which file is an image of what."""
        return self.images.placement

    def holds(self, prompt: Prompt) -> bool:
        """Whether the prompt has an image."""
        return prompt.id in self.placement.prompts

    def lines(self) -> Iterator[str]:
        """What to tell before anything is copied."""
        found, of = self.placement, len(self.prompt_set)
        yield (
            f"{counted(found.count, 'image')}, {counted(len(found.prompts), 'prompt')}, "
            f"{counted(found.samples, 'sample')}, {self.by}"
        )
        why = "nothing is said of it" if self.by_texts else "its name does not fit"
        unknown = {**dict.fromkeys(found.strangers, why), **found.unplaced}
        if unknown:
            told = [f"{name} ({why})" for name, why in unknown.items()]
            yield f"{counted(len(unknown), 'unknown file')}: {_listed(told)}"
        if unread := self.images.files.unread:
            yield f"{counted(len(unread), 'file')} of kinds that are not read: {_listed(unread)}"
        if self.missing:
            yield f"{counted(len(self.missing), 'file')} in the table but not there: {_listed(self.missing)}"
        if found.of_others:
            yield "left to other models: " + ", ".join(f"{n} of {m}" for m, n in found.of_others.items())
        if lacking := [p.id for p in self.prompt_set.prompts if p.id not in found.prompts]:
            yield f"no image for {len(lacking)} of {of} prompts of {self.prompt_set.name}: {_listed(lacking)}"
        if found.files and not any(sample == 0 for _, sample in found.files):
            yield "no prompt has a sample 0: where they count from 1, write {nth} for {sample} in --layout"


def understand_images(
    store: "Store", source: Path, model: str, prompts: str | None, how: ImportHow
) -> ImageImport:
    """What of a folder, tar file or folder of tar files are images of which prompts; nothing is recorded.

    `prompts` names a set or its file; None: the folder's own. A set that is recorded under another name is
    recognised. Raises InputError where nothing fits, two layouts do, or two files are one image.
    """
    files, said = _opened(source, how)
    prompt_set = _prompts(store, source, said, prompts, how.set_name)
    prompt_set = _known(store, prompt_set, named=how.set_name is not None)
    return _understood(source, files, said, model, prompt_set, how)


def images_of_set(source: Path, model: str, prompt_set: PromptSet, how: ImportHow) -> ImageImport:
    """`understand_images` of prompts that are at hand; raises InputError as it does."""
    files, said = _opened(source, how)
    return _understood(source, files, said, model, prompt_set, how)


def _opened(source: Path, how: ImportHow) -> tuple[ImageFiles, Said | None]:
    if how.layout is not None and how.table is not None:
        raise InputError("--layout and --table contradict each other: give one")
    files = open_images(source)
    return files, _said(files, how)


def _understood(
    source: Path, files: ImageFiles, said: Said | None, model: str, prompt_set: PromptSet, how: ImportHow
) -> ImageImport:
    lookup, as_named = PlacedPrompts(prompt_set.prompts), how.source_model or model
    told = how.told()
    if said is None:
        layout, placement = _by_layout(files.names, lookup, how.layout, as_named)
        found = ImageImport(PlacedImages(files, placement, told), prompt_set, f"by the layout {layout}")
    else:
        placement = place(said.files, lookup, files.names, as_named)
        images = PlacedImages(files, placement, told)
        found = ImageImport(images, prompt_set, said.by, True, said.missing)
    _check(placement, f"{source} with {prompt_set.name}", as_named)
    return found


def _said(files: ImageFiles, how: ImportHow) -> Said | None:
    """What texts say of the images, where there are any; None where names do."""
    if isinstance(files, TarFiles):
        return read_tar_texts(files)
    table = how.table or (metadata_table(files.root) if how.layout is None else None)
    return None if table is None else read_image_table(table, files, how.columns)


def _prompts(
    store: "Store", source: Path, said: Said | None, reference: str | None, name: str | None
) -> PromptSet:
    """A recorded set, or that of a file or of the folder itself, which is not recorded yet."""
    if reference is None:
        own = name or source.resolve().name.removesuffix(".tar")
        return folder_prompt_set(source, own) if said is None else said.prompt_set(own)
    path = Path(reference)
    if store.catalog.has_prompt_set(reference) or not holds_prompts(path):
        return store.catalog.prompt_set(reference)
    return load_prompt_set(path, name)


def _known(store: "Store", prompt_set: PromptSet, *, named: bool) -> PromptSet:
    """The set under the name by which the same prompts are recorded already, where nobody named it; raises
    InputError where its own is taken by others."""
    known = known_prompt_set(store, prompt_set)
    if known is not None and not named:
        return replace(prompt_set, name=known)
    if known != prompt_set.name and store.catalog.has_prompt_set(prompt_set.name):
        raise InputError(
            f"prompt set {prompt_set.name!r} exists with other prompts: give these another name with --name"
        )
    return prompt_set


def _by_layout(
    names: Sequence[str], prompts: PlacedPrompts, pattern: str | None, model: str
) -> tuple[Layout, Placement]:
    """The layout that was named, or the one by which most files have a place."""
    if pattern is not None:
        layout = Layout.parse(pattern)
        return layout, place(layout.of_all(names), prompts, names, model)
    tried = [
        (layout, place(said, prompts, names, model))
        for layout in KNOWN
        if layout.is_tried(prompts.have_ids)
        and (said := layout.of_all(names))
        and not _are_strata(said, prompts, model)
    ]
    told = [(layout, found) for layout, found in tried if not _mixes_folders(layout, found)]
    most = max((found.count for _, found in told), default=0)
    best = [(layout, found) for layout, found in told if found.count == most]
    if not most:
        raise InputError(_nothing_fits(names, [found for _, found in tried], model))
    if other := next((layout for layout, found in best if found.files != best[0][1].files), None):
        raise InputError(
            f"two layouts fit and mean different prompts: say --layout {best[0][0]} or --layout {other}"
        )
    return best[0]


def _are_strata(said: Mapping[str, Mapping[str, str]], prompts: PlacedPrompts, model: str) -> bool:
    """Whether what would be models are the set's strata or groups."""
    models = {fields["model"] for fields in said.values() if "model" in fields}
    return model not in models and any(prompts.has_part(name) for name in models)


def _mixes_folders(layout: Layout, placement: Placement) -> bool:
    """Whether the images of one prompt would be counted together out of several folders: of several models,
    as likely as not."""
    if layout.numbers_samples:
        return False
    folder: dict[str, str] = {}
    return any(
        folder.setdefault(prompt, name.rpartition("/")[0]) != name.rpartition("/")[0]
        for (prompt, _), files in placement.files.items()
        for name in files
    )


def _nothing_fits(names: Sequence[str], tried: Sequence[Placement], model: str) -> str:
    if others := next((found.of_others for found in tried if found.of_others and not found.files), None):
        return f"there are images of {_listed(list(others))}, and none of {model}: {_OTHER_MODEL}"
    shown = f", as {_listed(names)}" if names else ""
    return (
        f"no known layout fits: {counted(len(names), 'image')}{shown}, and no prompt is found by any of "
        "their names; say how they are laid out with --layout, or name a table with --table"
    )


def _check(placement: Placement, what: str, model: str) -> None:
    if placement.conflicts:
        (prompt, sample), files = placement.conflicts[0]
        raise InputError(
            f"{what}: more than one file for prompt {prompt}, sample {sample}, keep one: {', '.join(files)}"
        )
    if not placement.files and placement.of_others:
        raise InputError(
            f"{what}: there are images of {_listed(list(placement.of_others))}, and none of {model}: "
            f"{_OTHER_MODEL}"
        )
    if not placement.files:
        shown = [f"{name} ({why})" for name, why in placement.unplaced.items()] or placement.strangers
        raise InputError(f"{what}: no file has a place: {_listed(shown) or 'there is no image'}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join([*names[:_NAMED], *(["..."] if len(names) > _NAMED else [])])
