"""Studies that put several images in order, or ask for the best and worst: what is shown, kept, and
counted."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import nami_bench
from nami_bench.annotator_app.admin import agreement_so_far
from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.annotator_app.simulate import simulate_ratings
from nami_bench.domain import (
    Annotator,
    CheckItem,
    CheckKind,
    Checks,
    Criterion,
    ImageRecord,
    ImageState,
    ModelCard,
    Prompt,
    PromptSet,
    Ranking,
    Ranks,
    Study,
    WhyDecided,
    prompt_id,
)
from nami_bench.domain.ranking import meets
from nami_bench.errors import InputError, RefusedError
from nami_bench.export.carried_study import side_file
from nami_bench.pipeline.dataset_folder import (
    csv_of,
    parquet_of,
    side_file_of,
    study_content,
    write_dataset_folder,
)
from nami_bench.pipeline.import_judgements import import_judgements
from nami_bench.pipeline.item_disagreement import item_figures
from nami_bench.pipeline.merged_study import merge_study
from nami_bench.store import ImageChoice, ItemChoice, Naming, Store, progress_of
from nami_bench.store.group_design import design_groups
from nami_bench.store.sides import as_seen
from tests.support.databases import assert_last_revisions_in_force, raw

_numbers = count()
MODELS = ("delta", "bravo", "echo", "alfa", "carol")
CRITERIA = (Criterion("fit", 0.5), Criterion("looks", 0.5))


class Bench:
    """A workspace with a study of pictures that nobody looks at."""

    def __init__(self, url: str, **protocol: Any) -> None:
        self.store = Store.open(url)
        prompts = tuple(Prompt(prompt_id(i), f"prompt {i}", "short") for i in range(10))
        self.store.catalog.add_prompt_set(PromptSet("set", prompts))
        for model in MODELS:
            self.store.catalog.add_model(ModelCard(model, "folder"))
            for prompt in prompts:
                path, done = f"{model}/{prompt.id}", ImageState.DONE
                self.store.images.put(ImageRecord(model, "set", prompt.id, 0, done, path=path, sha256=path))
        settled = {"mode": "ranking", "overlap": 2, "ranks": Ranks(4)} | protocol
        self.store.studies.add(Study("order", "set", MODELS, CRITERIA, **settled))

    def session(self, name: str) -> AnnotationSession:
        if name not in {annotator.name for annotator in self.store.accounts.all()}:
            self.store.accounts.add(Annotator(name))
        return AnnotationSession(self.store, Path(), "order", name, key=b"k")

    def work(self, name: str, decide: Callable[[list[str]], str], most: int = 100) -> list[tuple[str, ...]]:
        """(prompt, models as they stood) in the order in which they came."""
        own, seen = self.session(name), []
        view = own.state()
        while view.items and most:
            shown = self.store.annotation.assignment(view.items[0].token, name)
            models = [image.model for image in shown.images]
            assert len(view.items[0].images) == len(models)
            seen.append((shown.prompt.id, *models))
            values = dict.fromkeys(("fit", "looks"), decide(models))
            sent = Answers(f"c{next(_numbers)}", values, flag=len(seen) == 1, duration_ms=700)
            view = own.submit(view.items[0].token, sent)
            most -= 1
        return seen

    def rows(self, table: str) -> int:
        with raw(self.store) as session:
            return int(session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    made: list[Bench] = []

    def build(name: str = "nami.db", **protocol: Any) -> Bench:
        made.append(Bench(f"sqlite:///{tmp_path / name}", **protocol))
        return made[-1]

    yield build
    for one in made:
        assert_last_revisions_in_force(one.store)
        one.store.close()


def by_name(models: list[str]) -> str:
    """As the alphabet has it."""
    return "".join(str(sorted(models).index(model) + 1) for model in models)


def extremes(models: list[str]) -> str:
    ranks = {min(models): "1", max(models): "3"}
    return "".join(ranks.get(model, "2") for model in models)


@pytest.mark.parametrize(("mode", "decide"), [("ranking", by_name), ("best_worst", extremes)])
@pytest.mark.slow
def test_what_is_answered_is_kept_with_how_the_images_stood(bench: Any, mode: str, decide: Any) -> None:
    one = bench(mode=mode)
    seen = one.work("ada", decide)
    assert len(seen) == 10
    kept = one.store.rankings.all("order")
    assert [(r.prompt_id, *r.models) for r in kept if r.criterion == "fit"] == seen
    assert [r.position for r in kept if r.criterion == "fit"] == list(range(1, 11))
    for ranking in kept:
        assert (ranking.best, ranking.worst) == (min(ranking.models), max(ranking.models))
        assert len(ranking.pairs) == (6 if mode == "ranking" else 5)
    assert len({tuple(models) for _, *models in seen}) > 5  # not always in one order
    assert one.store.ratings.all("order") == []
    assert one.store.comparisons.all("order") == []
    assert progress_of(one.store.studies.get("order"), one.store.items.progress("order")) == (10, 20)
    (flag,) = one.store.oversight.flags("order")
    assert sorted(flag.models) == sorted(seen[0][1:])
    assert {m.name: m.done for m in one.store.oversight.members("order")} == {"ada": 10}


@pytest.mark.slow
def test_two_annotators_see_the_images_in_other_places(bench: Any) -> None:
    one = bench()
    ada, bob = one.work("ada", by_name), one.work("bob", by_name)
    assert {(p, frozenset(m)) for p, *m in ada} == {(p, frozenset(m)) for p, *m in bob}
    places = {p: m for p, *m in ada}
    assert sum(places[p] == m for p, *m in bob) < 4  # 1 in 24 by chance
    verdicts = one.store.standing.implied_verdicts("order")
    unit, verdict = verdicts["fit"]
    assert len(unit) == 2 * 10 * 6
    assert len(set(zip(unit.tolist(), verdict.tolist(), strict=True))) == 60  # they agree in everything


@pytest.mark.parametrize(
    ("mode", "wrong"),
    [
        ("ranking", {"1244": "without gaps", "123": "one digit for each of 4 images", 3.0: "one digit",
                     "12a3": "one digit", "²123": "one digit"}),
        ("best_worst", {"1234": "one image is the best", "12233": "one digit",
                        "1123": "one image is the best"}),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_wrong_answers_are_refused(bench: Any, mode: str, wrong: dict[Any, str]) -> None:
    one = bench(mode=mode)
    own = one.session("ada")
    token = own.state().items[0].token
    for answer, words in wrong.items():
        with pytest.raises(RefusedError, match=words):
            own.submit(token, Answers("x", {"fit": answer, "looks": "1223"}))
    assert one.rows("ranking") == 0


@pytest.mark.slow
def test_corrections_are_revisions_and_ties_are_answers(bench: Any) -> None:
    one = bench()
    own = one.session("ada")
    token = own.state().items[0].token
    own.submit(token, Answers("a", {"fit": "1111"}, {"looks": "other"}, duration_ms=900))
    own.submit(token, Answers("b", {"fit": "1111", "looks": "2131"}, duration_ms=100))
    kept = {r.criterion: r for r in one.store.rankings.all("order")}
    assert kept["fit"].ranks == (1, 1, 1, 1)
    assert kept["fit"].best is None
    assert kept["looks"].ranks == (2, 1, 3, 1)
    assert kept["looks"].duration_ms == 900  # of the item itself
    assert one.rows("ranking") == 3
    assert own.before("now").given.values == {"fit": "1111", "looks": "2131"}


@pytest.mark.slow
def test_repeats_stand_the_other_way_round(bench: Any) -> None:
    one = bench(checks=Checks(repeat_every=4, repeat_distance=2))
    one.work("ada", by_name)
    repeats = [a for a in one.store.oversight.check_answers("order") if a.kind == "repeat"]
    assert repeats
    first = {r.prompt_id: r.models for r in one.store.rankings.all("order")}
    for answer in repeats:
        assert answer.models == first[answer.prompt_id][::-1]
        assert answer.expected == answer.values  # the same order again, as it reads now


@pytest.mark.slow
def test_known_answers_are_orders_and_tell_no_model(bench: Any) -> None:
    shown = ("echo", "alfa", "delta", "bravo")
    check = CheckItem(
        CheckKind.TRAINING, "00000", shown, {"fit": "alfa > *", "looks": "alfa > bravo = delta"}
    )
    one = bench(check_items=(check,))
    own = one.session("ada")
    view = own.state()
    stood = [i.model for i in one.store.annotation.assignment(view.items[0].token, "ada").images]
    view = own.submit(view.items[0].token, Answers("a", dict.fromkeys(("fit", "looks"), by_name(stood))))
    assert not view.feedback.verdict.passed  # bravo before delta is no tie
    place = {model: str(at) for at, model in enumerate(stood, 1)}
    said = view.feedback.verdict.criteria
    assert said["fit"]["expected"] == f"{place['alfa']} > *"
    assert said["looks"]["expected"] == f"{place['alfa']} > {place['bravo']} = {place['delta']}"
    assert not any(model in json.dumps(dict(said)) for model in MODELS)
    assert len(one.work("ada", by_name)) == 9  # images with known answers are not asked about otherwise
    one.store.removals.rename_model("alfa", "zulu")
    (kept,) = one.store.studies.get("order").check_items
    assert kept.expected == {"fit": "zulu > *", "looks": "zulu > bravo = delta"}


@pytest.mark.parametrize(
    ("order", "ranks", "met"),
    [
        ("a > *", {"a": 1, "b": 2, "c": 2}, True),
        ("a > *", {"a": 1, "b": 1, "c": 2}, False),
        ("* > c", {"a": 1, "b": 2, "c": 3}, True),
        ("a = b", {"a": 1, "b": 1, "c": 2}, True),
        ("a > c", {"a": 2, "b": 1, "c": 3}, True),
        ("b > a > c", {"a": 1, "b": 2, "c": 3}, False),
    ],
)
def test_orders_are_met_or_not(order: str, ranks: dict[str, int], met: bool) -> None:
    assert meets(order, ranks) is met


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ({"ranks": Ranks(6)}, "6 images are shown at once.*5 models"),
        ({"total": "geometric"}, "a ranking study has none"),
        ({"check_items": (CheckItem(CheckKind.GOLD, "00000", ("alfa",), {"fit": "alfa"}),)}, "name 4 models"),
        (
            {"check_items": (CheckItem(CheckKind.GOLD, "00000", MODELS[:4], {"fit": "alfa"}),)},
            "write an order",
        ),
        (
            {"check_items": (CheckItem(CheckKind.GOLD, "00000", MODELS[:4], {"fit": (0.0, 1.0)}),)},
            "an order of",
        ),
        (
            {"check_items": (CheckItem(CheckKind.GOLD, "00000", MODELS[:4], {"fit": "alfa > carol"}),)},
            "'carol' is none of its models",
        ),
    ],
)
def test_studies_that_cannot_be_are_refused(protocol: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Study("s", "set", MODELS, CRITERIA, **({"mode": "ranking"} | protocol))


# -- which images together -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("models", "size", "per_prompt", "prompts", "pairs_apart"),
    [
        (5, 3, 1, 30, 0),
        (7, 3, 1, 70, 2),
        (10, 4, 3, 40, 3),
        (6, 6, 1, 5, 0),
        (7, 4, 0, 2, 0),
        (13, 4, 1, 52, 3),
    ],
)
def test_designs_are_balanced(
    models: int, size: int, per_prompt: int, prompts: int, pairs_apart: int
) -> None:
    images = {(prompt, 0): range(models) for prompt in range(prompts)}
    added = design_groups(images, size, per_prompt, 1, {})
    assert len(added) == len(set(added))
    assert per_prompt == 0 or len(added) == prompts * per_prompt
    alone = Counter(model for _, group in added for model in group)
    together = Counter(pair for _, group in added for pair in combinations(group, 2))
    assert max(alone.values()) - min(alone.values()) <= 1
    assert len(together) == models * (models - 1) / 2
    assert max(together.values()) - min(together.values()) <= pairs_apart


def test_a_model_that_joins_is_shown_as_often_as_the_others() -> None:
    chosen: dict[tuple[int, int], list[tuple[int, ...]]] = {}
    for group, models in design_groups({(p, 0): range(6) for p in range(60)}, 4, 1, 1, {}):
        chosen.setdefault(group, []).append(models)
    added = design_groups({(p, 0): range(7) for p in range(60)}, 4, 1, 1, chosen)
    assert all(6 in models for _, models in added)
    assert len(added) == 40  # as often as each of the six
    # Images that are not there yet wait.
    assert design_groups({(0, 0): range(3)}, 4, 1, 1, {}) == []


# -- what happens to images and people ------------------------------------------------------------------


@pytest.mark.slow
def test_an_image_that_is_withdrawn_or_removed_takes_its_items_along(bench: Any) -> None:
    one = bench()
    one.work("ada", by_name, most=3)
    items = one.store.items.count("order")
    one.store.items.withdraw_image("order", "alfa/00004", "gone")
    left = one.store.items.count("order")
    assert left in (items, items - 1)
    assert {p for p, *m in one.work("bob", by_name) if "alfa" in m and p == "00004"} == set()
    judged = {r.prompt_id for r in one.store.rankings.all("order") if "bravo" in r.models}
    with pytest.raises(InputError, match="judgements rest on these images"):
        one.store.removals.remove_images(ImageChoice(models=["bravo"], prompts=sorted(judged)))
    removal = one.store.removals.remove_images(ImageChoice(models=["bravo"]), with_ratings=True)
    assert removal.rankings > 0
    assert all("bravo" not in r.models for r in one.store.rankings.all("order"))
    with raw(one.store) as session:
        orphans = "SELECT count(*) FROM item_image WHERE item_id NOT IN (SELECT id FROM item)"
        assert session.execute(text(orphans)).scalar_one() == 0


@pytest.mark.slow
def test_excluded_and_erased_people_do_not_count(bench: Any) -> None:
    one = bench()
    one.work("ada", by_name)
    one.work("bob", by_name)
    assert one.store.exclusions.exclude("ada") == {"order": 20}
    assert {r.annotator for r in one.store.rankings.all("order")} == {"bob"}
    one.store.exclusions.include("ada")
    assert one.store.erasures.erase("ada").studies == {"order": 20}
    assert one.rows("ranking") == 20
    with pytest.raises(InputError, match="has judgements"):
        one.store.studies.delete("order")
    one.store.erasures.erase("bob")
    one.store.studies.delete("order")
    assert one.rows("item_image") == 0


@pytest.mark.slow
def test_work_of_two_servers_comes_together(bench: Any, tmp_path: Path) -> None:
    here = bench("here.db")
    here.store.close()
    shutil.copy(tmp_path / "here.db", tmp_path / "there.db")
    here.store = Store.open(f"sqlite:///{tmp_path / 'here.db'}")
    there = Bench.__new__(Bench)
    there.store = Store.open(f"sqlite:///{tmp_path / 'there.db'}")
    here.work("ada", by_name, most=4)
    there.work("bob", by_name)
    merged = merge_study(here.store, there.store, "order", Naming())
    assert (merged.items, merged.added) == (10, 20)
    assert there.store.rankings.all("order") == [
        r for r in here.store.rankings.all("order") if r.annotator == "bob"
    ]
    assert merge_study(here.store, there.store, "order", Naming()).added == 0
    # bob looks back there, and the correction comes over.
    own = there.session("bob")
    last = own.before("now")
    own.submit(last.token, Answers("again", {"fit": "1111", "looks": "1112"}))
    assert merge_study(here.store, there.store, "order", Naming()).replaced == 2
    assert Counter(here.store.rankings.all("order")[-1].ranks or ())[1] >= 3
    there.store.close()


@pytest.mark.slow
def test_rankings_made_elsewhere_are_recorded_as_work(bench: Any) -> None:
    one = bench()
    one.work("ada", by_name)
    kept = one.store.rankings.all("order")
    assert one.store.rankings.add(kept).added == 0
    turned = [
        replace(r, annotator="eve", models=r.models[::-1], ranks=r.ranks and r.ranks[::-1]) for r in kept
    ]
    assert one.store.rankings.add(turned[1:]).added == 19  # one item by one of two criteria
    assert progress_of(one.store.studies.get("order"), one.store.items.progress("order"))[0] == 19
    again = {(r.prompt_id, r.criterion): r for r in one.store.rankings.all("order") if r.annotator == "eve"}
    assert again == {
        (r.prompt_id, r.criterion): replace(r, position=again[r.prompt_id, r.criterion].position)
        for r in turned[1:]
    }
    shown = one.session("eve").state().items[0]
    assert shown.given is not None  # what stands of it, with the images as they stand now
    models = [i.model for i in one.store.annotation.assignment(shown.token, "eve").images]
    assert list(shown.given.values.values()) == [by_name(models)]
    for bad, words in (
        (replace(turned[0], ranks=(4, 3, 2, 1) if turned[1].ranks != (4, 3, 2, 1) else (1, 2, 3, 4)), None),
        (replace(turned[1], ranks=(1, 1, 1, 1)), "with another ranks"),
        (replace(turned[1], models=("alfa", "bravo", "x", "y")), "does not show"),
        (replace(turned[1], best_worst=True, ranks=(1, 2, 2, 3)), "asks for orders"),
    ):
        if words:
            with pytest.raises(InputError, match=words):
                one.store.rankings.add([bad])
        else:
            assert one.store.rankings.add([bad]).added == 1


def test_a_ranking_has_ranks_or_a_reason() -> None:
    with pytest.raises(InputError, match="give ranks, or a reason"):
        Ranking("s", "ann", "00000", 0, "c", ("a", "b", "c"), None)
    with pytest.raises(InputError, match="a model is there twice"):
        Ranking("s", "ann", "00000", 0, "c", ("a", "b", "b"), (1, 2, 3))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["ranking", "best_worst"])
def test_a_study_of_real_images_goes_out_and_comes_in_again(
    new_bench: Callable[..., Any], tmp_path: Path, mode: str
) -> None:
    """By a dataset folder into an empty workspace, and by CSV and Parquet into one that has the images."""
    made = new_bench("made", strata=("short",) * 3, overlap=2)
    names = ("zebrafish-xl", "quokka-9b", "copy-a", "copy-b")
    for copy in names[2:]:
        made.store.catalog.add_model(ModelCard(copy, "folder"))
        for image in made.store.images.find(models=[names[0]]):
            made.store.images.put(replace(image, model=copy))
    study = replace(made.study, name="orders", mode=mode, models=names, ranks=Ranks(3, per_prompt=2))
    made.store.studies.add(study)
    truth = {name: 80.0 - 20 * number for number, name in enumerate(names)}

    def quality(image: ImageRecord, _: Prompt) -> dict[str, float]:
        return dict.fromkeys(("relevance", "realism"), truth[image.model])

    simulate_ratings(made.store, made.images_dir, study, 3, quality)
    kept = made.store.rankings.all("orders")
    assert len(kept) == 3 * 2 * 2 * 2
    content = study_content(made.store, made.store.studies.get("orders"))
    folder, csv, parquet = tmp_path / "folder", tmp_path / "o.csv", tmp_path / "o.parquet"
    write_dataset_folder(folder, content, made.images_dir)
    csv.write_bytes(csv_of(content))
    side_file(csv).write_bytes(side_file_of(content))
    parquet.write_bytes(parquet_of(content))
    assert "rankings" in (folder / "README.md").read_text()
    with Store.open(f"sqlite:///{tmp_path / 'empty.db'}") as empty:
        assert import_judgements(empty, folder, tmp_path / "images").added == len(kept)
        assert empty.rankings.all("orders") == kept
        assert empty.items.progress("orders") == made.store.items.progress("orders")
        assert import_judgements(empty, csv, tmp_path / "images").added == 0
        assert import_judgements(empty, parquet, tmp_path / "images").known == len(kept)
        assert empty.studies.get("orders").ranks == Ranks(3, per_prompt=2)
    table = nami_bench.strengths(csv)
    assert table.strengths.model == ("plackett-luce" if mode == "ranking" else "best-worst")
    first = [row for row in table.rows if row.criterion == "relevance"]
    assert (first[0].model, first[-1].model) == (names[0], names[-1])
    found = made.store.studies.get("orders")
    assert [one["criterion"] for one in agreement_so_far(made.store, found)] == ["relevance", "realism"]
    said = nami_bench.strengths(study="orders", workspace=made.workspace, without="simulated-1")
    assert any("left out" in note for note in said.notes)


@pytest.mark.slow
def test_orders_on_either_database(database_url: str) -> None:
    one = Bench(database_url)
    one.work("ada", by_name)
    one.work("bob", by_name, most=4)
    kept = one.store.rankings.all("order")
    assert len(kept) == 28
    assert {(r.best, r.worst) for r in kept} <= {(min(r.models), max(r.models)) for r in kept}
    unit, verdict = one.store.standing.implied_verdicts("order")["looks"]
    assert len(unit) == len(verdict) == 14 * 6
    before = one.store.standing.state("order")
    own = one.session("ada")
    last = own.before("now")
    own.submit(last.token, Answers("mend", {"fit": "1234"}, {"looks": "other"}))
    assert one.store.standing.state("order") != before
    assert {m.name: m.withheld for m in one.store.oversight.members("order")} == {"ada": 1, "bob": 0}
    assert one.store.removals.remove_images(ImageChoice(models=["echo"]), with_ratings=True).rankings > 0
    one.store.erasures.erase("ada")
    one.store.erasures.wipe_traces()
    one.store.erasures.erase("bob", keep_ratings=True)
    assert all(r.annotator.startswith("erased-") for r in one.store.rankings.all("order"))
    assert_last_revisions_in_force(one.store)
    one.store.close()


@pytest.mark.slow
def test_orders_are_looked_at_set_aside_and_decided(bench: Callable[..., Bench]) -> None:
    made = bench()
    made.work("ada", lambda models: "1234", most=4)
    made.work("bob", lambda models: "4321", most=4)
    (study,), store = made.store.studies.all(), made.store
    figures = item_figures(store, study)
    most, *_ = figures.ordered(store.answers.choose("order", ItemChoice()))
    (look,) = store.answers.look("order", [most])
    first = figures.of(most)
    assert first is not None and first.values == len(look.answers) > 0
    assert len(look.images) == len(look.models) == 4
    for one in look.answers:
        stood = "".join(str(look.models.index(model)) for model in _stood(look.models, one.sides))
        assert as_seen(one.values["fit"], "0123", stood) == {"ada": "1234", "bob": "4321"}[one.annotator]
    before = len(store.rankings.all("order"))
    store.pool.set_aside("order", look.item, look.answers[0].annotator, "slipped", by="olga")
    assert len(store.rankings.all("order")) == before - 2
    store.pool.count_again("order", look.item, look.answers[0].annotator, by="olga")
    with pytest.raises(InputError, match="one digit"):
        store.adjudications.decide("order", look.item, {"fit": "12"}, WhyDecided.OTHER, "no", by=None)
    (decided,) = store.adjudications.decide(
        "order", look.item, {"fit": "2113"}, WhyDecided.OTHER, "so", by=None
    )
    assert (decided.answer, decided.models, decided.overruled) == ("2113", look.models, True)
    assert len(store.rankings.all("order")) == before


def _stood(models: tuple[str, ...], sides: Any) -> tuple[str, ...]:
    return tuple(models[int(place)] for place in sides)
