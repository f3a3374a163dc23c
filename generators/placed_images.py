"""The generator that makes nothing, where every file's place is known before: see `placement`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nami_bench.domain import ImageState
from nami_bench.errors import ImageError, InputError
from nami_bench.generators.folder import check_prompt
from nami_bench.generators.image_files import ImageFiles
from nami_bench.generators.placement import Placement
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.images import hash_file, inspect_image


class PlacedImages:
    """Finds each requested image among `files` by `placement`.

    A model's images may come from several folders, one for each prompt set, so the folder stands with each
    image and not among the settings that all of them share. A damaged or linked-in file is a failure with a
    reason, and so is one in GenEval's layout whose metadata.jsonl names another prompt.
    """

    batch_size = 16

    def __init__(self, files: ImageFiles, placement: Placement, how: Mapping[str, Any]) -> None:
        """`how`: what was said of the folder, so that its images are found in the same way again."""
        self.files = files
        self.placement = placement
        self.how = how

    def describe(self) -> Mapping[str, Any]:
        """The adapter."""
        return {"adapter": "folder"}

    def found_as(self, name: str) -> dict[str, Any]:
        """Where a file is from, for its image's record."""
        source = {"file": name, "folder": str(self.files.place)}
        return source | ({"import": dict(self.how)} if self.how else {})

    def holds(self, request: GenerationRequest) -> bool:
        """Whether there is a file for it."""
        return (request.prompt.id, request.sample) in self.placement.files

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        """Yield one file, or one failure with its reason, for each request."""
        for request in requests:
            names = self.placement.files.get((request.prompt.id, request.sample), ())
            if len(names) != 1:
                what = f"more than one file for it: {', '.join(names)}" if names else "no image for it"
                yield GenerationResult(request, ImageState.FAILED, reason=what)
                continue
            yield from self._read(request, names[0])

    def source_sha256(self, request: GenerationRequest) -> str | None:
        """Hex SHA-256 of the request's file as it is now; None where there is none."""
        names = self.placement.files.get((request.prompt.id, request.sample), ())
        if len(names) != 1:
            return None
        try:
            with self.files.file(names[0]) as path:
                return hash_file(path)
        except (ImageError, InputError):
            return None

    def _read(self, request: GenerationRequest, name: str) -> Iterator[GenerationResult]:
        try:
            with self.files.file(name) as path:
                if path.parent.name == "samples":
                    check_prompt(path.parent.parent, request.prompt.text)
                inspect_image(path)
                # The file is copied before the next result is asked for, so within the context.
                yield GenerationResult(request, ImageState.DONE, file=path, provenance=self.found_as(name))
        except InputError as problem:
            yield GenerationResult(request, ImageState.FAILED, reason=str(problem))
