"""Pictures of the shapes world, some of them wrong, with the prompts they were drawn for."""

from collections.abc import Sequence

from PIL.Image import Image

from nami_bench.domain import Prompt
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench.prompts.geneval import Grammar, geneval_prompt_set
from nami_bench.shapes import SHAPES


def shapes_prompts(count: int) -> list[Prompt]:
    """So many prompts, of GenEval's tasks by turns."""
    prompts = geneval_prompt_set("shapes", Grammar(SHAPES, None), per_task=-(-count // 6)).prompts
    by_turns = sorted(prompts, key=lambda prompt: (int(prompt.id) % (len(prompts) // 6), prompt.id))
    return by_turns[:count]


def drawn(prompts: Sequence[Prompt], error_rate: float = 0.4, size: int = 64, seed: int = 7) -> list[Image]:
    """A picture of each prompt; errors are planted in so many of them."""
    generator = ShapesGenerator(ShapesGenerator.Options(error_rate=error_rate, size=size))
    requests = [GenerationRequest(prompt, 0, seed + at) for at, prompt in enumerate(prompts)]
    return [result.image for result in generator.generate(requests) if result.image is not None]
