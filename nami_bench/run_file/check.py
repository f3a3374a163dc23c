"""What would differ from a lock on this machine, in sentences."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nami_bench import registry
from nami_bench.domain import Mode
from nami_bench.errors import NamiBenchError
from nami_bench.evaluation.leaderboard.paths import without_folders
from nami_bench.image_settings import described_change, differing
from nami_bench.run_file.bench import Workbench
from nami_bench.run_file.images import card_of
from nami_bench.run_file.lock import (
    board_sha256,
    content_of,
    definition_sha256,
    images_lock,
    input_hashes,
    of_set,
    score_locks,
    study_lock,
)
from nami_bench.run_file.parts import ModelPart, PromptsPart
from nami_bench.run_file.prompt_sets import prompt_set_here
from nami_bench.run_file.results import leaderboard_of
from nami_bench.run_file.scores import measurements, write_questions
from nami_bench.run_file.studies import defined_study
from nami_bench.software import software

_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Check:
    """`differences`, and what could not be compared (`not_compared`): it is not here, or not made yet."""

    differences: tuple[str, ...]
    not_compared: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON document."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Found:
    """A sentence about something that differs, or that could not be compared: results that are not made yet
    are `is_unfinished`."""

    sentence: str
    differs: bool = True
    is_unfinished: bool = False


def check_lock(bench: Workbench, lock: Mapping[str, Any]) -> Check:
    """Compare a lock, as `read_lock` gives it, with what a run would find here; nothing is changed."""
    found = [one for check in _CHECKS for one in check(bench, lock)]
    # Of what is not all here a leaderboard would be another one, and that says nothing.
    if not any(one.is_unfinished for one in found):
        found += _leaderboards(bench, lock)
    return Check(
        tuple(one.sentence for one in found if one.differs),
        tuple(one.sentence for one in found if not one.differs),
    )


def _content(bench: Workbench, lock: Mapping[str, Any]) -> Iterator[_Found]:
    for key, (then, now) in sorted(_changed("", lock["run_file"]["content"], content_of(bench.run)).items()):
        yield _Found(f"the run file says {key} = {now!r}, in the lock it is {then!r}")


def _changed(place: str, then: Any, now: Any) -> dict[str, tuple[Any, Any]]:
    """By dotted key, the values in which two contents differ; entries of lists go by their names."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        pairs = [(str(key), then.get(key), now.get(key)) for key in {**then, **now}]
    elif _are_entries(then) and _are_entries(now) and (then or now):
        old, new = ({str(one.get("name", at)): one for at, one in enumerate(part)} for part in (then, now))
        pairs = [(name, old.get(name), new.get(name)) for name in {**old, **new}]
    else:
        return {} if then == now else {place: (then, now)}
    changed: dict[str, tuple[Any, Any]] = {}
    for key, before, after in pairs:
        changed |= _changed(f"{place}.{key}" if place else key, before, after)
    return changed


def _are_entries(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) for one in value)


def _software(bench: Workbench, lock: Mapping[str, Any]) -> Iterator[_Found]:
    here = software()
    for name, version in lock["software"].items():
        if name not in here:
            yield _Found(f"{name} was {version}, and here it is not known or not installed")
        elif here[name] != version:
            yield _Found(f"{name} was {version}, and here it is {here[name]}")
    for name in here.keys() - lock["software"].keys():
        yield _Found(f"{name} was not installed, and here it is {here[name]}", differs=False)


def _inputs(bench: Workbench, lock: Mapping[str, Any]) -> Iterator[_Found]:
    here = dict(input_hashes(bench.loaded))
    for name, sha256 in lock["inputs"].items():
        if (now := here.get(name)) is None:
            yield _Found(f"the file {name} is not here", differs=False)
        elif now != sha256:
            yield _Found(f"the file {name} {_was(str(sha256), now)}")


def _prompt_sets(bench: Workbench, lock: Mapping[str, Any]) -> Iterator[_Found]:
    parts: dict[str, PromptsPart] = {part.name: part for part in bench.run.prompts}
    for known in lock["prompt_sets"]:
        name = known["name"]
        if name not in parts:
            continue
        try:
            bench.sets[name] = found = prompt_set_here(parts[name], bench.loaded, bench.store)
        except NamiBenchError as error:
            yield _Found(f"prompt set {name} cannot be compared: {error}", differs=False)
            continue
        if found.sha256 != known["sha256"]:
            yield _Found(f"the prompts of {name} {_was(known['sha256'], found.sha256)}")


def _models(bench: Workbench, lock: Mapping[str, Any]) -> Iterator[_Found]:
    parts: dict[str, ModelPart] = {part.name: part for part in bench.run.model}
    recorded = {card.name for card in bench.store.catalog.models()}
    for known in lock["models"]:
        name = known["name"]
        if name not in parts:
            continue
        yield from _settings(bench, parts[name], known)
        records = bench.store.images.find(models=[name]) if name in recorded else []
        for prompt_set, then in known["images"].items():
            yield from _images(f"{name} on {prompt_set}", then, images_lock(of_set(records, prompt_set)))


def _settings(bench: Workbench, part: ModelPart, known: Mapping[str, Any]) -> Iterator[_Found]:
    """What the model is here; images made elsewhere are known by themselves."""
    if part.is_recorded or part.folder is not None or known["settings"] is None:
        return
    try:
        card = card_of(part, bench.loaded)
        now = without_folders(dict(registry.create("generators", card.adapter, card.options).describe()))
    except NamiBenchError as error:
        yield _Found(f"model {part.name} cannot make images here: {error}")
        return
    if differing(known["settings"], now):
        yield _Found(f"model {part.name} is another one here: {described_change(known['settings'], now)}")


def _images(title: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[_Found]:
    if now["done"] < then["done"]:
        yield _Found(
            f"{title}: {now['done']} of {then['done']} images are made here",
            differs=False,
            is_unfinished=True,
        )
    elif now["done"] > then["done"]:
        yield _Found(f"{title} has {now['done']} images here, in the lock {then['done']}")
    elif now["sha256"] != then["sha256"]:
        yield _Found(f"the images of {title} {_was(then['sha256'], now['sha256'])}")


def _instruments(bench: Workbench, lock: Mapping[str, Any]) -> Iterator[_Found]:
    """What each metric measures with here."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_questions(bench, folder)
        for measurement in measurements(bench, folder):
            title = measurement.part.title
            known = {one["instrument"] for one in lock["scores"] if one["metric"] == measurement.part.name}
            try:
                here = without_folders(measurement.metric().instrument)
            except NamiBenchError as error:
                yield _Found(f"{title} cannot score here: {error}")
                continue
            if known and here not in known:
                yield _Found(
                    f"{title} measures with {here} here, in the lock with {' and '.join(sorted(known))}"
                )


def _scores(bench: Workbench, lock: Mapping[str, Any]) -> Iterator[_Found]:
    here = {_key(one): one for one in _scores_here(bench)}
    for known in lock["scores"]:
        metric, instrument, prompt_set, model = _key(known)
        title = f"scores of {metric} ({instrument}) for {model} on {prompt_set}"
        found = here.get(_key(known))
        if found is None or found["scored"] < known["scored"]:
            count = found["scored"] if found else 0
            yield _Found(f"{title}: {count} of {known['scored']} are here", differs=False, is_unfinished=True)
        elif found["sha256"] != known["sha256"]:
            yield _Found(f"the {title} {_was(known['sha256'], found['sha256'])}")


def _scores_here(bench: Workbench) -> Iterator[dict[str, Any]]:
    store, run = bench.store, bench.run
    cards = {card.name for card in store.catalog.models()}
    sets = [part.name for part in run.prompts if store.catalog.has_prompt_set(part.name)]
    models = [part.name for part in run.model if part.name in cards]
    return score_locks(store, sets, models, [part.name for part in run.metric])


def _key(lock: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(lock[name] for name in ("metric", "instrument", "prompt_set", "model"))


def _studies(bench: Workbench, lock: Mapping[str, Any]) -> Iterator[_Found]:
    parts = {part.name: part for part in bench.run.study}
    for known in lock["studies"]:
        name = known["name"]
        if name in bench.store.studies.names():
            now = study_lock(bench.store, bench.store.studies.get(name))
        elif name in parts and not parts[name].is_recorded:
            study = defined_study(parts[name], bench.run, bench.loaded)
            now = {"sha256": definition_sha256(study) if study.mode != Mode.QUESTIONS else known["sha256"]}
        else:
            yield _Found(f"study {name} is not here", differs=False, is_unfinished=True)
            continue
        if now["sha256"] != known["sha256"]:
            yield _Found(f"the definition of study {name} {_was(known['sha256'], now['sha256'])}")
        if (count := now.get("judgements", 0)) < known["judgements"]:
            yield _Found(
                f"study {name}: {count} of {known['judgements']} values are here",
                differs=False,
                is_unfinished=True,
            )
        elif now.get("judgements_sha256", "") != known["judgements_sha256"]:
            yield _Found(
                f"the judgements of study {name} {_was(known['judgements_sha256'], now['judgements_sha256'])}"
            )


def _leaderboards(bench: Workbench, lock: Mapping[str, Any]) -> Iterator[_Found]:
    parts = {part.name: part for part in bench.run.leaderboard}
    for name in lock["leaderboards"].keys() & parts.keys():
        try:
            now = board_sha256(leaderboard_of(parts[name], bench.run, bench.store))
        except NamiBenchError as error:
            yield _Found(f"leaderboard {name} cannot be compared: {error}", differs=False)
            continue
        if now != lock["leaderboards"][name]:
            yield _Found(f"leaderboard {name}, as CSV, {_was(lock['leaderboards'][name], now)}")


def _was(then: str, now: str) -> str:
    return f"had the SHA-256 {then[:_DIGITS]}, and here it is {now[:_DIGITS]}"


_CHECKS = (_content, _software, _inputs, _prompt_sets, _models, _instruments, _scores, _studies)
