"""The paper's own figures (arXiv 2503.09242): NAMI-2B, 1024 px, batch 1, 30 steps, on an A100."""

MACHINE = "A100"
UNIFORM_SECONDS = 8.47
NAMI_SECONDS = {"stage 0": 0.27, "stage 1": 0.45, "stage 2": 2.21, "bridges": 0.05}
SAVED = {"segmentation": 0.5301, "nami": 0.6482}
"""Share of the uniform run's time that is saved. Of segmentation alone, nothing but this is published."""


def seconds(arm: str, stages: int) -> dict[str, float]:
    """The published seconds of an arm by part; one part, "total", where they are not broken down.

    The parts are those of three stages: with another number of `stages` there is nothing beside them.
    """
    if arm == "nami":
        return NAMI_SECONDS if stages == 3 else {"total": sum(NAMI_SECONDS.values())}
    return {"total": UNIFORM_SECONDS * (1 - SAVED.get(arm, 0.0))}
