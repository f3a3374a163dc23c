"""A generator of a test's own, under a name as any other."""

from typing import Any

import pytest

from nami_bench import registry


def use_generator(patch: pytest.MonkeyPatch, name: str, generator: Any) -> None:
    """Whatever asks for the generator `name` gets this one."""
    original = registry.create

    def create(group: str, asked: str, options: Any = None) -> Any:
        return generator if asked == name else original(group, asked, options)

    patch.setattr(registry, "create", create)
