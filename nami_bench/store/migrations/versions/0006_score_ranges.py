"""The range of a metric's values beside its scores: intervals of their mean stay within it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_RANGES = {
    "geneval": (0.0, 1.0),
    "clip-score": (0.0, 100.0),
    "hpsv2": (-100.0, 100.0),
    "vqa-score": (0.0, 1.0),
    "vqa-score-openai": (0.0, 1.0),
}


def upgrade() -> None:
    with op.batch_alter_table("score") as table:
        table.add_column(
            sa.Column(
                "range_low", sa.Double(), nullable=True, comment="the lowest value that the metric can give"
            )
        )
        table.add_column(
            sa.Column(
                "range_high", sa.Double(), nullable=True, comment="the highest value that the metric can give"
            )
        )
    score = sa.table(
        "score", sa.column("metric", sa.String()), sa.column("range_low", sa.Double()),
        sa.column("range_high", sa.Double()),
    )  # fmt: skip
    for metric, (low, high) in _RANGES.items():
        op.execute(score.update().where(score.c.metric == metric).values(range_low=low, range_high=high))
