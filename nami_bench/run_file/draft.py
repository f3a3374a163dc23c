"""A run file written from what a workspace holds: run there, it makes nothing but the same leaderboard."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from nami_bench.config import Workspace
from nami_bench.domain import SIMULATED_PREFIX, Mode, PromptSet, Study
from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.automatic import GENEVAL
from nami_bench.pipeline.leaderboard_from_store import choose_study
from nami_bench.prompts.assembly import build_prompt_set
from nami_bench.prompts.protocol import Availability
from nami_bench.prompts.recipe import builtin_recipes, load_recipe
from nami_bench.prompts.sources import resolve_sources
from nami_bench.run_file.draft_metrics import ScoredBy, drafted_metrics
from nami_bench.run_file.draft_models import DraftedModel, SetSettings, drafted_models, set_settings
from nami_bench.run_file.load import LoadedRun
from nami_bench.run_file.parts import GenerationPart, LeaderboardPart, PromptsPart, ReportPart, StudyPart
from nami_bench.run_file.schema import RunFile
from nami_bench.run_file.studies import defined_study
from nami_bench.store import Store
from nami_bench.toml_text import entry, pair

_HEAD = """\
# What the workspace {workspace} holds, as a run: nothing in it is to be made, until you change it.
# Look with `nami-bench run FILE --dry-run`; docs/run-files.md has all keys.
"""
_PROMPTS = """
# Prompt sets: a `recipe`, GenEval's `grammar`, or a `file`; by its name alone, one that the workspace has.
"""
_GENERATION = """
# How images are made. A set may have samples, limit and first of its own, a model a seed of its own.
"""
_MODELS = """
# Models: an `adapter` with its `options` (`nami-bench plugins show ADAPTER`), or the `folder` of images made
# elsewhere; by its name alone, one of the workspace with the images that it has, of which no more are made.
"""
_METRICS = """
# Automatic scores; `options` are the metric's own (`nami-bench plugins show METRIC`).
"""
_STUDIES = """
# Studies: `protocol = "nami-1k"` or a study `file`; by its name alone, one that the workspace has. Judgements
# that were made elsewhere are imported: `ratings = ["ratings.csv"]`.
"""
_RESULTS = """
# What is written into the workspace's folder reports. `formats`: csv, csv-long, csv-wide, json,
# markdown, model-card, latex, html.
"""


def draft(workspace: Workspace, store: Store, name: str) -> str:
    """The run file's text. Raises InputError for a workspace without images or sets."""
    return "".join(_Draft(workspace, store, name).parts())


@dataclass(frozen=True)
class _Draft:
    """What stands in the file, worked out part by part."""

    workspace: Workspace
    store: Store
    name: str

    def parts(self) -> Iterator[str]:
        if not self.models:
            raise InputError(
                "the workspace has no images yet, so there is nothing to write down: begin with an example "
                "(`nami-bench run --init --example demo`)"
            )
        yield _HEAD.format(workspace=self.workspace.root.resolve().name)
        yield pair("name", self.name)
        yield _PROMPTS + "\n".join(map(_set_text, self.prompts, self.sets))
        yield _GENERATION + entry("generation", self.generation, is_list=False)
        yield _MODELS + "\n".join(f"{_comment(one.remark)}{entry('model', one.part)}" for one in self.models)
        if self.scored:
            yield _METRICS + "\n".join(map(_metric_text, self.scored))
        if self.studies:
            yield _STUDIES + "\n".join(entry("study", part) for part in self.studies)
        yield _RESULTS + "\n".join(entry("leaderboard", board) for board in self.boards)
        yield "".join(f"\n{entry('report', ReportPart(board.study))}" for board in self.boards)

    @cached_property
    def sets(self) -> list[PromptSet]:
        """Those with images."""
        used = {record.prompt_set for record in self.store.images.find()}
        return [one for one in self.store.catalog.prompt_sets() if one.name in used]

    @cached_property
    def settings(self) -> Mapping[str, SetSettings]:
        return {one.name: set_settings(self.store, one) for one in self.sets}

    @cached_property
    def generation(self) -> GenerationPart:
        """The seed that most models were drawn by."""
        seeds = Counter(one.seed for one in self.models if one.seed is not None)
        return GenerationPart(seed=seeds.most_common(1)[0][0] if seeds else 0)

    @cached_property
    def prompts(self) -> list[PromptsPart]:
        return [_prompts_part(one, self.settings[one.name]) for one in self.sets]

    @cached_property
    def models(self) -> list[DraftedModel]:
        return drafted_models(self.store, self.sets, self.settings)

    @cached_property
    def scored(self) -> list[ScoredBy]:
        return drafted_metrics(self.workspace, self.store, self.sets, [one.part.name for one in self.models])

    @cached_property
    def run(self) -> RunFile:
        """The file so far, without studies."""
        metrics = tuple(one.part for one in self.scored if one.part is not None)
        models = tuple(one.part for one in self.models)
        return RunFile(self.name, tuple(self.prompts), models, self.generation, metrics)

    @cached_property
    def studies(self) -> list[StudyPart]:
        models, sets = {one.part.name for one in self.models}, {one.name for one in self.sets}
        return [
            self._study_part(study)
            for study in self.store.studies.all()
            if study.prompt_set in sets and models >= set(study.models)
        ]

    def _study_part(self, study: Study) -> StudyPart:
        rated = {str(name) for name in self.store.ratings.table(study.name)["annotator"].unique()}
        is_simulated = bool(rated) and all(name.startswith(SIMULATED_PREFIX) for name in rated)
        has_verdicts = any(part.name == GENEVAL for part in self.run.metric)
        simulated = len(rated) if is_simulated and has_verdicts else 0
        part = StudyPart(
            study.name,
            protocol="nami-1k",
            prompts=study.prompt_set,
            models=study.models,
            canvas=study.canvas or None,
            sizes_may_differ=study.sizes_may_differ,
            simulated_annotators=simulated,
        )
        is_standard = defined_study(part, self.run, LoadedRun(self.run, self.workspace.root)) == study
        return part if is_standard else StudyPart(study.name)

    @property
    def boards(self) -> list[LeaderboardPart]:
        """That which `nami-bench leaderboard` shows is called leaderboard, the others as their studies."""
        known = {part.name for part in self.studies}
        rated = [s for s in self.store.studies.all() if s.name in known and s.mode == Mode.RATING]
        rated = [study for study in rated if self.store.ratings.exist(study.name)]
        shown = choose_study(self.store, None)
        if shown is None or shown.name not in {study.name for study in rated}:
            return [LeaderboardPart()] if self.scored else []
        names = {study.name: "leaderboard" if study.name == shown.name else study.name for study in rated}
        return [LeaderboardPart(name, study) for study, name in names.items()]


def _prompts_part(prompt_set: PromptSet, settings: SetSettings) -> PromptsPart:
    recipe = _recipe_of(prompt_set)
    return PromptsPart(
        prompt_set.name,
        recipe=recipe,
        seed=prompt_set.manifest["seed"] if recipe else None,
        sha256=prompt_set.sha256,
        samples=settings.samples,
        limit=settings.limit,
        first=settings.first,
    )


def _recipe_of(prompt_set: PromptSet) -> str | None:
    """The shipped recipe that makes this very set out of what is on this machine; None where none does."""
    sha256, seed = prompt_set.manifest.get("recipe", {}).get("sha256"), prompt_set.manifest.get("seed")
    name = next((name for name in builtin_recipes() if load_recipe(name).sha256 == sha256), None)
    if name is None:
        return None
    sources = resolve_sources(load_recipe(name).source_names, {})
    if any(source.availability is not Availability.HERE for source in sources.values()):
        return None
    return name if build_prompt_set(name, seed=seed).sha256 == prompt_set.sha256 else None


def _set_text(part: PromptsPart, prompt_set: PromptSet) -> str:
    return f"# {len(prompt_set)} prompts\n{entry('prompts', part)}"


def _metric_text(scored: ScoredBy) -> str:
    if scored.part is not None:
        return entry("metric", scored.part)
    return (
        f"# {scored.scores} scores of {scored.metric} by {scored.instrument}\n"
        "# are kept as they are; with which options they were made is not recorded. To score more, say so:\n"
        f"# [[metric]]\n# {pair('name', scored.metric)}"
    )


def _comment(text: str) -> str:
    return f"# {text}\n" if text else ""
