"""What simulated annotators perceive of the images of a run."""

import hashlib
from collections.abc import Mapping

from nami_bench.annotator_app.simulate import Truth
from nami_bench.domain import ImageRecord, Prompt, Study
from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.automatic import GENEVAL
from nami_bench.store import Store

PERCEIVED = ("relevance", "coherence", "aesthetics", "authenticity")
"""The criteria that they know: NAMI-1K's."""


def geneval_truth(store: Store, study: Study) -> Truth:
    """What the simulated annotators perceive, 0-100: relevance from GenEval's verdict, the rest from the
    model's share of right images and a fixed quirk of each image.

    Raises InputError where there are no verdicts, and for a study of other criteria than NAMI-1K's.
    """
    if unknown := [c.name for c in study.criteria if c.name not in PERCEIVED]:
        raise InputError(
            f"study {study.name!r}: simulated annotators know nothing of {', '.join(unknown)}: "
            f"they rate {', '.join(PERCEIVED)}"
        )
    scores = store.scores.find(metric=GENEVAL, models=study.models, prompt_set=study.prompt_set)
    correct = {(s.model, s.prompt_id, s.sample): s.value for s in scores}
    verdicts: dict[str, list[bool]] = {}
    for score in scores:
        verdicts.setdefault(score.model, []).append(bool(score.value))
    if missing := [model for model in study.models if model not in verdicts]:
        raise InputError(
            f"study {study.name!r}: simulated annotators go by GenEval's verdicts, and {', '.join(missing)} "
            "has none: name the metric geneval in the run file"
        )
    right = {model: sum(values) / len(values) for model, values in verdicts.items()}

    def truth(image: ImageRecord, prompt: Prompt) -> Mapping[str, float]:
        quality = 30 + 50 * right[image.model]
        quirk = int(hashlib.sha256(str(image.sha256).encode()).hexdigest()[:4], 16) / 0xFFFF * 20 - 10
        matches = correct.get((image.model, prompt.id, image.sample))
        return {
            "relevance": 85.0 if matches else 35.0,
            "coherence": quality + quirk,
            "aesthetics": quality - 15 + quirk,
            "authenticity": quality - 25 - quirk,
        }

    return truth
