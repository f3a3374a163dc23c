"""Heavy libraries imported for trial, in another process: some raise anything, some kill or hang theirs."""

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LIBRARIES: Mapping[str, str] = {
    "numpy": "numpy",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "scipy": "scipy",
    "matplotlib": "matplotlib",
    "gradio": "gradio",
    "torch": "torch",
    "torchvision": "torchvision",
    "transformers": "transformers",
    "diffusers": "diffusers",
    "open_clip_torch": "open_clip",
    "onnxruntime": "onnxruntime",
    "opencv-python-headless": "cv2",
}
"""Names on the package index and of the module, in the order in which they are tried: what rests on another
one comes after it."""

PATIENCE_S = 180.0

# Run in the other process: imports, and uses of what breaks only when it is used.
_PROGRAM = """
import importlib, json, sys
sys.path[:] = json.loads(sys.argv[1])

def torch():
    import torch
    found = {"cuda": torch.version.cuda or torch.version.hip, "devices": []}
    for number in range(torch.cuda.device_count()):
        device = {"name": torch.cuda.get_device_name(number)}
        try:
            device["free"], device["total"] = torch.cuda.mem_get_info(number)
            square = torch.ones(8, 8, device=f"cuda:{number}")
            square.mm(square).sum().item()
        except Exception as error:
            device["error"] = f"{type(error).__name__}: {error}"
        found["devices"].append(device)
    if torch.backends.mps.is_available():
        found["devices"].append({"name": "Apple GPU (mps)"})
    return found

def torchvision():
    import torch, torchvision.ops
    torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)

def transformers():
    from transformers import AutoTokenizer, CLIPModel

def diffusers():
    from diffusers import DiffusionPipeline

uses = {"torch": torch, "torchvision": torchvision, "transformers": transformers, "diffusers": diffusers}
for name in json.loads(sys.argv[2]):
    try:
        about = uses[name]() if name in uses else importlib.import_module(name)
        answer = {"module": name, "about": about if isinstance(about, dict) else {}}
    except BaseException as error:
        answer = {"module": name, "error": f"{type(error).__name__}: {error}"}
    print("\\n" + sys.argv[3] + json.dumps(answer), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """How the import of a module went: `error` says what went wrong, `about` what else was learnt."""

    error: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)


def imported(modules: Sequence[str], patience_s: float = PATIENCE_S) -> dict[str, Imported]:
    """Each module imported in another process, on this one's path, in order.

    A module that kills that process, or takes it longer than `patience_s`, is told of; the others are tried
    in a new one.
    """
    found: dict[str, Imported] = {}
    while left := [module for module in dict.fromkeys(modules) if module not in found]:
        answers, why = _tried(left, patience_s)
        found |= answers
        if why:
            culprit = next(module for module in left if module not in answers)
            found[culprit] = Imported(error=why)
    return found


def _tried(modules: Sequence[str], patience_s: float) -> tuple[dict[str, Imported], str]:
    """What was said of the modules before the process ended; and why it ended before all were, or ""."""
    mark = uuid.uuid4().hex  # libraries print what they like
    command = [sys.executable, "-P", "-c", _PROGRAM, json.dumps(sys.path), json.dumps([*modules]), mark]
    try:
        done = subprocess.run(command, capture_output=True, timeout=patience_s, check=False)
    except subprocess.TimeoutExpired as late:
        output, why = late.stdout or b"", f"the import had not ended after {patience_s:g} s"
    else:
        output, why = done.stdout, _death(done.returncode, done.stderr)
    answers = _answers(output, mark)
    return answers, "" if len(answers) == len(modules) else why


def _answers(output: bytes, mark: str) -> dict[str, Imported]:
    lines = output.decode(errors="replace").splitlines()
    read = [json.loads(line.removeprefix(mark)) for line in lines if line.startswith(mark)]
    return {one["module"]: Imported(one.get("error", ""), one.get("about", {})) for one in read}


def _death(code: int, complaint: bytes) -> str:
    try:
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    except ValueError:
        how = f"signal {-code}"
    *_, last = complaint.decode(errors="replace").strip().splitlines() or [""]
    return f"the import ended the whole process ({how}){': ' + last if last else ''}"
