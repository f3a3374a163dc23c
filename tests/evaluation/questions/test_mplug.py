"""mPLUG's answers against what the published code gave (versions in expected.json)."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from PIL import Image

from nami_bench import registry
from nami_bench.errors import InputError
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer, Sheet
from nami_bench.evaluation.questions.judges.mplug import judge as judge_module
from nami_bench.evaluation.questions.judges.mplug.beam_search import Search, beam_search
from nami_bench.evaluation.questions.judges.mplug.inputs import PAD, image_tensor

DATA = Path(__file__).resolve().parents[2] / "data" / "mplug"
EXPECTED = json.loads((DATA / "expected.json").read_text())
CASES = EXPECTED["cases"]
IMAGES = EXPECTED["order_of_images_in_raw"]["vision, embeds"]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def raw():
    with np.load(DATA / "raw.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def images():
    found = {name: Image.open(DATA / name) for name in IMAGES}
    for image in found.values():
        image.load()  # and its file is closed
    return found


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """One checkpoint in two configurations: "stride" has a fusion layer that concatenates."""
    stride = tmp_path_factory.mktemp("stride")
    for name in ("pytorch_model.bin", "config.yaml", "vocab.txt"):
        shutil.copy(DATA / name, stride)
    shutil.copy(DATA / "config_bert_stride.json", stride / "config_bert.json")
    return {"plain": DATA, "stride": stride}


@pytest.fixture(scope="module")
def make(folders):
    """A judge of one of the configurations."""

    def make(kind="plain", **options):
        return registry.create("judges", "mplug", {"model": str(folders[kind]), "device": "cpu", **options})

    return make


@pytest.fixture(scope="module")
def judges(make):
    return {kind: make(kind) for kind in ("plain", "stride")}


@pytest.fixture(params=["plain", "stride"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def sheets(images):
    """Each image with all its questions; ids are places in CASES."""
    return [
        Sheet(
            images[name],
            tuple(Question(i, case["question"]) for i, case in enumerate(CASES) if case["image"] == name),
        )
        for name in IMAGES
    ]


def answers(judge, sheets):
    """By the questions' ids."""
    pairs = zip(sheets, judge.answer(sheets), strict=True)
    return {q.id: a for sheet, found in pairs for q, a in zip(sheet.questions, found, strict=True)}


def close(found, expected, tolerance):
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", IMAGES)
def test_images_are_prepared_to_the_bit(name, images, raw):
    found = image_tensor(images[name], 56)
    close(found, raw["image_tensors"][IMAGES.index(name)], 1e-6)
    assert hashlib.sha256(found.numpy().tobytes()).hexdigest() == EXPECTED["images"][name]["tensor_sha256"]


def test_questions_become_the_same_tokens(judges):
    for case in CASES:
        found = judges["plain"]._words.encode(case["question"])
        assert list(found.ids) == case["input_ids"]
        assert [int(one != PAD) for one in found.ids] == case["attention_mask"]
        assert found.truncated == (case["untruncated_length"] > 25)


@torch.inference_mode()
def test_the_image_tower_sees_the_same(judges, images, raw):
    network = judges["plain"]._network
    pixels = torch.stack([image_tensor(image, 56) for image in images.values()])
    close(network.visual_encoder["visual"](pixels), raw["vision"], 1e-4)
    close(network.see(pixels), raw["embeds"], 1e-4)


@torch.inference_mode()
def test_hidden_states_logits_and_all_beams_are_the_same(kind, judges, images, raw):
    network = judges[kind]._network
    for place, case in enumerate(CASES):
        image = network.see(image_tensor(images[case["image"]], 56)[None])
        ids, mask = torch.tensor([case["input_ids"]]), torch.tensor([case["attention_mask"]])
        text = network.text_encoder(ids, mask)
        close(text[0], raw["text"][place], 1e-4)
        fused, text = network.fusion_encoder(image, text, mask)
        close(text[0], raw[f"question_{kind}"][place], 1e-4)
        if kind == "stride":
            close(fused[0], raw["image_stride"][place], 1e-4)
        assert torch.equal(fused, image) != case[kind]["image_changed_by_fusion"]
        logits = network.say(torch.tensor([101]), 0, network.read(image, ids, mask))
        close(logits[0], raw[f"logits_{kind}"][place], 2e-4)

        memory = network.read(image, ids, mask)

        def next_logits(tokens, rows, place, memory=memory):
            memory.reorder(rows)
            return network.say(tokens, place, memory)

        (found,) = beam_search(next_logits, 1, Search(1, 10, 5), CPU)
        assert [list(one.tokens) for one in found[:5]] == case[kind]["beams"]
        close(torch.tensor([one.score for one in found[:5]]), case[kind]["scores"], 1e-4)


def test_answers_and_verdicts_are_the_same(kind, judges, sheets):
    found = answers(judges[kind], sheets)
    for place, case in enumerate(CASES):
        assert found[place].text == case[kind]["answer"]
        assert (found[place].text == "yes") == case[kind]["yes"]
        assert found[place].probability is None
        truncated = {"truncated": True} if case["untruncated_length"] > 25 else {}
        assert found[place].details == truncated


def test_answers_do_not_depend_on_the_batch(kind, judges, make, sheets):
    """One question at a time: see the hidden states' test."""
    assert answers(make(kind, batch_size=3), sheets) == answers(judges[kind], sheets)


def test_an_image_is_seen_once_for_all_its_questions(make, sheets, monkeypatch):
    judge, seen = make(batch_size=2), []
    monkeypatch.setattr(judge_module, "image_tensor", lambda *a: seen.append(a) or image_tensor(*a))
    nothing = Sheet(sheets[0].image, ())
    found = list(judge.answer([nothing, sheets[0]]))
    assert [len(one) for one in found] == [0, len(sheets[0].questions)]
    assert len(seen) == 1


def test_the_shortcut_compares_first_tokens(make, judges, sheets, raw):
    judge = make(shortcut=True)
    asked = [Sheet(s.image, tuple(Question(q.id, q.text, "no") for q in s.questions)) for s in sheets]
    by_search, yes_expected, no_expected = (
        answers(judges["plain"], sheets),
        answers(judge, sheets),
        answers(judge, asked),
    )
    likely = torch.from_numpy(raw["logits_plain"]).softmax(-1)[
        :, [EXPECTED["yes_token"], EXPECTED["no_token"]]
    ]
    for place, (yes, no) in enumerate(likely.tolist()):
        assert yes_expected[place].text == no_expected[place].text == ("yes" if yes > no else "no")
        assert yes_expected[place].probability == pytest.approx(yes, rel=1e-3)
        assert no_expected[place].probability == pytest.approx(no, rel=1e-3)
    changed = EXPECTED["what_mistakes_cost"]["first step, yes against no"][-1]
    assert sum((by_search[i].text == "yes") != (yes_expected[i].text == "yes") for i in by_search) == changed


def test_the_shortcut_has_no_probability_of_another_answer(make, images):
    judge = make(shortcut=True)
    ((found,),) = judge.answer([Sheet(images["gray.png"], (Question(1, "What color is it?", "red"),))])
    assert found.text in ("yes", "no") and found.probability is None


def test_special_tokens_in_a_question_are_words(judges):
    """The published code lower-cases before BERT's tokenizer could know them."""
    encode = judges["plain"]._words.encode
    for word in ("[SEP]", "[MASK]", "[PAD]", "[CLS]"):
        found = encode(f"Is {word} red?")
        assert found == encode(f"is {word.lower()} red?")
        assert found.ids.count(101) == found.ids.count(102) == 1 and 103 not in found.ids
        assert PAD not in found.ids[: found.ids.index(102)]


def test_what_is_no_character_is_not_read(judges):
    encode = judges["plain"]._words.encode
    assert encode("is \ud800it\x00 red?") == encode("is it red?")


def test_an_image_of_one_pixel_and_a_question_without_words(judges):
    sheet = Sheet(
        Image.new("RGB", (1, 1), "red"), (Question(1, ""), Question(2, " \t"), Question(3, "?" * 400))
    )
    first, second, third = answers(judges["plain"], [sheet]).values()
    assert first == second and first.text is not None and first.details == {}
    assert third.text is not None and third.details == {"truncated": True}


def test_numbers_that_are_not_finite_are_a_problem_of_their_question(make, images):
    for shortcut in (False, True):
        judge = make(shortcut=shortcut)
        asked = Sheet(images["gray.png"], (Question(1, "red"), Question(2, "blue cat")))
        _, sound = answers(judge, [asked]).values()
        with torch.inference_mode():
            judge._network.text_encoder.embeddings.word_embeddings.weight[judge._words.number("red")] = 1e30
        lost, same = answers(judge, [asked]).values()
        assert lost == Answer(problem="the model gave numbers that are not finite") and same == sound


def test_memory_that_runs_out_makes_batches_smaller_for_good(make, judges, sheets, monkeypatch):
    judge = make(batch_size=8)
    read, sizes = judge._network.read, []

    def small(image, ids, mask):
        sizes.append(len(ids))
        if len(ids) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return read(image, ids, mask)

    monkeypatch.setattr(judge._network, "read", small)
    assert answers(judge, sheets[:2]) == answers(judges["plain"], sheets[:2])
    assert sizes[:5] == [5, 3, 2, 2, 1] and max(sizes[5:]) == 2

    monkeypatch.setattr(judge._network, "see", lambda pixels: small(None, range(9), None))
    found = next(judge.answer(sheets[:1]))
    assert {one.problem for one in found} == {"memory ran out: CUDA out of memory"}


def test_identity_names_what_an_answer_depends_on(make, judges):
    plain = judges["plain"].identity
    assert plain == (
        f"mplug-{plain[6:18]}-{hashlib.sha256((DATA / 'pytorch_model.bin').read_bytes()).hexdigest()[:12]}"
        "+image_res-56+stride_layer-3+25-tokens+beam-5-length-1-10+float32"
    )
    assert "stride_layer-2" in judges["stride"].identity and plain[6:18] not in judges["stride"].identity
    assert make(shortcut=True).identity == plain.replace("beam-5-length-1-10", "first-token")
    assert make(batch_size=3).identity == plain
    assert judges["plain"].runs_on == {"device": "cpu", "dtype": "float32"}


def test_batches_of_no_questions_are_refused(make):
    with pytest.raises(InputError, match="batch_size must be at least 1, got 0"):
        make(batch_size=0)
