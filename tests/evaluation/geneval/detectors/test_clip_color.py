"""Colors by CLIP, against a naive computation with open_clip itself."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

from nami_bench.domain import GENEVAL_COLORS  # noqa: E402
from nami_bench.errors import InputError, WorkError  # noqa: E402
from nami_bench.evaluation.geneval.clip_color import ClipColorClassifier, ClipColorOptions, crop  # noqa: E402
from nami_bench.evaluation.geneval.protocol import Detection  # noqa: E402
from nami_bench.evaluation.open_clip_model import clip_files  # noqa: E402


@pytest.fixture(scope="module")
def photograph():
    return Image.fromarray(data.coffee())


@pytest.fixture(scope="module")
def objects():
    """Objects all over the photograph (600x400), with and without masks."""
    rng = np.random.default_rng(2)
    found = []
    for index in range(12):
        left, top = rng.uniform(0, 400), rng.uniform(0, 250)
        box = (left, top, left + rng.uniform(20, 180), top + rng.uniform(20, 140))
        mask = None if index % 3 == 0 else np.zeros((400, 600), dtype=bool)
        if mask is not None:
            mask[int(top) : int(box[3]) - 5, int(left) + 5 : int(box[2])] = True
        found.append(Detection("cup", box, 0.9, mask))
    return found


def classifier(folder):
    return ClipColorClassifier(ClipColorOptions(clip_model=str(folder), device="cpu"))


def naive_scores(folder, image, objects, class_name):
    """Cosines (objects, colors), one object, color and text at a time."""
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    model.eval()
    pixels = np.asarray(image)
    rows = []
    with torch.no_grad():
        texts = []
        for color in GENEVAL_COLORS:
            embedded = []
            for text in (
                f"a photo of a {color} {class_name}",
                f"a photo of a {color}-colored {class_name}",
                f"a photo of a {color} object",
            ):
                vector = model.encode_text(tokenizer([text]))[0]
                embedded.append(vector / vector.norm())
            mean = sum(embedded) / 3
            texts.append(mean / mean.norm())
        for one in objects:
            shown = pixels.copy()
            if one.mask is not None:
                shown[~one.mask] = (0x99, 0x99, 0x99)
            left, top, right, bottom = (int(np.rint(edge)) for edge in one.box)
            vector = model.encode_image(transform(Image.fromarray(shown[top:bottom, left:right]))[None])[0]
            rows.append([float(vector / vector.norm() @ text) for text in texts])
    return np.array(rows)


@pytest.mark.slow
@pytest.mark.parametrize("class_name", ["cup", "tv remote"])
def test_colors_are_those_of_a_naive_computation(tiny_clip, photograph, objects, class_name):
    renamed = [Detection(class_name, one.box, one.score, one.mask) for one in objects]
    scores = naive_scores(tiny_clip, photograph, renamed, class_name)
    expected = [GENEVAL_COLORS[best] for best in scores.argmax(axis=1)]
    assert classifier(tiny_clip).classify(photograph, renamed) == expected
    assert len(set(expected)) > 1, "the tiny CLIP tells no colors apart: the test shows nothing"


def test_embedded_colors_are_unit_vectors_of_the_class(tiny_clip):
    colors = classifier(tiny_clip)
    cups, dogs = colors.embedded_colors("cup"), colors.embedded_colors("dog")
    assert cups.shape == (10, 16)
    np.testing.assert_allclose(np.linalg.norm(cups, axis=1), 1, rtol=1e-5)
    assert not np.allclose(cups, dogs)


def test_edges_are_rounded_as_pillow_rounds(photograph):
    box = (10.5, 11.5, 40.49, 51.51)
    assert crop(photograph, Detection("cup", box, 1.0)).tobytes() == photograph.crop(box).tobytes()


def test_everything_outside_the_mask_is_grey(photograph):
    mask = np.zeros((400, 600), dtype=bool)
    mask[20:30, 20:30] = True
    pixels = np.asarray(crop(photograph, Detection("cup", (10.0, 10.0, 40.0, 40.0), 1.0, mask)))
    inside = mask[10:40, 10:40]
    assert (pixels[~inside] == 0x99).all()
    assert (pixels[inside] == np.asarray(photograph)[20:30, 20:30].reshape(-1, 3)).all()


@pytest.mark.parametrize(
    "box", [(-5.0, -3.0, 30.0, 20.0), (580.0, 380.0, 640.0, 420.0), (10.0, 10.0, 90.0, 50.0)]
)
def test_a_crop_is_that_of_the_whole_image_with_its_background_replaced(photograph, box):
    """As the original goes about it, also where a box leaves the image."""
    mask = np.random.default_rng(1).random((400, 600)) < 0.5
    whole = Image.composite(photograph, Image.new("RGB", (600, 400), "#999"), Image.fromarray(mask))
    assert crop(photograph, Detection("cup", box, 1.0, mask)).tobytes() == whole.crop(box).tobytes()


@pytest.mark.slow
def test_many_images_are_classified_as_each_alone(tiny_clip, photograph, objects):
    cat = Image.fromarray(data.chelsea())
    questions = [
        (photograph, objects[:3]),
        (cat, [Detection("cat", (100.0, 50.0, 400.0, 290.0), 0.9)]),
        (photograph, []),
        (photograph, objects[5:]),
    ]
    expected = [classifier(tiny_clip).classify(*question) for question in questions]
    assert classifier(tiny_clip).classify_many(questions) == expected


def test_a_box_of_less_than_a_pixel_still_has_a_color(tiny_clip, photograph):
    (color,) = classifier(tiny_clip).classify(photograph, [Detection("cup", (7.1, 7.1, 7.3, 7.2), 0.5)])
    assert color in GENEVAL_COLORS


def test_nothing_to_classify(tiny_clip, photograph):
    assert classifier(tiny_clip).classify(photograph, []) == []


def test_class_embeddings_come_from_the_cache_the_second_time(tiny_clip, own_cache, monkeypatch):
    first = classifier(tiny_clip).embedded_colors("cup")
    (path,) = own_cache.rglob("*.npy")
    again = classifier(tiny_clip)
    monkeypatch.setattr(again, "_embed_colors", lambda name: pytest.fail("computed again"))
    np.testing.assert_array_equal(again.embedded_colors("cup"), first)
    assert path.parent.parent == own_cache


@pytest.mark.slow
def test_a_damaged_cache_is_computed_again(tiny_clip, own_cache):
    first = classifier(tiny_clip).embedded_colors("cup")
    (path,) = own_cache.rglob("*.npy")
    whole = path.read_bytes()
    for damage in (b"", b"junk", whole[:90], whole[:-100]):
        path.write_bytes(damage)
        np.testing.assert_array_equal(classifier(tiny_clip).embedded_colors("cup"), first)
        assert path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_no_obstacle(tiny_clip, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "file"))
    assert classifier(tiny_clip).embedded_colors("cup").shape == (10, 16)


def test_the_identity_names_model_and_weights(tiny_clip):
    assert classifier(tiny_clip).identity == f"clip-{clip_files(str(tiny_clip)).identity}"


def test_nan_is_no_color(tiny_clip, photograph, objects, monkeypatch):
    colors = classifier(tiny_clip)
    broken = np.full((10, 16), np.nan, dtype=np.float32)
    monkeypatch.setattr(colors, "embedded_colors", lambda name: broken)
    with pytest.raises(WorkError, match="not finite"):
        colors.classify(photograph, objects)


def test_published_weights_from_a_file_get_their_own_activation(tmp_path):
    """open_clip itself would build ViT-L-14 with the wrong GELU around OpenAI's weights, and only warn."""
    weights = tmp_path / "open_clip_model.safetensors"
    weights.write_bytes(b"anything")
    options = ClipColorOptions(clip_weights=weights)
    files = clip_files(options.clip_model, options.clip_pretrained, options.clip_weights)
    assert files.arguments["force_quick_gelu"] is True
    assert ClipColorClassifier(options).identity.startswith("clip-ViT-L-14-openai-")


def test_weights_that_are_not_there_are_named(tmp_path):
    options = ClipColorOptions(clip_weights=tmp_path / "gone.safetensors")
    with pytest.raises(InputError, match=r"gone\.safetensors"):
        ClipColorClassifier(options).identity  # noqa: B018
