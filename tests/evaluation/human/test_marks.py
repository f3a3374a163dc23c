"""Heat maps, labels of words, and agreement of marks, on cases whose answers are known."""

import numpy as np
import pytest

from nami_bench.domain import Marks, Region
from nami_bench.domain.marking import covered_words, phrases, prompt_words, words_of_text
from nami_bench.errors import InputError
from nami_bench.evaluation.human.agreement import krippendorff_alpha
from nami_bench.evaluation.human.mark_agreement import mark_agreement
from nami_bench.evaluation.human.mark_maps import heat_map, majority_words, richhf_label, word_shares


def look(
    annotator: str, *points: tuple[float, float], prompt: str = "0", words: tuple[str, ...] = ()
) -> Marks:
    regions = tuple(Region("artifact", x, y) for x, y in points)
    spans = tuple(span for text in words for span in words_of_text(PROMPT, text))
    return Marks("s", annotator, "m", prompt, 0, regions, spans)


PROMPT = "a red hat, a red cat"


def test_words_of_prompts() -> None:
    text = "Two cats' well-made 红色的帽子 (v2.0) 🐈 don’t_stop"
    words = [text[slice(*span)] for span in prompt_words(text)]
    assert words == ["Two", "cats", "well-made", *"红色的帽子", "v2", "0", "don’t_stop"]
    assert [PROMPT[slice(*span)] for span in words_of_text(PROMPT, "Red")] == ["red", "red"]
    assert covered_words(PROMPT, [(3, 8)]) == ((2, 5), (6, 9))
    assert phrases(PROMPT, [(6, 9), (2, 5), (17, 20)]) == [(2, 9), (17, 20)]
    with pytest.raises(InputError, match="'ed' does not stand in the prompt"):
        words_of_text(PROMPT, "ed")


def test_a_point_is_a_disk_of_so_many_pixels_and_people_are_averaged() -> None:
    one, two, three = look("a", (0.5, 0.5)), look("b", (0.5, 0.5), (0.1, 0.1)), look("c")
    heat = heat_map([one, two, three], "artifact", (400, 200), radius=0.1)
    assert heat.shape == (200, 400)
    assert list(np.unique(heat)) == pytest.approx([0, 1 / 3, 2 / 3])
    # Circles in the image, though it is twice as wide as high: 20 pixels each way.
    both = heat > 0.5
    assert both.sum() == pytest.approx(np.pi * 20**2, rel=0.02)
    rows, columns = np.nonzero(both)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (80, 119, 180, 219)
    assert heat_map([one], "other", (4, 4)).max() == 0 == heat_map([], "artifact", (4, 4)).max()


def test_boxes_fill_what_they_hold_and_a_person_counts_once() -> None:
    box = Marks("s", "a", "m", "0", 0, (Region("artifact", 0.25, 0.0, 0.5, 0.5),))
    heat = heat_map([box, Marks("s", "a", "m", "0", 0)], "artifact", (8, 8))
    assert (heat[:4, 2:6] == 0.5).all() and heat.sum() == 8


def test_words_are_labelled_by_majority_as_published() -> None:
    marks = [look("a", words=("hat",)), look("b", words=("hat", "cat")), look("c")]
    shares = word_shares(PROMPT, marks)
    assert [round(share, 2) for share in shares.values()] == [0, 0, 0.67, 0, 0, 0.33]
    assert richhf_label(PROMPT, majority_words(shares)) == "1 1 0 1 1 1"
    assert richhf_label('  "No!" she: said, 2.0', [(12, 16)]) == "1 1 0 1 1"
    tie = word_shares(PROMPT, [look("a", words=("hat",)), look("b")])
    assert majority_words(tie) == []


def test_agreement_of_points_by_hand() -> None:
    marks = [
        look("a", (0.2, 0.2), (0.8, 0.8), prompt="0"), look("b", (0.25, 0.2), prompt="0"),
        look("a", (0.5, 0.5), prompt="1"), look("b", (0.5, 0.7), prompt="1"),
        look("a", prompt="2"), look("b", prompt="2"),
        look("a", (0.1, 0.9), prompt="3"),  # seen by one alone: it is in no pair
    ]  # fmt: skip
    (kind,) = mark_agreement(marks, ["artifact"], replicates=0).kinds
    assert (kind.images, kind.pairs, kind.marks) == (3, 3, 5)
    assert kind.f1.value == pytest.approx(2 * 1 / (2 + 1 + 1 + 1))
    assert kind.presence.value == 1.0 and kind.marked == pytest.approx(4 / 6)
    # Twice as wide: 0.05 of the width is a tenth of the height, and still together; 0.06 is not.
    apart = [look("a", (0.2, 0.2)), look("b", (0.26, 0.2))]
    shapes = {("m", "0", 0): 2.0}
    assert mark_agreement(apart, ["artifact"], replicates=0).kinds[0].f1.value == 1
    assert mark_agreement(apart, ["artifact"], shapes=shapes, replicates=0).kinds[0].f1.value == 0


def test_each_mark_is_paired_with_one_at_most() -> None:
    marks = [look("a", (0.5, 0.5)), look("b", (0.5, 0.5), (0.52, 0.5), (0.48, 0.5))]
    assert mark_agreement(marks, ["artifact"], replicates=0).kinds[0].f1.value == pytest.approx(2 / 4)
    crossed = [look("a", (0.5, 0.5), (0.58, 0.5)), look("b", (0.5, 0.5), (0.42, 0.5))]
    assert mark_agreement(crossed, ["artifact"], replicates=0).kinds[0].f1.value == 1.0


def test_boxes_agree_by_their_overlap() -> None:
    def boxed(who: str, x: float) -> Marks:
        return Marks("s", who, "m", "0", 0, (Region("artifact", x, 0.2, 0.3, 0.3),))

    for shift, f1 in ((0.09, 1.0), (0.11, 0.0)):  # IoU (0.3 - s) / (0.3 + s): 0.54 and 0.46
        found = mark_agreement([boxed("a", 0.2), boxed("b", 0.2 + shift)], ["artifact"], replicates=0)
        assert found.kinds[0].f1.value == f1


def test_agreement_on_words_is_nominal_alpha_of_words_about_images() -> None:
    marks = [
        look("a", words=("hat",)), look("b", words=("hat", "cat")), look("c", words=("hat",)),
        look("a", prompt="1"), look("b", prompt="1", words=("red",)),
    ]  # fmt: skip
    found = mark_agreement(marks, [], prompts={"0": PROMPT, "1": PROMPT}, replicates=200, seed=1).words
    assert found is not None and (found.images, found.words) == (2, 12)
    units, values = [], []
    for number, looks in enumerate((marks[:3], marks[3:])):
        for at, word in enumerate(prompt_words(PROMPT)):
            for one in looks:
                units.append(number * 6 + at)
                values.append(float(word in one.words))
    wanted = krippendorff_alpha(np.array(units), np.array(values), "nominal", replicates=0).alpha
    assert found.alpha.value == pytest.approx(wanted)
    assert found.alpha.low is None  # of two images no interval is given


def test_random_marks_agree_as_by_chance_and_common_faults_above_it() -> None:
    rng = np.random.default_rng(3)
    marks, noise = [], []
    for number in range(60):
        fault = rng.uniform(0.1, 0.9, 2)
        for who in "abc":
            near = np.clip(fault + rng.normal(0, 0.02, 2), 0, 1)
            marks.append(look(who, (float(near[0]), float(near[1])), prompt=str(number)))
            x, y = rng.uniform(0, 1, 2)
            noise.append(look(who, (float(x), float(y)), prompt=str(number)))
    (real,) = mark_agreement(marks, ["artifact"], replicates=200).kinds
    (random,) = mark_agreement(noise, ["artifact"], replicates=200).kinds
    assert real.f1.value is not None and real.chance is not None and real.f1.value > 0.9 > 0.2 > real.chance
    assert random.f1.low is not None and random.f1.high is not None and random.chance is not None
    assert random.f1.low <= random.chance + 0.03 and random.f1.high < 0.15


@pytest.mark.parametrize(("bearing", "is_given"), [(14, False), (15, True)])
def test_few_images_with_marks_give_no_interval(bearing: int, is_given: bool) -> None:
    marks = [
        Marks("s", who, "m", str(image), 0, (Region("artifact", 0.5, 0.5),) if image < bearing else ())
        for image in range(40)
        for who in ("a", "b")
    ]
    (kind,) = mark_agreement(marks, ["artifact"], replicates=100).kinds
    assert kind.f1.value == 1
    assert (kind.f1.low is not None) == is_given
    assert (kind.presence.low is not None) == is_given
