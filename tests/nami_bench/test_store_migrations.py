"""Databases of earlier versions open with everything they held."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

import nami_bench.store
from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store
from nami_bench.store import Store
from nami_bench.store.database import HEAD_REVISION, Database
from nami_bench.store.engines import read_url
from nami_bench.store.tables import Base
from tests.support.databases import assert_last_revisions_in_force

NOW = "2026-01-02 03:04:05.000000"


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(nami_bench.store.__file__).parent / "migrations"))
    return config


def make_database(path: Path, revision: str) -> sqlite3.Connection:
    """An empty database of an earlier version."""
    engine = create_engine(f"sqlite:///{path}")
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    return sqlite3.connect(path)


def insert(database: sqlite3.Connection, table: str, **values: Any) -> None:
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    row = [json.dumps(v) if isinstance(v, dict) else v for v in values.values()]
    database.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", row)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Path]:
    """A database of version 0002: two models, three prompts; lena has rated five of six images, one twice;
    omar holds one image that he has not rated."""
    path = tmp_path / "nami.db"
    database = make_database(path, "0002")
    insert(database, "prompt_set", id=1, name="set", sha256="x", manifest={}, created_at=NOW)
    insert(
        database,
        "study",
        id=1,
        name="pilot",
        prompt_set_id=1,
        mode="rating",
        overlap=2,
        samples=1,
        seed=3,
        instructions="Look.",
        created_at=NOW,
    )
    for position, (name, weight) in enumerate((("relevance", 0.7), ("beauty", 0.3)), 1):
        insert(
            database,
            "criterion",
            id=position,
            study_id=1,
            position=position,
            name=name,
            weight=weight,
            minimum=0,
            maximum=100,
            anchors={"0.0": "bad"},
        )
    for number, name in enumerate(("lena", "omar"), 1):
        insert(database, "annotator", id=number, name=name, role="annotator", active=True, created_at=NOW)
    for prompt in (1, 2, 3):
        insert(
            database,
            "prompt",
            id=prompt,
            set_id=1,
            prompt_id=f"{prompt - 1:05d}",
            text=f"prompt {prompt}",
            stratum="short",
            source="",
            tags={},
        )
    for model in (1, 2):
        insert(database, "model", id=model, name=f"m{model}", adapter="folder", options={}, created_at=NOW)
        insert(database, "study_model", study_id=1, model_id=model, position=model)
        for prompt in (1, 2, 3):
            insert(
                database,
                "image",
                id=model * 10 + prompt,
                model_id=model,
                prompt_row_id=prompt,
                sample=0,
                state="done",
                path=f"{model}/{prompt}.png",
                sha256="y",
                provenance={},
                created_at=NOW,
            )
    for number, image in enumerate((11, 12, 13, 21, 22), 1):
        insert(
            database,
            "assignment",
            id=number,
            token=f"token-{number}",
            study_id=1,
            annotator_id=1,
            image_id=image,
            assigned_at=NOW,
            completed_at=NOW,
        )
        for criterion in (1, 2):
            rate(database, criterion, image, 0, 10.0 * number + criterion)
    rate(database, 1, 11, 1, 99.0)
    rate(database, 2, 12, 1, None, "prompt unclear")
    insert(
        database,
        "assignment",
        id=6,
        token="token-6",
        study_id=1,
        annotator_id=2,
        image_id=23,
        assigned_at=NOW,
    )
    database.commit()
    yield path
    database.close()


def rate(
    database: sqlite3.Connection,
    criterion: int,
    image: int,
    revision: int,
    value: float | None,
    reason: str | None = None,
) -> None:
    insert(
        database,
        "rating",
        criterion_id=criterion,
        annotator_id=1,
        image_id=image,
        revision=revision,
        value=value,
        reason=reason,
        duration_ms=4000,
        created_at=NOW,
    )


def test_migrations_make_exactly_the_tables_of_the_code(tmp_path: Path) -> None:
    """Those that a new database gets without them."""
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == HEAD_REVISION
    make_database(tmp_path / "migrated.db", "head").close()
    Database.open(f"sqlite:///{tmp_path / 'new.db'}").close()
    found = []
    for name in ("migrated", "new"):
        engine = create_engine(f"sqlite:///{tmp_path / name}.db")
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
            found.append(schema_of(connection))
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == HEAD_REVISION
        engine.dispose()
    assert found[0] == found[1]


def schema_of(connection: Connection) -> dict[str, Any]:
    """A database's tables, but for the order of columns, and the values of rows from before them."""
    look = inspect(connection)
    return {
        table: (
            {column["name"]: repr({**column, "default": None}) for column in look.get_columns(table)},
            look.get_pk_constraint(table)["constrained_columns"],
            sorted(
                f"{index['name']} {index['column_names']} {index['unique']} "
                f"{index.get('dialect_options', {}).get('sqlite_where')}"
                for index in look.get_indexes(table)
            ),
            sorted(map(repr, look.get_unique_constraints(table))),
            sorted(map(repr, look.get_foreign_keys(table))),
        )
        for table in look.get_table_names()
    }


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_an_empty_database_of_any_version_opens(tmp_path: Path, revision: str) -> None:
    make_database(tmp_path / "nami.db", revision).close()
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as store:
        assert store.studies.all() == []
        assert store.scores.of_sets() == []


def test_ratings_and_leaderboard_are_as_they_were(old: Path) -> None:
    with sqlite3.connect(old) as database:
        before = database.execute("SELECT * FROM rating ORDER BY id").fetchall()
    with Store.open(f"sqlite:///{old}") as store:
        values = {(r.model, r.prompt_id, r.criterion): r.value for r in store.ratings.all("pilot")}
        board = leaderboard_from_store(store, study="pilot")
        study = store.studies.get("pilot")
    with sqlite3.connect(old) as database:
        after = database.execute("SELECT * FROM rating ORDER BY id").fetchall()
        held = database.execute(
            "SELECT image_id, criterion_id, revision FROM rating WHERE current"
        ).fetchall()
    database.close()
    assert [row[:-1] for row in after] == before
    assert len(held) == len(values)
    assert sorted(row for row in held if row[0] == 11) == [(11, 1, 1), (11, 2, 0)]
    assert values == {
        ("m1", "00000", "relevance"): 99.0,
        ("m1", "00000", "beauty"): 12.0,
        ("m1", "00001", "relevance"): 21.0,
        ("m1", "00001", "beauty"): None,
        ("m1", "00002", "relevance"): 31.0,
        ("m1", "00002", "beauty"): 32.0,
        ("m2", "00000", "relevance"): 41.0,
        ("m2", "00000", "beauty"): 42.0,
        ("m2", "00001", "relevance"): 51.0,
        ("m2", "00001", "beauty"): 52.0,
    }
    assert (study.panel, study.instructions) == ("crossed", {"en": "Look."})
    assert study.criteria[0].anchors == {0: "bad"}
    totals = {row.model: row.total for row in board.rows if row.model in ("m1", "m2")}
    assert totals == {"m1": pytest.approx(0.7 * 151 / 3 + 0.3 * 22), "m2": pytest.approx(0.7 * 46 + 0.3 * 47)}


def test_work_goes_on_where_it_was(old: Path, tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{old}") as store:
        assert store.items.count("pilot") == 6
        assert store.annotation.completed("pilot") == {"lena": 5}
        lena, omar = (AnnotationSession(store, tmp_path, "pilot", name) for name in ("lena", "omar"))
        view = lena.state()
        assert (len(view.items), view.progress.done, view.progress.total) == (1, 5, 6)
        assert omar.state().items[0].token == "token-6"  # it is still his

        last = lena.before()
        assert last is not None and last.given is not None
        assert (last.token, last.given.values) == ("token-5", {"relevance": 51.0, "beauty": 52.0})
        lena.submit("token-2", Answers("again", {"relevance": 1.0, "beauty": 2.0}))
        values = {(r.model, r.prompt_id, r.criterion): r.value for r in store.ratings.all("pilot")}
        assert values["m1", "00001", "relevance"] == 1.0
        assert values["m1", "00001", "beauty"] == 2.0


def test_scores_of_an_earlier_version_get_the_range_of_their_metric(tmp_path: Path) -> None:
    path = tmp_path / "nami.db"
    database = make_database(path, "0005")
    insert(database, "prompt_set", id=1, name="set", sha256="x", manifest={}, created_at=NOW)
    insert(
        database, "prompt", id=1, set_id=1, prompt_id="00000", text="p", stratum="short", source="", tags={}
    )
    insert(database, "model", id=1, name="m", adapter="folder", options={}, created_at=NOW)
    insert(
        database, "image", id=1, model_id=1, prompt_row_id=1, sample=0, state="done", path="1.png",
        sha256="y", provenance={}, created_at=NOW,
    )  # fmt: skip
    for metric in ("clip-score", "pickscore"):
        insert(
            database, "score", image_id=1, metric=metric, instrument="v1", value=3.0, details={},
            created_at=NOW,
        )  # fmt: skip
    database.commit()
    database.close()
    with Store.open(f"sqlite:///{path}") as store:
        ranges = {score.metric: score.value_range for score in store.scores.find()}
    assert ranges == {"clip-score": (0.0, 100.0), "pickscore": None}


def test_it_is_known_who_withdrew_before_that_was_noted(tmp_path: Path) -> None:
    path = tmp_path / "nami.db"
    database = make_database(path, "0017")
    insert(database, "prompt_set", id=1, name="set", sha256="x", manifest={}, created_at=NOW)
    insert(
        database, "study", id=1, name="pilot", prompt_set_id=1, mode="rating", overlap=1, seed=0, samples=1,
        instructions={},
        created_at=NOW,
    )  # fmt: skip
    for number, way in enumerate(("withdrew", "withdrew", "completed", "completed", None), 1):
        insert(
            database, "annotator", id=number, name=f"p-{number}", role="participant", active=1, created_at=NOW
        )
        insert(
            database, "participant", id=number, study_id=1, annotator_id=number, device="desktop",
            agreed_sha256="x", way_out=way, left_at=way and NOW, credit="", joined_at=NOW,
        )  # fmt: skip
    for number in (1, 3):  # the others' answers were deleted
        insert(
            database, "member", id=number, study_id=1, annotator_id=number, shown=0, done=0, day="",
            done_before_day=0, checked_from=0, joined_at=NOW,
        )  # fmt: skip
        insert(
            database, "submission", id=number, assignment_id=number, member_id=number,
            client_token=f"t{number}", revision=0, answers={}, flag=0, comment="", created_at=NOW,
        )  # fmt: skip
    database.commit()
    database.close()
    Database.open(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as database:
        noted = database.execute("SELECT account, kept, way_out, left_at FROM withdrawal").fetchall()
    assert noted == [(1, 1, "withdrew", NOW), (2, 0, "withdrew", NOW), (4, 0, "completed", NOW)]


def test_on_postgresql_the_last_revisions_are_in_force_too(new_postgresql: Callable[..., str]) -> None:
    url = new_postgresql(tables=False)
    engine = create_engine(read_url(url))
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
        for row in (
            "prompt_set VALUES (1, 's', 'x', '{}', now())",
            "prompt (id, set_id, prompt_id, text, stratum, source, tags) "
            "VALUES (1, 1, '00000', 'p', 's', '', '{}')",
            "model (id, name, adapter, options, created_at) VALUES (1, 'm', 'folder', '{}', now())",
            "image (id, model_id, prompt_row_id, sample, state, provenance, created_at) "
            "VALUES (1, 1, 1, 0, 'done', '{}', now())",
            "study (id, name, prompt_set_id, mode, overlap, samples, seed, instructions, created_at) "
            "VALUES (1, 'pilot', 1, 'rating', 2, 1, 3, '', now())",
            "criterion (id, study_id, position, name, weight, minimum, maximum, anchors) "
            "VALUES (1, 1, 1, 'beauty', 1, 0, 100, '{}')",
            "annotator (id, name, role, active, created_at) VALUES (1, 'ann', 'annotator', true, now())",
            "rating (criterion_id, annotator_id, image_id, revision, value, created_at) "
            "VALUES (1, 1, 1, 0, 10, now()), (1, 1, 1, 1, 20, now())",
        ):
            connection.execute(text(f"INSERT INTO {row}"))
    engine.dispose()
    with Store.open(url) as store:
        assert [rating.value for rating in store.ratings.all("pilot")] == [20.0]
        assert store.ratings.table("pilot")["value"].tolist() == [20.0]
        assert_last_revisions_in_force(store)
