"""Which prompts may share a batch without changing each other's pictures, by pipeline.

Known from drawing prompts of unlike lengths together and alone with random weights, in float32 on a CPU: see
tests/generators/diffusers. What is not named here is drawn one by one: it may pad to its neighbours' length,
or draw on torch's global random state.
"""

from collections.abc import Hashable
from typing import Any

# Pad every prompt to one fixed length, or mask so that neighbours make no difference.
ANY_LENGTHS = frozenset(
    {
        "AuraFlowPipeline",
        "BriaFiboPipeline",
        "BriaPipeline",
        "ChromaPipeline",
        "ErnieImagePipeline",
        "Flux2KleinPipeline",
        "Flux2Pipeline",
        "FluxPipeline",
        "HunyuanDiTPipeline",
        "HunyuanImagePipeline",
        "Ideogram4Pipeline",
        "Krea2Pipeline",
        "LongCatImagePipeline",
        "Lumina2Pipeline",
        "NucleusMoEImagePipeline",
        "OvisImagePipeline",
        "PixArtAlphaPipeline",
        "PixArtSigmaPipeline",
        "QwenImagePipeline",
        "SanaPipeline",
        "SanaSprintPipeline",
        "StableDiffusion3Pipeline",
        "StableDiffusionPipeline",
        "StableDiffusionXLPipeline",
        "ZImagePipeline",
    }
)
# A short prompt's picture changes beside a long one, by .07 to .33 of the range of a value.
EQUAL_LENGTHS = frozenset(
    {"CogView4Pipeline", "Kandinsky5T2IPipeline", "OmniGenPipeline", "QwenImage21Pipeline"}
)


def sharing(pipeline: Any, text: str) -> Hashable | None:
    """Equal for prompts that may share a batch; None for a pipeline whose images are drawn one by one."""
    name = type(pipeline).__name__
    if name in ANY_LENGTHS:
        return ()
    if name not in EQUAL_LENGTHS:
        return None
    lengths = tuple(len(tokenizer(text).input_ids) for tokenizer in _tokenizers(pipeline))
    return lengths or None


def _tokenizers(pipeline: Any) -> list[Any]:
    """The tokenizers among a pipeline's parts, and those inside its processors."""
    from transformers import PreTrainedTokenizerBase  # presets are listed without it

    parts = (getattr(part, "tokenizer", part) for part in pipeline.components.values())
    return [part for part in parts if isinstance(part, PreTrainedTokenizerBase)]
