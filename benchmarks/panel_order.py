"""How soon a spread panel has pairs of ratings, and how evenly its annotators meet, whoever leaves.

    python -m benchmarks.panel_order -o docs/results/statistics/panel-order.json

Annotators work on a real database through the annotation engine, without pictures: who is next is drawn at
random, a part of the panel leaves in the middle of its work with items in hand. Beside the order of
`nami_bench.annotator_app.engine.order` the same is done with the least taken item first alone, and with a
calibration block.
"""

import argparse
import json
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from sqlalchemy import text

from nami_bench.annotator_app.engine import order
from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.engine.view import View
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.domain import (
    Annotator,
    Criterion,
    ImageRecord,
    ImageState,
    ModelCard,
    Prompt,
    PromptSet,
    Study,
    prompt_id,
)
from nami_bench.software import used_here
from nami_bench.store import Store

STRATA = ("short", "community", "long")
LOOKS = (50, 100, 200)
"""After so many ratings the pairs are counted."""


@dataclass(frozen=True)
class Panel:
    """So many annotators, of whom a share leaves after ten items each, and never comes back."""

    annotators: int
    models: int
    overlap: int
    leaving: float
    rule: str
    calibration: int = 0


def panels() -> list[Panel]:
    """The grid."""
    found = []
    for annotators in (6, 20):
        for models, overlap in ((3, 2), (10, 3)):
            for leaving in (0.0, 0.5):
                for rule, block in (("least taken", 0), ("second first", 0), ("second first", 10)):
                    found.append(Panel(annotators, models, overlap, leaving, rule, block))
    return found


class Work:
    """One study at work."""

    def __init__(self, root: Path, panel: Panel, prompts: int, seed: int) -> None:
        self.panel, self.rng = panel, np.random.default_rng(seed)
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)
        self.store = Store.open(f"sqlite:///{root / 'nami.db'}")
        self.store.clock = lambda: self.now
        chosen = tuple(Prompt(prompt_id(i), f"prompt {i}", STRATA[i % 3]) for i in range(prompts))
        self.store.catalog.add_prompt_set(PromptSet("set", chosen))
        names = tuple(f"model-{i}" for i in range(panel.models))
        for name in names:
            self.store.catalog.add_model(ModelCard(name, "folder"))
            for prompt in chosen:
                path = f"{name}/{prompt.id}"
                self.store.images.put(ImageRecord(name, "set", prompt.id, 0, ImageState.DONE, path, "x"))
        self.store.studies.add(
            Study(
                "study",
                "set",
                names,
                (Criterion("quality", 1.0),),
                overlap=panel.overlap,
                panel="spread",
                seed=seed,
                calibration=panel.calibration,
            )
        )
        self.people = [f"a{i:02d}" for i in range(panel.annotators)]
        self.sessions: dict[str, AnnotationSession] = {}
        self.views: dict[str, View] = {}
        self.done: Counter[str] = Counter()
        self.sent = 0

    def step(self) -> bool:
        """One rating by somebody; False where nobody has anything to do."""
        staying = [name for name in self.people if not self._is_gone(name)]
        for name in self.rng.permutation(staying).tolist():
            if name not in self.sessions:
                self.store.accounts.add(Annotator(name))
                self.sessions[name] = AnnotationSession(self.store, Path(), "study", name, key=b"k")
            view = self.views.get(name)
            if view is None or not view.items:
                view = self.views[name] = self.sessions[name].state()
            if view.items:
                self.sent += 1
                answers = Answers(f"c{self.sent}", {"quality": 50.0})
                self.views[name] = self.sessions[name].submit(view.items[0].token, answers)
                self.done[name] += 1
                return True
        return False

    def _is_gone(self, name: str) -> bool:
        leavers = round(len(self.people) * self.panel.leaving)
        return self.people.index(name) < leavers and self.done[name] >= 10

    def look(self) -> dict[str, float]:
        """What could be analysed now."""
        query = text("SELECT item_id, member_id FROM assignment WHERE state = 'completed' AND occasion = 0")
        with self.store.items._database.reading() as session:
            rows = session.execute(query).all()
        raters: dict[int, list[int]] = {}
        for item, member in rows:
            raters.setdefault(item, []).append(member)
        met = Counter(pair for found in raters.values() for pair in combinations(sorted(found), 2))
        return {"images": len(raters), "twice": sum(len(found) > 1 for found in raters.values()),
                "pairs": sum(met.values()), "met": len(met)}  # fmt: skip

    def finish(self) -> dict[str, Any]:
        """Work on to the end, leases running out; what each item and each pair of annotators came to."""
        while True:
            while self.step():
                pass
            self.now += timedelta(minutes=31)
            if not self.step():
                break
        with self.store.items._database.reading() as session:
            counts = session.execute(text("SELECT completed, calibration FROM item")).all()
            met = [row[0] for row in session.execute(text(
                "SELECT count(*) FROM assignment a JOIN assignment b ON a.item_id = b.item_id AND"
                " a.member_id < b.member_id JOIN item i ON i.id = a.item_id WHERE NOT i.calibration"
                " AND a.state = 'completed' AND b.state = 'completed'"
                " AND (SELECT done FROM member m WHERE m.id = a.member_id) > 10"
                " AND (SELECT done FROM member m WHERE m.id = b.member_id) > 10"
                " GROUP BY a.member_id, b.member_id"))]  # fmt: skip
        staying = sum(not self._is_gone(name) for name in self.people)
        possible = staying * (staying - 1) // 2
        everyone = met + [0] * max(0, possible - len(met))
        return {"short": sum(count < self.panel.overlap for count, block in counts if not block),
                "over": sum(count > self.panel.overlap for count, block in counts if not block),
                "meetings": float(np.mean(everyone)), "deviation": float(np.std(everyone))}  # fmt: skip


def run(panel: Panel, seeds: int) -> dict[str, Any]:
    """The means over `seeds` studies of a panel, with four items an annotator at the least."""
    found = []
    for seed in range(seeds):
        prompts = max(18, panel.annotators * 25 // (panel.models * panel.overlap) // 3 * 3)
        least_taken = patch.object(order, "_second_or_least", order.least_taken)
        with tempfile.TemporaryDirectory() as folder:
            work = Work(Path(folder), panel, prompts, seed)
            if panel.rule == "least taken":
                least_taken.start()
            looks: dict[str, Any] = {}
            for count in range(1, max(LOOKS) + 1):
                work.step()
                if count in LOOKS:
                    looks |= {f"{name} {count}": value for name, value in work.look().items()}
            found.append(looks | work.finish())
            if panel.rule == "least taken":
                least_taken.stop()
            work.store.close()
    return {**asdict(panel), **{key: float(np.mean([one[key] for one in found])) for key in found[0]}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--annotators", type=int, help="only panels of so many")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    rows = []
    for panel in panels():
        if options.annotators in (None, panel.annotators):
            rows.append(run(panel, options.seeds))
            print(json.dumps(rows[-1]), flush=True)
    if options.output:
        options.output.write_text(
            json.dumps({"software": used_here(["numpy"]), "rows": rows}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
