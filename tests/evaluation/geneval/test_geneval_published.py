"""When a measurement may be called the published one."""

from dataclasses import fields

import pytest

from nami_bench.evaluation.geneval.metric import GenEvalMetric
from nami_bench.evaluation.geneval.published import standing
from nami_bench.evaluation.geneval.results import ImageResult
from nami_bench.evaluation.geneval.rules import GenEvalParams
from nami_bench.evaluation.geneval.summary import summarize

PUBLISHED = "mask2former-743b7d99abcd+clip-ViT-L-14-openai-0123456789ab"


def test_hash_precision_and_rules_make_the_published_detector() -> None:
    found = standing(PUBLISHED)
    assert found.is_published and found.differences == ()
    assert str(found).startswith("the published detector, in float32 and with the published rules")
    assert "begins with 743b7d99; the full one could not be verified" in str(found)
    assert found.to_json() == {"published": True, "differences": []}


@pytest.mark.parametrize(
    ("instrument", "said"),
    [
        ("mask2former-0123456789ab+clip-ViT-L-14-openai-0123456789ab", "begins with 0123456789ab, not with"),
        ("mask2former-743b7d99abcd-bfloat16+clip-ViT-L-14-openai-0", "it ran in bfloat16, not in float32"),
        ("mask2former-743b7d99abcd+clip-ViT-B-32-openai-0123456789ab", "colors are judged by clip-ViT-B-32"),
        (
            "mask2former-743b7d99abcd+clip-ViT-L-14-laion400m_e31-0",
            "colors are judged by clip-ViT-L-14-laion",
        ),
        (f"{PUBLISHED}+threshold=0.5", "rules: threshold=0.5"),
        (f"{PUBLISHED}+threshold=0.5+max_objects=3", "rules: threshold=0.5, max_objects=3"),
        ("mask2former-hf-743b7d99-x-y+clip-ViT-L-14-openai-0", "the detector is mask2former-hf-743b7d99-x-y"),
        ("shapes-analytic-1+palette-1", "the detector is shapes-analytic-1"),
        ("743b7d99", "the detector is 743b7d99"),
        ("", "the detector is "),
    ],
)
def test_whatever_differs_is_named(instrument: str, said: str) -> None:
    found = standing(instrument)
    assert found.is_published is False
    assert str(found).startswith("not the published detector: ") and said in str(found)


def test_everything_that_differs_is_named() -> None:
    found = standing("mask2former-0123456789ab-float16+palette-1+max_overlap=0.5")
    assert len(found.differences or ()) == 4


def test_results_that_name_no_detector_are_not_known() -> None:
    assert standing(None).is_published is None
    assert standing(None).to_json() == {"published": None, "differences": None}


@pytest.mark.parametrize("field", fields(GenEvalParams), ids=lambda field: field.name)
def test_each_rule_that_is_changed_shows_in_the_instrument_and_is_found(field) -> None:  # type: ignore[no-untyped-def]
    class Detector:
        identity = "mask2former-743b7d99abcd"
        color_classifier = type("Colors", (), {"identity": "clip-ViT-L-14-openai-0123456789ab"})()

    def named(**changed: object) -> str:
        options = GenEvalMetric.Options(params=GenEvalParams(**changed))  # type: ignore[arg-type]
        return GenEvalMetric(options, Detector()).instrument  # type: ignore[arg-type]

    assert standing(named()).is_published
    assert not standing(named(**{field.name: 1 if field.type is int else 0.5})).is_published


def test_a_summary_says_it_in_words_and_in_json() -> None:
    def row(detector: str | None) -> ImageResult:
        metadata = '{"tag": "single_object", "include": [{"class": "cat", "count": 1}], "prompt": "a cat"}'
        return ImageResult("a/0/0.png", "single_object", "a cat", True, "", metadata, "{}", detector)

    published = summarize([row(PUBLISHED)])
    assert "\nThat is the published detector, in float32" in published.to_text()
    assert published.to_json()["published_detector"]["published"] is True
    other = summarize([row("shapes-analytic-1+palette-1")])
    assert "\nThat is not the published detector: the detector is shapes-analytic-1" in other.to_text()
    unknown = summarize([row(None)])
    assert "That is" not in unknown.to_text()
    assert unknown.to_json()["published_detector"]["published"] is None
