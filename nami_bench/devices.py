"""Which device a network runs on. Imports torch: for the modules of neural adapters only."""

import torch

from nami_bench.errors import InputError


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name` ("cuda", "cuda:1", "mps", "cpu"); "auto" takes the best one there is.

    Raises InputError for a name that torch doesn't know or a device that this machine hasn't got.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().split("\n")[0]
        raise InputError(f"device {name!r} cannot be used here, device=auto finds one: {reason}") from error
    return device
