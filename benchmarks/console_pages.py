"""How long the owner's console takes to open, in Chromium: until the Overview shows its numbers.

    python -m benchmarks.console_pages -o docs/results/console/pages.json

`nami-bench annotate` serves a small study and one of a million ratings (see `large_study.py`), each five
times. After each start a browser that has nothing in its cache opens the console at once ("just started"), a
second one does ("running", its cache is empty, too), and this one opens it again ("again"). Seconds from the
navigation's start to the selector of the study, then to the numbers; what lies between is what the server
takes for them. Agreement and forecast, which are computed beside the server, come later: not waited for.
"""

import argparse
import json
import os
import platform
import re
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.large_study import STUDY, Size, fill
from docs.screenshots import chromium, served
from nami_bench.annotator_app.access import COOKIE
from nami_bench.config import Workspace, init_workspace, open_workspace
from nami_bench.store import Store

SIZES = {"small": Size(prompts=20, models=3, people=2), "million": Size()}
WAIT_S = 300.0
WHEN = ("just started", "running", "again")
PARTS = {"page": "#study input", "numbers": ".console-head .tiles b"}
"""What is waited for, by its selector."""

_MARKS = """
(parts) => {
  window.marks = {};
  const look = () => {
    for (const [name, selector] of Object.entries(parts)) {
      if (name in window.marks) continue;
      if (document.querySelector(selector) !== null) window.marks[name] = performance.now() / 1000;
    }
    requestAnimationFrame(look);
  };
  look();
}
"""
_FILES = """() => {
  const all = ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind));
  const bytes = all.reduce((sum, one) => sum + one.transferSize, 0);
  return { requests: all.length, kilobytes: Math.round(bytes / 1024) };
}"""


def opened(context: Any, address: str) -> dict[str, float]:
    """Seconds since the navigation's start at which each part was there; requests and kilobytes till then."""
    page = context.new_page()
    page.add_init_script(f"({_MARKS})({json.dumps(PARTS)})")
    page.goto(f"{address}/admin/?study={STUDY}", timeout=1000 * WAIT_S)
    page.wait_for_function("'numbers' in window.marks", timeout=1000 * WAIT_S)
    found = page.evaluate("window.marks") | page.evaluate(_FILES)
    page.close()
    return {name: round(value, 3) for name, value in found.items()}


def visits(browser: Any, workspace: Workspace) -> dict[str, dict[str, float]]:
    """One start of the server, and what each visit took."""
    found = {}
    with Store.open(workspace.database_url) as store, served(workspace, STUDY) as address:
        contexts = []
        for when in WHEN:
            if when != "again":
                contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}))
                cookie = {"name": COOKIE, "value": store.logins.open_session("root"), "url": address}
                contexts[-1].add_cookies([cookie])
            found[when] = opened(contexts[-1], address)
        for context in contexts:
            context.close()
    return found


def measure(folder: Path, sizes: list[str], times: int) -> dict[str, Any]:
    """Medians, and the slowest, of so many starts for each size."""
    report: dict[str, Any] = {"machine": machine(), "starts": times}
    with chromium() as browser:
        report["machine"]["chromium"] = browser.version
        for name in sizes:
            workspace = _workspace(folder / name, SIZES[name])
            runs = [visits(browser, workspace) for _ in range(times)]
            report[name] = {"ratings": SIZES[name].ratings} | {when: _summed(runs, when) for when in WHEN}
    return report


def _summed(runs: list[dict[str, dict[str, float]]], when: str) -> dict[str, dict[str, float]]:
    names = dict.fromkeys(name for run in runs for name in run[when])
    values = {name: [run[when][name] for run in runs if name in run[when]] for name in names}
    return {name: {"median": statistics.median(v), "most": max(v)} for name, v in values.items()}


def _workspace(root: Path, size: Size) -> Workspace:
    """One with this study, made where there is none."""
    if (root / "nami.toml").exists():
        return open_workspace(root)
    workspace = init_workspace(root)
    fill(workspace.database_url, size)
    return workspace


def machine() -> dict[str, Any]:
    """On what it was measured."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": cpu[1] if cpu else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "gradio": version("gradio"),
        "at": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", choices=[*SIZES], default=[*SIZES])
    parser.add_argument("--starts", type=int, default=5, help="of the server, for each size")
    parser.add_argument("--folder", type=Path, help="where workspaces are made, and found the next time")
    parser.add_argument("-o", "--output", type=Path, help="write the report as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = measure(options.folder or Path(folder), options.sizes, options.starts)
    text = json.dumps(report, indent=2)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
