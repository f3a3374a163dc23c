"""Which recorded images a command is about: --model and --prompts."""

from collections.abc import Sequence

from nami_bench.cli.common import Bench


def models_on_one_set(
    bench: Bench, models: Sequence[str], prompt_set: str | None
) -> tuple[list[str], str, int]:
    """The models with images, the prompt set, and how many images.

    Raises InputError for no images, and for images of several sets.
    """
    from nami_bench.domain import ImageState
    from nami_bench.errors import InputError

    records = bench.store.images.find(models=models or None, prompt_set=prompt_set, state=ImageState.DONE)
    if not records:
        raise InputError("there are no images to show answers about")
    sets = sorted({record.prompt_set for record in records})
    if len(sets) > 1:
        raise InputError(
            f"there are images of several prompt sets ({', '.join(sets)}): name one with --prompts"
        )
    return list(dict.fromkeys(record.model for record in records)), sets[0], len(records)
