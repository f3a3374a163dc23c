"""Scores from Python: the forms of images and prompts, failures, summaries, and the program around."""

import io
import random
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nami_bench import Scorer, Scores, registry
from nami_bench.domain import Prompt
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.geneval.metric import GenEvalMetric
from nami_bench.evaluation.geneval.summary import GenEvalSummary
from nami_bench.evaluation.protocol import ScoringItem
from tests.support.drawn import drawn, shapes_prompts

PROMPTS = shapes_prompts(12)
PICTURES = drawn(PROMPTS)


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def scorer():
    with Scorer("geneval", detector="shapes") as made:
        yield made


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What the metric itself says of files with these pixels."""
    folder = tmp_path_factory.mktemp("pictures")
    metric = registry.create("metrics", "geneval", {"detector": "shapes", "workers": 0})
    items = []
    for at, (image, prompt) in enumerate(zip(PICTURES, PROMPTS, strict=True)):
        (folder / f"{at}.png").write_bytes(png(image))
        items.append(ScoringItem(folder / f"{at}.png", prompt))
    values = [result.value for result in metric.score(items)]
    assert 0 < sum(values) < len(values)
    return [item.image for item in items], values


def test_pictures_paths_and_bytes_have_the_metrics_own_values(scorer, expected):
    paths, values = expected
    forms = [PICTURES, paths, list(map(str, paths)), [path.read_bytes() for path in paths]]
    for images in forms:
        scores = scorer.score(images, PROMPTS)
        assert scores.values.tolist() == values
        assert scores.values.dtype == np.float64
        assert scores.failures == {}


def test_arrays_have_them_too_by_themselves_and_as_a_batch(scorer, expected):
    arrays = [np.asarray(image) for image in PICTURES]
    floats = np.stack(arrays).astype(np.float32) / 255
    for images in (arrays, np.stack(arrays), floats, floats.astype(np.float64), list(floats)):
        assert scorer.score(images, PROMPTS).values.tolist() == expected[1]
    assert scorer.score(arrays[0], PROMPTS[0]).values.tolist() == expected[1][:1]


def test_tensors_are_channels_first(scorer, expected):
    torch = pytest.importorskip("torch")
    batch = torch.from_numpy(np.stack([np.asarray(image) for image in PICTURES])).permute(0, 3, 1, 2)
    floats = (batch / 255).requires_grad_()
    for images in (batch, floats, list(floats), floats.double()):
        assert scorer.score(images, PROMPTS).values.tolist() == expected[1]
    with pytest.raises(InputError, match=r"a tensor is \(channels, height, width\)"):
        scorer.score(batch.permute(0, 2, 3, 1), PROMPTS)


def test_gray_alpha_and_rotated_pictures_are_read_as_their_files_are(scorer, tmp_path):
    rotated = tmp_path / "rotated.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    PICTURES[0].save(rotated, quality=100, subsampling=0, exif=exif)
    for image in (PICTURES[0].convert("RGBA"), PICTURES[0].convert("P"), Image.open(rotated)):
        file = tmp_path / "file.png"
        file.write_bytes(rotated.read_bytes() if image.format == "JPEG" else png(image))
        by_file = scorer.score(file, PROMPTS[0]).details
        assert scorer.score(image, PROMPTS[0]).details == by_file


def test_prompts_are_texts_prompts_metadata_or_lines_of_a_set(scorer, expected):
    for prompts in (
        [prompt.metadata() for prompt in PROMPTS],
        [prompt.to_json() for prompt in PROMPTS],
        tuple(PROMPTS),
    ):
        assert scorer.score(PICTURES, prompts).values.tolist() == expected[1]
    scores = scorer.score(PICTURES, "a star")
    assert len(scores.failures) == len(PICTURES)
    assert "does not apply to the prompt 'a star'" in scores.reasons[0]


def test_an_image_that_is_none_has_no_value_and_a_reason_and_the_others_keep_theirs(scorer, expected):
    torn = png(PICTURES[1])[:-40]
    broken = {1: torn, 3: "/nowhere/at/all.png", 5: np.full((8, 8, 3), np.nan), 7: np.full((8, 8, 3), -1.0)}
    images = [broken.get(at, image) for at, image in enumerate(PICTURES)]
    scores = scorer.score(images, PROMPTS)
    assert sorted(scores.failures) == [1, 3, 5, 7]
    said = " | ".join(scores.failures.values())
    for words in ("damaged", "does not exist", "not finite", "must be within 0..1"):
        assert words in said
    for at, value in enumerate(scores.values):
        assert np.isnan(value) if at in broken else value == expected[1][at]


@pytest.mark.parametrize(
    ("images", "prompts", "words"),
    [
        (PICTURES, PROMPTS[:5], "12 images and 5 prompts"),
        (PICTURES[:1], [7], "prompt 0 must be a text"),
        (PICTURES[:1], [{"tag": "colors"}], "no text under 'prompt'"),
        (PICTURES[:1], [{"prompt": "x", "tag": "colors", "include": [{"class": "star"}]}], "'count' must"),
        ([None], "x", "image 0 must be one of"),
        (5, "x", "images must be"),
        (np.zeros((2, 2)).astype(int), "x", "must be uint8"),
        (np.zeros((2, 3, 8, 8, 3)), "x", "4 dimensions"),
        (np.zeros((8, 8, 2)), "x", "height, width, channels"),
    ],
)
def test_what_is_neither_image_nor_prompt_is_refused_in_words(scorer, images, prompts, words):
    with pytest.raises(InputError, match=words):
        scorer.score(images, prompts)


def test_no_images_have_no_scores(scorer):
    scores = scorer.score([], [])
    assert len(scores) == 0
    with pytest.raises(InputError, match="there are no images"):
        scores.summary()


def test_genevals_summary_has_tasks_and_intervals(scorer, expected):
    summary = scorer.score(PICTURES, PROMPTS).summary()
    assert isinstance(summary, GenEvalSummary)
    assert summary.correct_images == sum(expected[1])
    assert summary.detector == scorer.instruments["geneval"]
    assert summary.overall_interval[0] <= summary.overall <= summary.overall_interval[1]


def test_rewards_stand_beside_the_verdicts_where_they_are_asked_for(expected):
    with Scorer("geneval", detector="shapes", rewards=True) as scorer:
        scores = scorer.score([*PICTURES, b"none"], [*PROMPTS, PROMPTS[0]])
        assert scores.rewards["verdict"][:-1].tolist() == expected[1]
        assert set(scores.rewards) == {"verdict", "strict", "partial", "flow_grpo"}
        assert all(np.isnan(values[-1]) for values in scores.rewards.values())
        assert scores.to_frame()["partial"].notna().sum() == len(PICTURES)


def test_rewards_that_were_not_asked_for_are_missed_in_words(scorer):
    with pytest.raises(InputError, match="rewards=True"):
        _ = scorer.score(PICTURES, PROMPTS).rewards


def test_batches_join_into_the_scores_of_all(scorer):
    whole = scorer.score(PICTURES, PROMPTS)
    parts = [scorer.score(PICTURES[at : at + 5], PROMPTS[at : at + 5]) for at in range(0, 12, 5)]
    joined = Scores.joined(parts)
    assert joined.values.tolist() == whole.values.tolist()
    assert joined.summary() == whole.summary()


class Brightness:
    """A metric that is no plugin."""

    name = "brightness"
    instrument = "brightness-1"

    def applies_to(self, prompt):
        return True

    def score(self, items):
        from nami_bench.evaluation.protocol import ScoringResult
        from nami_bench.images import read_image

        for item in items:
            yield ScoringResult(item, float(np.asarray(read_image(item.image)).mean()))


def test_several_metrics_answer_by_name_and_one_may_be_an_object():
    metrics = ["geneval", Brightness()]
    with Scorer(metrics, geneval={"detector": "shapes"}) as scorer:
        both = scorer.score(PICTURES, PROMPTS)
    assert list(both) == ["geneval", "brightness"]
    means = [float(np.asarray(image).mean()) for image in PICTURES]
    assert both["brightness"].values.tolist() == means
    summary = both["brightness"].summary()
    assert summary.mean == pytest.approx(np.mean(means))
    assert summary.interval[0] < summary.mean < summary.interval[1]


def test_unknown_metrics_and_options_name_what_is_near():
    with pytest.raises(UnknownNameError, match="'geneval'"):
        Scorer("genevel")
    with pytest.raises(InputError, match="no option 'detektor': did you mean 'detector'"):
        Scorer("geneval", detektor="shapes")
    with pytest.raises(InputError, match="name at least one metric"):
        Scorer([])


def test_after_the_end_there_are_no_scores(scorer):
    scorer.close()
    with pytest.raises(InputError, match="closed"):
        scorer.score(PICTURES, PROMPTS)


def test_threads_get_their_own_answers(scorer, expected):
    found = {}

    def work(at):
        found[at] = scorer.score([PICTURES[at]] * 3, PROMPTS[at]).values.tolist()

    threads = [threading.Thread(target=work, args=(at,)) for at in range(len(PICTURES))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {at: [value] * 3 for at, value in enumerate(expected[1])}


class Disturbing(Brightness):
    """One that draws random numbers, and tells how torch is set."""

    def score(self, items):
        import torch

        from nami_bench.evaluation.protocol import ScoringResult

        random.random()
        np.random.rand()
        noise = torch.rand(2)
        product = torch.ones(2, 2) @ torch.ones(2, 2)
        told = [str(noise.dtype), str(noise.device), str(product.dtype)]
        told.append(torch.get_float32_matmul_precision())
        yield from (ScoringResult(item, 0.0, details={"torch": told}) for item in items)


def test_a_training_loop_around_is_not_disturbed_and_does_not_disturb():
    torch = pytest.importorskip("torch")
    scorer = Scorer(Disturbing())

    def draws(between):
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)
        between()
        return random.random(), np.random.rand(), torch.rand(1).item()

    def score():
        torch.set_float32_matmul_precision("high")
        torch.set_default_dtype(torch.float64)
        try:
            with torch.autocast("cpu", dtype=torch.bfloat16), torch.device("meta"), torch.no_grad():
                scores = scorer.score(PICTURES[:1], "x")
                assert torch.is_autocast_enabled("cpu")
            assert torch.get_default_dtype() is torch.float64
            assert torch.get_float32_matmul_precision() == "high"
        finally:
            torch.set_default_dtype(torch.float32)
            torch.set_float32_matmul_precision("highest")
        assert scores.details[0]["torch"] == ["torch.float32", "cpu", "torch.float32", "highest"]

    assert draws(score) == draws(lambda: None)


WITHOUT_A_GUARD = """
import sys
from pathlib import Path
from nami_bench import Scorer
print("the script begins")
paths = sorted(Path(sys.argv[1]).glob("*.png")) * 4
scores = Scorer("geneval", detector="shapes", workers=2).score(
    paths, {"prompt": "x", "tag": "single_object", "include": [{"class": "star", "count": 1}]})
print(len(scores), len(scores.failures))
"""


def test_a_script_needs_no_guard_around_its_work(tmp_path, expected):
    (tmp_path / "script.py").write_text(WITHOUT_A_GUARD)
    folder = Path(expected[0][0]).parent
    command = [sys.executable, str(tmp_path / "script.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "the script begins\n48 0\n", done.stderr


def test_images_already_decoded_by_the_metric_object_are_its_own(expected):
    metric = registry.create("metrics", "geneval", {"detector": "shapes"})
    assert isinstance(metric, GenEvalMetric)
    assert Scorer(metric).score(PICTURES, PROMPTS).values.tolist() == expected[1]


def test_a_prompt_that_is_made_by_hand_is_taken_as_it_is(scorer):
    prompt = Prompt("00042", "a star", geneval=PROMPTS[0].geneval)
    assert scorer.score(PICTURES[0], prompt).prompts == (prompt,)
