"""A finished study of any size, written into an empty SQLite store by bulk inserts.

from benchmarks.large_study import Size, fill
fill("sqlite:////tmp/large.db", Size(prompts=10_000, models=5, people=5))  # 1,000,000 ratings
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import create_engine, text

CRITERIA = ("relevance", "coherence", "aesthetics", "authenticity")
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
_AT_ONCE = 20_000


@dataclass(frozen=True)
class Size:
    """How much was rated: `people` annotators rated every image of `prompts` prompts by `models` models.

    Beside that, of every thousand values `corrected` were revised once and `withheld` were refused with a
    reason, and of every thousand answers `flagged` carry a flag and a comment.
    """

    prompts: int = 10_000
    models: int = 5
    people: int = 5
    corrected: int = 10
    withheld: int = 5
    flagged: int = 3

    @property
    def ratings(self) -> int:
        return self.prompts * self.models * self.people * len(CRITERIA)


def fill(database_url: str, size: Size, study: str = "large", seed: int = 0) -> None:
    """A store with a study of this size, every image rated by everybody, as the app would have left it."""
    from nami_bench.config import load_study, nami_1k_study_file
    from nami_bench.domain import Annotator, ModelCard, Prompt, PromptSet, Role, prompt_id
    from nami_bench.store import Store

    prompts = tuple(
        Prompt(prompt_id(i), f"a picture, number {i}", f"stratum {i % 3}") for i in range(size.prompts)
    )
    models = tuple(f"model-{i}" for i in range(size.models))
    with Store.open(database_url) as store:
        store.add_prompt_set(PromptSet(study, prompts))
        for model in models:
            store.add_model(ModelCard(model, "folder"))
        names = [f"annotator-{i:03}" for i in range(size.people)]
        for name in names:
            store.add_annotator(Annotator(name))
        store.add_annotator(Annotator("root", Role.ADMINISTRATOR))
    engine = create_engine(database_url)
    with engine.begin() as connection:
        _insert_images(connection, size)
    with Store.open(database_url) as store:
        made = load_study(nami_1k_study_file(), name=study, prompt_set=study, models=models)
        store.add_study(replace(made, overlap=size.people))
        store.study_size(study)
    with engine.begin() as connection:
        _insert_work(connection, size, np.random.default_rng(seed))
    engine.dispose()


def _insert_images(connection: Any, size: Size) -> None:
    prompts = connection.execute(text("SELECT id, prompt_id FROM prompt ORDER BY id")).all()
    models = connection.execute(text("SELECT id, name FROM model ORDER BY id")).all()
    _insert(
        connection,
        "image",
        (
            {
                "model_id": model, "prompt_row_id": prompt, "sample": 0, "state": "done", "seed": 1,
                "path": f"{name}/large/{number}/samples/0000.png", "sha256": f"{model:032x}{prompt:032x}",
                "width": 64, "height": 64, "seconds": 1.5, "provenance": _PROVENANCE,
                "created_at": _text(START),
            }
            for model, name in models
            for prompt, number in prompts
        ),
    )  # fmt: skip


_PROVENANCE = json.dumps(
    {
        "nami_bench": "1.0",
        "device": "cuda",
        "dtype": "bfloat16",
        "settings": {"steps": 30, "guidance": 7.5, "model_files": {"sha256": "ab" * 32}},
        "libraries": {"torch": "2.5.1", "diffusers": "0.31.0"},
    }
)


def _insert_work(connection: Any, size: Size, rng: np.random.Generator) -> None:
    study = connection.execute(text("SELECT max(id) FROM study")).scalar_one()
    criteria = connection.execute(text("SELECT id, name FROM criterion ORDER BY position")).all()
    people = connection.execute(text("SELECT id FROM annotator WHERE role = 'annotator' ORDER BY id")).all()
    items = connection.execute(
        text("SELECT i.id, i.image_id, p.prompt_id, m.id FROM item AS i JOIN image AS g ON g.id = i.image_id "
             "JOIN prompt AS p ON p.id = g.prompt_row_id JOIN model AS m ON m.id = g.model_id ORDER BY i.id")
    ).all()  # fmt: skip
    _insert(
        connection,
        "member",
        (
            {
                "id": place, "study_id": study, "annotator_id": person, "shown": len(items),
                "done": len(items), "day": "2026-01-05", "done_before_day": 0,
                "qualified_at": _text(START), "checked_from": 0, "joined_at": _text(START),
            }
            for place, (person,) in enumerate(people, start=1)
        ),
    )  # fmt: skip
    connection.execute(text("UPDATE item SET taken = :n, completed = :n"), {"n": len(people)})
    severity = rng.normal(0, 6, len(people))
    quality = {model: 50 + 4 * model for *_, model in items}
    number = 0
    assignments, submissions, ratings = [], [], []
    for place, (person,) in enumerate(people, start=1):
        order = rng.permutation(len(items))
        drawn = rng.normal(0, 15, (len(items), len(criteria)))
        odd = rng.random((len(items), len(criteria) + 1)) * 1000
        taken = rng.integers(1500, 60_000, len(items))
        for position, index in enumerate(order, start=1):
            number += 1
            item, image, _, model = items[index]
            at = _text(START + timedelta(seconds=20 * position))
            values, reasons = {}, {}
            for column, (criterion, name) in enumerate(criteria):
                level = quality[model] + severity[place - 1] + drawn[index, column]
                value = float(np.clip(round(level), 0, 100))
                common = {"criterion_id": criterion, "annotator_id": person, "image_id": image,
                          "duration_ms": int(taken[index]), "created_at": at}  # fmt: skip
                if odd[index, column] < size.withheld:
                    reasons[name] = "too dark"
                    ratings.append({**common, "revision": 0, "value": None, "reason": "too dark"})
                    continue
                if odd[index, column] < size.withheld + size.corrected:
                    first = 0.0 if value else 1.0
                    ratings.append({**common, "revision": 0, "value": first, "reason": None})
                values[name] = value
                revision = int(size.withheld <= odd[index, column] < size.withheld + size.corrected)
                ratings.append({**common, "revision": revision, "value": value, "reason": None})
            flagged = bool(odd[index, -1] < size.flagged)
            assignments.append(
                {"id": number, "token": f"t{number}", "study_id": study, "member_id": place, "item_id": item,
                 "occasion": 0, "state": "completed", "swapped": False, "position": position,
                 "assigned_at": at, "expires_at": at, "completed_at": at}
            )  # fmt: skip
            submissions.append(
                {"id": number, "client_token": f"c{number}", "assignment_id": number, "member_id": place,
                 "revision": 0, "answers": json.dumps({"values": values, "reasons": reasons}),
                 "flag": flagged, "comment": "odd fingers" if flagged else "",
                 "duration_ms": int(taken[index]),
                 "created_at": at}
            )  # fmt: skip
            if len(assignments) >= _AT_ONCE:
                _flush(connection, assignments, submissions, ratings)
    _flush(connection, assignments, submissions, ratings)


def _flush(connection: Any, *lists: list[dict[str, Any]]) -> None:
    for table, rows in zip(("assignment", "submission", "rating"), lists, strict=True):
        _insert(connection, table, rows)
        rows.clear()


def _insert(connection: Any, table: str, rows: Any) -> None:
    rows = list(rows)
    if not rows:
        return
    names = list(rows[0])
    marks = ", ".join(f":{name}" for name in names)
    statement = text(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})")
    for first in range(0, len(rows), _AT_ONCE):
        connection.execute(statement, rows[first : first + _AT_ONCE])


def _text(at: datetime) -> str:
    """As the store writes times into SQLite."""
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")
