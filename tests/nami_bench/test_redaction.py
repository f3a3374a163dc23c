"""Secrets are taken out; what only looks a little like one is left."""

import pytest

from nami_bench.redaction import names_secret, redacted, redacted_words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:pass:w/ord@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me@host/db?password=geheim&x=1", "postgresql://me@host/db?password=***&x=1"),
        ("a token=abc, b", "a token=***, b"),
        ('{"api_key": "abc", "n": 1}', '{"api_key": "***", "n": 1}'),
        ("HF_TOKEN=abc", "HF_TOKEN=***"),
        ("key hf_0123456789abcdef here", "key *** here"),
        ("sk-proj-0123456789abcdef", "***"),
        ("Authorization: Bearer 0123456789abcdef", "Authorization: Bearer ***"),
        ("name guest, token 0123456789abcdef;", "name guest, token ***;"),
        ("max_tokens=30 steps=28", "max_tokens=30 steps=28"),
        ("key_env=OPENAI_API_KEY", "key_env=OPENAI_API_KEY"),
        ("stepz: unknown key; known: steps", "stepz: unknown key; known: steps"),
        ("http://host:8000/v1 and user@host", "http://host:8000/v1 and user@host"),
    ],
)
def test_secrets_are_hidden_and_the_rest_is_kept(text: str, shown: str) -> None:
    assert redacted(text, {}) == shown


def test_values_of_secret_variables_are_hidden_wherever_they_stand() -> None:
    environment = {"OPENAI_API_KEY": "correct-horse", "HOME": "/home/someone", "SHORT_KEY": "a"}
    assert redacted("correct-horse in /home/someone", environment) == "*** in /home/someone"


def test_the_word_after_an_option_of_secrets_is_hidden() -> None:
    words = ["serve", "--token", "abc", "--api-key=abc", "--tokens", "3"]
    assert redacted_words(words) == ["serve", "--token", "***", "--api-key=***", "--tokens", "3"]


def test_names_of_secrets() -> None:
    assert all(map(names_secret, ("HF_TOKEN", "--api-key", "key", "AWS_SECRET", "password")))
    assert not any(map(names_secret, ("max_tokens", "monkey", "key_env", "HF_HOME")))
