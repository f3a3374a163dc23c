"""The use cases: prompt sets in, images made or imported, metrics run. Loops, resumes and persists.

Every function may be killed at any moment and called again: it goes on where it was.
"""

from nami_bench.pipeline.evaluation import evaluate, run_metric
from nami_bench.pipeline.generation import GenerationReport, generate, image_seed, import_images
from nami_bench.pipeline.prompt_sets import (
    folder_prompt_set,
    resolve_prompt_set,
    save_prompt_set,
    write_prompt_set,
)
from nami_bench.pipeline.verification import ImageProblem, verify_images

__all__ = [
    "GenerationReport",
    "ImageProblem",
    "evaluate",
    "folder_prompt_set",
    "generate",
    "image_seed",
    "import_images",
    "resolve_prompt_set",
    "run_metric",
    "save_prompt_set",
    "verify_images",
    "write_prompt_set",
]
