"""The watch itself: look, measure what is new, keep it, log it, and stop where nothing gets better."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from nami_bench import images
from nami_bench.errors import InputError, NamiBenchError, StorageError
from nami_bench.images import write_bytes
from nami_bench.pipeline.run_lock import alone_in
from nami_bench.watching.checkpoints import Kind
from nami_bench.watching.comparison import best_of, is_overtaken
from nami_bench.watching.log_book import LogBook
from nami_bench.watching.lookout import Found, Lookout
from nami_bench.watching.measuring import (
    AnyScorer,
    Made,
    Plan,
    make_images,
    missing_images,
    score_images,
    shown_images,
)
from nami_bench.watching.models import ModelSettings, check_base, generator_for
from nami_bench.watching.results import RESULTS, Failure, Measured, Results, placed

STOP_FILE = "stop.json"
_IMAGES = "images"
Say = Callable[[str], object]
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]


def _silent(title: str, total: int) -> AbstractContextManager[Callable[[int], object]]:
    return nullcontext(lambda count: None)


@dataclass(frozen=True, slots=True)
class StopRule:
    """Stop where none of the last `after` checkpoints is better, by `metric`, than the best before them; see
    `nami_bench.watching.comparison.is_overtaken`."""

    after: int
    metric: str


@dataclass(slots=True)
class Outcome:
    """What a watch did: how many checkpoints it measured, how many it could not, and whether the rule
    stopped it."""

    measured: int = 0
    failed: int = 0
    stopped: bool = False


class Watcher:
    """Measures the checkpoints of one run into `folder`, which nobody else writes to meanwhile."""

    def __init__(
        self,
        lookout: Lookout,
        folder: Path,
        plan: Plan,
        scorer: AnyScorer,
        model: ModelSettings,
        *,
        loggers: Sequence[str] = (),
        run: str = "run",
        stop: StopRule | None = None,
        keep_images: bool = False,
        say: Say = lambda message: None,
        progress: Progress = _silent,
    ) -> None:
        """`loggers`: names of `nami_bench.watching.loggers`; `run`: what they call it. `keep_images`: all of
        a checkpoint's images, in place of a few."""
        self._lookout, self._folder, self._plan, self._scorer = lookout, folder, plan, scorer
        self._model, self._stop, self._keep_images = model, stop, keep_images
        self._loggers, self._run_name = loggers, run
        self._say, self._progress = say, progress
        self._tried: set[str] = set()
        self._said: dict[str, str] = {}
        self.outcome = Outcome()

    def watch(self, *, every: float = 30.0, once: bool = False, settle: float = 2.0) -> Outcome:
        """Until the rule stops it, `once` all is measured that is there, or somebody interrupts it.

        `every`: seconds between two looks; `settle`: see `Lookout`. Raises InputError where another watch
        holds the folder or it was begun with other settings.
        """
        with alone_in(self._folder), self._opened() as results, self._book() as book:
            book.catch_up(results.measured, self._pictures)
            self._check_rule(results)
            looks = 0
            while not self.outcome.stopped:
                self._look(results, book)
                looks += 1
                if self.outcome.stopped or (once and (looks > 1 or not self._lookout.unsettled)):
                    break
                if not self._lookout.unsettled:
                    self._say_waiting()
                time.sleep(min(settle, every) if self._lookout.unsettled else every)
            self._say_waiting()
        return self.outcome

    def _opened(self) -> Results:
        settings = self._plan.settings(self._scorer, self._model.described())
        images.make_folder(self._folder)
        return Results(self._folder / RESULTS, settings)

    def _book(self) -> LogBook:
        return LogBook(self._folder, self._loggers, self._run_name)

    def _look(self, results: Results, book: LogBook) -> None:
        known = {one.sha256 for one in results.measured}
        for found in self._lookout.look():
            if found.sha256 in known or found.sha256 in self._tried or not self._is_whole(found):
                continue
            if (measured := self._attempt(found, results)) is None:
                continue
            known.add(found.sha256)
            book.log(measured, results.measured, self._pictures)
            self._say(f"{found.name}: {_words(measured)}")
            self._check_rule(results)
            if self.outcome.stopped:
                return

    def _is_whole(self, found: Found) -> bool:
        """Of sample images, whether all are there that are asked for."""
        if found.checkpoint.kind is not Kind.IMAGES:
            return True
        with generator_for(found.checkpoint, self._model) as generator:
            missing = missing_images(generator, self._plan)
        if missing:
            total = len(self._plan.prompts)
            self._lookout.waiting[found.name] = f"has {total - missing} of {total} images"
        return missing == 0

    def _attempt(self, found: Found, results: Results) -> Measured | None:
        """The checkpoint's result, which is kept then; None where there is none."""
        check_base(found.checkpoint, self._model)
        try:
            measured = self._measure(found)
        except StorageError:
            raise  # a full disk is not the checkpoint's fault
        except NamiBenchError as error:
            self._failed(found, str(error), results)
            return None
        if measured is None:
            self._say(f"{found.name}: was overwritten while it was measured, and is measured anew")
            return None
        results.add(measured)
        self.outcome.measured += 1
        return measured

    def _failed(self, found: Found, reason: str, results: Results) -> None:
        self._tried.add(found.sha256)
        results.add(Failure(found.name, found.sha256, reason))
        self.outcome.failed += 1
        self._say(f"{found.name}: not measured: {reason}")

    def _measure(self, found: Found) -> Measured | None:
        started = time.monotonic()
        self._say(f"{found.name}: measuring")
        total = len(self._plan.prompts)
        folder = self._images_of(found.sha256)
        with generator_for(found.checkpoint, self._model) as generator:
            with self._progress(f"{found.name}: images", total) as advance:
                made = make_images(generator, self._plan, folder, advance)
            if found.checkpoint.path.exists() and self._lookout.changed(found):
                shutil.rmtree(folder, ignore_errors=True)
                return None
            names = len(self._scorer.instruments)
            with self._progress(f"{found.name}: scores", total * names) as advance:
                scores = score_images(self._scorer, self._plan, made, advance)
            self._keep_shown(made, folder)
        return Measured(
            found.name, found.step, found.sha256, found.checkpoint.kind.value, found.modified,
            datetime.now(UTC).isoformat(timespec="seconds"), round(time.monotonic() - started, 3), scores,
            dict(made.made_with),
        )  # fmt: skip

    def _images_of(self, sha256: str) -> Path:
        return self._folder / _IMAGES / sha256[:16]

    def _keep_shown(self, made: Made, folder: Path) -> None:
        """Images that loggers show stay, with their prompts; of the others, all or none."""
        shown = shown_images(self._plan, made)
        kept = [(prompt, images.encode_png(images.read_image(image))[1]) for prompt, image in shown]
        if not self._keep_images:
            shutil.rmtree(folder, ignore_errors=True)
        for place, (_, data) in enumerate(kept):
            write_bytes(folder / "shown" / f"{place}.png", data)
        prompts = json.dumps([prompt for prompt, _ in kept], ensure_ascii=False)
        write_bytes(folder / "shown" / "prompts.json", prompts.encode())

    def _pictures(self, measured: Measured) -> list[tuple[str, images.ImageSource]]:
        folder = self._images_of(measured.sha256 or "") / "shown"
        try:
            prompts: list[str] = json.loads((folder / "prompts.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return [(prompt, folder / f"{place}.png") for place, prompt in enumerate(prompts)]

    def _check_rule(self, results: Results) -> None:
        """Stop, and leave a file that says so, where nothing gets better; else no such file stays."""
        file = self._folder / STOP_FILE
        rule, measured = self._stop, [one for _, one in placed(results.measured)]
        if rule is None or is_overtaken(measured, rule.after, rule.metric, results.settings) is not False:
            file.unlink(missing_ok=True)
            return
        best = best_of(measured, rule.metric, results.settings)
        last = measured[-1]
        told: dict[str, Any] = {"metric": rule.metric, "stop_after": rule.after, "last": last.name}
        told |= {} if best is None else {"best": best.name, "best_step": best.step}
        write_bytes(file, (json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode())
        self.outcome.stopped = True
        self._say(
            f"stopped: none of the last {rule.after} checkpoints is better by {rule.metric} than the best "
            f"before them; best so far: {best.name if best else 'none'}"
        )

    def _say_waiting(self) -> None:
        for name, why in self._lookout.waiting.items():
            if self._said.get(name) != why:
                self._said[name] = why
                self._say(f"{name}: not measured yet: {why}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._scorer.close()


def _words(measured: Measured) -> str:
    parts = []
    for metric, result in measured.scores.items():
        interval = (
            "" if result.interval is None else f" ({result.interval[0]:.3f} to {result.interval[1]:.3f})"
        )
        value = f"none: {result.reason}" if result.value is None else f"{result.value:.4f}{interval}"
        missing = f", {len(result.failures)} images without a value" if result.failures else ""
        parts.append(f"{metric} {value}{missing}")
    return "; ".join(parts)


def check_stop_metric(metric: str, metrics: Sequence[str]) -> None:
    """Raise InputError where a rule asks for a metric that is not measured."""
    if metric not in metrics:
        raise InputError(f"--stop-metric {metric}: it is not measured, only {', '.join(metrics)} is")
