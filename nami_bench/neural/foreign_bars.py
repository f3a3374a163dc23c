"""Progress bars of other libraries: they would be drawn through ours. Imports none of them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_VARIABLES = ("TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS")
_LOGGING = ("transformers.utils.logging", "diffusers.utils.logging")


def keep_off_this_program() -> None:
    """No library draws bars in this process and those that it starts, unless the user's environment wants it.

    To be called before they are imported, which is when they read it.
    """
    for name in _VARIABLES:
        os.environ.setdefault(name, "1")


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep diffusers and transformers, where they are imported, from drawing a bar for every part that they
    read or write: for whoever uses us in a program of their own."""
    # Mostly untyped, these modules.
    modules: list[Any] = [sys.modules[name] for name in _LOGGING if name in sys.modules]
    were_on = [module for module in modules if module.is_progress_bar_enabled()]
    for module in modules:
        module.disable_progress_bar()
    try:
        yield
    finally:
        for module in were_on:
            module.enable_progress_bar()
