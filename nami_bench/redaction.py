"""Passwords, tokens and keys taken out of what is shown or kept: command lines, URLs, log records."""

import os
import re
from collections.abc import Mapping, Sequence

HIDDEN = "***"

_SECRET_NAME = re.compile(r"(?i)(^|[\W_])(token|password|passwd|passfile|secret|key)$")
_IN_URL = re.compile(r"(\b[a-z][\w+.-]*://[^\s/:@]*:)\S+(?=@)", re.IGNORECASE)
_NAMED = re.compile(
    r"""((?<!\w)[\w.-]*?(?:token|password|passwd|passfile|secret|key)(?:=|["']\s*:\s*))(["']?)[^\s"'&,}]+""",
    re.IGNORECASE,
)
_SPOKEN = re.compile(r"\b((?:token|password|Bearer) )[\w.~+/-]{12,}")
_KNOWN_FORMS = re.compile(r"\b(?:hf_|sk-|ghp_|github_pat_|AKIA|xox[bp]-)[\w-]{8,}")
_SHORTEST_SECRET = 8
"""Shorter values of variables stand in too many words by chance."""


def redacted(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """`text` with *** for passwords in URLs, for what is called a token, password, secret or key, for what
    looks like an access token, and for the values of such variables of `environment`."""
    text = _IN_URL.sub(rf"\1{HIDDEN}", text)
    text = _NAMED.sub(rf"\1\2{HIDDEN}", text)
    text = _KNOWN_FORMS.sub(HIDDEN, _SPOKEN.sub(rf"\1{HIDDEN}", text))
    for name, value in environment.items():
        if len(value) >= _SHORTEST_SECRET and names_secret(name):
            text = text.replace(value, HIDDEN)
    return text


def redacted_words(words: Sequence[str]) -> list[str]:
    """A command line's words, each redacted; what follows `--token`, `--api-key` and so on is hidden."""
    after_option = [False, *(word.startswith("--") and names_secret(word) for word in words)]
    return [HIDDEN if after else redacted(word) for word, after in zip(words, after_option, strict=False)]


def names_secret(name: str) -> bool:
    """Whether a variable, option or key of this name holds a secret: HF_TOKEN, --api-key; not max_tokens."""
    return _SECRET_NAME.search(name) is not None
