"""Annotation work: items with counters, members, submissions, comparisons, events.

Assignments of before become assignments of items. What was completed keeps its ratings and gets a
submission, so that it can be corrected; what was open comes back when its annotator does.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_single = sa.text("other_image_id IS NULL")


def upgrade() -> None:
    op.add_column("study", sa.Column("protocol", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("study", sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("criterion", sa.Column("step", sa.Double(), nullable=True))
    op.add_column("criterion", sa.Column("texts", sa.JSON(), nullable=False, server_default="{}"))
    before = op.get_bind().execute(sa.text("SELECT * FROM assignment ORDER BY id")).mappings().all()
    op.drop_table("assignment")
    _create_items()
    _create_work()
    _create_records()
    if before:
        _carry_over(op.get_bind(), [dict(row) for row in before])


def _create_items() -> None:
    op.create_table(
        "secret",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False, comment="hex"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secret")),
    )
    op.create_table(
        "item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False, comment="study, training, qualification or gold"),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("other_image_id", sa.Integer(), nullable=True, comment="the pair's second"),
        sa.Column(
            "cell",
            sa.String(),
            nullable=False,
            comment="stratum and model, or the pair of models: what is kept balanced",
        ),
        sa.Column(
            "position", sa.Integer(), nullable=False, comment="of a training or qualification item; else 0"
        ),
        sa.Column("expected", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("feedback", sa.JSON(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False, comment="assignments that are open or completed"),
        sa.Column("completed", sa.Integer(), nullable=False),
        sa.Column(
            "withdrawn_at", sa.DateTime(timezone=True), nullable=True, comment="its image cannot be shown"
        ),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_item_image_id")),
        sa.ForeignKeyConstraint(["other_image_id"], ["image.id"], name=op.f("fk_item_other_image_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_item_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item")),
        sa.UniqueConstraint(
            "study_id", "image_id", "other_image_id", name=op.f("uq_item_study_id_image_id_other_image_id")
        ),
    )
    op.create_index(op.f("ix_item_image_id"), "item", ["image_id"])
    op.create_index("ix_item_study", "item", ["study_id", "id"])
    op.create_index("ix_item_cell", "item", ["study_id", "kind", "cell", "taken"])
    op.create_index(
        "uq_item_single",
        "item",
        ["study_id", "image_id"],
        unique=True,
        sqlite_where=_single,
        postgresql_where=_single,
    )


def _create_work() -> None:
    op.create_table(
        "member",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column(
            "shown", sa.Integer(), nullable=False, comment="items of the work itself that were given out"
        ),
        sa.Column(
            "done", sa.Integer(), nullable=False, comment="items of the work itself that were completed"
        ),
        sa.Column("day", sa.String(), nullable=False, comment="of the last completion, UTC"),
        sa.Column("done_before_day", sa.Integer(), nullable=False),
        sa.Column("qualified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pause_reason", sa.String(), nullable=True),
        sa.Column(
            "checked_from",
            sa.Integer(),
            nullable=False,
            comment="submissions up to this id no longer count for a pause",
        ),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name=op.f("fk_member_annotator_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_member_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member")),
        sa.UniqueConstraint("study_id", "annotator_id", name=op.f("uq_member_study_id_annotator_id")),
    )
    op.create_index(op.f("ix_member_annotator_id"), "member", ["annotator_id"])
    op.create_table(
        "assignment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("occasion", sa.Integer(), nullable=False, comment="0: the first time; 1: planted again"),
        sa.Column("state", sa.String(), nullable=False, comment="open, expired or completed"),
        sa.Column(
            "swapped",
            sa.Boolean(),
            nullable=False,
            comment="whether the pair's second image stands on the left",
        ),
        sa.Column(
            "position",
            sa.Integer(),
            nullable=False,
            comment="in this annotator's work, from 1; 0 before it",
        ),
        sa.Column(
            "choice",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="why an adaptive study chose this pair",
        ),
        sa.Column("passed", sa.Boolean(), nullable=True, comment="of an item with a known answer"),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_assignment_item_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_assignment_member_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_assignment_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
        sa.UniqueConstraint(
            "item_id", "member_id", "occasion", name=op.f("uq_assignment_item_id_member_id_occasion")
        ),
        sa.UniqueConstraint("token", name=op.f("uq_assignment_token")),
    )
    op.create_index("ix_assignment_member", "assignment", ["member_id", "state"])
    op.create_index("ix_assignment_order", "assignment", ["member_id", "id"])
    op.create_index("ix_assignment_study", "assignment", ["study_id", "id"])
    op.create_index("ix_assignment_lease", "assignment", ["study_id", "state", "expires_at"])


def _create_records() -> None:
    op.create_table(
        "submission",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "client_token",
            sa.String(),
            nullable=False,
            comment="the sender's: a repeated one is no new one",
        ),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False, comment="values and reasons by criterion"),
        sa.Column("flag", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignment.id"], name=op.f("fk_submission_assignment_id")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_submission_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint("assignment_id", "revision", name=op.f("uq_submission_assignment_id_revision")),
        sa.UniqueConstraint("client_token", name=op.f("uq_submission_client_token")),
    )
    op.create_index("ix_submission_member", "submission", ["member_id", "id"])
    op.create_table(
        "comparison",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("criterion_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column(
            "swapped",
            sa.Boolean(),
            nullable=False,
            comment="whether the pair's second image stood on the left",
        ),
        sa.Column("position", sa.Integer(), nullable=True, comment="in this annotator's work, from 1"),
        sa.Column(
            "revision", sa.Integer(), nullable=False, comment="counts corrections; the highest is in force"
        ),
        sa.Column(
            "outcome",
            sa.String(),
            nullable=True,
            comment="left, tie, right or both_bad; missing: see reason",
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name=op.f("fk_comparison_annotator_id")),
        sa.ForeignKeyConstraint(["criterion_id"], ["criterion.id"], name=op.f("fk_comparison_criterion_id")),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_comparison_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparison")),
        sa.UniqueConstraint(
            "criterion_id",
            "annotator_id",
            "item_id",
            "revision",
            name=op.f("uq_comparison_criterion_id_annotator_id_item_id_revision"),
        ),
    )
    op.create_index(op.f("ix_comparison_item_id"), "comparison", ["item_id"])
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=True),
        sa.Column("annotator_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name=op.f("fk_event_annotator_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_event_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index("ix_event_study", "event", ["study_id", "id"])


def _carry_over(bind: sa.Connection, before: list[dict[str, Any]]) -> None:
    """Turn assignments of images into assignments of items."""
    tables = sa.MetaData()
    tables.reflect(
        bind, only=["item", "member", "assignment", "submission", "image", "prompt", "criterion", "rating"]
    )
    for row in before:
        for key in ("assigned_at", "completed_at"):
            row[key] = _aware(row[key])
    cells = _cells(bind, tables)
    items: dict[tuple[int, int], int] = {}
    members: dict[tuple[int, int], int] = {}
    for row in before:
        item, member = (row["study_id"], row["image_id"]), (row["study_id"], row["annotator_id"])
        items.setdefault(item, len(items) + 1)
        members.setdefault(member, len(members) + 1)
        row["item_id"], row["member_id"] = items[item], members[member]
    _insert(bind, tables.tables["item"], _item_rows(items, before, cells))
    _insert(bind, tables.tables["member"], _member_rows(members, before))
    _insert(bind, tables.tables["assignment"], map(_assignment_row, before))
    _insert(bind, tables.tables["submission"], _submission_rows(bind, tables, before))
    if bind.dialect.name == "postgresql":  # ids were given by hand: its counters do not know
        for name in ("item", "member", "assignment"):
            bind.execute(
                sa.text(
                    f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"
                )
            )


def _aware(value: Any) -> datetime | None:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value is None or value.tzinfo is not None:
        return value  # type: ignore[no-any-return]
    return value.replace(tzinfo=UTC)  # type: ignore[no-any-return]


def _insert(bind: sa.Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    if found := list(rows):
        bind.execute(table.insert(), found)


def _cells(bind: sa.Connection, tables: sa.MetaData) -> dict[int, str]:
    image, prompt = tables.tables["image"], tables.tables["prompt"]
    query = sa.select(image.c.id, image.c.model_id, prompt.c.stratum).join(
        prompt, prompt.c.id == image.c.prompt_row_id
    )
    return {row.id: f"{row.model_id}:{row.stratum}" for row in bind.execute(query)}


def _item_rows(
    items: dict[tuple[int, int], int], before: list[dict[str, Any]], cells: dict[int, str]
) -> list[dict[str, Any]]:
    completed = dict.fromkeys(items.values(), 0)
    for row in before:
        completed[row["item_id"]] += row["completed_at"] is not None
    return [
        {
            "id": item_id,
            "study_id": study_id,
            "kind": "study",
            "image_id": image_id,
            "cell": cells[image_id],
            "position": 0,
            "feedback": {},
            "taken": completed[item_id],
            "completed": completed[item_id],
        }
        for (study_id, image_id), item_id in items.items()
    ]


def _member_rows(members: dict[tuple[int, int], int], before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    own: dict[int, list[dict[str, Any]]] = {member_id: [] for member_id in members.values()}
    for row in before:
        own[row["member_id"]].append(row)
        row["position"] = len(own[row["member_id"]])
    return [
        {
            "id": member_id,
            "study_id": study_id,
            "annotator_id": annotator_id,
            "shown": len(own[member_id]),
            "done": (done := sum(row["completed_at"] is not None for row in own[member_id])),
            "day": "",
            "done_before_day": done,
            "checked_from": 0,
            "joined_at": min(row["assigned_at"] for row in own[member_id]),
        }
        for (study_id, annotator_id), member_id in members.items()
    ]


def _assignment_row(row: dict[str, Any]) -> dict[str, Any]:
    kept = ("id", "token", "study_id", "member_id", "item_id", "position", "assigned_at", "completed_at")
    return {
        **{key: row[key] for key in kept},
        "occasion": 0,
        "state": "expired" if row["completed_at"] is None else "completed",
        "swapped": False,
        "expires_at": row["assigned_at"],
    }


def _submission_rows(
    bind: sa.Connection, tables: sa.MetaData, before: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    rating, criterion = tables.tables["rating"], tables.tables["criterion"]
    query = (
        sa.select(
            criterion.c.study_id,
            criterion.c.name,
            rating.c.annotator_id,
            rating.c.image_id,
            rating.c.value,
            rating.c.reason,
            rating.c.duration_ms,
        )
        .join(criterion, criterion.c.id == rating.c.criterion_id)
        .order_by(rating.c.revision)  # the last one of each stays
    )
    answers: dict[tuple[int, int, int], dict[str, Any]] = {}
    durations: dict[tuple[int, int, int], int | None] = {}
    for row in bind.execute(query):
        key = (row.study_id, row.annotator_id, row.image_id)
        found = answers.setdefault(key, {"values": {}, "reasons": {}})
        for part, given in (("values", row.value), ("reasons", row.reason)):
            if given is not None:
                found[part][row.name] = given
            else:
                found[part].pop(row.name, None)
        durations[key] = row.duration_ms
    return [
        {
            "client_token": f"before-{row['id']}",
            "assignment_id": row["id"],
            "member_id": row["member_id"],
            "revision": 0,
            "answers": answers[key],
            "flag": False,
            "comment": "",
            "duration_ms": durations[key],
            "created_at": row["completed_at"],
        }
        for row in before
        if row["completed_at"] is not None
        and (key := (row["study_id"], row["annotator_id"], row["image_id"])) in answers
    ]


def downgrade() -> None:
    raise NotImplementedError("annotation work does not fit into the tables of before: keep a copy instead")
