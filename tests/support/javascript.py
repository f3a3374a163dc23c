"""JavaScript without a browser."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def run_module(module: Path, script: str, given: Any) -> Any:
    """What `script` returns, as JSON: the body of a function of `module` (its exports) and `given`."""
    program = (
        f"import * as module from {json.dumps(module.as_uri())};"
        f"const run = (module, given) => {{ {script} }};"
        "let text = ''; for await (const part of process.stdin) text += part;"
        "console.log(JSON.stringify(run(module, JSON.parse(text))));"
    )
    command = [_node(), "--no-warnings", "--input-type=module", "--eval", program]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _node() -> str:
    """Node, of the Python package that the development tools install, else the system's."""
    beside = Path(sys.executable).parent / "node"
    found = str(beside) if beside.exists() else shutil.which("node")
    if found is None:
        pytest.skip("NO NODE: this JavaScript was not tested; `pip install -e '.[dev]'` brings it")
    return found
