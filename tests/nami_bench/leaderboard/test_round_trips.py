"""Studies out of one workspace, into another: the same judgements, the same numbers to the last digit."""

import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nami_bench.annotator_app.engine.answers import CANNOT_JUDGE, Answers
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.domain import (
    Annotator,
    CheckItem,
    CheckKind,
    Checks,
    Comparison,
    Criterion,
    CriterionText,
    ImageRecord,
    ImageState,
    ModelCard,
    Outcome,
    Pairs,
    Prompt,
    PromptFile,
    PromptSet,
    Rating,
    Study,
    Total,
)
from nami_bench.errors import InputError, NamiBenchError
from nami_bench.evaluation.leaderboard.agreement import measure_agreement
from nami_bench.evaluation.leaderboard.rows import Leaderboard
from nami_bench.evaluation.leaderboard.strengths import strength_table
from nami_bench.export.carried_study import side_file
from nami_bench.export.ratings_source import load_comparisons, load_ratings
from nami_bench.pipeline.dataset_folder import (
    csv_of,
    parquet_of,
    side_file_of,
    study_content,
    write_dataset_folder,
)
from nami_bench.pipeline.import_judgements import import_judgements
from nami_bench.pipeline.leaderboard_from_ratings import leaderboard_from_ratings
from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store
from nami_bench.store import Store

NAMES = ("NA", "null", "1e5", "007", "nan", "true", "B-2", "m.1_x", "a")
WORDS = (
    "=1+1",
    "'tis dark",
    "-1",
    "@x",
    'a "quote", a comma',
    "two\nlines\r\nmore\rend",
    "暗い 👩\u200d🎨",
    "NA",
    " ",
)
SCALES = ((0.0, 100.0), (1.0, 5.0), (0.0, 1.0), (-3.0, 3.0))
texts = st.one_of(
    st.sampled_from(WORDS), st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
)
names = st.sampled_from(NAMES)


def some(most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(names, min_size=1, max_size=most, unique=True)


@st.composite
def criteria(draw: st.DrawFn) -> tuple[Criterion, ...]:
    found = []
    for name in draw(some(3)):
        low, high = draw(st.sampled_from(SCALES))
        anchors = {low: draw(texts), high: "best"}
        found.append(
            Criterion(
                name,
                draw(st.floats(0.01, 9)),
                low,
                high,
                anchors,
                step=draw(st.sampled_from((None, (high - low) / 4))),
                label=draw(texts),
                texts={"ja": CriterionText(draw(texts), anchors)},
            )
        )
    return tuple(found)


@st.composite
def prompt_sets(draw: st.DrawFn) -> PromptSet:
    strata = st.sampled_from(("short", '=a "long" one'))
    prompts = (
        Prompt(
            f"{i:05d}",
            draw(texts),
            draw(strata),
            draw(texts),
            {"kind": draw(texts)},
            rewritten_from=draw(st.none() | texts),
            extra=draw(st.sampled_from(({}, {"index": 7, "notes": ["@x", None]}))),
        )
        for i in range(draw(st.integers(2, 4)))
    )
    file = draw(st.sampled_from((None, PromptFile("mine, 2.jsonl", "ab" * 32))))
    return PromptSet(draw(names), tuple(prompts), file=file)


@st.composite
def studies(draw: st.DrawFn, mode: str) -> tuple[PromptSet, tuple[ModelCard, ...], list[Study]]:
    """One study or two, of the same prompts and models."""
    prompt_set = draw(prompt_sets())
    models = draw(st.lists(names, min_size=2, max_size=3, unique=True))
    cards = tuple(
        ModelCard(name, "shapes", parameters=draw(st.none() | st.integers(1, 10**12))) for name in models
    )
    found = [
        Study(
            name,
            prompt_set.name,
            tuple(draw(st.permutations(models))),
            draw(criteria()),
            mode=mode,
            overlap=draw(st.integers(1, 3)),
            samples=draw(st.integers(1, 2)),
            seed=draw(st.integers(0, 9)),
            instructions={"en": draw(texts)},
            pairs=Pairs(per_prompt=draw(st.integers(0, 2))),
            checks=Checks(repeat_every=draw(st.sampled_from((2, 0))), repeat_distance=1),
            total=draw(st.sampled_from(Total)) if mode == "rating" else Total.ARITHMETIC,
        )
        for name in draw(some(2))
    ]
    return prompt_set, cards, found


def times() -> Iterator[datetime]:
    at = datetime(2026, 3, 1, 12, 0, 0, 123_457, tzinfo=UTC)
    while True:
        at += timedelta(seconds=7, microseconds=11)
        yield at


@st.composite
def ratings(draw: st.DrawFn, study: Study, there: Sequence[Any]) -> list[Rating]:
    found, at = [], times()
    for annotator in draw(some(3)):
        for (model, prompt, sample), criterion in product(there, study.criteria):
            if draw(st.integers(0, 9)) < 3:
                continue  # a study half done
            value = draw(st.none() | st.floats(criterion.minimum, criterion.maximum))
            reason = draw(texts) if value is None else None
            took = draw(st.none() | st.integers(0, 2**31 - 1))
            found.append(
                Rating(
                    study.name,
                    annotator,
                    model,
                    prompt,
                    sample,
                    criterion.name,
                    value,
                    reason,
                    took,
                    next(at),
                )
            )
    return draw(st.permutations(found))


def at_work(draw: Callable[[st.SearchStrategy[Any]], Any], store: Store, study: Study) -> None:
    """Somebody at the screen, who is shown some items again and corrects some answers."""
    own, tokens = AnnotationSession(store, Path(), study.name, "ada"), list[str]()

    def answers(number: int) -> Answers:
        values = {c.name: draw(st.none() | st.floats(c.minimum, c.maximum)) for c in study.criteria}
        reasons = {name: CANNOT_JUDGE[0] for name, value in values.items() if value is None}
        given = {c.name: c.nearest_step(x) for c in study.criteria if (x := values[c.name]) is not None}
        return Answers(f"{study.name} {number}", given, reasons, duration_ms=4000)

    view = own.state()
    for number in range(draw(st.sampled_from((6, 0)))):
        if view.items:
            tokens.append(view.items[0].token)
            view = own.submit(tokens[-1], answers(number))
    for number, token in enumerate(draw(st.sets(st.sampled_from(tokens))) if tokens else ()):
        own.submit(token, answers(100 + number))


@contextmanager
def opened(folder: Path, template: Path, name: str) -> Iterator[Store]:
    shutil.copy(template, folder / name)
    with Store.open(f"sqlite:///{folder / name}") as store:
        yield store


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, which is quicker to copy than to make."""
    path = tmp_path_factory.mktemp("template") / "nami.db"
    Store.open(f"sqlite:///{path}").close()
    return path


def with_images(store: Store, prompt_set: PromptSet, cards: Sequence[ModelCard], lost: set[int]) -> list[Any]:
    """Record everything but the study; returns (model, prompt id, sample) of the images that were made."""
    store.catalog.add_prompt_set(prompt_set)
    for card in cards:
        store.catalog.add_model(card)
    there = []
    keys = product((card.name for card in cards), (p.id for p in prompt_set.prompts), range(2))
    for number, (model, prompt, sample) in enumerate(keys):
        record = ImageRecord(
            model, prompt_set.name, prompt, sample, ImageState.FAILED, seed=number, reason="=no"
        )
        if number not in lost:
            place = f"{model}/{prompt_set.name}/{prompt}/samples/{sample:04d}.png"
            record = replace(
                record,
                state=ImageState.DONE,
                reason=None,
                path=place,
                sha256=f"{number:064d}",
                width=8,
                height=9,
            )
            there.append((model, prompt, sample))
        store.images.put(record)
    return there


def without_origins(board: Leaderboard) -> Leaderboard:
    """The board without how its images were made, which does not travel."""
    return replace(board, models=())


def numbers(store: Store, study: Study) -> list[str]:
    """All numbers of a study, exactly; where there is none, why."""

    def tried(work: Callable[[], object]) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of statistics on next to nothing
            try:
                return repr(work())
            except NamiBenchError as error:
                return str(error)

    if study.mode == "pairwise":
        return [tried(lambda: strength_table(store.comparisons.all(study.name)))]
    table = store.ratings.table(study.name)
    return [
        tried(lambda: without_origins(leaderboard_from_store(store, study=study.name))),
        tried(lambda: measure_agreement(table, study.criteria, replicates=50)),
    ]


def files_of(store: Store, study: Study, folder: Path) -> list[Path]:
    """The study in every format."""
    content = study_content(store, study)
    paths = [folder / "out.csv", folder / "out.parquet", folder / "out"]
    paths[0].write_bytes(csv_of(content))
    side_file(paths[0]).write_bytes(side_file_of(content))
    paths[1].write_bytes(parquet_of(content))
    write_dataset_folder(paths[2], content)
    return paths


def check_trips(
    folder: Path, template: Path, store: Store, studies: Sequence[Study], again: Callable[[Store], object]
) -> None:
    """Every file into a workspace without its study; only the folder into one that has nothing at all."""
    wanted = [(numbers(store, one), csv_of(study_content(store, one))) for one in studies]
    files = []
    for number, study in enumerate(studies):
        (folder / f"{number}").mkdir()
        files.append(files_of(store, study, folder / f"{number}"))
    for number, paths in enumerate(zip(*files, strict=True)):
        with opened(folder, template, f"{number}.db") as other:
            if not paths[0].is_dir():
                with pytest.raises(InputError, match="brings neither prompts nor images along"):
                    import_judgements(other, paths[0], folder)
                assert not other.studies.all()
                again(other)
            for path in paths:
                done = import_judgements(other, path, folder)
                assert done.added > 0 and done.known == 0
            assert other.studies.all() == list(studies)
            assert [(numbers(other, one), csv_of(study_content(other, one))) for one in studies] == wanted
            check_prompts(
                other.catalog.prompt_set(studies[0].prompt_set),
                store.catalog.prompt_set(studies[0].prompt_set),
            )
            assert [import_judgements(other, path, folder).added for path in paths] == [0] * len(paths)


def check_prompts(restored: PromptSet, original: PromptSet) -> None:
    assert restored == original
    assert restored.file == original.file
    assert restored.to_jsonl() == original.to_jsonl()


quick = settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a smaller example would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.slow
@quick
@given(data=st.data())
def test_a_study_of_ratings_is_the_same_in_another_workspace(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, template: Path
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    prompt_set, cards, drawn = data.draw(studies("rating"))
    lost = data.draw(st.sets(st.integers(1, 23), max_size=3))
    judged = []
    with opened(folder, template, "first.db") as store:
        there = with_images(store, prompt_set, cards, lost)
        store.accounts.add(Annotator("ada"))
        for study in drawn:
            gold = data.draw(st.lists(st.sampled_from(there), max_size=1))
            study = with_gold(study, gold)
            store.studies.add(study)
            at_work(data.draw, store, study)
            shown = [key for key in there if key[2] < study.samples and key not in gold]
            store.ratings.add(data.draw(ratings(study, shown)))
            judged += [study] * store.ratings.exist(study.name)
        if not judged:
            return
        check_trips(folder, template, store, judged, lambda s: with_images(s, prompt_set, cards, lost))
        boards = [
            repr(leaderboard_from_ratings(*load_ratings(path), precision=None))
            for path in (folder / "0" / "out.csv", folder / "0" / "out.parquet", folder / "0" / "out")
        ]
        assert boards[0] == boards[1] == boards[2]


def with_gold(study: Study, gold: Sequence[tuple[str, str, int]]) -> Study:
    """The study with items of known answers."""
    first = study.criteria[0]
    expected = {first.name: (first.minimum, first.maximum)}
    items = [CheckItem(CheckKind.GOLD, prompt, (model,), expected, sample) for model, prompt, sample in gold]
    return replace(study, check_items=tuple(items))


@pytest.mark.slow
@quick
@given(data=st.data())
def test_a_study_of_pairs_is_the_same_in_another_workspace(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, template: Path
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    prompt_set, cards, drawn = data.draw(studies("pairwise"))
    with opened(folder, template, "first.db") as store:
        with_images(store, prompt_set, cards, set())
        for study in drawn:
            store.studies.add(study)
            compare(data.draw, store, prompt_set, study)
        judged = [study for study in drawn if store.comparisons.all(study.name)]
        if judged:
            check_trips(folder, template, store, judged, lambda s: with_images(s, prompt_set, cards, set()))
            assert load_comparisons(folder / "0" / "out") == store.comparisons.all(judged[0].name)


def compare(
    draw: Callable[[st.SearchStrategy[Any]], Any], store: Store, prompt_set: PromptSet, study: Study
) -> None:
    """Record what some annotators say of the pairs that the study shows."""
    at, made = times(), 0
    for annotator, pair in product(draw(some(3)), combinations(study.models, 2)):
        for prompt, sample, criterion in product(prompt_set.by_id, range(study.samples), study.criteria):
            left, right = draw(st.permutations(pair))
            outcome = draw(st.sampled_from(Outcome))
            one = Comparison(study.name, annotator, prompt, sample, criterion.name, left, right, outcome)
            took = draw(st.none() | st.integers(0, 10**6))
            if draw(st.integers(0, 9)) == 0:
                one = replace(one, outcome=None, reason=draw(texts))
            one = replace(one, position=made + 1, duration_ms=took, created_at=next(at))
            with suppress(InputError):  # the study's design does not show this pair
                made += store.comparisons.add([one]).added
