"""Prompts of the shapes world with words in quotation marks."""

from nami_bench.domain import Prompt, prompt_id
from nami_bench.prompts.sources import ShapesWordsSource

WORDS_PROMPTS = tuple(
    Prompt(prompt_id(at), one.text, tags=one.tags, geneval=one.geneval)
    for at, one in enumerate(ShapesWordsSource().load().candidates)
)
