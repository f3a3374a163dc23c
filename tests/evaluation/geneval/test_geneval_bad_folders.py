"""Folders as people have them: each oddity is said in words, and none stops the run."""

import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

from nami_bench.cli.app import main
from nami_bench.evaluation.geneval.completeness import check_folder
from nami_bench.evaluation.geneval.folder_run import score_folder
from nami_bench.evaluation.geneval.metric import GenEvalMetric
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import write_png
from nami_bench.prompts.geneval import Grammar, geneval_metadata, geneval_prompt_set, metadata_lines
from nami_bench.shapes import SHAPES

GRAMMAR = Grammar(SHAPES, None)
SAMPLES = 2


@pytest.fixture
def bad(tmp_path):
    """A folder with one oddity in each of its first prompts, and its prompt file."""
    metadata = geneval_metadata(GRAMMAR, per_task=2)
    (tmp_path / "prompts.jsonl").write_bytes(metadata_lines(metadata))
    folder = GenEvalFolder(tmp_path / "model")
    generator = ShapesGenerator(ShapesGenerator.Options(size=64))
    for index, prompt in enumerate(geneval_prompt_set("shapes", GRAMMAR, per_task=2).prompts):
        folder.write_metadata(index, prompt.metadata())
        for sample in range(SAMPLES):
            (result,) = generator.generate([GenerationRequest(prompt, sample, 10 * index + sample)])
            write_png(folder.sample_path(index, sample), result.image)
    corrupt(folder.sample_path(0, 0))
    as_cmyk_jpeg(folder.sample_path(1, 0))
    write_png(folder.sample_path(2, 0), Image.new("RGB", (1, 1), "red"))
    as_rotated(folder.sample_path(3, 0))
    folder.sample_path(4, 0).unlink()
    outside = tmp_path / "elsewhere.png"
    folder.sample_path(5, 0).rename(outside)
    folder.sample_path(5, 0).symlink_to(outside)
    return folder


def corrupt(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def as_cmyk_jpeg(path):
    with Image.open(path) as image:
        image.convert("CMYK").save(path.with_suffix(".jpg"), quality=95)
    path.unlink()


def as_rotated(path):
    """The same picture, stored turned, with the EXIF tag that turns it back."""
    with Image.open(path) as image:
        exif = Image.Exif()
        exif[0x0112] = 6
        image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*args):
        command = ["geneval", "model", "--detector", "shapes", "--prompts", "prompts.jsonl", "--samples", "2"]
        monkeypatch.setattr(sys, "argv", ["nami-bench", *command, *args])
        with pytest.raises(SystemExit) as stopped:
            main()
        return (stopped.value.code or 0, *capsys.readouterr())

    return run


def test_the_gate_names_each_and_refuses(run, bad):
    code, out, err = run()
    assert (code, out) == (1, "")
    assert "missing sample: 00004/samples/0000.png: is not there" in err
    assert "unreadable image: 00000/samples/0000.png" in err
    assert "link out of the folder: 00005/samples/0000.png: leads to" in err
    assert "(missing sample: 1, link out of the folder: 1, unreadable image: 1)" in err


def test_the_others_are_scored_when_told_so(run, bad):
    code, out, err = run("--allow-incomplete", "--json")
    assert code == 0, err
    document = json.loads(out)
    reasons = {f["filename"]: f["reason"] for f in document["run"]["failures"]}
    assert sorted(reasons) == ["model/00000/samples/0000.png", "model/00005/samples/0000.png"]
    assert "is damaged" in reasons["model/00000/samples/0000.png"]
    assert "is a link out of the folder" in reasons["model/00005/samples/0000.png"]
    rows = [json.loads(line) for line in (bad.root / "results.jsonl").read_text().splitlines()]
    verdicts = {row["filename"]: row["correct"] for row in rows}
    assert verdicts["model/00001/samples/0000.jpg"], "CMYK"
    assert not verdicts["model/00002/samples/0000.png"], "one pixel"
    assert verdicts["model/00003/samples/0000.png"], "EXIF rotation"
    assert sum(not correct for correct in verdicts.values()) == 1


def test_links_are_followed_when_told_so(run, bad):
    document = json.loads(run("--allow-incomplete", "--follow-links", "--json")[1])
    assert document["completeness"]["counts"] == {"missing sample": 1, "unreadable image": 1}
    assert [f["filename"] for f in document["run"]["failures"]] == ["model/00000/samples/0000.png"]


def test_a_prompts_whole_folder_may_be_such_a_link_too(run, bad, tmp_path):
    (bad.root / "00006").rename(tmp_path / "six")
    (bad.root / "00006").symlink_to(tmp_path / "six")
    (bad.root / "00007" / "samples" / "0000.png").unlink()
    (bad.root / "00007" / "samples" / "0000.png").symlink_to("0001.png")
    document = json.loads(run("--allow-incomplete", "--json")[1])
    assert document["completeness"]["counts"]["link out of the folder"] == 3
    assert document["completeness"]["counts"]["duplicate image"] == 1, "a link within the folder is an image"


def test_a_folder_reached_by_a_link_is_as_good(run, bad, tmp_path):
    bad.root.rename(tmp_path / "real")
    bad.root.symlink_to("real")
    document = json.loads(run("--allow-incomplete", "--json")[1])
    assert document["completeness"]["counts"]["link out of the folder"] == 1


def test_pipes_folders_dead_and_circular_links_are_unreadable_and_nobody_waits(run, bad):
    paths = [bad.sample_path(6 + n, 0) for n in range(4)]
    for path in paths:
        path.unlink()
    os.mkfifo(paths[0])
    paths[1].mkdir()
    paths[2].symlink_to("nothing.png")
    paths[3].symlink_to(paths[3].name)
    document = json.loads(run("--allow-incomplete", "--json")[1])
    assert document["completeness"]["counts"]["unreadable image"] == 5
    reasons = {f["filename"].split("/", 1)[1]: f["reason"] for f in document["run"]["failures"]}
    words = ("is no file", "is no file", "does not exist", "cannot read")
    for path, word in zip(paths, words, strict=True):
        assert word in reasons[path.relative_to(bad.root).as_posix()]


class Pixels:
    """Keeps what it is shown."""

    class_names = ("dog",)
    identity = "pixels-1"

    def __init__(self):
        self.seen = []

    @property
    def color_classifier(self):
        return self

    def detect(self, images):
        self.seen += [np.asarray(image) for image in images]
        return [[Detection("dog", (0, 0, 1, 1), 0.99)] for _ in images]


def test_rotation_is_applied_before_anything_looks(tmp_path):
    """As the reference does: its crops come from exif_transpose, its detector's pixels from OpenCV."""
    folder = GenEvalFolder(tmp_path)
    clause = {"class": "dog", "count": 1}
    folder.write_metadata(0, {"tag": "single_object", "include": [clause], "prompt": "a dog"})
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    write_png(folder.sample_path(0, 0), Image.fromarray(pixels))
    write_png(folder.sample_path(0, 1), Image.fromarray(pixels))
    as_rotated(folder.sample_path(0, 1))
    detector = Pixels()
    score_folder(tmp_path, GenEvalMetric(GenEvalMetric.Options(), detector), tmp_path / "results.jsonl")
    assert all((seen == pixels).all() for seen in detector.seen)
    assert [seen.shape for seen in detector.seen] == [(4, 6, 3)] * 2


@pytest.mark.slow
def test_fifty_thousand_images(tmp_path):
    """Checked, scored, taken up again; every image is a link to one of a few files."""
    folder = GenEvalFolder(tmp_path / "model")
    clause = {"class": "dog", "count": 1}
    metadata = [
        {"tag": "single_object", "include": [clause], "prompt": f"a dog {index}"} for index in range(12_500)
    ]
    sources = []
    for number in range(100):
        sources.append(tmp_path / f"{number}.png")
        write_png(sources[-1], Image.fromarray(np.full((16, 16, 3), number, dtype=np.uint8)))
    for index, line in enumerate(metadata):
        (folder.root / f"{index:05d}" / "samples").mkdir(parents=True)
        (folder.root / f"{index:05d}" / "metadata.jsonl").write_text(json.dumps(line) + "\n")
        for sample in range(4):
            os.link(sources[(index + sample) % 100], folder.sample_path(index, sample))
    found = check_folder(folder.root, metadata, 4)
    assert found.found_images == 50_000
    assert found.counts == {"duplicate image": 49_900}
    metric = GenEvalMetric(GenEvalMetric.Options(), Pixels())
    metric.detector.detect = lambda images: [[Detection("dog", (0, 0, 1, 1), 0.99)] for _ in images]
    output = tmp_path / "results.jsonl"
    run = score_folder(folder.root, metric, output)
    assert (len(run.results), run.failures) == (50_000, ())
    whole = output.read_bytes()
    output.write_bytes(whole[: len(whole) // 2])
    run = score_folder(folder.root, metric, output)
    assert output.read_bytes() == whole
    assert run.reused >= 24_000
