import json

import numpy as np
import pytest
from PIL import Image

from nami_bench import registry
from nami_bench.domain import ImageState, Prompt
from nami_bench.errors import InputError
from nami_bench.generators.folder import FolderGenerator
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.geneval_folder import GenEvalFolder

PROMPT = Prompt("00007", "a red fox")


def save(path, color=(200, 30, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), color).save(path)
    return path


def ask(root, *samples, prompt=PROMPT):
    generator = FolderGenerator(FolderGenerator.Options(path=root))
    return list(generator.generate([GenerationRequest(prompt, sample, seed=0) for sample in samples]))


def reason(root, sample=0, **kwargs):
    (result,) = ask(root, sample, **kwargs)
    assert result.state is ImageState.FAILED
    assert result.file is None
    return result.reason


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("00007/samples/0002.png", 2),
        ("00007/samples/00000.png", 0),
        ("00007/samples/0002.jpg", 2),
        ("00007_2.png", 2),
        ("00007_0002.jpeg", 2),
        ("00007-0002.webp", 2),
        ("00007.PNG", 0),
    ],
)
def test_every_understood_name_is_found(tmp_path, name, sample):
    path = save(tmp_path / name)
    (result,) = ask(tmp_path, sample)
    assert result.state is ImageState.DONE
    assert result.file == path.resolve()
    assert result.seconds is None
    assert result.provenance == {"file": name}


def test_each_request_gets_its_own_file_in_order(tmp_path):
    for sample in range(4):
        save(GenEvalFolder(tmp_path).sample_path(7, sample))
    assert [r.file.name for r in ask(tmp_path, 2, 0, 3, 1)] == [
        "0002.png",
        "0000.png",
        "0003.png",
        "0001.png",
    ]


@pytest.mark.parametrize(
    "name", ["7.png", "000070.png", "00007_a.png", "00007.gif", "x00007.png", "00008/samples/0000.png"]
)
def test_other_names_are_not_taken_for_the_prompts_image(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    said = reason(tmp_path)
    assert "00007/samples/0000.png" in said
    assert "00007_0.png" in said


def test_two_files_for_one_sample_are_a_failure_that_names_both(tmp_path):
    save(tmp_path / "00007.png")
    save(tmp_path / "00007_0.jpg")
    assert "00007.png" in reason(tmp_path)
    assert "00007_0.jpg" in reason(tmp_path)


def test_a_matching_metadata_file_is_accepted_and_another_prompts_is_a_failure(tmp_path):
    save(GenEvalFolder(tmp_path).sample_path(7, 0))
    GenEvalFolder(tmp_path).write_metadata(7, {"tag": "colors", "prompt": "a red fox"})
    assert ask(tmp_path, 0)[0].state is ImageState.DONE
    GenEvalFolder(tmp_path).write_metadata(7, {"tag": "colors", "prompt": "a blue fox"})
    assert reason(tmp_path) == "the folder's prompt is 'a blue fox', not 'a red fox'"


@pytest.mark.parametrize("content", [b"{", b"[]", json.dumps({"tag": "colors"}).encode(), b"\xff\xfe", b""])
def test_an_unreadable_metadata_file_is_a_failure(tmp_path, content):
    save(GenEvalFolder(tmp_path).sample_path(7, 0))
    (tmp_path / "00007" / "metadata.jsonl").write_bytes(content)
    assert "metadata.jsonl" in reason(tmp_path)


def test_a_truncated_file_is_a_failure(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    path = tmp_path / "00007.png"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-500])
    assert "is damaged" in reason(tmp_path)


def test_a_file_that_is_no_image_is_a_failure_and_the_rest_goes_on(tmp_path):
    (tmp_path / "00007_0.png").write_text("not an image")
    save(tmp_path / "00007_1.png")
    bad, good = ask(tmp_path, 0, 1)
    assert "is not an image" in bad.reason
    assert good.state is ImageState.DONE


def test_a_gif_in_an_images_place_is_named_as_what_it_is(tmp_path):
    path = GenEvalFolder(tmp_path).sample_path(7, 0).with_suffix(".gif")
    path.parent.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(path)
    assert reason(tmp_path).endswith(f"{path} is a GIF, and only PNG, JPEG and WebP are read")


def test_a_folder_without_images_says_what_is_in_it_instead(tmp_path):
    save(tmp_path / "0_00007" / "samples" / "0000.png")
    with pytest.raises(InputError, match="0_00007 is no prompt's folder: their names are whole numbers"):
        FolderGenerator(FolderGenerator.Options(path=tmp_path)).samples_per_prompt()


def test_a_folder_named_like_an_image_is_a_failure(tmp_path):
    (tmp_path / "00007.png").mkdir()
    assert "is no file" in reason(tmp_path)


@pytest.mark.parametrize("link", ["00007.png", "00007/samples/0000.png", "00007/samples", "00007"])
def test_links_out_of_the_folder_are_not_followed(tmp_path, link):
    outside = tmp_path / "outside" / "00007"
    save(outside / "samples" / "0000.png")
    targets = {
        "00007": outside,
        "00007/samples": outside / "samples",
    }
    path = tmp_path / "inside" / link
    path.parent.mkdir(parents=True)
    path.symlink_to(targets.get(link, outside / "samples" / "0000.png"))
    assert "links out of the folder" in reason(tmp_path / "inside")


def test_links_within_the_folder_and_to_the_folder_are_followed(tmp_path):
    save(tmp_path / "real" / "kept" / "a.png")
    (tmp_path / "real" / "00007.png").symlink_to(tmp_path / "real" / "kept" / "a.png")
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    assert ask(tmp_path / "alias", 0)[0].state is ImageState.DONE


def test_links_to_nowhere_and_to_themselves_are_failures(tmp_path):
    (tmp_path / "00007_0.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "00007_1.png").symlink_to(tmp_path / "00007_1.png")
    assert "does not exist" in reason(tmp_path, 0)
    assert "cannot read" in reason(tmp_path, 1)


def test_a_missing_folder_is_refused_at_once(tmp_path):
    with pytest.raises(InputError, match="nowhere is not a folder"):
        registry.create("generators", "folder", {"path": str(tmp_path / "nowhere")})
    with pytest.raises(InputError, match="path: is missing"):
        registry.create("generators", "folder")


def test_the_plugin_takes_its_path_as_text_and_describes_itself_as_json(tmp_path):
    made = registry.create("generators", "folder", {"path": str(tmp_path)})
    assert json.loads(json.dumps(made.describe())) == {"adapter": "folder", "path": str(tmp_path.resolve())}


@pytest.mark.parametrize(
    ("name", "sample"), [("posescript_56.png", 0), ("posescript_56_3.png", 3), ("posescript_56-0.webp", 0)]
)
def test_a_published_name_finds_the_image(tmp_path, name, sample):
    prompt = Prompt("00007", "a red fox", extra={"item": "posescript_56"})
    path = save(tmp_path / name)
    (result,) = ask(tmp_path, sample, prompt=prompt)
    assert result.file == path
    assert FolderGenerator(FolderGenerator.Options(tmp_path)).samples_per_prompt() == 1


def test_a_published_number_is_not_taken_for_a_place_in_the_set(tmp_path):
    """DPG-Bench's own items are called 0, 1, 2 ..., in another order than the set's."""
    save(tmp_path / "0.png", (1, 2, 3))
    fourth = Prompt("00003", "the item called 0", extra={"item_id": 0})
    (result,) = ask(tmp_path, 0, prompt=fourth)
    assert result.file == tmp_path / "0.png"
    first = Prompt("00000", "another", extra={"item_id": "partiprompts9"})
    assert "expected" in reason(tmp_path, prompt=first) and "partiprompts9_0.png" in reason(
        tmp_path, prompt=first
    )


def test_a_published_name_of_five_digits_alone_counts(tmp_path):
    save(tmp_path / "00007.png")
    of_another = Prompt("00007", "the seventh, published as 00012", extra={"item": "00012"})
    assert "no image for it" in reason(tmp_path, prompt=of_another)
    (result,) = ask(tmp_path, 0, prompt=Prompt("00001", "published as 00007", extra={"item": "00007"}))
    assert result.file == tmp_path / "00007.png"


def test_a_published_name_and_a_place_for_one_image_are_ambiguous(tmp_path):
    save(tmp_path / "00007.png")
    save(tmp_path / "fox.png")
    assert "more than one file" in reason(tmp_path, prompt=Prompt("00007", "a", extra={"item": "fox"}))
