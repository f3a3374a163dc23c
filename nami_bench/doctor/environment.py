"""Checks of environment variables: what each does here, secrets left out."""

from collections.abc import Mapping

from nami_bench.doctor.finding import Finding, ok, warn
from nami_bench.redaction import HIDDEN, names_secret

SHOWN = (
    "NAMI_CACHE",
    "NAMI_DATABASE_URL",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "HF_ENDPOINT",
    "HF_TOKEN",
    "TRANSFORMERS_OFFLINE",
    "TORCH_HOME",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "CUDA_VISIBLE_DEVICES",
    "PYTORCH_CUDA_ALLOC_CONF",
    "OMP_NUM_THREADS",
    "PYTHONPATH",
    "HTTPS_PROXY",
    "NO_PROXY",
)
_OURS = ("NAMI_CACHE", "NAMI_DATABASE_URL")
_TRUE = ("1", "true", "yes", "on")


def variables(environment: Mapping[str, str]) -> Finding:
    """Those that matter and are set; a value that hinders is a warning, of a secret only that it is set."""
    there = {name: environment[name] for name in SHOWN if name in environment}
    text = ", ".join(f"{name}={_shown(name, value)}" for name, value in there.items())
    doubts = [doubt for name, value in there.items() if (doubt := _doubt(name, value))]
    unknown = [name for name in environment if name.startswith("NAMI_") and name not in _OURS]
    doubts += [f"{name} is none of ours ({' and '.join(_OURS)} are)" for name in unknown]
    if doubts:
        return warn(text or "none set that matters", "; ".join(doubts))
    return ok(text or "none set that matters")


def _shown(name: str, value: str) -> str:
    """Passwords in URLs are taken out where findings are printed."""
    return HIDDEN if names_secret(name) and value else repr(value)


def _doubt(name: str, value: str) -> str:
    if name == "CUDA_VISIBLE_DEVICES" and value.strip() in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides every GPU: unset it to use them"
    if name == "OMP_NUM_THREADS" and not (value.isdecimal() and int(value) > 0):
        return "OMP_NUM_THREADS must be a whole number above 0: unset it"
    if name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") and value.lower() in _TRUE:
        return f"{name} keeps the hub from being asked: only weights that are here can be used"
    if name in ("NAMI_CACHE", "HF_HOME") and value and not value.startswith(("/", "~")) and value[1:2] != ":":
        return f"{name} is relative: it means another folder wherever a command starts"
    return ""
