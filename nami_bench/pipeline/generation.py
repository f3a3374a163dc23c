"""Images: made or imported, each exactly once, across any number of interrupted runs."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from nami_bench import __version__, images, registry
from nami_bench.domain import ImageRecord, ImageState, ModelCard, Prompt, PromptSet
from nami_bench.engines import LOCAL, Engine, Job
from nami_bench.errors import ImageError, InputError, WorkError
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.image_settings import settings_sha256
from nami_bench.pipeline.concurrency import with_concurrency
from nami_bench.pipeline.drawing import Drawing, Drawn, lost
from nami_bench.pipeline.elsewhere_images import ADAPTER, images_elsewhere
from nami_bench.pipeline.equal_samples import EqualSamples
from nami_bench.pipeline.progress import Advance, batches
from nami_bench.pipeline.removal import finish_removals
from nami_bench.pipeline.run_lock import Check, alone_in
from nami_bench.pipeline.same_settings import (
    ServedModel,
    check_same_dtype,
    check_same_settings,
    check_same_sources,
)
from nami_bench.pipeline.selection import Selection, select_prompts
from nami_bench.transparency import SAID

if TYPE_CHECKING:
    from nami_bench.generators.protocol import GenerationRequest, Generator
    from nami_bench.pipeline.image_import import ImageImport
    from nami_bench.store import Store


_PROBLEMS_NAMED = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GenerationReport:
    """What a run did, by count, and the first few reasons of what went wrong."""

    counts: Mapping[str, int]
    problems: tuple[str, ...]

    @property
    def failed(self) -> int:
        """Requested images that are not there now; refusals are results and do not count."""
        return self.counts.get("failed", 0)


def image_seed(seed: int, prompt_id: str, sample: int) -> int:
    """The seed of one image: the same for every model, whatever else the run makes. 0 to 2**48 - 1."""
    digest = hashlib.sha256(f"{seed}/{prompt_id}/{sample}".encode()).digest()
    return int.from_bytes(digest[:6], "big")


def generate(
    store: "Store",
    images_dir: Path,
    model: str,
    prompt_set: PromptSet,
    *,
    samples: int = 4,
    seed: int = 0,
    limit: int | None = None,
    first: int | None = None,
    drawn_by: int | None = None,
    concurrency: int | None = None,
    advance: Advance = lambda count: None,
    engine: Engine = LOCAL,
) -> GenerationReport:
    """Make every image of `model` for `prompt_set` that is not there yet.

    Finished images are never made again: neither those recorded nor those that a killed run wrote but
    could not record. Failed ones are tried again, refused ones are not. `engine` makes the images; it makes
    no difference to what is recorded, nor to the order. Images made elsewhere are found as
    `images_elsewhere` finds them. `limit` and `first`: see `select_prompts`, where
    `drawn_by` (None: `seed`) is the seed. `concurrency`: see `with_concurrency`.

    Raises InputError where recorded images of the model were made with another seed, other weights or other
    settings, or another run holds the folder.
    """
    if samples < 1:
        raise InputError(f"samples must be at least 1, got {samples}")
    draw = seed if drawn_by is None else drawn_by
    selection = select_prompts(prompt_set.prompts, limit=limit, first=first, seed=draw)
    card = with_concurrency(store.catalog.model(model), concurrency)
    generator: Generator
    if card.adapter == ADAPTER:
        found = images_elsewhere(store, card, prompt_set)
        generator, engine = found.generator, LOCAL if found.is_placed else engine
    else:
        generator = registry.create("generators", card.adapter, card.options)
    run = _GenerationRun(store, images_dir, card, prompt_set, generator, seed, selection)
    with run.locked():
        return run.execute(samples, advance, engine)


def import_images(
    store: "Store",
    images_dir: Path,
    understood: "ImageImport",
    model: str,
    *,
    samples: int | None = None,
    complete: bool = False,
    advance: Advance = lambda count: None,
) -> GenerationReport:
    """Copy images made elsewhere into the workspace as the images of `model`; see `generate`.

    `samples` of each prompt; None: as many as the fullest has. What is not there is passed over, or with
    `complete` a failure. The model is recorded with the adapter `folder` unless it exists, the prompts unless
    they are known. Raises InputError where the model makes its own images, or has images of this set from
    another folder.
    """
    folder = str(understood.images.files.place)
    card = next((card for card in store.catalog.models() if card.name == model), None)
    if card is not None and (
        card.adapter != ADAPTER or _came_from(store, model, understood.prompt_set) - {folder}
    ):
        raise InputError(
            f"model {model!r} exists and its images of {understood.prompt_set.name} do not come from "
            f"{folder}: import under another --model name"
        )
    store.catalog.add_prompt_set(understood.prompt_set)
    if card is None:
        card = ModelCard(model, ADAPTER, {"path": folder, **understood.images.how})
        store.catalog.add_model(card)
    prompts = tuple(p for p in understood.prompt_set.prompts if complete or understood.holds(p))
    run = _GenerationRun(
        store, images_dir, card, understood.prompt_set, understood.images, 0, Selection(prompts)
    )
    run.wanted = lambda request: complete or understood.images.holds(request)
    with run.locked():
        return run.execute(samples or understood.placement.samples, advance, LOCAL)


def _came_from(store: "Store", model: str, prompt_set: PromptSet) -> set[str]:
    """The folders that a model's recorded images of a set were copied from."""
    if not store.catalog.has_prompt_set(prompt_set.name):
        return set()
    records = store.images.find(models=[model], prompt_set=prompt_set.name, state=ImageState.DONE)
    said = ({**(r.provenance.get("settings") or {}), **r.provenance} for r in records)
    return {str(one.get("folder") or one.get("path")) for one in said}


class _GenerationRun:
    """One model, one prompt set, one seed: makes what is missing."""

    def __init__(
        self,
        store: "Store",
        images_dir: Path,
        card: ModelCard,
        prompt_set: PromptSet,
        generator: "Generator",
        seed: int,
        selection: Selection,
    ) -> None:
        self.store = store
        self.images_dir = images_dir
        self.card = card
        self.prompt_set = prompt_set
        self.generator = generator
        self.seed = seed
        self.selection = selection
        self.settings = _settings(generator)
        self.settings_sha256 = settings_sha256(self.settings)
        self.folder = GenEvalFolder(images_dir / card.name / prompt_set.name)
        # Under its first name: the bytes of a file that is made again must not depend on today's.
        made_as = card.first_name or card.name
        self.drawing = Drawing(self.folder, made_as, card.adapter, prompt_set.sha256, self.settings_sha256)
        self.served = ServedModel.of_images(card.name, ())
        self.wanted: Callable[[GenerationRequest], bool] = lambda request: True
        self.equal_samples = EqualSamples(card.name, ())
        self.check_lock: Check = lambda: None
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self.told_of_transparency = False
        # By which images that were made without a break are known again, for what a second brings.
        self.run = uuid4().hex[:12]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against a second run; what was removed before does not come back."""
        finish_removals(self.store, self.images_dir, self.card.name)
        with alone_in(self.folder.root) as self.check_lock:
            self.folder.remove_partial_files()
            yield

    def execute(self, samples: int, advance: Advance, engine: Engine) -> GenerationReport:
        of_model = self.store.images.find(models=[self.card.name])
        recorded = {(r.prompt_id, r.sample): r for r in of_model if r.prompt_set == self.prompt_set.name}
        self._check_seeds(recorded.values())
        self.equal_samples = EqualSamples(self.card.name, recorded.values())
        self._check_identity(of_model, recorded.values(), engine)
        todo = self._missing(samples, recorded, advance)
        shards = batches(todo, max(1, self.generator.batch_size))
        with (
            self._marked(engine.elsewhere) as drawing,
            closing(engine.run(self._job(drawing), shards)) as made,
        ):
            for drawn in made:
                self.check_lock()
                if not engine.elsewhere:  # several workers are no measure of the model
                    drawn = replace(drawn, provenance={**drawn.provenance, "run": self.run})
                self._keep(drawn, recorded.get((drawn.request.prompt.id, drawn.request.sample)))
                advance(1)
        return GenerationReport(self.counts, tuple(self.problems))

    @contextmanager
    def _marked(self, elsewhere: bool) -> Iterator[Drawing]:
        """How images are made, for processes that may not see the folder; see `Drawing.token`."""
        if not elsewhere:
            yield self.drawing
            return
        token = uuid4().hex
        self.folder.write_marker(token)
        try:
            yield replace(self.drawing, token=token)
        finally:
            self.folder.remove_partial_files()  # the marker, and those of workers that were killed

    def _job(self, drawing: Drawing) -> "Job[Generator, GenerationRequest, Drawn]":
        card = self.card
        make = partial(registry.create, "generators", card.adapter, dict(card.options))
        return Job(self.generator, make, _settings, drawing, lost)

    def _check_seeds(self, records: Iterable[ImageRecord]) -> None:
        for record in records:
            expected = image_seed(self.seed, record.prompt_id, record.sample)
            if record.state is ImageState.DONE and record.seed not in (None, expected):
                raise InputError(
                    f"model {self.card.name!r} has images for {self.prompt_set.name!r} made with another "
                    "--seed: use that seed, or another model name"
                )

    def _check_identity(
        self, of_model: Sequence[ImageRecord], recorded: Iterable[ImageRecord], engine: Engine
    ) -> None:
        """Raise InputError where the model's name would come to mean two things, in this set or in all."""
        name, generator = self.card.name, self.generator
        check_same_settings(name, self.settings, of_model)
        if not engine.elsewhere:  # else the machines that compute decide what in
            check_same_dtype(name, generator, of_model)
        done = (r for r in recorded if r.state is ImageState.DONE)
        check_same_sources(
            generator, ((r, self._request(self.prompt_set.by_id[r.prompt_id], r.sample)) for r in done)
        )
        self.served = ServedModel.of_images(name, of_model)

    def _request(self, prompt: Prompt, sample: int) -> "GenerationRequest":
        from nami_bench.generators.protocol import GenerationRequest

        return GenerationRequest(prompt, sample, image_seed(self.seed, prompt.id, sample))

    def _missing(
        self,
        samples: int,
        recorded: Mapping[tuple[str, int], ImageRecord],
        advance: Advance,
    ) -> Iterator["GenerationRequest"]:
        for prompt in self.selection.prompts:
            self.folder.write_metadata(int(prompt.id), prompt.metadata())
            for sample in range(samples):
                request = self._request(prompt, sample)
                if not self.wanted(request):
                    continue
                outcome = self._outcome_so_far(request, recorded.get((prompt.id, sample)))
                if outcome is None:
                    yield request
                else:
                    self.counts[outcome] += 1
                    advance(1)

    def _outcome_so_far(self, request: "GenerationRequest", record: ImageRecord | None) -> str | None:
        """'kept', 'refused' or 'adopted' where nothing is to be made, else None."""
        path = self.drawing.path(request)
        if record is not None and record.state is ImageState.REFUSED:
            return "refused"
        if record is not None and record.state is ImageState.DONE:
            return "kept" if images.has_file(path) else None
        if images.read_provenance(path) != self.drawing.provenance(request):
            return None
        try:
            stored = images.inspect_image(path)
        except ImageError:
            return None
        # Written, but the run was killed before it was recorded.
        self._record_done(request, stored, seconds=None, provenance={})
        return "adopted"

    def _keep(self, drawn: Drawn, before: ImageRecord | None) -> None:
        self.counts["made" if drawn.state is ImageState.DONE else drawn.state.value] += 1
        if drawn.stored is not None:
            self._keep_file(drawn, drawn.stored, before)
            return
        prompt = drawn.request.prompt
        if len(self.problems) < _PROBLEMS_NAMED:
            self.problems.append(f"{prompt.id}/{drawn.request.sample:04d}: {drawn.reason}")
        if before is None or before.state is not ImageState.DONE:
            self.store.images.put(self._record(drawn.request, drawn.state, drawn.provenance, drawn.reason))

    def _keep_file(self, drawn: Drawn, stored: images.StoredImage, before: ImageRecord | None) -> None:
        path = self.drawing.path(drawn.request)
        try:
            self.served.check(drawn.provenance.get("served_model"))
            self.equal_samples.check(drawn.request, drawn.provenance)
        except InputError:
            images.delete_file(path)
            raise
        if drawn.data is not None:
            images.write_bytes(path, drawn.data)
        if before is not None and before.state is ImageState.DONE and before.sha256 != stored.sha256:
            images.delete_file(path)
            raise WorkError(
                f"{path} was lost, and made again it came out different: scores and ratings rest on the "
                "lost file; bring it back, or generate under another model name"
            )
        self._record_done(drawn.request, stored, drawn.seconds, drawn.provenance)
        self._tell_transparent(drawn.provenance)

    def _tell_transparent(self, provenance: Mapping[str, Any]) -> None:
        """Warn of the first transparent image; each one's record says it."""
        if SAID.items() <= provenance.items() and not self.told_of_transparency:
            self.told_of_transparency = True
            _log.warning("%s has transparent images: they are laid over white", self.card.name)

    def _record_done(
        self,
        request: "GenerationRequest",
        stored: images.StoredImage,
        seconds: float | None,
        provenance: Mapping[str, Any],
    ) -> None:
        record = self._record(request, ImageState.DONE, provenance)
        self.store.images.put(
            replace(
                record,
                path=self.drawing.path(request).relative_to(self.images_dir).as_posix(),
                sha256=stored.sha256,
                width=stored.width,
                height=stored.height,
                seconds=seconds,
            )
        )

    def _record(
        self,
        request: "GenerationRequest",
        state: ImageState,
        provenance: Mapping[str, Any],
        reason: str | None = None,
    ) -> ImageRecord:
        return ImageRecord(
            model=self.card.name,
            prompt_set=self.prompt_set.name,
            prompt_id=request.prompt.id,
            sample=request.sample,
            state=state,
            seed=request.seed,
            reason=reason,
            provenance={
                "nami_bench": __version__,
                **provenance,
                **self.selection.provenance,
                "settings": self.settings,
            },
        )


def _settings(generator: "Generator") -> dict[str, Any]:
    return dict(generator.describe())
