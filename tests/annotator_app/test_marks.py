"""Marks of images and of words of their prompts: what is taken, kept, corrected, and taken away."""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageOps
from sqlalchemy import text

from nami_bench.annotator_app.console.item_html import item_html
from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.engine.marks import SentMarks, picture_on_canvas
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.annotator_app.simulate import simulate_ratings
from nami_bench.domain import (
    Annotator,
    CheckItem,
    CheckKind,
    ExpectedMarks,
    Marking,
    MarkKind,
    Marks,
    Mode,
    Region,
    Role,
    prompt_id,
)
from nami_bench.errors import InputError, RefusedError
from nami_bench.export.marks_file import marks_jsonl
from nami_bench.pipeline.dataset_folder import study_content, write_dataset_folder
from nami_bench.pipeline.import_judgements import import_judgements
from nami_bench.pipeline.marks import image_overlay, import_marks, study_marks, write_mark_maps
from nami_bench.pipeline.merged_study import merge_study
from nami_bench.store import ImageChoice, ItemChoice, Naming, Store
from tests.annotator_app.conftest import make_bench
from tests.support.databases import assert_last_revisions_in_force, raw

_numbers = count()
KINDS = (MarkKind("artifact"), MarkKind("misalignment"))
NOTHING = SentMarks()
CANVAS = 64  # on which an image of 32 x 24 leaves a stripe of 8 above and below


def marked(new_bench: Callable[..., Any], marking: Marking | None = None, **protocol: Any) -> Any:
    """A bench with the study "marks"."""
    bench = new_bench("marks", strata=("short",) * 3, overlap=2)
    marking = marking or Marking(KINDS, words=True)
    study = replace(bench.study, name="marks", marks=marking, **protocol)
    bench.store.studies.add(study)
    return replace(bench, study=study)


def session(bench: Any, name: str = "ada") -> AnnotationSession:
    return AnnotationSession(bench.store, bench.images_dir, "marks", name)


def sent(bench: Any, marks: SentMarks | None, value: float = 3) -> Answers:
    values: dict[str, Any] = {"relevance": value, "realism": 3}
    if bench.study.mode == Mode.PAIRWISE:
        values = {"relevance": "tie", "realism": "tie"}
    return Answers(f"c{next(_numbers)}", values, duration_ms=2000, marks=marks)


def work(bench: Any, name: str, marks: Callable[[int], SentMarks], most: int = 100) -> list[Any]:
    """Submit items with marks by their number; what was shown for each."""
    own, shown = session(bench, name), []
    view = own.state()
    while view.items and most > len(shown):
        token = view.items[0].token
        shown.append(bench.store.annotation.assignment(token, name))
        view = own.submit(token, sent(bench, marks(len(shown) - 1)))
    return shown


def point(x: float, y: float, image: int = 0, kind: str = "artifact") -> SentMarks:
    return SentMarks(regions=((image, Region(kind, x, y)),))


def by_image(marks: list[Marks]) -> dict[Any, Marks]:
    return {one.image: one for one in marks}


def test_marks_are_kept_as_shares_of_the_image_itself(new_bench: Callable[..., Any]) -> None:
    bench = marked(new_bench, canvas=CANVAS)
    given = SentMarks(
        regions=((0, Region("artifact", 0.25, 0.5)), (0, Region("misalignment", 0.5, 0.05))),
        words=((0, 0, 7),),
    )
    own = session(bench)
    first = own.state().items[0]
    assert first.prompt[slice(*first.words[0])] == "picture"
    shown = bench.store.annotation.assignment(first.token, "ada")
    answers = sent(bench, given)
    own.submit(first.token, answers)
    (kept,) = bench.store.markings.all("marks")
    assert kept.image == (shown.image.model, shown.prompt.id, 0)
    # The second lies on the stripe above the picture: it belongs to its edge.
    assert kept.regions == (Region("artifact", 0.25, 0.5), Region("misalignment", 0.5, 0.0))
    assert kept.words == ((0, 7),)
    own.submit(first.token, answers)  # an answer that was lost is sent again
    assert bench.count("marking") == 1 and bench.count("submission") == 1
    back = own.before()
    assert back is not None and back.given is not None and back.given.marks is not None
    assert [one["y"] for one in back.given.marks["regions"]] == [0.5, 0.125]
    same = tuple((0, Region(r["kind"], r["x"], r["y"])) for r in back.given.marks["regions"])
    own.submit(
        first.token, sent(bench, replace(given, regions=same), value=4)
    )  # another score, no other mark
    assert bench.count("submission") == 2 and bench.count("marking") == 1
    own.submit(first.token, sent(bench, NOTHING))
    (kept,) = bench.store.markings.all("marks")
    assert (kept.regions, kept.words, bench.count("marking")) == ((), (), 2)
    reasons = dict.fromkeys(("relevance", "realism"), "image does not load")
    own.submit(first.token, Answers("late", {}, reasons, duration_ms=1))
    assert bench.store.markings.all("marks") == [] and bench.count("marking") == 3


def test_boxes_end_with_the_picture(new_bench: Callable[..., Any]) -> None:
    bench = marked(new_bench, Marking(KINDS, shape="boxes"), canvas=CANVAS)
    box = SentMarks(regions=((0, Region("artifact", 0.5, 0.0, 0.25, 0.5)),))
    work(bench, "ada", lambda _: box, most=1)
    assert bench.store.markings.all("marks")[0].regions == (Region("artifact", 0.5, 0.0, 0.25, 0.5),)
    beside = SentMarks(regions=((0, Region("artifact", 0.5, 0.0, 0.25, 0.1)),))
    with pytest.raises(RefusedError, match="beside the picture"):
        work(bench, "ada", lambda _: beside, most=1)


@pytest.mark.parametrize("size", [(32, 24), (24, 32), (30, 30), (33, 17), (17, 40), (1, 7)])
def test_where_a_picture_lies_on_its_canvas(size: tuple[int, int]) -> None:
    """As the pictures are really drawn: a white one on black."""
    drawn = np.asarray(ImageOps.pad(Image.new("L", size, 255), (CANVAS, CANVAS), color=0)) > 127
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    wanted = (columns[0], rows[0], len(columns), len(rows))
    found = [value * CANVAS for value in picture_on_canvas(CANVAS, size)]
    assert found == pytest.approx(wanted)


def test_marks_of_pairs_belong_to_the_image_that_was_marked(new_bench: Callable[..., Any]) -> None:
    bench = marked(new_bench, mode="pairwise", seed=1)
    right = SentMarks(regions=((1, Region("artifact", 0.1, 0.2)),), words=((0, 0, 7),))
    shown = work(bench, "ada", lambda _: right)
    found = by_image(bench.store.markings.all("marks"))
    assert len({one.images[0].model for one in shown}) == 2  # sides were changed at times
    for one in shown:
        left, other = one.images
        assert found[left.model, one.prompt.id, 0].words == ((0, 7),)
        assert found[left.model, one.prompt.id, 0].regions == ()
        assert found[other.model, one.prompt.id, 0].regions == (Region("artifact", 0.1, 0.2),)
        assert found[other.model, one.prompt.id, 0].beside == left.model


REFUSED: list[tuple[SentMarks, str]] = [
    (point(0.1, 0.1, kind="blur"), "no kind of mark"),
    (point(0.1, 0.1, image=1), "an image that the item does not have"),
    (SentMarks(regions=((0, Region("artifact", 0.1, 0.1, 0.2, 0.2)),)), "asks for points"),
    (SentMarks(regions=((0, Region("artifact", 0.1, 0.1)),) * 101), "more than 100 marks"),
    (SentMarks(words=((0, 0, 5),)), "none of the prompt's"),
    (SentMarks(words=((0, 0, 7), (0, 0, 7))), "marked twice"),
    (SentMarks(words=((0, 0, 7),), nothing=(0,)), "said to need none"),
    (NOTHING, "mark each image"),
]


@pytest.mark.parametrize(("marks", "words"), REFUSED)
@pytest.mark.slow
def test_marks_that_are_refused(new_bench: Callable[..., Any], marks: SentMarks, words: str) -> None:
    bench = marked(new_bench, Marking(KINDS, words=True, required=True))
    own = session(bench)
    token = own.state().items[0].token
    with pytest.raises(RefusedError, match=words):
        own.submit(token, sent(bench, marks))
    assert bench.count("marking") == 0 == bench.count("submission")
    own.submit(token, sent(bench, SentMarks(nothing=(0,))))
    assert bench.count("marking") == 1


def test_marks_that_are_not_asked_for(new_bench: Callable[..., Any]) -> None:
    bench = marked(new_bench, Marking())
    with pytest.raises(RefusedError, match="asks for no marks"):
        work(bench, "ada", lambda _: NOTHING, most=1)
    with pytest.raises(InputError, match="marks go with ratings and pairs"):
        replace(bench.study, mode="ranking", models=("a", "b", "c", "d"), marks=Marking(KINDS))


BODIES: list[tuple[dict[str, Any], int]] = [
    ({"regions": [{"image": 0, "kind": "artifact", "x": 1.5, "y": 0.5}]}, 422),
    ({"regions": [{"image": 0, "kind": "artifact", "x": 0.5, "y": 0.5, "w": 0.2}]}, 400),
    ({"regions": [{"image": 9, "kind": "artifact", "x": 0.5, "y": 0.5}]}, 422),
    ({"words": [{"image": 0, "start": 0, "end": 7}], "more": 1}, 422),
    ({"regions": [{"image": 0, "kind": "artifact", "x": 0.5, "y": 0.5}]}, 200),
]


@pytest.mark.slow
def test_marks_over_http(new_bench: Callable[..., Any], listening: Callable[..., Any]) -> None:
    bench = marked(new_bench)
    with listening(bench) as address, httpx.Client(base_url=address) as client:
        client.post("login", data={"name": "ada", "token": bench.tokens["ada"]})
        state = client.get("session").json()
        assert state["study"]["marks"]["kinds"][0] == {"name": "artifact", "label": {}}
        values = {"relevance": 3, "realism": 3}
        for body, status in BODIES:
            answers = {"client_token": "c", "values": values, "duration_ms": 9, "marks": body}
            found = client.post(f"item/{state['items'][0]['token']}", json=answers)
            assert (found.status_code, bench.count("marking")) == (status, int(status == 200)), body


def test_known_answers_ask_for_marks(new_bench: Callable[..., Any]) -> None:
    bench = marked(new_bench)
    expected = ExpectedMarks({"artifact": (0.1, 0.1, 0.2, 0.2)}, ("Picture",))
    check = CheckItem(CheckKind.TRAINING, prompt_id(0), ("quokka-9b",), {}, marks=expected)
    bench.store.studies.add(replace(bench.study, name="checked", check_items=(check,)))
    own = AnnotationSession(bench.store, bench.images_dir, "checked", "ada")
    token = own.state().items[0].token
    feedback = own.submit(token, sent(bench, replace(point(0.2, 0.25), words=((0, 0, 7),)))).feedback
    assert feedback is not None and feedback.verdict.passed
    assert feedback.verdict.marks == [
        {"kind": "artifact", "region": [0.1, 0.1, 0.2, 0.2], "met": True},
        {"words": [[0, 7]], "met": True},
    ]
    other = AnnotationSession(bench.store, bench.images_dir, "checked", "bob")
    token = other.state().items[0].token
    feedback = other.submit(token, sent(bench, point(0.5, 0.5))).feedback
    assert feedback is not None and not feedback.verdict.passed
    assert [part["met"] for part in feedback.verdict.marks] == [False, False]
    assert bench.count("marking") == 0  # the study does not count it
    unknown = replace(check, marks=ExpectedMarks(words=("zebra",)))
    with pytest.raises(InputError, match="'zebra' does not stand in the prompt"):
        bench.store.studies.add(replace(bench.study, name="wrong", check_items=(unknown,)))


@pytest.mark.slow
def test_marks_go_with_their_author_and_with_their_image(new_bench: Callable[..., Any]) -> None:
    bench = marked(new_bench)
    for name in ("ada", "bob"):
        work(bench, name, lambda number: point(number / 10, 0.5))
    assert len(bench.store.markings.all("marks")) == 12
    bench.store.exclusions.exclude("ada")
    assert {one.annotator for one in bench.store.markings.all("marks")} == {"bob"}
    bench.store.exclusions.include("ada")
    with raw(bench.store) as connection:
        item = connection.execute(text("SELECT min(item_id) FROM marking")).scalar_one()
    bench.store.pool.set_aside("marks", item, "ada", "by mistake", by="root")
    assert len(bench.store.markings.all("marks")) == 11
    bench.store.pool.count_again("marks", item, "ada", by="root")
    bench.store.erasures.erase("ada", keep_ratings=True)
    assert len(bench.store.markings.all("marks")) == 12
    bench.store.erasures.erase("bob")
    assert bench.count("marking") == 6
    bench.store.removals.remove_images(ImageChoice(models=["quokka-9b"]), with_ratings=True)
    assert {one.model for one in bench.store.markings.all("marks")} == {"zebrafish-xl"}


@pytest.fixture
def two(tmp_path: Path, new_bench: Callable[..., Any]) -> Iterator[tuple[Any, Any]]:
    """One study in two workspaces, in pairs; the marks of the second are to come into the first."""
    ours = marked(new_bench, mode="pairwise")
    theirs_root = tmp_path / "theirs"
    theirs = make_bench(theirs_root, strata=("short",) * 3, overlap=2)
    theirs.store.studies.add(ours.study)
    theirs = replace(theirs, study=ours.study)
    yield ours, theirs
    assert_last_revisions_in_force(theirs.store)
    theirs.store.close()


def test_marks_are_merged(two: tuple[Any, Any]) -> None:
    ours, theirs = two
    work(theirs, "bob", lambda number: point(number / 10, 0.5, image=number % 2))
    wanted = by_image(theirs.store.markings.all("marks"))
    merge_study(ours.store, theirs.store, "marks", naming=Naming(same=frozenset({"bob"})))
    found = by_image(ours.store.markings.all("marks"))
    assert found.keys() == wanted.keys()
    assert all(found[image].regions == wanted[image].regions for image in wanted)


@pytest.mark.parametrize("mode", ["rating", "pairwise"])
@pytest.mark.slow
def test_marks_are_exported_and_imported(new_bench: Callable[..., Any], tmp_path: Path, mode: str) -> None:
    bench = marked(new_bench, mode=mode, canvas=CANVAS)
    places = (0, 1) if mode == "pairwise" else (0,)
    for name in ("ada", "bob"):
        work(
            bench,
            name,
            lambda number: SentMarks(
                regions=tuple((p, Region("artifact", number / 10, 0.3 + p / 10)) for p in places),
                words=((0, 0, 7), (0, 9, 10)),
            ),
        )
    wanted = bench.store.markings.all("marks")
    content = study_content(bench.store, bench.study)
    folder = tmp_path / "dataset"
    write_dataset_folder(folder, content.pseudonymous(), bench.images_dir)
    assert "data/marks.jsonl" in (folder / "README.md").read_text(encoding="utf-8")
    names = {one.annotator: one.annotator for one in content.pseudonymous().marks}
    assert len(names) == 2 and not {"ada", "bob"} & names.keys()
    with Store.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        import_judgements(other, folder, tmp_path / "images")
        found = other.markings.all("marks")
        assert Counter((one.image, one.regions, one.words, one.beside) for one in found) == Counter(
            (one.image, one.regions, one.words, one.beside) for one in wanted
        )
        again = import_judgements(other, folder, tmp_path / "images")
        assert again.added == 0 and other.markings.all("marks") == found
        file = tmp_path / "marks.jsonl"
        prompts = {prompt.id: prompt.text for prompt in content.prompt_set.prompts}
        changed = [replace(one, regions=()) for one in found]
        file.write_bytes(marks_jsonl(changed, prompts))
        study = other.studies.get("marks")
        with pytest.raises(InputError, match="recorded with other marks"):
            import_marks(other, study, file)
        done, known = import_marks(other, study, file, replace=True)
        assert (done.replaced, done.added, known) == (len(found), 0, 0)
        assert {one.regions for one in other.markings.all("marks")} == {()}
        assert_last_revisions_in_force(other)


ABOUT = '{"study": "marks", "annotator": "ada", "image": "a/ID/0"'
LINES = [
    ("{", "line 2: Expecting"),
    (ABOUT.replace("/0", "") + "}", "is not model/prompt id/sample"),
    (ABOUT + ', "kind": "artifact", "x": 2, "y": 0}', "between 0 and 1"),
    (ABOUT + ', "kind": "artifact", "x": true, "y": 0}', "x is no number"),
    (ABOUT + ', "words": [{"start": 0, "end": 3, "text": "cat"}]}', "has 'pic' from 0 to 3, not 'cat'"),
    (ABOUT + ', "words": [], "colour": 1}', "unknown key 'colour'"),
    (ABOUT.replace("ada", "eve") + ', "words": []}', "has not judged"),
]


@pytest.mark.parametrize(("line", "words"), LINES)
@pytest.mark.slow
def test_files_of_marks_that_are_refused(
    new_bench: Callable[..., Any], tmp_path: Path, line: str, words: str
) -> None:
    bench = marked(new_bench)
    (shown, *_) = work(bench, "ada", lambda _: NOTHING, most=1)
    good = marks_jsonl(bench.store.markings.all("marks"), {shown.prompt.id: shown.prompt.text})
    file = tmp_path / "marks.jsonl"
    file.write_bytes(good + line.replace("ID", prompt_id(0)).encode() + b"\n")
    with pytest.raises(InputError, match=words):
        import_marks(bench.store, bench.study, file)
    assert bench.count("marking") == 1


@pytest.mark.parametrize("shape", ["points", "boxes"])
@pytest.mark.slow
def test_simulated_annotators_mark_what_a_study_asks_for(new_bench: Callable[..., Any], shape: str) -> None:
    bench = marked(new_bench, Marking(KINDS, shape=shape, words=True, required=True))
    truth = {"relevance": 0.0, "realism": 0.0}  # something is wrong in every image
    simulate_ratings(bench.store, bench.images_dir, bench.study, 2, lambda image, prompt: truth)
    found = bench.store.markings.all("marks")
    assert len(found) == 12 and any(one.regions for one in found) and any(one.words for one in found)
    agreement = study_marks(bench.store, bench.study).agreement(replicates=0)
    assert all(one.f1.value is not None and one.f1.value > 0.2 for one in agreement.kinds)


def test_maps_and_overlays(new_bench: Callable[..., Any], tmp_path: Path) -> None:
    bench = marked(new_bench)
    for name in ("ada", "bob"):
        work(bench, name, lambda _: replace(point(0.5, 0.5), words=((0, 0, 7),)))
    found = study_marks(bench.store, bench.study)
    assert write_mark_maps(tmp_path / "maps", found, height=24, radius=0.25) == 6
    lines = [json.loads(line) for line in (tmp_path / "maps" / "index.jsonl").read_text().splitlines()]
    assert {line["prompt_misalignment_label"].split(" ")[0] for line in lines} == {"0"}
    drawn = np.asarray(Image.open(tmp_path / "maps" / lines[0]["maps"]["artifact"]))
    assert drawn.shape == (24, 32) and (drawn[12, 16], drawn[0, 0]) == (255, 0)
    key = (lines[0]["model"], lines[0]["prompt_id"], 0)
    png = image_overlay(bench.store, bench.images_dir, "marks", key, "artifact", height=24)
    assert key[0].encode() not in png
    laid = np.asarray(Image.open(io.BytesIO(png)))
    record = next(r for r in bench.images if (r.model, r.prompt_id) == key[:2])
    plain = np.asarray(Image.open(bench.file(record)).convert("RGB"))
    assert (laid[0, 0] == plain[0, 0]).all() and laid[12, 16, 0] > 180 > 80 > laid[12, 16, 1]
    assert found.agreement(replicates=0).kinds[0].f1.value == 1.0


@pytest.mark.slow
def test_adjudicators_see_what_was_marked_laid_over_the_image(
    new_bench: Callable[..., Any], listening: Callable[..., Any]
) -> None:
    bench = marked(new_bench, canvas=CANVAS)
    own = session(bench)
    item = own.state().items[0]
    regions = ((0, Region("artifact", 0.5, 0.5)),)
    values = {"relevance": 50.0, "realism": 3.0}
    own.submit(item.token, Answers("m1", values, marks=SentMarks(regions)))
    lease = bench.store.annotation.look(lambda desk: desk.find(item.token))
    token = bench.store.accounts.add(Annotator("judy", Role.ADJUDICATOR))
    with listening(bench) as address, httpx.Client(base_url=address, timeout=30) as judy:
        judy.post("/login", data={"name": "judy", "token": token})
        path = f"/admin/item/{lease.item_id}/0/marks"
        drawn = judy.get(f"{path}/artifact")
        assert drawn.headers["content-type"] == "image/png"
        assert "no-store" in drawn.headers["cache-control"]
        with Image.open(io.BytesIO(drawn.content)) as image:
            pixels = np.asarray(image.convert("RGB")).astype(int)
        height, width, _ = pixels.shape
        assert height == width, "its proportions would tell the model"
        middle = pixels[height // 2, width // 2]
        assert middle[0] > middle[1] + 40, "red where it was marked"
        assert judy.get(f"{path}/nonsense").status_code == 400
        assert judy.get(f"/admin/item/{lease.item_id}/1/marks/artifact").status_code == 404
    with listening(bench) as address, httpx.Client(base_url=address, timeout=30) as ada:
        ada.post("/login", data={"name": "ada", "token": bench.tokens["ada"]})
        assert ada.get(f"{path}/artifact").status_code == 403


@pytest.mark.slow
def test_marks_are_kept_alike_in_every_database(bench: Any) -> None:
    study = replace(bench.study, name="marks", marks=Marking(KINDS, words=True), mode="pairwise")
    bench.store.studies.add(study)
    made = replace(bench, study=study)
    first = work(made, "ada", lambda number: point(0.1, number / 10, image=number % 2))
    own = session(made)
    back = own.before()
    assert back is not None and back.given is not None and back.given.marks is not None
    assert len(back.given.marks["regions"]) == 1
    own.submit(back.token, sent(made, NOTHING))
    found = bench.store.markings.all("marks")
    assert len(found) == 2 * len(first)
    assert sum(len(one.regions) for one in found) == len(first) - 1
    assert bench.count("marking") == 2 * len(first) + 1
    (one, *_) = [one for one in found if one.regions]
    assert {two.image for two in bench.store.markings.all("marks", image=one.image)} == {one.image}


def test_the_console_shows_marks_without_names(new_bench: Callable[..., Any]) -> None:
    bench = marked(new_bench, canvas=CANVAS)
    work(bench, "ada", lambda _: point(0.5, 0.5))
    answers = bench.store.answers
    (item, *_) = answers.look("marks", answers.choose("marks", ItemChoice()))
    shown = item_html(bench.study, item, None, with_models=False, with_names=False)
    assert shown.count(f'src="item/{item.item}/0/marks/') == 2
    assert not any(model in shown for model in bench.study.models)
    key = (item.models[0], item.prompt_id, 0)
    png = image_overlay(bench.store, bench.images_dir, "marks", key, "artifact", height=48)
    with Image.open(io.BytesIO(png)) as drawn:
        assert drawn.size == (48, 48) and drawn.getpixel((24, 2)) == (128, 128, 128)
