"""Scoring a folder: what is written, and what a second run does."""

import json

import pytest
from PIL import Image

from nami_bench.errors import InputError, StorageError
from nami_bench.evaluation.geneval.folder_run import score_folder
from nami_bench.evaluation.geneval.metric import GenEvalMetric
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.geneval.results import read_results
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import hash_file, write_png

METADATA = [
    {"tag": "single_object", "include": [{"class": "dog", "count": 1}], "prompt": "a photo of a dog"},
    {"tag": "counting", "include": [{"class": "dog", "count": 2}], "prompt": "a photo of two dogs"},
]


class RedIsDogs:
    """Sees as many dogs as an image's red channel says; raises KeyboardInterrupt before batch `stop_at`."""

    class_names = ("dog",)
    identity = "red-is-dogs-1"

    def __init__(self, stop_at=None):
        self.seen, self.stop_at = 0, stop_at

    @property
    def color_classifier(self):
        return self

    def detect(self, images):
        if self.seen == self.stop_at:
            raise KeyboardInterrupt
        self.seen += len(images)
        return [[Detection("dog", (0, 0, 4, 4), 0.95)] * image.getpixel((0, 0))[0] for image in images]


def metric(**kwargs):
    return GenEvalMetric(GenEvalMetric.Options(batch_size=1), RedIsDogs(**kwargs))


@pytest.fixture
def root(tmp_path):
    """Two prompts with two images each; one and two dogs."""
    folder = GenEvalFolder(tmp_path / "model")
    for index, metadata in enumerate(METADATA):
        folder.write_metadata(index, metadata)
        for sample in (0, 1):
            picture = Image.new("RGB", (8, 8), (sample + 1, index, 0))
            write_png(folder.sample_path(index, sample), picture)
    return folder.root


def test_results_have_the_reference_fields_and_say_what_measured_which_bytes(root, tmp_path):
    output = tmp_path / "out" / "results.jsonl"
    run = score_folder(root, metric(), output)
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["correct"] for row in rows] == [True, True, False, True]
    image = root / "00001" / "samples" / "0000.png"
    assert rows[2] == {
        "filename": str(image),
        "tag": "counting",
        "prompt": "a photo of two dogs",
        "correct": False,
        "reason": "expected dog>=2, found 1",
        "metadata": json.dumps(METADATA[1]),
        "details": '{"dog": [[0.0, 0.0, 4.0, 4.0, 0.95]]}',
        "detector": "red-is-dogs-1+red-is-dogs-1",
        "sha256": hash_file(image),
    }
    assert list(run.results) == read_results(output)
    assert (run.reused, run.failures, run.passed_over) == (0, (), 0)


def test_an_interrupted_run_is_taken_up_where_it_stopped(root, tmp_path):
    output = tmp_path / "results.jsonl"
    with pytest.raises(KeyboardInterrupt):
        score_folder(root, metric(stop_at=3), output)
    assert len(read_results(output)) == 3
    second, advanced = metric(), []
    run = score_folder(root, second, output, advanced.append)
    assert (run.reused, len(run.results), second.detector.seen) == (3, 4, 1)
    assert sum(advanced) == 4
    assert len({row.place for row in read_results(output)}) == 4
    third = metric()
    assert (score_folder(root, third, output).reused, third.detector.seen) == (4, 0)


def test_a_line_cut_off_by_a_kill_is_dropped_and_scored_again(root, tmp_path):
    output = tmp_path / "results.jsonl"
    score_folder(root, metric(), output)
    whole = output.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for length in (last + 1, last + 5, len(whole) - 40, len(whole) - 1):
        output.write_bytes(whole[:length])
        run = score_folder(root, metric(), output)
        assert len(run.results) == 4
        assert output.read_bytes() == whole


def test_a_moved_folder_keeps_its_results(root, tmp_path):
    output = tmp_path / "results.jsonl"
    score_folder(root, metric(), output)
    moved = root.rename(tmp_path / "elsewhere")
    assert score_folder(moved, metric(), output).reused == 4


def test_results_of_another_detector_are_refused_and_left_alone(root, tmp_path):
    output = tmp_path / "results.jsonl"
    score_folder(root, metric(), output)
    before = output.read_bytes()
    other = metric()
    other.detector.identity = "blue-is-dogs-1"
    with pytest.raises(InputError, match=r"holds results of red-is-dogs-1.*-o"):
        score_folder(root, other, output)
    rows = [json.loads(line) for line in before.splitlines()]
    unnamed = "".join(json.dumps({k: v for k, v in row.items() if k != "detector"}) + "\n" for row in rows)
    output.write_text(unnamed)
    with pytest.raises(InputError, match="an unnamed detector"):
        score_folder(root, metric(), output)
    assert output.read_text() == unnamed


@pytest.mark.parametrize("foreign", [b"my notes", b'{"filename": "x"}', b"{}\n", b'{"a": 1}\n{"filena'])
def test_a_file_that_is_no_results_file_is_refused_and_left_alone(root, tmp_path, foreign):
    output = tmp_path / "notes.txt"
    output.write_bytes(foreign)
    with pytest.raises(InputError, match=r"notes\.txt, line 1"):
        score_folder(root, metric(), output)
    assert output.read_bytes() == foreign


def test_results_of_images_that_have_changed_since_are_refused(root, tmp_path):
    output = tmp_path / "results.jsonl"
    score_folder(root, metric(), output)
    image = root / "00000" / "samples" / "0001.png"
    original = image.read_bytes()
    write_png(image, Image.new("RGB", (8, 8), (0, 9, 9)))
    with pytest.raises(InputError, match=r"another 00000/samples/0001\.png"):
        score_folder(root, metric(), output)
    image.write_bytes(original)
    GenEvalFolder(root).write_metadata(0, METADATA[1])
    with pytest.raises(InputError, match=r"another 00000/samples/0000\.png"):
        score_folder(root, metric(), output)
    GenEvalFolder(root).write_metadata(0, METADATA[0])
    image.unlink()
    with pytest.raises(InputError, match=r"another 00000/samples/0001\.png"):
        score_folder(root, metric(), output)


def test_what_cannot_be_judged_is_a_failure_and_no_result(root, tmp_path):
    output = tmp_path / "results.jsonl"
    damaged = root / "00000" / "samples" / "0000.png"
    damaged.write_bytes(damaged.read_bytes()[:50])
    (root / "00001" / "metadata.jsonl").write_text('{"prompt": "two dogs", "include": []}')
    run = score_folder(root, metric(), output)
    assert [row.place for row in run.results] == ["00000/samples/0001.png"]
    reasons = {failure.filename: failure.reason for failure in run.failures}
    assert "damaged" in reasons[str(damaged)]
    assert sum("'tag' must name the task" in reason for reason in reasons.values()) == 2


def test_prompts_without_clauses_are_passed_over_and_counted(root, tmp_path):
    (root / "00001" / "metadata.jsonl").write_text('{"prompt": "a mood"}')
    run = score_folder(root, metric(), tmp_path / "results.jsonl")
    assert (len(run.results), run.passed_over, run.failures) == (2, 2, ())


def test_a_detector_for_other_classes_is_refused_before_the_first_image(root, tmp_path):
    detector = metric()
    detector.detector.class_names = ("cat",)
    with pytest.raises(InputError, match=r"does not know 1 of the prompts' classes \(dog\)"):
        score_folder(root, detector, tmp_path / "results.jsonl")
    assert not (tmp_path / "results.jsonl").exists()


def test_a_folder_without_images_and_an_unwritable_file_are_named(root, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty holds no images"):
        score_folder(tmp_path / "empty", metric(), tmp_path / "results.jsonl")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot .*file"):
        score_folder(root, metric(), tmp_path / "file" / "results.jsonl")
