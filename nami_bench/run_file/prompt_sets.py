"""The run's prompt sets: assembled, read or found, and recorded."""

from pathlib import Path

from nami_bench import pipeline
from nami_bench.domain import PromptSet
from nami_bench.errors import InputError, NamiBenchError
from nami_bench.prompts.assembly import build_prompt_set
from nami_bench.prompts.files import load_prompt_set
from nami_bench.prompts.geneval import OFFICIAL_PER_TASK, OFFICIAL_SEED, Grammar, geneval_prompt_set
from nami_bench.prompts.protocol import Availability
from nami_bench.prompts.recipe import load_recipe
from nami_bench.prompts.sources import SHAPES_GRAMMAR, resolve_sources
from nami_bench.run_file.bench import Workbench
from nami_bench.run_file.load import LoadedRun
from nami_bench.run_file.parts import PromptsPart
from nami_bench.run_file.plan import Planned
from nami_bench.store import Store


def record_prompts(bench: Workbench) -> None:
    """Record every set, and write those that are made here to the workspace's folder `prompts`."""
    for part in bench.run.prompts:
        found = _recorded(part, bench.loaded, bench.store)
        prompt_set = _checked(part, found or _made(part, bench.loaded))
        place = ""
        if part.recipe or part.grammar:
            path = bench.workspace.prompts_dir / f"{part.name}.jsonl"
            if found is None or not path.is_file():
                pipeline.save_prompt_set(bench.workspace, bench.store, prompt_set)
            place = f" in {path}"
        elif found is None:
            bench.store.catalog.add_prompt_set(prompt_set)
        bench.sets[part.name] = bench.store.catalog.prompt_set(part.name)
        bench.tell.say(f"   {part.name}: {len(prompt_set)}{place}")


def plan_prompts(bench: Workbench) -> list[Planned]:
    """What would be recorded; into `bench.sets` goes what can be had without the network."""
    return [_planned(bench, part) for part in bench.run.prompts]


def _planned(bench: Workbench, part: PromptsPart) -> Planned:
    there = bench.store.catalog.has_prompt_set(part.name)
    try:
        if (needed := _downloads(part, bench.loaded)) and not there:
            count = sum(stratum.count for stratum in load_recipe(_recipe(part, bench.loaded)).stratum)
            note = f"their sources are downloaded first: {', '.join(needed)}"
            return Planned("prompts", part.name, "prompts", 0, count, note=note)
        found = _recorded(part, bench.loaded, bench.store)
        made = _checked(part, found or _made(part, bench.loaded))
        with bench.store.together(dry_run=True):
            bench.store.catalog.add_prompt_set(made)
    except NamiBenchError as error:
        return Planned("prompts", part.name, "prompts", 0, None, problem=str(error))
    bench.sets[part.name] = made
    return Planned("prompts", part.name, "prompts", len(made) if there else 0, 0 if there else len(made))


def prompt_set_here(part: PromptsPart, loaded: LoadedRun, store: Store) -> PromptSet:
    """The set as this machine has or makes it, recorded or not; raises NamiBenchError where it cannot be had
    without the network."""
    if store.catalog.has_prompt_set(part.name):
        return store.catalog.prompt_set(part.name)
    if needed := _downloads(part, loaded):
        raise InputError(f"its sources are not on this machine: {', '.join(needed)}")
    return _made(part, loaded)


def _recorded(part: PromptsPart, loaded: LoadedRun, store: Store) -> PromptSet | None:
    """The workspace's set, where it is known to be this one: a recipe need not be followed again."""
    if not (part.recipe or part.file or part.grammar):
        return store.catalog.prompt_set(part.name)
    if not part.recipe or part.sources or not store.catalog.has_prompt_set(part.name):
        return None
    found, recipe = store.catalog.prompt_set(part.name), load_recipe(_recipe(part, loaded))
    made_by = found.manifest.get("recipe", {}).get("sha256"), found.manifest.get("seed")
    seed = recipe.seed if part.seed is None else part.seed
    return found if made_by == (recipe.sha256, seed) else None


def _made(part: PromptsPart, loaded: LoadedRun) -> PromptSet:
    if part.recipe:
        sources = {name: loaded.place(path) for name, path in part.sources.items()}
        return build_prompt_set(_recipe(part, loaded), sources, name=part.name, seed=part.seed)
    if part.grammar:
        grammar = SHAPES_GRAMMAR if part.grammar == "shapes" else Grammar()
        seed = OFFICIAL_SEED if part.seed is None else part.seed
        return geneval_prompt_set(part.name, grammar, seed=seed, per_task=part.per_task or OFFICIAL_PER_TASK)
    if part.file is None:
        raise InputError(f"prompt set {part.name!r} is to be the workspace's, which has none of that name")
    return load_prompt_set(loaded.place(part.file), part.name)


def _recipe(part: PromptsPart, loaded: LoadedRun) -> str:
    recipe = str(part.recipe)
    return str(loaded.place(Path(recipe))) if recipe.endswith(".toml") else recipe


def _downloads(part: PromptsPart, loaded: LoadedRun) -> list[str]:
    """The sources that are to be downloaded first."""
    if not part.recipe:
        return []
    given = {name: loaded.place(path) for name, path in part.sources.items()}
    sources = resolve_sources(load_recipe(_recipe(part, loaded)).source_names, given)
    return [name for name, source in sources.items() if source.availability is Availability.DOWNLOAD]


def _checked(part: PromptsPart, found: PromptSet) -> PromptSet:
    """The set, if it is the one that the file wants."""
    if part.sha256 is not None and part.sha256 != found.sha256:
        raise InputError(
            f"prompt set {part.name!r} has the canonical SHA-256 {found.sha256[:12]}..., and the run file "
            f"wants {part.sha256[:12]}...: these are other prompts"
        )
    return found
