"""Studies out of one workspace, into another: the same judgements, the same numbers to the last digit."""

import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nami_bench.domain import (
    CheckItem,
    CheckKind,
    Comparison,
    Criterion,
    ImageRecord,
    ImageState,
    ModelCard,
    Outcome,
    Pairs,
    Prompt,
    PromptSet,
    Rating,
    Study,
)
from nami_bench.errors import InputError, NamiBenchError
from nami_bench.leaderboard.agreement import measure_agreement
from nami_bench.leaderboard.carried_study import side_file
from nami_bench.leaderboard.dataset_folder import (
    csv_of,
    parquet_of,
    side_file_of,
    study_content,
    write_dataset_folder,
)
from nami_bench.leaderboard.from_ratings import leaderboard_from_ratings
from nami_bench.leaderboard.from_store import leaderboard_from_store
from nami_bench.leaderboard.import_judgements import import_judgements
from nami_bench.leaderboard.ratings_source import load_comparisons, load_ratings
from nami_bench.leaderboard.rows import Leaderboard
from nami_bench.leaderboard.strengths import strength_table
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
        found.append(Criterion(name, draw(st.floats(0.01, 9)), low, high, {low: draw(texts), high: "best"}))
    return tuple(found)


@st.composite
def studies(draw: st.DrawFn, mode: str) -> tuple[PromptSet, tuple[ModelCard, ...], Study]:
    prompts = draw(st.lists(texts, min_size=2, max_size=4))
    strata = st.sampled_from(("short", "long"))
    prompt_set = PromptSet(
        draw(names),
        tuple(
            Prompt(f"{i:05d}", text, draw(strata), draw(texts), {"kind": draw(texts)})
            for i, text in enumerate(prompts)
        ),
    )
    models = draw(st.lists(names, min_size=2, max_size=3, unique=True))
    cards = tuple(
        ModelCard(name, "shapes", parameters=draw(st.none() | st.integers(1, 10**12))) for name in models
    )
    study = Study(
        draw(names),
        prompt_set.name,
        tuple(draw(st.permutations(models))),
        draw(criteria()),
        mode=mode,
        overlap=draw(st.integers(1, 3)),
        samples=draw(st.integers(1, 2)),
        seed=draw(st.integers(0, 9)),
        instructions={"en": draw(texts)},
        pairs=Pairs(per_prompt=draw(st.integers(0, 2))),
    )
    return prompt_set, cards, study


def times() -> Iterator[datetime]:
    at = datetime(2026, 3, 1, 12, 0, 0, 123_457, tzinfo=UTC)
    while True:
        at += timedelta(seconds=7, microseconds=11)
        yield at


@st.composite
def ratings(draw: st.DrawFn, prompt_set: PromptSet, study: Study, there: Sequence[Any]) -> list[Rating]:
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
    store.add_prompt_set(prompt_set)
    for card in cards:
        store.add_model(card)
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
        store.put_image(record)
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
        return [tried(lambda: strength_table(store.comparisons(study.name)))]
    table = store.ratings_table(study.name)
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
    folder: Path, template: Path, store: Store, study: Study, again: Callable[[Store], object]
) -> None:
    """Every file into a workspace without the study; only the folder into one that has nothing at all."""
    wanted, text = numbers(store, study), csv_of(study_content(store, study))
    for number, path in enumerate(files_of(store, study, folder)):
        with opened(folder, template, f"{number}.db") as other:
            if not path.is_dir():
                with pytest.raises(InputError, match="brings neither prompts nor images along"):
                    import_judgements(other, path, folder)
                assert not other.studies()
                again(other)
            done = import_judgements(other, path, folder)
            assert done.added > 0 and done.known == 0
            assert other.studies() == [study]
            assert csv_of(study_content(other, study)) == text
            assert numbers(other, study) == wanted
            assert import_judgements(other, path, folder).added == 0


quick = settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a smaller example would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@quick
@given(data=st.data())
def test_a_study_of_ratings_is_the_same_in_another_workspace(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, template: Path
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    prompt_set, cards, study = data.draw(studies("rating"))
    lost = data.draw(st.sets(st.integers(1, 23), max_size=3))
    with opened(folder, template, "first.db") as store:
        there = with_images(store, prompt_set, cards, lost)
        gold = data.draw(st.lists(st.sampled_from(there), max_size=1))
        first = study.criteria[0]
        items = [
            CheckItem(CheckKind.GOLD, prompt, (model,), {first.name: (first.minimum, first.maximum)}, sample)
            for model, prompt, sample in gold
        ]
        study = replace(study, check_items=tuple(items))
        store.add_study(study)
        shown = [key for key in there if key[2] < study.samples and key not in gold]
        given_ratings = data.draw(ratings(prompt_set, study, shown))
        if not given_ratings:
            return
        store.add_ratings(given_ratings)
        check_trips(folder, template, store, study, lambda s: with_images(s, prompt_set, cards, lost))
        boards = [
            repr(leaderboard_from_ratings(*load_ratings(path), precision=None))
            for path in (folder / "out.csv", folder / "out.parquet", folder / "out")
        ]
        assert boards[0] == boards[1] == boards[2]


@quick
@given(data=st.data())
def test_a_study_of_pairs_is_the_same_in_another_workspace(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, template: Path
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    prompt_set, cards, study = data.draw(studies("pairwise"))
    with opened(folder, template, "first.db") as store:
        with_images(store, prompt_set, cards, set())
        store.add_study(study)
        at, made = times(), 0
        for annotator, pair in product(data.draw(some(3)), combinations(study.models, 2)):
            for prompt, sample, criterion in product(prompt_set.by_id, range(study.samples), study.criteria):
                left, right = data.draw(st.permutations(pair))
                outcome = data.draw(st.sampled_from(Outcome))
                one = Comparison(study.name, annotator, prompt, sample, criterion.name, left, right, outcome)
                took = data.draw(st.none() | st.integers(0, 10**6))
                if data.draw(st.integers(0, 9)) == 0:
                    one = replace(one, outcome=None, reason=data.draw(texts))
                one = replace(one, position=made + 1, duration_ms=took, created_at=next(at))
                try:
                    made += store.add_comparisons([one])
                except InputError:
                    continue  # the study's design does not show this pair
        check_trips(folder, template, store, study, lambda s: with_images(s, prompt_set, cards, set()))
        assert load_comparisons(folder / "out") == store.comparisons(study.name)


def test_a_correction_travels_as_what_is_in_force(tmp_path: Path, template: Path) -> None:
    with ExitStack() as stack:
        store, other = (stack.enter_context(opened(tmp_path, template, name)) for name in ("a.db", "b.db"))
        prompt_set = PromptSet("p", (Prompt("00000", "a star"),))
        with_images(store, prompt_set, [ModelCard("m", "shapes")], set())
        study = Study("s", "p", ("m",), (Criterion("fit", 1, 1, 5),))
        store.add_study(study)
        rating = Rating("s", "ann", "m", "00000", 0, "fit", 2.0)
        store.add_ratings([rating])
        _correct(store, replace(rating, value=4.0))
        *_, folder = files_of(store, study, tmp_path)
        import_judgements(other, folder, tmp_path)
        assert [one.value for one in other.ratings("s")] == [4.0]
        with pytest.raises(InputError, match="with another value or reason"):
            _correct(store, replace(rating, value=1.0))
            import_judgements(store, folder, tmp_path)


def _correct(store: Store, rating: Rating) -> None:
    from sqlalchemy import select

    from nami_bench.store.ratings import append_rating
    from nami_bench.store.tables import CriterionRow, RatingRow

    with store._database.writing() as session:
        criterion = session.scalars(select(CriterionRow)).one()
        before = session.scalars(select(RatingRow)).first()
        assert before is not None
        append_rating(session, criterion, before.annotator_id, before.image_id, rating)
