"""The run's models, and their images."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nami_bench import pipeline, registry
from nami_bench.domain import ImageRecord, ImageState, ModelCard, Prompt, PromptSet
from nami_bench.domain.english import tally
from nami_bench.engines import Engine
from nami_bench.errors import NamiBenchError
from nami_bench.pipeline.elsewhere_images import images_elsewhere
from nami_bench.run_file.bench import Workbench
from nami_bench.run_file.load import LoadedRun
from nami_bench.run_file.parts import SAMPLES, ModelPart, PromptsPart
from nami_bench.run_file.plan import Planned, expected_seconds


@dataclass(frozen=True, slots=True)
class Order:
    """Images of one model for one prompt set; `prompts` are those of the set that it is about."""

    model: ModelPart
    prompt_set: PromptSet
    prompts: tuple[Prompt, ...]
    samples: int
    seed: int
    limit: int | None
    first: int | None

    @property
    def title(self) -> str:
        """Model and set."""
        return f"{self.model.name} on {self.prompt_set.name}"

    @property
    def images(self) -> int:
        """How many are asked for."""
        return self.samples * len(self.prompts)


def card_of(part: ModelPart, loaded: LoadedRun) -> ModelCard:
    """What is recorded of a model that has an adapter or a folder."""
    if part.folder is None:
        return ModelCard(part.name, str(part.adapter), dict(part.options), part.parameters, part.licence)
    table = None if part.table is None else str(loaded.place(part.table).resolve())
    said: dict[str, Any] = {"layout": part.layout, "table": table, "columns": dict(part.columns)}
    said |= {"source_model": part.source_model, "grid": part.grid}
    options = {"path": str(loaded.place(part.folder).resolve())}
    options |= {name: value for name, value in said.items() if value}
    return ModelCard(part.name, "folder", options, part.parameters, part.licence)


def record_models(bench: Workbench) -> None:
    """Record the models, and look at the options of all of them before anything is made."""
    for part in bench.run.model:
        if part.is_recorded:
            bench.store.catalog.model(part.name)
            continue
        card = card_of(part, bench.loaded)
        registry.create("generators", card.adapter, card.options)
        bench.store.catalog.add_model(card)
        pipeline.check_settings(bench.store, part.name)


def make_images(bench: Workbench, engine: Engine) -> None:
    """Make what is not there yet."""
    for order in orders(bench):
        with bench.tell.progress(f"   {order.title}", order.images) as advance:
            report = pipeline.generate(
                bench.store,
                bench.workspace.images_dir,
                order.model.name,
                order.prompt_set,
                samples=order.samples,
                seed=order.seed,
                limit=order.limit,
                first=order.first,
                drawn_by=bench.run.generation.seed,
                advance=advance,
                engine=engine,
            )
        bench.tell.say(f"   {order.title}: {tally(report.counts)}")
        if report.failed:
            bench.failures.append(
                f"{report.failed} images of {order.title} failed, the first: {report.problems[0]}"
            )


def plan_images(bench: Workbench) -> list[Planned]:
    """What would be made."""
    planned = []
    ordered = list(orders(bench))
    for order in ordered:
        states = Counter(record.state for record in images_of(bench, order))
        there = states[ImageState.DONE]
        to_do = order.images - there - states[ImageState.REFUSED]
        seconds = _expected(bench, order.model.name, to_do)
        problem = _problem(bench, order.model)
        planned.append(Planned("images", order.title, "images", there, to_do, seconds, problem=problem))
    counted = {(order.model.name, order.prompt_set.name) for order in ordered}
    for part in bench.run.model:
        for name in (prompts.name for prompts in bench.run.prompts):
            if (
                part in bench.run.models_on(name)
                and not part.is_recorded
                and (part.name, name) not in counted
            ):
                note = "how many is known when the prompts are"
                problem = _problem(bench, part)
                planned.append(
                    Planned("images", f"{part.name} on {name}", "images", 0, None, None, note, problem)
                )
    return planned


def orders(bench: Workbench) -> Iterator[Order]:
    """The images that are asked for, model by model, of the sets that are known."""
    for model in bench.run.model:
        for part in bench.run.prompts:
            wanted = model in bench.run.models_on(part.name) and not model.is_recorded
            if wanted and part.name in bench.sets:
                yield _order(bench, model, part)


def images_of(bench: Workbench, order: Order) -> list[ImageRecord]:
    """The images of an order that are recorded."""
    models = {card.name for card in bench.store.catalog.models()}
    if order.model.name not in models or not bench.store.catalog.has_prompt_set(order.prompt_set.name):
        return []
    records = bench.store.images.find(models=[order.model.name], prompt_set=order.prompt_set.name)
    asked = {prompt.id for prompt in order.prompts}
    return [record for record in records if record.sample < order.samples and record.prompt_id in asked]


def _order(bench: Workbench, model: ModelPart, part: PromptsPart) -> Order:
    general, prompt_set = bench.run.generation, bench.sets[part.name]
    # The two exclude each other: a set's own takes the place of both.
    limits = part if part.limit or part.first else general
    seed = model.seed if model.seed is not None else 0 if model.folder else general.seed
    # Drawn for all models by one seed: they are compared on the same prompts.
    chosen = pipeline.select_prompts(
        prompt_set.prompts, limit=limits.limit, first=limits.first, seed=general.seed
    )
    samples = part.samples or general.samples or _samples(bench, model, prompt_set)
    return Order(model, prompt_set, chosen.prompts, samples, seed, limits.limit, limits.first)


def _samples(bench: Workbench, model: ModelPart, prompt_set: PromptSet) -> int:
    """Where nothing is said of it: of images made elsewhere as many as there are."""
    if model.folder is None:
        return SAMPLES
    return images_elsewhere(bench.store, card_of(model, bench.loaded), prompt_set).samples


def _expected(bench: Workbench, model: str, images: int) -> float | None:
    """By the durations of the model's recorded images: the generator's own, without what is between."""
    if not images or model not in {card.name for card in bench.store.catalog.models()}:
        return None
    seconds = [
        record.seconds for record in bench.store.images.find(models=[model]) if record.seconds is not None
    ]
    return expected_seconds([(sum(seconds), len(seconds))], images)


def _problem(bench: Workbench, part: ModelPart) -> str:
    """Why the model cannot make images here; "" where nothing is known against it."""
    try:
        card = card_of(part, bench.loaded)
        registry.create("generators", card.adapter, card.options)
        with bench.store.together(dry_run=True):
            bench.store.catalog.add_model(card)
        if part.name in {known.name for known in bench.store.catalog.models()}:
            pipeline.check_settings(bench.store, part.name)
    except NamiBenchError as error:
        return str(error)
    return ""
