"""Published systems that diffusers can run, with the settings that their publishers give.

Infinity, Matryoshka, BAGEL and HunyuanImage 3 are not in diffusers: the adapter `command` runs them, or
`openai-images` on a server that has them.
"""

from collections.abc import Mapping

from nami_bench.generators.preset import Preset
from nami_bench.generators.presets_since_2025 import SINCE_2025
from nami_bench.generators.presets_until_2024 import UNTIL_2024

PRESETS: Mapping[str, Preset] = {**UNTIL_2024, **SINCE_2025}


def presets_of(model: str) -> list[str]:
    """Names of the presets that run the model with this hub name."""
    return [name for name, preset in PRESETS.items() if preset.model.lower() == model.lower()]
