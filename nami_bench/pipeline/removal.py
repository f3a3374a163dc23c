"""Images and models removed, models renamed: rows and files, also where a crash comes between them.

Rows go first, and with them a note of the files that have to go (`store.chores`). Whoever is killed before
the files are gone has removed the images all the same: the note is worked off by the next removal, and by
`generate` before it looks at what lies there. A file that a row names is never deleted.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench import locations
from nami_bench.domain import checked_name
from nami_bench.errors import InputError, StorageError
from nami_bench.pipeline.run_lock import LOCK, alone_in

if TYPE_CHECKING:
    from nami_bench.store import Store
    from nami_bench.store.removals import ImageChoice, Removal


def remove_images(
    store: "Store",
    images_dir: Path,
    choice: "ImageChoice",
    *,
    with_ratings: bool = False,
    dry_run: bool = False,
) -> "Removal":
    """Remove the chosen images with their files; see `Removals.remove_images`.

    Where none is chosen nothing happens. Raises InputError where a run is writing to one of their folders,
    StorageError for a file that cannot be deleted: the images are removed then, and the files with the next
    removal.
    """
    if dry_run:
        return store.removals.remove_images(choice, with_ratings=with_ratings, dry_run=True)
    records = store.images.find(models=choice.models, prompt_set=choice.prompt_set)
    finish_removals(store, images_dir)
    with _alone_in_all(images_dir / record.model / record.prompt_set for record in records):
        removal = store.removals.remove_images(choice, with_ratings=with_ratings)
        delete_files(store, images_dir)
    return removal


def remove_model(
    store: "Store", images_dir: Path, name: str, *, with_ratings: bool = False, dry_run: bool = False
) -> "Removal":
    """Remove a model with its folder; see `Removals.remove_model` and `remove_images`."""
    if dry_run:
        return store.removals.remove_model(name, with_ratings=with_ratings, dry_run=True)
    finish_removals(store, images_dir)
    with _alone_in_all(_folders_of(store, images_dir, name)):
        removal = store.removals.remove_model(name, with_ratings=with_ratings)
    finish_removals(store, images_dir)
    return removal


def rename_model(
    store: "Store", images_dir: Path, old: str, new: str, *, dry_run: bool = False
) -> tuple[str, ...]:
    """Rename a model with its folder; the studies that judge it. See `Removals.rename_model`.

    The files get their new names beside the old ones first, so that at every moment each row has its file.
    """
    if dry_run:
        return store.removals.rename_model(old, new, dry_run=True)
    checked_name("model", new)
    finish_removals(store, images_dir)
    with _alone_in_all(_folders_of(store, images_dir, old)):
        store.removals.rename_model(old, new, dry_run=True)  # refuses before anything is copied
        _copy_files(images_dir / old, images_dir / new)
        studies = store.removals.rename_model(old, new)
    finish_removals(store, images_dir)
    return studies


def finish_removals(store: "Store", images_dir: Path, model: str | None = None) -> int:
    """Work off the notes of earlier removals, or those about one model; how many there were.

    Raises InputError where a run is writing to one of the folders, StorageError for a file that cannot be
    deleted.
    """
    below = "" if model is None else f"{model}/"
    folders = [name for name in store.chores.due("folder") if model in (None, name)]
    for name in folders:
        if not any(path.startswith(f"{name}/") for path in store.images.paths()):
            _delete_folder(images_dir / name)
        store.chores.strike_off("folder", [name])
        store.chores.strike_off("file", store.chores.due("file", f"{name}/"))
    waiting = store.chores.due("file", below)
    with _alone_in_all((images_dir / path).parents[2] for path in waiting if path.count("/") > 2):
        delete_files(store, images_dir, below)
    return len(folders) + len(waiting)


def delete_files(store: "Store", images_dir: Path, below: str = "") -> None:
    """Delete the files that are noted to go and that no row names; the caller holds their folders."""
    waiting = store.chores.due("file", below)
    if not waiting:
        return
    named = store.images.paths()
    for path in waiting:
        if path not in named:
            _delete(images_dir / path)
            _delete_empty(images_dir / path)
    store.chores.strike_off("file", waiting)


@contextmanager
def _alone_in_all(folders: Iterable[Path]) -> Iterator[None]:
    with ExitStack() as stack:
        for folder in sorted(set(folders), key=str):
            stack.enter_context(alone_in(folder))
        yield


def _folders_of(store: "Store", images_dir: Path, model: str) -> list[Path]:
    """The folders of a model's prompt sets: those of its images, and what else is there."""
    sets = {record.prompt_set for record in store.images.find(models=[model])}
    return [*(images_dir / model / name for name in sets), *_set_folders(images_dir / model)]


def _set_folders(folder: Path) -> list[Path]:
    """What lies in a model's folder: the folders of its prompt sets."""
    if locations.is_remote(folder):
        names = {parts[0] for parts in locations.files(folder) if len(parts) > 1}
        return [folder / name for name in sorted(names)]
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _delete(path: Path) -> None:
    try:
        locations.delete(path)
    except OSError as error:
        raise StorageError(
            f"cannot delete {path}: {error.strerror or error}; the images are removed, and the same command "
            "goes on with the files"
        ) from error


def _delete_empty(image: Path) -> None:
    """Delete a prompt's folder, of which only the metadata are left."""
    samples = image.parent
    if locations.is_remote(image) or samples.name != "samples" or any(samples.iterdir()):
        return
    prompt = samples.parent
    samples.rmdir()
    if {path.name for path in prompt.iterdir()} <= {"metadata.jsonl"}:
        _delete(prompt / "metadata.jsonl")
        prompt.rmdir()


def _delete_folder(folder: Path) -> None:
    if locations.is_remote(folder):
        _delete_remote_folder(folder)
        return
    for part in _set_folders(folder):
        with alone_in(part):
            for path in sorted(part.rglob("*"), reverse=True):
                if path.name != LOCK:
                    _delete_entry(path)
        _delete(part / LOCK)
        _delete_entry(part)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _delete_remote_folder(folder: Path) -> None:
    for part in _set_folders(folder):
        with alone_in(part) as check_lock:
            for path in locations.files(part):
                if path != (LOCK,):
                    check_lock()
                    _delete(part.joinpath(*path))


def _delete_entry(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        try:
            path.rmdir()
        except OSError as error:
            raise StorageError(f"cannot delete {path}: {error.strerror or error}") from error
    else:
        _delete(path)


def _copy_files(old: Path, new: Path) -> None:
    """Give every file of a model's folder a second name below `new`; a killed attempt's are used again."""
    files = [path for path in locations.files(old) if path[-1] != LOCK and not path[-1].endswith(".partial")]
    strange = sorted(set(locations.files(new)) - {*files, *((*p[:-1], LOCK) for p in files)})
    strange = [path for path in strange if path[-1] != LOCK]
    if strange:
        raise InputError(
            f"{new} holds other files already, {'/'.join(strange[0])} for one: move that folder away first"
        )
    for path in files:
        locations.give_name(old.joinpath(*path), new.joinpath(*path))
