"""The question of VQAScore, and what the probabilities of its answers mean.

Lin et al. 2024, "Evaluating Text-to-Visual Generation with Image-to-Text Generation".
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from nami_bench.evaluation.measurement import Measurement

TEMPLATE = "vqascore-question-1"
"""Names `question`'s words in instruments."""

LIKELIEST = 20
"""How many of the likeliest first tokens must hold a yes or a no. OpenAI's protocol lists no more."""


def question(text: str) -> str:
    """The paper's question about a prompt, whole, however long it is."""
    return f'Does this figure show "{text}"? Please answer yes or no.'


def measurement(tokens: Iterable[tuple[str, float]], likeliest: Sequence[str]) -> Measurement:
    """VQAScore of the first answer token's probabilities over the whole vocabulary.

    `tokens`: texts and probabilities, all that read "yes" or "no" among them. `likeliest`: the texts of the
    likeliest tokens, the first one first.

    The value is the paper's P("Yes"): it is not divided by P("Yes") + P("No"). Spaces around a token do not
    count. `details`: "yes" and "no", the probabilities of all ways to write these. A model that answers
    something else has no value: neither word is among the likeliest.
    """
    if not any(_word(text) in YES_OR_NO for text in likeliest):
        said = likeliest[0] if likeliest else ""
        return Measurement(None, f"the model does not answer yes or no: its likeliest answer begins {said!r}")
    value = yes = no = 0.0
    for text, probability in tokens:
        value += probability * (text.strip(_SPACES) == "Yes")
        yes += probability * (_word(text) == "yes")
        no += probability * (_word(text) == "no")
    return Measurement(value, details={"yes": yes, "no": no})


def yes_and_no(texts: Mapping[int, str]) -> list[int]:
    """Every token, of a vocabulary's texts, that reads yes or no."""
    return [number for number, text in texts.items() if _word(text) in YES_OR_NO]


def spoken(words: str) -> str | None:
    """The "yes" or "no" with which words begin, whatever marks stand before it; None where none does."""
    match = _SPOKEN.match(words)
    return match[1].lower() if match else None


YES_OR_NO = ("yes", "no")
_SPOKEN = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)
_SPACES = " \t\r\n▁Ġ"
"""The last two are how tokenizers write a space."""


def _word(text: str) -> str:
    return text.strip(_SPACES).lower()
