"""The gate: what a folder lacks is found, and nothing else is."""

import json
import shutil

import pytest
from PIL import Image

from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.completeness import KINDS, check_folder
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import write_png

SAMPLES = 2
EXPECTED = [
    {"tag": "single_object", "include": [{"class": name, "count": 1}], "prompt": f"a photo of a {name}"}
    for name in ("dog", "cup", "kite")
]


@pytest.fixture
def root(tmp_path):
    folder = GenEvalFolder(tmp_path / "model")
    for index, metadata in enumerate(EXPECTED):
        folder.write_metadata(index, metadata)
        for sample in range(SAMPLES):
            image = Image.new("RGB", (16, 16), (index * 40, sample * 40, 90))
            write_png(folder.sample_path(index, sample), image)
    return folder.root


def sample(root, index, number):
    return GenEvalFolder(root).sample_path(index, number)


def problems(root, expected=EXPECTED, samples=SAMPLES):
    return [(p.kind, p.where) for p in check_folder(root, expected, samples).problems]


def test_a_complete_folder_has_no_problems(root):
    advanced = []
    found = check_folder(root, EXPECTED, SAMPLES, advanced.append)
    assert found.problems == ()
    assert (found.expected_prompts, found.expected_images, found.found_images) == (3, 6, 6)
    assert advanced == [1] * 6


def test_other_files_and_the_order_of_keys_do_not_matter(root):
    (root / "results.jsonl").write_text("x")
    (root / "00000" / "grid.png").write_text("x")
    (root / "00000" / "samples" / ".0000.png.partial").write_text("x")
    turned = dict(reversed(EXPECTED[0].items()))
    (root / "00000" / "metadata.jsonl").write_text(json.dumps(turned))
    assert problems(root) == []


def test_further_keys_and_nulls_do_not_matter(root):
    more = {"index": 0, "exclude": None, **EXPECTED[0], "detailed_caption": "a dog on a lawn"}
    (root / "00000" / "metadata.jsonl").write_text(json.dumps(more))
    assert problems(root) == []


def test_a_rewrite_that_names_its_original_is_as_good_and_another_is_asked_to(root):
    line = root / "00000" / "metadata.jsonl"
    rewrite = {**EXPECTED[0], "prompt": "A dog, lit from the left."}
    line.write_text(json.dumps({**rewrite, "before": "a photo of a dog"}))
    assert problems(root) == []
    line.write_text(json.dumps(rewrite))
    [problem] = check_folder(root, EXPECTED, SAMPLES).problems
    assert 'Say so with "rewritten_from"' in problem.what
    line.write_text(json.dumps({**rewrite, "before": "a photo of a dog", "include": []}))
    assert problems(root) == [("wrong metadata", "00000")]


def test_clauses_that_could_not_be_judged_are_named_with_their_field(root):
    bad = {**EXPECTED[0], "include": [{"class": "dog", "count": 1, "color": "teal"}]}
    (root / "00000" / "metadata.jsonl").write_text(json.dumps(bad))
    [problem] = check_folder(root, EXPECTED, SAMPLES).problems
    assert problem.what.startswith("00000/metadata.jsonl: include[0]: color 'teal' is none of red")


def test_a_missing_prompt_is_named_by_its_text(root):
    shutil.rmtree(root / "00001")
    [problem] = check_folder(root, EXPECTED, SAMPLES).problems
    assert str(problem) == "missing prompt: 00001: a photo of a cup"


def test_prompts_beyond_the_set_and_second_folders_of_one_number_are_extra(root):
    assert problems(root, EXPECTED[:2]) == [("extra prompt", "00002")]
    shutil.copytree(root / "00000", root / "0")
    for number, path in enumerate(sorted((root / "0" / "samples").iterdir())):
        write_png(path, Image.new("RGB", (16, 16), (200, 200, number)))
    kinds = [kind for kind, _ in problems(root)]
    assert kinds == ["extra prompt", "extra sample", "extra sample"]


def test_a_missing_sample_is_named_by_its_file(root):
    sample(root, 1, 0).unlink()
    assert problems(root) == [("missing sample", "00001/samples/0000.png")]
    shutil.rmtree(root / "00001" / "samples")
    assert problems(root) == [("missing sample", f"00001/samples/000{n}.png") for n in (0, 1)]


def test_samples_beyond_the_expected_number_and_second_files_of_one_number_are_extra(root):
    assert problems(root, samples=1) == [("extra sample", f"0000{i}/samples/0001.png") for i in range(3)]
    Image.new("RGB", (16, 16), (7, 7, 7)).save(sample(root, 2, 1).with_suffix(".jpg"))
    assert problems(root) == [("extra sample", "00002/samples/0001.png")]


def test_images_numbered_from_one_are_both_missing_and_extra(root):
    sample(root, 0, 0).rename(sample(root, 0, 2))
    assert problems(root) == [
        ("missing sample", "00000/samples/0000.png"),
        ("extra sample", "00000/samples/0002.png"),
    ]


def test_damaged_and_foreign_files_are_unreadable_images(root):
    truncated = sample(root, 0, 1)
    truncated.write_bytes(truncated.read_bytes()[:-20])
    sample(root, 2, 0).write_text("<html>error</html>")
    assert problems(root) == [
        ("unreadable image", "00000/samples/0001.png"),
        ("unreadable image", "00002/samples/0000.png"),
    ]


def test_equal_pixels_are_duplicates_within_and_across_prompts_whatever_the_files_say(root):
    first = Image.open(sample(root, 0, 0))
    write_png(sample(root, 0, 1), first, {"seed": 1})
    write_png(sample(root, 2, 0), first, {"seed": 2})
    assert sample(root, 0, 1).read_bytes() != sample(root, 0, 0).read_bytes()
    found = check_folder(root, EXPECTED, SAMPLES).problems
    assert [p.kind for p in found] == ["duplicate image"] * 2
    assert found[0].what == "the same pixels as 00000/samples/0000.png (within the prompt)"
    assert found[1].what == "the same pixels as 00000/samples/0000.png (of another prompt)"


def test_equal_bytes_of_another_shape_are_no_duplicates(root):
    write_png(sample(root, 0, 0), Image.new("RGB", (8, 32)))
    write_png(sample(root, 0, 1), Image.new("RGB", (32, 8)))
    assert problems(root) == []


def test_metadata_of_another_prompt_other_clauses_or_none_are_wrong(root):
    folder = GenEvalFolder(root)
    folder.write_metadata(0, EXPECTED[1])
    folder.write_metadata(1, {**EXPECTED[1], "include": [{"class": "cup", "count": 2}]})
    (root / "00002" / "metadata.jsonl").unlink()
    found = check_folder(root, EXPECTED, SAMPLES).problems
    assert [(p.kind, p.where) for p in found] == [("wrong metadata", f"0000{i}") for i in range(3)]
    assert found[0].what == "is for 'a photo of a cup', expected 'a photo of a dog'"
    assert "clauses of 'a photo of a cup' differ" in found[1].what
    assert "has no metadata.jsonl" in found[2].what


def test_problems_are_counted_by_kind_in_one_order(root):
    sample(root, 0, 0).unlink()
    sample(root, 2, 0).unlink()
    shutil.rmtree(root / "00001")
    found = check_folder(root, EXPECTED, SAMPLES)
    assert found.counts == {"missing prompt": 1, "missing sample": 2}
    assert list(found.counts) == [kind for kind in KINDS if kind in found.counts]
    document = json.loads(json.dumps(found.to_json()))
    assert document["counts"] == found.counts
    assert len(document["problems"]) == 3


def test_what_is_no_folder_or_no_number_of_samples_is_refused(tmp_path, root):
    with pytest.raises(InputError, match="none is not a folder"):
        check_folder(tmp_path / "none", EXPECTED, SAMPLES)
    with pytest.raises(InputError, match="at least 1"):
        check_folder(root, EXPECTED, 0)


def test_a_gif_an_unknown_folder_and_other_files_are_named_as_what_they_are(root):
    image = sample(root, 1, 0)
    with Image.open(image) as picture:
        picture.save(image.with_suffix(".gif"))
    image.unlink()
    (root / "00002").rename(root / "0_00002")
    (root / "00000" / "samples" / "notes.txt").write_text("two of these are good")
    found = {(p.kind, p.where): p.what for p in check_folder(root, EXPECTED, SAMPLES).problems}
    assert "whole numbers" in found["unknown folder", "0_00002"]
    assert found["foreign file", "00001/samples/0000.gif"] == "is a GIF, and only PNG, JPEG and WebP are read"
    assert "is a text file" in found["foreign file", "00000/samples/notes.txt"]
    assert ("missing sample", "00001/samples/0000.png") in found
    assert ("missing prompt", "00002") in found
    assert {kind for kind, _ in found} <= set(KINDS)


def test_metadata_on_many_lines_with_a_byte_order_mark_are_those_of_one_line(root):
    for encoding, index in (("utf-8-sig", 0), ("utf-16", 1)):
        path = root / f"{index:05d}" / "metadata.jsonl"
        path.write_text(json.dumps(EXPECTED[index], indent=2), encoding=encoding)
    assert problems(root) == []
