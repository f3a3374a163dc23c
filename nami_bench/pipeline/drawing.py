"""One generator's results turned into files: what is done where the image is made."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nami_bench import images
from nami_bench.domain import ImageState
from nami_bench.errors import ImageError, WorkError
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.pipeline.progress import batches
from nami_bench.software import used_here
from nami_bench.transparency import SAID

if TYPE_CHECKING:
    from nami_bench.generators.protocol import GenerationRequest, GenerationResult, Generator


@dataclass(frozen=True, slots=True)
class Drawn:
    """An image that is a file, or why there is none.

    `stored` describes the file of a DONE image; `data` are its bytes where they are still to be written.
    """

    request: "GenerationRequest"
    state: ImageState
    seconds: float | None = None
    reason: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    stored: images.StoredImage | None = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """Makes images of one model and prompt set and writes them into `folder`; pickles.

    `token`: what the folder's marker holds, for processes that may not see the folder of that name: those
    that do not find it there leave the bytes to be written by whoever asked. None: there is no doubt.
    """

    folder: GenEvalFolder
    model: str
    adapter: str
    prompt_set_sha256: str
    settings_sha256: str
    token: str | None = None

    def __call__(self, generator: "Generator", requests: Iterable["GenerationRequest"]) -> Iterator[Drawn]:
        """Yield what became of each request, in order."""
        here = self.token is None or self.folder.read_marker() == self.token
        for batch in batches(requests, max(1, generator.batch_size)):
            for result in generator.generate(batch):
                yield self._drawn(result, here)

    def path(self, request: "GenerationRequest") -> Path:
        """Where the image lies or will lie."""
        return self.folder.sample_path(int(request.prompt.id), request.sample)

    def provenance(self, request: "GenerationRequest") -> dict[str, Any]:
        """What the file itself says of its making: nothing that differs between two equal runs."""
        return {
            "model": self.model,
            "prompt_set": self.prompt_set_sha256,
            "prompt_id": request.prompt.id,
            "sample": request.sample,
            "seed": request.seed,
            "settings": self.settings_sha256,
        }

    def _drawn(self, result: "GenerationResult", here: bool) -> Drawn:
        request, provenance = result.request, _with_software(result.provenance)
        if result.state is not ImageState.DONE:
            return Drawn(request, result.state, result.seconds, result.reason, provenance)
        try:
            stored, data, source = self._encoded(result)
        except ImageError as error:
            return Drawn(request, ImageState.FAILED, result.seconds, str(error), provenance)
        if here:
            images.write_bytes(self.path(request), data)
        left = None if here else data
        return Drawn(request, ImageState.DONE, result.seconds, None, {**provenance, **source}, stored, left)

    def _encoded(self, result: "GenerationResult") -> tuple[images.StoredImage, bytes, Mapping[str, Any]]:
        """What the file is, its bytes, and what is to be said of the file it was copied from, if it was."""
        if result.file is not None:
            copied = images.as_png(result.file)
            said = {"source_file": result.file.name, "source_sha256": copied.source_sha256}
            return copied.stored, copied.data, {**said, **(SAID if copied.see_through else {})}
        if result.image is None:
            raise WorkError(f"generator {self.adapter!r} said done but gave no image")
        stored, data = images.encode_png(result.image, self.provenance(result.request))
        return stored, data, {}


def _with_software(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """A result's provenance with the versions of what made it; the generator's own word counts."""
    here = used_here()
    libraries = {**here["libraries"], **provenance.get("libraries", {})}
    return {**here, **provenance, "libraries": libraries}


def lost(request: "GenerationRequest", reason: str) -> Drawn:
    """An image over which worker processes died."""
    return Drawn(request, ImageState.FAILED, reason=reason)
