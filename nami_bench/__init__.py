"""NAMI-Bench: human-preference benchmark and evaluation platform for text-to-image models."""

import os
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nami_bench.analysis.accuracy import metric_accuracy
    from nami_bench.analysis.agreement import agreement
    from nami_bench.analysis.compare import compare
    from nami_bench.analysis.leaderboard import leaderboard
    from nami_bench.analysis.strengths import strengths
    from nami_bench.config import Workspace
    from nami_bench.domain import Criterion, Prompt, PromptSet, Rating, Study
    from nami_bench.errors import NamiBenchError
    from nami_bench.run_file import run
    from nami_bench.run_file.site import write_site
    from nami_bench.scoring.scorer import Scorer
    from nami_bench.scoring.scores import Scores
    from nami_bench.store import Store

__all__ = [
    "Criterion",
    "NamiBenchError",
    "Prompt",
    "PromptSet",
    "Rating",
    "Scorer",
    "Scores",
    "Store",
    "Study",
    "Workspace",
    "__version__",
    "agreement",
    "compare",
    "leaderboard",
    "metric_accuracy",
    "run",
    "strengths",
    "write_site",
]

# In a checkout without links (a zip archive, git on Windows) the other folders lie beside this one.
if not os.path.isdir(os.path.join(os.path.dirname(__file__), "evaluation")):
    __path__.append(os.path.dirname(os.path.dirname(__file__)))

_HOMES = {
    "agreement": "nami_bench.analysis.agreement",
    "compare": "nami_bench.analysis.compare",
    "leaderboard": "nami_bench.analysis.leaderboard",
    "metric_accuracy": "nami_bench.analysis.accuracy",
    "strengths": "nami_bench.analysis.strengths",
    "Workspace": "nami_bench.config",
    "Criterion": "nami_bench.domain",
    "Prompt": "nami_bench.domain",
    "PromptSet": "nami_bench.domain",
    "Rating": "nami_bench.domain",
    "Study": "nami_bench.domain",
    "NamiBenchError": "nami_bench.errors",
    "Scorer": "nami_bench.scoring.scorer",
    "Scores": "nami_bench.scoring.scores",
    "Store": "nami_bench.store",
    "run": "nami_bench.run_file",
    "write_site": "nami_bench.run_file.site",
}


def __getattr__(name: str) -> Any:
    """Import a public name only when it is used, so that `import nami_bench` stays instant."""
    if name not in _HOMES:
        raise AttributeError(f"module 'nami_bench' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
