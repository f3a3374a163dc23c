"""The store: takes and returns domain values, keeps them in SQLite or PostgreSQL."""

from nami_bench.store.assignments import Candidate, Progress
from nami_bench.store.store import Store

__all__ = ["Candidate", "Progress", "Store"]
