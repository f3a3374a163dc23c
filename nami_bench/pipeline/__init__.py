"""The use cases: prompt sets in, prompts proposed, images made or imported, metrics run.

Every function may be killed at any moment and called again: it goes on where it was.
"""

from nami_bench.pipeline.concurrency import with_concurrency
from nami_bench.pipeline.evaluation import evaluate, metric_maker, run_metric
from nami_bench.pipeline.generation import GenerationReport, generate, image_seed, import_images
from nami_bench.pipeline.image_import import ImageImport, ImportHow, understand_images
from nami_bench.pipeline.prompt_sets import (
    folder_prompt_set,
    known_prompt_set,
    resolve_prompt_set,
    save_prompt_set,
    write_prompt_set,
)
from nami_bench.pipeline.removal import finish_removals, remove_images, remove_model, rename_model
from nami_bench.pipeline.same_settings import check_settings
from nami_bench.pipeline.selection import Selection, select_prompts
from nami_bench.pipeline.shared_evaluation import Shared, run_metrics
from nami_bench.pipeline.submissions import (
    accept_submission,
    examine_text,
    export_submissions,
    propose_prompt,
    refuse_submission,
)
from nami_bench.pipeline.verification import ImageProblem, verify_images

__all__ = [
    "GenerationReport",
    "ImageImport",
    "ImageProblem",
    "ImportHow",
    "Selection",
    "Shared",
    "accept_submission",
    "check_settings",
    "evaluate",
    "examine_text",
    "export_submissions",
    "finish_removals",
    "folder_prompt_set",
    "generate",
    "image_seed",
    "import_images",
    "known_prompt_set",
    "metric_maker",
    "propose_prompt",
    "refuse_submission",
    "remove_images",
    "remove_model",
    "rename_model",
    "resolve_prompt_set",
    "run_metric",
    "run_metrics",
    "save_prompt_set",
    "select_prompts",
    "understand_images",
    "verify_images",
    "with_concurrency",
    "write_prompt_set",
]
