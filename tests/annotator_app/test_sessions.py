"""Submission, correction, images and blinding, below the browser."""

import io
import logging
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.pictures import Pictures
from nami_bench.annotator_app.sessions import AnnotationSession, open_study
from nami_bench.domain import Annotator, ImageState, ModelCard
from nami_bench.errors import ImageError, InputError, RefusedError, StorageError

GOOD = {"relevance": 70.0, "realism": 4.0}
_numbers = count()


def answers(values: Any = GOOD, reasons: Any = None, **more: Any) -> Answers:
    return Answers(f"client-{next(_numbers)}", values, reasons or {}, **{"duration_ms": 1000, **more})


def session(bench: Any, name: str) -> AnnotationSession:
    return AnnotationSession(bench.store, bench.images_dir, bench.study.name, name)


def image_of(bench: Any, token: str, name: str) -> tuple[str, str, int]:
    image = bench.store.annotation.assignment(token, name).image
    return (image.model, image.prompt_id, image.sample)


def work_through(bench: Any, name: str) -> list[tuple[str, str, int]]:
    """Rate everything; the images in the order in which they came."""
    own, seen = session(bench, name), []
    view = own.state()
    while view.items:
        token = view.items[0].token
        seen.append(image_of(bench, token, name))
        view = own.submit(token, answers())
    return seen


def stored_rows(bench: Any, table: str = "rating") -> int:
    """Rows in the database, all revisions."""
    return int(bench.count(table))


def test_four_annotators_at_once_meet_an_overlap_of_three_exactly(new_bench: Callable[..., Any]) -> None:
    bench = new_bench("threads", strata=("short",) * 4 + ("long",) * 3, overlap=3)
    names = ["ada", "bob", "cyd", "dee"]
    for name in names[2:]:
        bench.store.accounts.add(Annotator(name))
    with ThreadPoolExecutor(4) as pool:
        seen = dict(zip(names, pool.map(lambda name: work_through(bench, name), names), strict=True))

    for name, images in seen.items():
        assert len(images) == len(set(images)), f"{name} saw an image twice"
    counts = Counter(image for images in seen.values() for image in images)
    assert len(counts) == 14
    assert set(counts.values()) == {3}
    assert stored_rows(bench) == 14 * 3 * 2


@pytest.mark.slow
def test_order_follows_from_seed_and_name_alone(new_bench: Callable[..., Any]) -> None:
    strata = ("short",) * 5 + ("long",) * 5
    first, same, other = (new_bench(n, strata=strata, seed=s) for n, s in (("a", 0), ("b", 0), ("c", 1)))
    ada, bob = work_through(first, "ada"), work_through(first, "bob")
    # The second time bob goes first: who else is at work must not matter in a crossed panel.
    bob_again, ada_again = work_through(same, "bob"), work_through(same, "ada")
    assert (ada, bob) == (ada_again, bob_again)
    assert ada != bob
    assert sorted(ada) == sorted(bob)
    assert work_through(other, "ada") != ada


def test_the_items_ahead_are_those_that_come_next(bench: Any) -> None:
    own = session(bench, "ada")
    view = own.state()
    while view.items:
        following = own.submit(view.items[0].token, answers())
        assert [i.token for i in following.items[:2]] == [i.token for i in view.items[1:3]]
        view = following
    assert (view.phase, view.progress.done, view.progress.total) == ("finished", 12, 12)


def test_leaving_and_coming_back_resumes_the_open_item(bench: Any) -> None:
    view = session(bench, "ada").state()
    assert [i.token for i in session(bench, "ada").state().items] == [i.token for i in view.items]
    assert (view.phase, view.progress.done, view.progress.total) == ("work", 0, 12)


def test_two_tabs_of_one_annotator_share_their_items(bench: Any) -> None:
    first, second = session(bench, "ada"), session(bench, "ada")
    token = first.state().items[0].token
    second.state()
    after = first.submit(token, answers())
    other = second.submit(token, answers({"relevance": 1.0, "realism": 1.0}))  # a correction
    assert [i.token for i in after.items] == [i.token for i in other.items]
    assert other.progress.done == 1


def test_another_annotators_item_opens_nothing(bench: Any) -> None:
    item = session(bench, "ada").state().items[0]
    bob = session(bench, "bob")
    for call in (
        lambda: bob.submit(item.token, answers()),
        lambda: bob.submit("forged", answers()),
        lambda: bob.image_png(item.images[0]),
        lambda: bob.image_png(item.images[0][:-1] + "0"),
        lambda: bob.image_png("forged"),
        lambda: bob.before(item.token),
    ):
        with pytest.raises(RefusedError, match=r"not assigned to you|not for you") as caught:
            call()
        assert caught.value.code == "not_yours"
    assert stored_rows(bench) == 0


def test_an_item_of_another_study_is_refused(bench: Any) -> None:
    bench.store.studies.add(replace(bench.study, name="second"))
    item = AnnotationSession(bench.store, bench.images_dir, "second", "ada").state().items[0]
    own = session(bench, "ada")
    with pytest.raises(RefusedError, match="not assigned to you"):
        own.submit(item.token, answers())
    with pytest.raises(RefusedError, match="not for you"):
        own.image_png(item.images[0])


@pytest.mark.parametrize(
    ("values", "reasons", "more"),
    [
        ({"relevance": 100.5, "realism": 4.0}, {}, {}),
        ({"relevance": -1.0, "realism": 4.0}, {}, {}),
        ({"relevance": 50.0, "realism": 0.0}, {}, {}),
        ({"relevance": float("nan"), "realism": 4.0}, {}, {}),
        ({"relevance": float("inf"), "realism": 4.0}, {}, {}),
        ({"relevance": "left", "realism": 4.0}, {}, {}),
        ({"relevance": 50.0}, {}, {}),
        ({}, {}, {}),
        ({**GOOD, "beauty": 3.0}, {}, {}),
        (GOOD, {"relevance": "prompt unclear"}, {}),
        ({"relevance": 50.0}, {"realism": "did not feel like it"}, {}),
        ({"relevance": 50.0}, {"realism": ""}, {}),
        (GOOD, {}, {"comment": "x" * 2001}),
        (GOOD, {}, {"comment": "\0"}),
        (GOOD, {}, {"duration_ms": -1}),
    ],
)
def test_bad_answers_are_refused_and_nothing_is_stored(
    bench: Any, values: dict[str, Any], reasons: dict[str, str], more: dict[str, Any]
) -> None:
    own = session(bench, "ada")
    item = own.state().items[0]
    with pytest.raises(RefusedError) as caught:
        own.submit(item.token, answers(values, reasons, **more))
    assert caught.value.code == "bad_answers"
    assert stored_rows(bench) == stored_rows(bench, "submission") == 0
    assert own.state().items[0].token == item.token


def test_cannot_judge_is_a_missing_value_with_its_reason(bench: Any) -> None:
    own = session(bench, "ada")
    token = own.state().items[0].token
    own.submit(
        token, answers({"relevance": 0.0}, {"realism": "outside my knowledge"}, flag=True, comment="hm")
    )
    stored = {r.criterion: (r.value, r.reason, r.duration_ms) for r in bench.store.ratings.all("trial")}
    assert stored == {"relevance": (0.0, None, 1000), "realism": (None, "outside my knowledge", 1000)}
    again = own.before()
    assert again is not None and again.given is not None
    assert again.given.reasons == {"realism": "outside my knowledge"}
    assert (again.given.flag, again.given.comment) == (True, "hm")


def test_a_submission_sent_twice_is_stored_once(bench: Any) -> None:
    own = session(bench, "ada")
    token = own.state().items[0].token
    once = answers()
    first, second = own.submit(token, once), own.submit(token, once)
    assert [i.token for i in first.items] == [i.token for i in second.items]
    assert stored_rows(bench) == 2
    assert stored_rows(bench, "submission") == 1
    assert second.progress.done == 1
    with pytest.raises(RefusedError, match="used for another item"):
        own.submit(second.items[0].token, once)


def test_a_correction_counts_and_its_history_stays(bench: Any) -> None:
    own = session(bench, "ada")
    token = own.state().items[0].token
    own.submit(token, answers())
    own.submit(token, answers({**GOOD, "realism": 1.0}))
    assert stored_rows(bench) == 3  # relevance did not change
    assert stored_rows(bench, "submission") == 2
    assert {r.criterion: r.value for r in bench.store.ratings.all("trial")} == {
        "relevance": 70.0,
        "realism": 1.0,
    }
    assert own.state().progress.done == 1


def test_going_back_leads_through_what_was_done(bench: Any) -> None:
    own = session(bench, "ada")
    assert own.before() is None
    view, done = own.state(), []
    for _ in range(4):
        done.append(view.items[0].token)
        view = own.submit(done[-1], answers())
    back = [own.before(), own.before(view.items[0].token)]
    assert [item and item.token for item in back] == [done[3], done[3]]
    own.submit(done[1], answers({"relevance": 1.0, "realism": 1.0}))
    steps = [own.before(token) for token in reversed(done)]
    assert [item and item.token for item in steps] == [done[2], done[1], done[0], None]
    assert steps[1] is not None and steps[1].given is not None
    assert steps[1].given.values == {"relevance": 1.0, "realism": 1.0}
    assert own.image_png(steps[1].images[0]).startswith(b"\x89PNG")


# -- leases ----------------------------------------------------------------------------------------


def pass_time(bench: Any, minutes: float) -> None:
    now = bench.store.clock() + timedelta(minutes=minutes)
    bench.store.clock = lambda: now


def test_an_item_that_others_filled_meanwhile_is_not_rated_once_more(bench: Any) -> None:
    own = session(bench, "ada")
    item = own.state().items[0]
    pass_time(bench, 31)
    bench.store.accounts.add(Annotator("cyd"))
    for name in ("bob", "cyd"):
        assert image_of(bench, item.token, "ada") in work_through(bench, name)

    before = stored_rows(bench)
    with pytest.raises(RefusedError, match="given to somebody else") as caught:
        own.submit(item.token, answers())
    assert caught.value.code == "taken_over"
    assert stored_rows(bench) == before
    assert own.state().phase == "finished"  # the overlap of two is met everywhere
    assert before == 12 * 2 * 2


def test_a_late_submission_counts_while_the_item_still_needs_it(bench: Any) -> None:
    own = session(bench, "ada")
    token = own.state().items[0].token
    pass_time(bench, 31)
    session(bench, "bob").state()  # lets the lease run out in the database
    own.submit(token, answers())
    assert stored_rows(bench) == 2


def test_whoever_comes_back_late_gets_the_same_items(bench: Any) -> None:
    tokens = [i.token for i in session(bench, "ada").state().items]
    pass_time(bench, 31)
    session(bench, "bob").state()
    assert [i.token for i in session(bench, "ada").state().items] == tokens


def test_the_last_items_in_other_hands_are_waited_for(new_bench: Callable[..., Any]) -> None:
    bench = new_bench("last", strata=("short",) * 3, overlap=1)
    session(bench, "ada").state()  # holds three of six
    bob = session(bench, "bob")
    assert len(work_through(bench, "bob")) == 3
    assert bob.state().phase == "waiting"
    pass_time(bench, 31)
    assert len(work_through(bench, "bob")) == 3
    assert bob.state().phase == "finished"
    assert session(bench, "ada").state().phase == "finished"


def test_a_study_has_its_hours(new_bench: Callable[..., Any]) -> None:
    bench = new_bench("hours", strata=("short",) * 3)
    now = bench.store.clock()
    bench.store.studies.add(
        replace(bench.study, name="hours", opens=now + timedelta(hours=1), closes=now + timedelta(hours=2))
    )
    own = AnnotationSession(bench.store, bench.images_dir, "hours", "ada")
    view = own.state()
    assert (view.phase, view.code, view.items) == ("closed", "not_open", ())
    pass_time(bench, 110)
    view = own.state()
    assert view.phase == "work"
    pass_time(bench, 11)
    view = own.submit(view.items[0].token, answers())  # it was in hand
    assert (view.phase, view.code, view.items) == ("closed", "closed", ())
    assert stored_rows(bench) == 2
    done = own.before()
    assert done is not None
    with pytest.raises(RefusedError, match="this study is closed"):
        own.submit(done.token, answers({"relevance": 1.0, "realism": 1.0}))


# -- images ----------------------------------------------------------------------------------------


def test_nothing_shown_tells_the_model(bench: Any) -> None:
    own = session(bench, "ada")
    view = own.state()
    while view.items:
        image = bench.store.annotation.assignment(view.items[0].token, "ada").image
        shown = repr(view)
        for secret in (image.model, image.path, image.sha256, "samples"):
            assert secret not in shown
        view = own.submit(view.items[0].token, answers())


def test_an_image_is_its_pixels_and_never_the_same_bytes_twice(bench: Any) -> None:
    own = session(bench, "ada")
    item = own.state().items[0]
    image = bench.store.annotation.assignment(item.token, "ada").image
    on_disk = bench.file(image).read_bytes()
    shown = [own.image_png(item.images[0]) for _ in range(5)]
    assert image.model.encode() in on_disk  # the provenance that must not leave
    assert set(chunk_types(on_disk)) == {b"IHDR", b"tEXt", b"IDAT", b"IEND"}
    assert len(set(shown)) == 5
    for png in shown:
        assert set(chunk_types(png)) == {b"IHDR", b"IDAT", b"paDd", b"IEND"}
        with Image.open(io.BytesIO(png)) as opened, Image.open(bench.file(image)) as original:
            assert opened.info == {}
            assert np.array_equal(np.asarray(opened), np.asarray(original))


def chunk_types(png: bytes) -> list[bytes]:
    """The types of a PNG file's chunks, in order."""
    types, at = [], 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        types.append(png[at + 4 : at + 8])
        at += 12 + length
    return types


def test_a_canvas_hides_the_images_size(bench: Any) -> None:
    bench.store.studies.add(replace(bench.study, name="canvas", canvas=64))
    own = AnnotationSession(bench.store, bench.images_dir, "canvas", "ada")
    with Image.open(io.BytesIO(own.image_png(own.state().items[0].images[0]))) as shown:
        assert shown.size == (64, 64)
        assert shown.getpixel((0, 0)) == (128, 128, 128)  # 32x24 leaves a margin


def test_an_address_expires(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = session(bench, "ada")
    address = own.state().items[0].images[0]
    own.image_png(address)
    monkeypatch.setattr("nami_bench.annotator_app.addresses.LIFETIME_S", -1)
    with pytest.raises(RefusedError, match="expired") as caught:
        own.image_png(own.state().items[0].images[0])
    assert caught.value.code == "address_expired"


def test_the_cache_is_bounded(bench: Any) -> None:
    pictures = Pictures(cache_bytes=6000)
    for image in bench.images:
        pictures.png("trial", bench.file(image), image.sha256)
    assert 0 < pictures._size <= 6000
    assert pictures._size == sum(map(len, pictures._kept.values()))


@pytest.mark.parametrize("damage", ["missing", "changed", "truncated"])
def test_a_damaged_image_is_withdrawn_and_reported(
    bench: Any, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    own = session(bench, "ada")
    item = own.state().items[0]
    image = bench.store.annotation.assignment(item.token, "ada").image
    file = bench.file(image)
    good = file.read_bytes()
    if damage == "missing":
        file.unlink()
    elif damage == "changed":
        file.write_bytes(bench.file(next(i for i in bench.images if i != image)).read_bytes())
    else:
        file.write_bytes(good[:-200])
    with caplog.at_level(logging.WARNING), pytest.raises(ImageError):
        own.image_png(item.images[0])
    assert str(file) in caplog.text

    with pytest.raises(RefusedError, match="not asked about any more") as caught:
        own.submit(item.token, answers())
    assert caught.value.code == "withdrawn"
    rated = work_through(bench, "ada")
    assert len(rated) == 11
    assert (image.model, image.prompt_id, image.sample) not in rated
    assert len(bench.store.ratings.all("trial")) == 11 * 2  # nothing was made up for it
    assert bench.store.items.count("trial") == 11
    events = bench.store.oversight.events("trial")
    assert [e.kind for e in events] == ["image-withdrawn"]
    assert image.model in events[0].text

    file.write_bytes(good)
    assert bench.store.items.restore("trial") == 1
    assert work_through(bench, "ada") == [(image.model, image.prompt_id, image.sample)]


def test_an_image_folder_that_is_gone_withdraws_nothing(new_bench: Callable[..., Any]) -> None:
    bench = new_bench("gone", strata=("short",) * 15)
    bench.images_dir.rename(bench.images_dir.with_name("elsewhere"))
    own = session(bench, "ada")
    with pytest.raises(StorageError, match="images verify"):
        own.image_png(own.state().items[0].images[0])
    assert bench.store.items.count("trial") == 30


def test_images_that_vanish_by_the_dozen_stop_being_withdrawn(new_bench: Callable[..., Any]) -> None:
    bench = new_bench("gone", strata=("short",) * 15)
    for image in bench.images:
        bench.file(image).unlink()
    own, stopped = session(bench, "ada"), False
    for _ in range(30):
        try:
            own.image_png(own.state().items[0].images[0])
        except ImageError:
            pass
        except StorageError:
            stopped = True
            break
    assert stopped
    assert bench.store.items.count("trial") == 30 - 20


# -- opening a study -------------------------------------------------------------------------------


def test_opening_a_study_says_what_is_missing(new_bench: Callable[..., Any]) -> None:
    bench = new_bench("empty", strata=())
    with pytest.raises(InputError, match="no finished images"):
        open_study(bench.store)
    with pytest.raises(InputError, match="unknown study 'other'"):
        open_study(bench.store, "other")

    bench = new_bench("nobody", strata=("short",))
    for name in ("ada", "bob"):
        bench.store.accounts.set_active(name, False)
    with pytest.raises(InputError, match="annotators add NAME"):
        open_study(bench.store)


def test_the_newest_study_is_the_default(bench: Any) -> None:
    bench.store.studies.add(replace(bench.study, name="second"))
    assert open_study(bench.store).name == "second"
    assert open_study(bench.store, "trial").name == "trial"


def test_images_that_are_finished_later_are_asked_about(bench: Any) -> None:
    missing = bench.images[0]
    bench.store.catalog.add_model(ModelCard("new", "folder"))
    bench.store.studies.add(replace(bench.study, name="growing", models=("zebrafish-xl", "new")))
    own = AnnotationSession(bench.store, bench.images_dir, "growing", "ada")
    assert own.state().progress.total == 6
    bench.store.images.put(replace(missing, model="new", state=ImageState.DONE))
    assert bench.store.items.count("growing") == 7
    assert own.state().progress.total == 7


def test_a_change_of_one_study_does_not_mislead_the_work_on_another(bench: Any) -> None:
    """All in one transaction: what is known of the other study is forgotten with it, and learned again."""
    bench.store.studies.add(replace(bench.study, name="second"))
    second = AnnotationSession(bench.store, bench.images_dir, "second", "bob")
    own = session(bench, "ada")
    token = own.state().items[0].token
    second.state()
    bench.store.studies.change(replace(bench.study, name="second", break_every=9))
    started, go = threading.Event(), threading.Event()
    bench.store.annotation.run_later(lambda desk: (started.set(), go.wait(10)))
    started.wait(10)
    waiting = [own.state_later(), second.state_later(), own.submit_later(token, answers())]
    go.set()
    views = [future.result(10) for future in waiting]
    assert [len(view.items) for view in views] == [3, 3, 3]
    assert views[2].progress.done == 1


def test_who_had_finished_gets_images_that_come_later(bench: Any) -> None:
    """The server runs on; nobody tells it."""
    bench.store.catalog.add_model(ModelCard("new", "folder"))
    bench.store.studies.add(replace(bench.study, name="growing", models=("zebrafish-xl", "new")))
    own = AnnotationSession(bench.store, bench.images_dir, "growing", "ada")
    view = own.state()
    while view.items:
        view = own.submit(view.items[0].token, answers())
    assert view.phase == "finished"
    bench.store.images.put(replace(bench.images[0], model="new", state=ImageState.DONE))
    pass_time(bench, 2)
    assert len(own.state().items) == 1
