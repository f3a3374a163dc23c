"""Alembic's entry: runs on the connection that the store hands over."""

from alembic import context

from nami_bench.store import (  # noqa: F401  (they declare their tables)
    account_tables,
    annotation_tables,
    people_tables,
    submission_tables,
)
from nami_bench.store.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
