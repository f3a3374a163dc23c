"""The run's studies, and the judgements in them."""

from dataclasses import fields, replace
from pathlib import Path

from nami_bench.annotator_app.simulate import simulate_ratings
from nami_bench.domain import Mode, Study
from nami_bench.errors import InputError, NamiBenchError
from nami_bench.evaluation.leaderboard.scales import Scales, parse_scales
from nami_bench.export.foreign import Judged, Reading, reading_of
from nami_bench.export.foreign.preview import preview
from nami_bench.export.foreign.profiles import profile_of
from nami_bench.pipeline.import_foreign import Elsewhere, import_foreign
from nami_bench.pipeline.import_judgements import import_judgements
from nami_bench.pipeline.question_study import with_questions
from nami_bench.pipeline.study_setup import add_study
from nami_bench.run_file.bench import Workbench
from nami_bench.run_file.load import LoadedRun
from nami_bench.run_file.parts import StudyPart
from nami_bench.run_file.plan import Planned
from nami_bench.run_file.schema import RunFile
from nami_bench.run_file.simulated import geneval_truth
from nami_bench.study_file import load_study, nami_1k_study_file


def work_studies(bench: Workbench) -> None:
    """Make each study that is not there, import its files, and let simulated annotators rate, where the file
    asks for some."""
    for part in bench.run.study:
        if not part.is_recorded:
            _make(bench, part)
        for path in part.ratings:
            _import(bench, part, bench.loaded.place(path))
        study = bench.store.studies.get(part.name)
        items = bench.store.items.count(part.name)
        if part.simulated_annotators:
            _simulate(bench, study, part.simulated_annotators, items)
        done = sum(bench.store.annotation.completed(part.name).values())
        bench.tell.say(
            f"   {part.name}: {done} of {_wanted(study, items)} judgements of {items} items are there"
        )
        if done < _wanted(study, items) and not part.simulated_annotators:
            bench.tell.say(
                f"   people give the others: nami-bench annotate --study {part.name}; then run this again"
            )


def defined_study(part: StudyPart, run: RunFile, loaded: LoadedRun) -> Study:
    """The study that a protocol or file makes of the part, before any questions are copied into it."""
    prompt_set = run.set_of(part.prompts)
    models = part.models or tuple(model.name for model in run.models_on(prompt_set))
    study = load_study(_file(part, loaded), name=part.name, prompt_set=prompt_set, models=models)
    accepted = part.sizes_may_differ or study.sizes_may_differ
    return replace(study, canvas=part.canvas or study.canvas, sizes_may_differ=accepted)


def check_readings(bench: Workbench) -> None:
    """Look at how all files of judgements are to be read, before anything is made."""
    for part in bench.run.study:
        reading_from(part, bench.loaded)


def reading_from(part: StudyPart, loaded: LoadedRun) -> Reading | None:
    """How the part's files of judgements are read; None where they are in our own form. Raises InputError for
    what cannot be meant, UnknownNameError for a form that is not known."""
    said = part.reading
    found = reading_of(
        profile=said.profile,
        map=said.map,
        values={word: str(value) for word, value in said.values.items()},
        wide=said.wide,
        models=said.rename,
        criteria=said.criterion,
        items=None if said.items is None else loaded.place(said.items),
        delimiter=said.delimiter,
        encoding=said.encoding,
        repeats=said.repeats,
        study=part.name,
    )
    profile_of(None if found is None else found.profile)
    return found


def plan_studies(bench: Workbench) -> list[Planned]:
    """What would be made, and which judgements would be added."""
    return [planned for part in bench.run.study for planned in _planned(bench, part)]


def _make(bench: Workbench, part: StudyPart) -> None:
    study = with_questions(
        bench.store, defined_study(part, bench.run, bench.loaded), _file(part, bench.loaded).parent
    )
    if part.name in bench.store.studies.names():
        _check_same(study, bench.store.studies.get(part.name))
        return
    for note in add_study(bench.store, study):
        bench.tell.say(f"   {note}")


def _check_same(wanted: Study, known: Study) -> None:
    """Refuse a study of the workspace that is not the one that the run file means."""
    differing = [f.name for f in fields(Study) if getattr(wanted, f.name) != getattr(known, f.name)]
    if differing:
        raise InputError(
            f"study {wanted.name!r} exists and differs in {', '.join(differing)}: give the new one another "
            "name, change it with `nami-bench study change`, or take it as it is, without protocol and file"
        )


def _import(bench: Workbench, part: StudyPart, path: Path) -> None:
    scales = parse_scales(part.scale)
    reading = reading_from(part, bench.loaded)
    if reading is None:
        done = import_judgements(bench.store, path, bench.workspace.images_dir, scales)
    else:
        prompts = bench.run.set_of(part.prompts) if part.is_recorded else None
        elsewhere = Elsewhere(reading, prompts, lambda judged: _tell(bench, judged, scales))
        done = import_foreign(bench.store, path, elsewhere, scales, replace=False, dry_run=False)
    bench.tell.say(f"   {path.name}: {done.added} {done.kind} recorded, {done.known} were there")


def _tell(bench: Workbench, judged: Judged, scales: Scales) -> None:
    """What was understood of a file, before anything is done with it."""
    for line in preview(judged, scales):
        bench.tell.say(f"   {line}")


def _simulate(bench: Workbench, study: Study, annotators: int, items: int) -> None:
    bench.tell.say(
        f"   {study.name}: {annotators} SIMULATED annotators score every image "
        "(nobody's opinion: they show the way)"
    )
    left = items * min(annotators, study.overlap) - sum(bench.store.annotation.completed(study.name).values())
    with bench.tell.progress("   simulated", max(0, left)) as advance:
        truth = geneval_truth(bench.store, study)
        simulate_ratings(bench.store, bench.workspace.images_dir, study, annotators, truth, advance=advance)


def _wanted(study: Study, items: int) -> int:
    return items * study.overlap


def _planned(bench: Workbench, part: StudyPart) -> list[Planned]:
    known = part.name in bench.store.studies.names()
    problem, note = "", ""
    try:
        if known and not part.is_recorded:
            _check_same_but_questions(bench, part)
        elif not part.is_recorded:
            defined_study(part, bench.run, bench.loaded)
        elif not known and not part.ratings:
            bench.store.studies.get(part.name)
        reading_from(part, bench.loaded)
    except NamiBenchError as error:
        problem = str(error)
    planned = [Planned("study", part.name, "study", int(known), int(not known), problem=problem)]
    done = sum(bench.store.annotation.completed(part.name).values()) if known else 0
    if part.simulated_annotators:
        note = f"by {part.simulated_annotators} SIMULATED annotators, nobody's opinion"
        planned.append(Planned("judgements", part.name, "judgements", done, None, note=note))
    elif not part.ratings:
        planned.append(
            Planned("judgements", part.name, "judgements", done, None, note="from people, by and by")
        )
    for path in map(bench.loaded.place, part.ratings):
        missing = "" if path.exists() else f"there is no {path}"
        planned.append(
            Planned("judgements", part.name, path.name, done, None, note="imported", problem=missing)
        )
    return planned


def _check_same_but_questions(bench: Workbench, part: StudyPart) -> None:
    """`_check_same` where the questions of a file need no prompts that may not be there yet."""
    wanted, known = defined_study(part, bench.run, bench.loaded), bench.store.studies.get(part.name)
    if wanted.mode == Mode.QUESTIONS:
        sha256 = known.questions_sha256
        wanted = replace(wanted, criteria=(), questions=known.questions, questions_sha256=sha256)
    _check_same(wanted, known)


def _file(part: StudyPart, loaded: LoadedRun) -> Path:
    return nami_1k_study_file() if part.file is None else loaded.place(part.file)
