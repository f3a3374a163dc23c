"""Work in the midst of another program, such as a training loop, as if it had a process of its own."""

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np


@contextmanager
def undisturbed() -> Iterator[None]:
    """Neither the block nor the program around it changes what the other computes.

    The program's random numbers go on afterwards as if nothing had drawn any. Within the block torch is as it
    starts: no autocast, float32 as the default dtype and computed in full, the CPU as the default device.
    """
    with own_random_numbers(), ExitStack() as stack:
        if (torch := sys.modules.get("torch")) is not None:
            _as_it_starts(torch, stack)
        yield


@contextmanager
def own_random_numbers() -> Iterator[None]:
    """The program's random numbers go on after the block as if nothing in it had drawn any."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with ExitStack() as stack:
            if (torch := sys.modules.get("torch")) is not None:
                devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
                stack.enter_context(torch.random.fork_rng(devices))
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _as_it_starts(torch: Any, stack: ExitStack) -> None:
    for kind in ("cpu", "cuda"):
        if torch.is_autocast_enabled(kind):
            stack.enter_context(torch.autocast(kind, enabled=False))
    stack.callback(torch.set_default_dtype, torch.get_default_dtype())
    torch.set_default_dtype(torch.float32)
    stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
    torch.set_float32_matmul_precision("highest")
    if torch.get_default_device().type != "cpu":
        stack.enter_context(torch.device("cpu"))
