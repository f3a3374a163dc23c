"""How many requests of a model are under way at once, where its adapter has them answered by a server."""

from dataclasses import fields, is_dataclass, replace

from nami_bench import registry
from nami_bench.domain import ModelCard
from nami_bench.errors import InputError

_OPTION = "concurrency"


def with_concurrency(card: ModelCard, concurrency: int | None) -> ModelCard:
    """The card to make images by, with so many requests under way at once; None: as the card says.

    It makes no other images: adapters leave the option out of what they describe. Raises InputError where the
    adapter makes one batch after the other, or allows fewer.
    """
    if concurrency is None:
        return card
    known = getattr(registry.load("generators", card.adapter), "Options", None)
    names = {field.name for field in fields(known)} if known is not None and is_dataclass(known) else set()
    if _OPTION in names:
        changed = replace(card, options={**card.options, _OPTION: concurrency})
        registry.create("generators", card.adapter, changed.options)  # says what it allows
        return changed
    if concurrency == 1:
        return card
    instead = ": its option batch_size is how many are made at once" if "batch_size" in names else ""
    raise InputError(
        f"model {card.name!r} cannot be made with --concurrency {concurrency}: the adapter {card.adapter!r} "
        f"makes one batch after the other{instead}"
    )
