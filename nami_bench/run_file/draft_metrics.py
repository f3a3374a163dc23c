"""What scored the images of a workspace: scores name their instrument, not the options that it had."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from nami_bench import registry
from nami_bench.config import Workspace
from nami_bench.domain import PromptSet, Score, SetScore
from nami_bench.errors import InputError, NamiBenchError
from nami_bench.run_file.lock_file import read_lock
from nami_bench.run_file.parts import MetricPart
from nami_bench.run_file.scores import made_questions, metric_options, question_file
from nami_bench.serialize import validated
from nami_bench.store import Store

_SHAPES = "shapes"
"""The detector and the judge that need no weights: tried where an instrument says that it was they."""
_READER = "rapidocr"
"""What reads text by default."""


@dataclass(frozen=True, slots=True)
class ScoredBy:
    """So many `scores` of a metric by an instrument; `part` measures with it here, None: none is known to."""

    metric: str
    instrument: str
    scores: int
    part: MetricPart | None


def drafted_metrics(
    workspace: Workspace, store: Store, sets: Sequence[PromptSet], models: Sequence[str]
) -> list[ScoredBy]:
    """Everything that scored images of these sets and models."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    scores: list[Score | SetScore] = [
        *store.scores.find(models=models),
        *store.scores.of_sets(models=models),
    ]
    for score in scores:
        by_set = found.setdefault((score.metric, score.instrument), {})
        by_set[score.prompt_set] = by_set.get(score.prompt_set, 0) + 1
    by_name = {one.name: one for one in sets}
    known = list(_declared(workspace))
    drafted: list[ScoredBy] = []
    for (metric, instrument), by_set in found.items():
        on = [by_name[name] for name in by_set if name in by_name]
        part = _part(metric, instrument, on, [*known, *_guesses(metric, instrument)])
        named = part and replace(
            part, prompts=() if len(on) == len(sets) else tuple(one.name for one in on), models=()
        )
        if named is None or named not in [one.part for one in drafted]:
            drafted.append(ScoredBy(metric, instrument, sum(by_set.values()), named))
    return drafted


def _declared(workspace: Workspace) -> Iterator[MetricPart]:
    """The metrics of earlier runs, from their locks."""
    for path in sorted(workspace.reports_dir.glob("*.lock.json")):
        try:
            for raw in read_lock(path)["run_file"]["content"]["metric"]:
                yield validated(MetricPart, raw, str(path))
        except (InputError, KeyError, TypeError):
            continue


def _guesses(metric: str, instrument: str) -> Iterator[MetricPart]:
    if metric not in registry.plugins("metrics"):
        return
    if instrument.startswith(f"{_READER}-"):
        yield MetricPart(metric)
    if _SHAPES not in instrument:
        return
    options = {field.name for field in fields(registry.load("metrics", metric).Options)}
    if "detector" in options:
        yield MetricPart(metric, detector=_SHAPES)
    if {"judge", "questions"} <= options:
        yield MetricPart(metric, judge=_SHAPES, questions_from="clauses")


def _part(
    metric: str, instrument: str, sets: Sequence[PromptSet], candidates: Sequence[MetricPart]
) -> MetricPart | None:
    """The first of the candidates that measures with this instrument on one of the sets."""
    own = [part for part in candidates if part.name == metric]
    return next((part for part in own if instrument in _instruments(part, sets)), None)


def _instruments(part: MetricPart, sets: Sequence[PromptSet]) -> Iterator[str]:
    """What the metric measures with here, on any of the sets; nothing where it cannot."""
    with TemporaryDirectory() as name, suppress(NamiBenchError):
        options = metric_options(part, Path())
        if part.questions_from is None:
            yield registry.create("metrics", part.name, options).instrument
            return
        for prompt_set in sets:
            file = question_file(Path(name), prompt_set.name)
            file.write_bytes(made_questions(prompt_set))
            yield registry.create("metrics", part.name, options | {"questions": file}).instrument
