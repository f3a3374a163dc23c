"""A plugin of a test's own, under a name as any other."""

from typing import Any

import pytest

from nami_bench import registry


def use_plugin(patch: pytest.MonkeyPatch, name: str, plugin: Any) -> None:
    """Whatever asks for the plugin `name` gets this one."""
    create, load = registry.create, registry.load

    def created(group: str, asked: str, options: Any = None) -> Any:
        return plugin if asked == name else create(group, asked, options)

    def loaded(group: str, asked: str) -> Any:
        return type(plugin) if asked == name else load(group, asked)

    patch.setattr(registry, "create", created)
    patch.setattr(registry, "load", loaded)
