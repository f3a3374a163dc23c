"""The images of a dataset folder, put into a workspace."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pyarrow.parquet as pq

from nami_bench import locations
from nami_bench.domain import ImageRecord, ImageState, PromptSet, checked_name
from nami_bench.errors import ImageError, InputError
from nami_bench.export.parquet_columns import reading_parquet
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import has_file, hash_file, write_bytes

if TYPE_CHECKING:
    from nami_bench.store import Store


class RestoredImages:
    """The images that lie in a dataset folder's `data`, whose prompts are `prompt_set`.

    Used as a context: where its block ends with an error, the files that `unpack` wrote are gone again.
    Where it is not to `write`, it checks all and writes none.
    """

    def __init__(self, data: Path, images_dir: Path, prompt_set: PromptSet, *, write: bool = True) -> None:
        self._data, self._images_dir, self._prompt_set = data, images_dir, prompt_set
        self._writes = write
        self._new: list[ImageRecord] = []
        self._written: list[Path] = []
        self.models: dict[str, None] = {}
        """The names of the images' models, in their order."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._remove_written()

    def unpack(self, store: "Store") -> None:
        """Write the images' files, as far as the folder holds them and they are not there.

        Raises InputError for what is no image of the prompts, and where another image is there, recorded or
        not; ImageError for bytes that are not those that were exported.
        """
        known = {record.key: record for record in store.images.find()}
        for row in _rows(self._data):
            record = self._record(row)
            self.models[record.model] = None
            there = known.get(record.key)
            if there is not None and there.state is ImageState.DONE:
                if there.sha256 != record.sha256:
                    raise InputError(
                        f"image {_named(record)} of the folder is not the one that is recorded here: import "
                        "it into another workspace"
                    )
                record = replace(record, path=there.path)
            else:
                self._new.append(record)
            data = (row.get("image") or {}).get("bytes")
            if data is not None and record.path is not None:
                self._write(record, data)

    def record(self, store: "Store") -> None:
        """Record the images that are not recorded; their models and prompts must be."""
        for record in self._new:
            store.images.put(record)

    def _record(self, row: Mapping[str, Any]) -> ImageRecord:
        """An image's record; its file lies, or is to lie, where generated images do."""
        try:
            model, prompt_id, sample = checked_name("model", row["model"]), row["prompt_id"], row["sample"]
            if prompt_id not in self._prompt_set.by_id or sample < 0:
                raise InputError(
                    f"{self._data} holds image {sample} of the prompt {prompt_id!r}, but no such prompt"
                )
            state = ImageState(row["state"])
            folder = GenEvalFolder(Path(model) / self._prompt_set.name)
            path = folder.sample_path(int(prompt_id), sample).as_posix()
            of_file = {name: row[name] for name in ("seed", "reason", "sha256", "width", "height")}
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"the images of {self._data} are not as they were exported: {error}") from error
        place = path if state is ImageState.DONE else None
        return ImageRecord(model, self._prompt_set.name, prompt_id, sample, state, path=place, **of_file)

    def _write(self, record: ImageRecord, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != record.sha256:
            raise ImageError(f"image {_named(record)} of the folder does not have its recorded hash")
        path = self._images_dir / str(record.path)
        if has_file(path):
            if hash_file(path) != record.sha256:
                raise InputError(
                    f"{path} is there, with other bytes than image {_named(record)} of the folder: move it "
                    "away"
                )
            return
        if not self._writes:
            return
        self._written.append(path)
        write_bytes(path, data)
        index = int(record.prompt_id)
        folder = GenEvalFolder(path.parents[2])
        line = path.parents[1] / "metadata.jsonl"
        if not has_file(line):
            self._written.append(line)
            folder.write_metadata(index, self._prompt_set.by_id[record.prompt_id].metadata())

    def _remove_written(self) -> None:
        folders: set[Path] = set()
        for path in self._written:
            with suppress(OSError):
                locations.delete(path)
            folders.update(path.relative_to(self._images_dir).parents[:-1])
        for folder in sorted(folders, key=lambda one: len(one.parts), reverse=True):
            with suppress(OSError):  # it holds something else, or the object store knows no folders
                (self._images_dir / folder).rmdir()


def _named(record: ImageRecord) -> str:
    return f"{record.model}/{record.prompt_id}/{record.sample}"


def _rows(data: Path) -> Iterator[dict[str, Any]]:
    """The rows of the folder's images, a few at a time: they may hold the images' bytes."""
    for path in sorted(data.glob("images-*.parquet")):
        with reading_parquet(path), pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=64):
                yield from batch.to_pylist()
