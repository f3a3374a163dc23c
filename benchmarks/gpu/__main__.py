"""The GPU checks: each part in a process of its own, bounded in time, with a result file of its own.

    make bench-gpu                                    all parts, into docs/results/gpu/
    python -m benchmarks.gpu --part service --again   one part, though it has a result
    python -m benchmarks.gpu --small -o FOLDER        toy sizes on the CPU: do the parts still run?

Nothing is downloaded: networks are built from their configurations, with random weights. A part that was
measured on this machine with this code is passed over; one that failed is tried again. The exit code is 1
where a part failed; the others have run all the same.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "results" / "gpu"
LIMITS = {
    "geneval": 90,
    "nami": 75,
    "nami-compiled": 90,
    "service": 90,
    "training": 90,
    "questions": 90,
}
"""Each part's seconds, after which it is ended: together under nine minutes."""
_TO_FINISH = 15
"""So many seconds before its end a part begins nothing new."""
_SMALL_LIMIT = 600
_CODE = ("nami_bench", "evaluation", "generators", "prompts", "benchmarks")
MEASURED, FAILED = "measured", "failed"


@dataclass(frozen=True)
class Settings:
    """What is asked for, for every part alike."""

    small: bool
    device: str
    output: Path
    limit: int | None = None

    def seconds(self, name: str) -> int:
        """How long a part may take."""
        return self.limit or (_SMALL_LIMIT if self.small else LIMITS[name])


def main() -> int:
    """Run the parts; 1 where one failed, 2 where they cannot be run here."""
    arguments = _arguments()
    settings = Settings(
        arguments.small,
        arguments.device or ("cpu" if arguments.small else "cuda"),
        (arguments.output or RESULTS).resolve(),
        arguments.limit,
    )
    if settings.device.startswith("cuda") and not gpus():
        print("nvidia-smi finds no GPU here; --small -o FOLDER runs toy sizes on the CPU", file=sys.stderr)
        return 2
    settings.output.mkdir(parents=True, exist_ok=True)
    failed = False
    for name in arguments.part or LIMITS:
        known = kept(name, settings)
        if known and not arguments.again:
            print(
                f"{name}: measured before, on this machine with this code; --again measures anew", flush=True
            )
            continue
        print(f"{name}: {settings.seconds(name)} seconds at most ...", flush=True)
        result = run(name, settings)
        write(result, path_of(name, settings))
        print(f"{name}: {said(result)}", flush=True)
        failed = failed or result["status"] == FAILED
    return 1 if failed else 0


def path_of(name: str, settings: Settings) -> Path:
    """A part's result file."""
    return settings.output / f"{name}.json"


def kept(name: str, settings: Settings) -> bool:
    """Whether the part was measured already, here and with this code."""
    try:
        result = json.loads(path_of(name, settings).read_text(encoding="utf-8"))
        return result["status"] == MEASURED and result["asked"] == asked(settings)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def asked(settings: Settings) -> dict[str, Any]:
    """What a result belongs to: another code, machine or size makes another result."""
    from nami_bench.software import software

    versions = {name: version for name, version in software().items() if name != "commit"}
    return {
        "small": settings.small,
        "device": settings.device,
        "code": code_digest(),
        "gpus": gpus(),
        "cpu_cores": os.cpu_count(),
        "versions": versions,
    }


def code_digest() -> str:
    """SHA-256 of the program's own source files, so that changes count that are in no commit yet."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in _CODE for path in (ROOT / folder).rglob("*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def gpus() -> list[dict[str, str]]:
    """Name, driver and memory of the GPUs that nvidia-smi lists; none without it."""
    fields = ("name", "driver_version", "memory.total")
    command = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    rows = (line.split(", ") for line in found.stdout.splitlines() if line.strip())
    return [dict(zip(fields, row, strict=False)) for row in rows]


def run(name: str, settings: Settings) -> dict[str, Any]:
    """Measure a part in a process of its own and tell what became of it."""
    from nami_bench.software import commit

    started, began = datetime.now(UTC), time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        ended = _measure(name, settings, Path(folder))
        found = _found(Path(folder) / "findings.json")
    failure = found.pop("failure", None) or ended
    return {
        "part": name,
        "status": FAILED if failure else MEASURED,
        "reason": failure,
        "command": _command(name, settings),
        "commit": commit(),
        "started": started.isoformat(timespec="seconds"),
        "took_seconds": round(time.monotonic() - began, 1),
        "limit_seconds": settings.seconds(name),
        "asked": asked(settings),
        **found,
    }


def _measure(name: str, settings: Settings, folder: Path) -> str | None:
    """Run the process to its end, or to the end of its time; in words why it did not end well."""
    limit = settings.seconds(name)
    work = folder / "work"
    work.mkdir()
    command = [
        sys.executable, "-m", "benchmarks.gpu.part", name, str(work), str(folder / "findings.json"),
        "--device", settings.device, "--seconds", str(max(1, limit - _TO_FINISH)),
        *(["--small"] if settings.small else []),
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, env=_environment(folder), start_new_session=True)
    try:
        code = process.wait(limit)
    except subprocess.TimeoutExpired:
        return f"it had not ended after {limit} seconds: what it had found until then is here"
    finally:
        _end(process)
    if code < 0:
        return f"its process was ended by signal {-code}, perhaps for want of memory"
    return None if code == 0 else f"its process ended with exit code {code}"


def _environment(folder: Path) -> Mapping[str, str]:
    """Nothing is fetched, and no cache of earlier runs makes this one quicker."""
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    caches = {"NAMI_CACHE": "nami", "TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}
    return {**os.environ, **offline, **{name: str(folder / cache) for name, cache in caches.items()}}


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the process and all that it has started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _found(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:  # it ended before it found anything
        return {}
    return found


def _command(name: str, settings: Settings) -> str:
    usual = "cpu" if settings.small else "cuda"
    size = ["--small", "-o FOLDER"] if settings.small else []
    device = [] if settings.device == usual else ["--device", settings.device]
    return " ".join(["python -m benchmarks.gpu --part", name, *size, *device])


def write(result: Mapping[str, Any], path: Path) -> None:
    """Write a result; a run that is stopped leaves the old one."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def said(result: Mapping[str, Any]) -> str:
    """For people: one line."""
    if result["status"] == FAILED:
        return f"FAILED after {result['took_seconds']} s: {result['reason']}"
    missing = result.get("not_measured", {})
    left_out = f"; left out: {', '.join(missing)}" if missing else ""
    return f"measured in {result['took_seconds']} s{left_out}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.gpu", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--part", action="append", choices=list(LIMITS), help="only this one; repeatable")
    parser.add_argument("--again", action="store_true", help="measure what has a result, too")
    parser.add_argument(
        "--small", action="store_true", help="toy sizes, on the CPU unless --device says else"
    )
    parser.add_argument("--device", help="default: cuda, with --small cpu")
    parser.add_argument("--limit", type=int, metavar="SECONDS", help="of each part, in place of its own")
    parser.add_argument("-o", "--output", type=Path, help="folder; default: docs/results/gpu")
    arguments = parser.parse_args()
    if arguments.small and arguments.output is None:
        parser.error("--small needs -o FOLDER: its figures say nothing about a GPU")
    return arguments


def _stop(*_: object) -> None:
    """Let the part that runs be ended before this process is."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
