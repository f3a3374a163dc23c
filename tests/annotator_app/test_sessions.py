"""Assignment, blinding and submission, below the browser."""

import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator_app.sessions import RatingSession, choose, open_study
from nami_bench.domain import Annotator, Criterion, Study
from nami_bench.errors import ImageError, InputError, StorageError
from nami_bench.store import Candidate
from nami_bench.store.assignments import LEASE

GOOD = {"relevance": 70.0, "realism": 4.0}


def session(bench: Any, name: str) -> RatingSession:
    return RatingSession(bench.store, bench.images_dir, bench.study, name)


def work_through(bench: Any, name: str) -> list[tuple[str, str, int]]:
    """Rate everything; the images in the order in which they came."""
    own, seen = session(bench, name), []
    while (item := own.next_item()) is not None:
        image = bench.store.assignment(item.token, name).image
        seen.append((image.model, image.prompt_id, image.sample))
        own.submit(item.token, GOOD, {}, 1000)
    return seen


def stored_rows(bench: Any) -> int:
    """Rating rows in the database, all revisions."""
    return int(bench.count("rating"))


def test_four_annotators_at_once_meet_an_overlap_of_three_exactly(new_bench: Callable[..., Any]) -> None:
    bench = new_bench("threads", strata=("short",) * 4 + ("long",) * 3, overlap=3)
    names = ["ada", "bob", "cyd", "dee"]
    for name in names[2:]:
        bench.store.add_annotator(Annotator(name))
    with ThreadPoolExecutor(4) as pool:
        seen = dict(zip(names, pool.map(lambda name: work_through(bench, name), names), strict=True))

    for name, images in seen.items():
        assert len(images) == len(set(images)), f"{name} saw an image twice"
    counts = Counter(image for images in seen.values() for image in images)
    assert len(counts) == 14
    assert set(counts.values()) == {3}
    assert stored_rows(bench) == 14 * 3 * 2


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


@given(
    sizes=st.dictionaries(st.sampled_from(["short", "community", "long"]), st.integers(1, 25), min_size=1),
    seed=st.integers(0, 2**31),
)
def test_strata_stay_balanced_at_every_moment(sizes: dict[str, int], seed: int) -> None:
    study = Study("s", "p", ("m",), (Criterion("c", 1),), overlap=1, seed=seed)
    left = [
        Candidate(0, "m", f"{stratum}-{i}", 0, stratum, load=0)
        for stratum, n in sizes.items()
        for i in range(n)
    ]
    seen: Counter[str] = Counter()
    while chosen := choose(left, study, "ada", sizes):
        left.remove(chosen)
        seen[chosen.stratum] += 1
        for a in sizes:
            for b in sizes:
                # Nobody is ahead by more than the one image that was chosen when both were level.
                assert seen[a] / sizes[a] - seen[b] / sizes[b] <= 1 / sizes[a] + 1e-9
    assert seen == sizes


def test_full_images_are_passed_over() -> None:
    study = Study("s", "p", ("m",), (Criterion("c", 1),), overlap=2)
    full, free = Candidate(1, "m", "1", 0, "short", load=2), Candidate(2, "m", "2", 0, "short", load=1)
    assert choose([full, free], study, "ada", {"short": 2}) == free
    assert choose([full], study, "ada", {"short": 2}) is None


def test_leaving_and_coming_back_resumes_the_open_item(bench: Any) -> None:
    item = session(bench, "ada").next_item()
    assert item is not None
    assert session(bench, "ada").next_item() == item
    own = session(bench, "ada")
    own.submit(item.token, GOOD, {}, 5)
    following = own.next_item()
    assert following is not None
    assert following.token != item.token
    progress = own.progress()
    assert (progress.done, progress.total) == (1, 12)


def test_another_annotators_token_opens_nothing(bench: Any) -> None:
    item = session(bench, "ada").next_item()
    assert item is not None
    with pytest.raises(InputError, match="not assigned to you"):
        session(bench, "bob").image_png(item.token)
    with pytest.raises(InputError, match="not assigned to you"):
        session(bench, "bob").submit(item.token, GOOD, {}, 5)
    assert stored_rows(bench) == 0


def test_a_token_of_another_study_is_refused(bench: Any) -> None:
    bench.store.add_study(replace(bench.study, name="second"))
    other = RatingSession(bench.store, bench.images_dir, bench.store.study("second"), "ada")
    item = other.next_item()
    assert item is not None
    with pytest.raises(InputError, match="another study"):
        session(bench, "ada").submit(item.token, GOOD, {}, 5)


@pytest.mark.parametrize(
    ("values", "reasons"),
    [
        ({"relevance": 100.5, "realism": 4.0}, {}),
        ({"relevance": -1.0, "realism": 4.0}, {}),
        ({"relevance": 50.0, "realism": 0.0}, {}),
        ({"relevance": float("nan"), "realism": 4.0}, {}),
        ({"relevance": float("inf"), "realism": 4.0}, {}),
        ({"relevance": 50.0}, {}),
        ({}, {}),
        ({**GOOD, "beauty": 3.0}, {}),
        (GOOD, {"relevance": "prompt unclear"}),
        ({"relevance": 50.0}, {"realism": "did not feel like it"}),
        ({"relevance": 50.0}, {"realism": ""}),
    ],
)
def test_bad_scores_are_refused_and_nothing_is_stored(
    bench: Any, values: dict[str, float], reasons: dict[str, str]
) -> None:
    own = session(bench, "ada")
    item = own.next_item()
    assert item is not None
    with pytest.raises(InputError):
        own.submit(item.token, values, reasons, 5)
    assert stored_rows(bench) == 0
    assert own.next_item() == item


def test_cannot_judge_is_a_missing_value_with_its_reason(bench: Any) -> None:
    own = session(bench, "ada")
    item = own.next_item()
    assert item is not None
    own.submit(item.token, {"relevance": 0.0}, {"realism": "outside my knowledge"}, 1234)
    stored = {r.criterion: (r.value, r.reason, r.duration_ms) for r in bench.store.ratings("trial")}
    assert stored == {"relevance": (0.0, None, 1234), "realism": (None, "outside my knowledge", 1234)}


def test_a_submission_sent_twice_is_stored_once_and_a_correction_counts(bench: Any) -> None:
    own = session(bench, "ada")
    item = own.next_item()
    assert item is not None
    own.submit(item.token, GOOD, {}, 5)
    own.submit(item.token, GOOD, {}, 5)
    assert stored_rows(bench) == 2
    own.submit(item.token, {**GOOD, "realism": 1.0}, {}, 5)
    assert stored_rows(bench) == 3
    assert {r.criterion: r.value for r in bench.store.ratings("trial")} == {"relevance": 70.0, "realism": 1.0}
    assert own.progress().done == 1


def test_an_item_that_is_rated_cannot_be_taken_back(bench: Any) -> None:
    own = session(bench, "ada")
    item = own.next_item()
    assert item is not None
    with pytest.raises(InputError, match="not assigned to you"):
        bench.store.withdraw(item.token, "bob")
    own.submit(item.token, GOOD, {}, 5)
    with pytest.raises(InputError, match="rated already"):
        bench.store.withdraw(item.token, "ada")
    assert stored_rows(bench) == 2


def test_an_item_says_nothing_of_the_model(bench: Any) -> None:
    own = session(bench, "ada")
    while (item := own.next_item()) is not None:
        image = bench.store.assignment(item.token, "ada").image
        shown = repr(item)
        for secret in (image.model, image.path, image.sha256, "samples", ".png"):
            assert secret not in shown
        own.submit(item.token, GOOD, {}, 5)


def test_the_image_is_pixels_and_nothing_else(bench: Any) -> None:
    own = session(bench, "ada")
    item = own.next_item()
    assert item is not None
    image = bench.store.assignment(item.token, "ada").image
    on_disk, shown = bench.file(image).read_bytes(), own.image_png(item.token)
    assert image.model.encode() in on_disk  # the provenance that must not leave
    assert set(chunk_types(on_disk)) == {b"IHDR", b"tEXt", b"IDAT", b"IEND"}
    assert set(chunk_types(shown)) == {b"IHDR", b"IDAT", b"IEND"}


def chunk_types(png: bytes) -> list[bytes]:
    """The types of a PNG file's chunks, in order."""
    types, at = [], 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        types.append(png[at + 4 : at + 8])
        at += 12 + length
    return types


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_damaged_image_is_passed_over_until_it_is_back(
    bench: Any, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    own = session(bench, "ada")
    item = own.next_item()
    assert item is not None
    image = bench.store.assignment(item.token, "ada").image
    file = bench.file(image)
    good = file.read_bytes()
    if damage == "missing":
        file.unlink()
        with pytest.raises(ImageError):
            own.image_png(item.token)
    else:
        file.write_bytes(bench.file(next(i for i in bench.images if i != image)).read_bytes())

    with caplog.at_level(logging.WARNING):
        rated = work_through(bench, "ada")
    assert len(rated) == 11
    assert (image.model, image.prompt_id, image.sample) not in rated
    assert str(file) in caplog.text
    assert len(bench.store.ratings("trial")) == 11 * 2  # nothing was made up for it
    assert (own.progress().done, own.progress().total) == (11, 12)

    file.write_bytes(good)
    assert work_through(bench, "ada") == [(image.model, image.prompt_id, image.sample)]
    assert own.progress().done == 12


def test_an_image_folder_that_is_gone_is_an_error_not_a_finished_study(new_bench: Callable[..., Any]) -> None:
    bench = new_bench("gone", strata=("short",) * 15)
    bench.images_dir.rename(bench.images_dir.with_name("elsewhere"))
    with pytest.raises(StorageError, match="images in a row are missing or changed"):
        session(bench, "ada").next_item()


def claim_long_ago(bench: Any, name: str) -> str:
    """An open assignment of an image, its lease run out; the token."""
    before = datetime.now(UTC) - LEASE - timedelta(minutes=1)
    assignment = bench.store.claim("trial", name, lambda candidates: candidates[0], now=before)
    return str(assignment.token)


def test_an_image_that_others_filled_meanwhile_is_not_rated_once_more(bench: Any) -> None:
    token = claim_long_ago(bench, "ada")
    image = bench.store.assignment(token, "ada").image
    bench.store.add_annotator(Annotator("cyd"))
    for name in ("bob", "cyd"):
        assert (image.model, image.prompt_id, image.sample) in work_through(bench, name)

    own, before = session(bench, "ada"), stored_rows(bench)
    with pytest.raises(InputError, match="given to somebody else"):
        own.submit(token, GOOD, {}, 5)
    assert stored_rows(bench) == before
    assert own.next_item() is None  # the overlap of two is met everywhere


def test_a_late_submission_counts_while_the_image_still_needs_it(bench: Any) -> None:
    token = claim_long_ago(bench, "ada")
    session(bench, "ada").submit(token, GOOD, {}, 5)
    assert stored_rows(bench) == 2


def test_opening_a_study_says_what_is_missing(new_bench: Callable[..., Any]) -> None:
    bench = new_bench("empty", strata=())
    with pytest.raises(InputError, match="no finished images"):
        open_study(bench.store)
    with pytest.raises(InputError, match="unknown study 'other'"):
        open_study(bench.store, "other")

    bench = new_bench("nobody", strata=("short",))
    for name in ("ada", "bob"):
        bench.store.set_annotator_active(name, False)
    with pytest.raises(InputError, match="annotators add NAME"):
        open_study(bench.store)


def test_the_newest_study_is_the_default(bench: Any) -> None:
    bench.store.add_study(replace(bench.study, name="second"))
    assert open_study(bench.store).name == "second"
    assert open_study(bench.store, "trial").name == "trial"
