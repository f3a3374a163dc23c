"""Variables that matter, without what is secret in them."""

import pytest

from nami_bench.doctor.environment import variables
from nami_bench.doctor.finding import Check, examined


def test_those_that_matter_are_shown_and_others_are_not() -> None:
    found = variables({"HF_HOME": "/data/hf", "HOME": "/home/me", "OMP_NUM_THREADS": "4"})
    assert (found.status, found.found) == ("ok", "HF_HOME='/data/hf', OMP_NUM_THREADS='4'")
    assert variables({}).found == "none set that matters"


def test_secrets_are_not_shown() -> None:
    secrets = {
        "HF_TOKEN": "hf_abcdefgh1234",
        "OPENAI_API_KEY": "tiny",
        "NAMI_DATABASE_URL": "postgresql://me:geheim@host/nami",
        "HTTPS_PROXY": "http://user:geheim2@proxy:3128",
    }
    found = examined(Check("variables", lambda: variables(secrets))).found
    assert not any(secret in found for secret in ("hf_abc", "tiny", "geheim"))
    assert "NAMI_DATABASE_URL='postgresql://me:***@host/nami'" in found and "HF_TOKEN=***" in found


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CUDA_VISIBLE_DEVICES", "", "hides every GPU"),
        ("CUDA_VISIBLE_DEVICES", "-1", "hides every GPU"),
        ("OMP_NUM_THREADS", "many", "whole number above 0"),
        ("HF_HUB_OFFLINE", "1", "only weights that are here"),
        ("NAMI_CACHE", "cache", "relative"),
        ("NAMI_CASH", "/x", "NAMI_CASH is none of ours"),
    ],
)
def test_what_hinders_is_a_warning(name: str, value: str, words: str) -> None:
    found = variables({name: value})
    assert found.status == "warn" and words in found.remedy


@pytest.mark.parametrize(
    ("name", "value"), [("CUDA_VISIBLE_DEVICES", "0,1"), ("HF_HUB_OFFLINE", "0"), ("NAMI_CACHE", "C:\\nami")]
)
def test_what_does_not_hinder_is_none(name: str, value: str) -> None:
    assert variables({name: value}).status == "ok"


def test_a_check_that_breaks_is_a_line() -> None:
    def broken() -> None:
        raise ZeroDivisionError("with\nlines, token=abc")

    found = examined(Check("x", broken))  # type: ignore[arg-type]
    assert found.status == "fail"
    assert found.found == "this check itself broke: ZeroDivisionError: with lines, token=***"
