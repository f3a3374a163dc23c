"""What an administrator sees of annotation work, and may do about it."""

from sqlalchemy import select

from nami_bench.domain import Event
from nami_bench.store.annotation_tables import EventRow
from nami_bench.store.database import Database
from nami_bench.store.finding import find_study
from nami_bench.store.tables import AnnotatorRow


class Oversight:
    """Store methods for administrators."""

    _database: Database

    def events(self, study: str, limit: int = 1000) -> list[Event]:
        """What happened in a study, the latest first."""
        with self._database.reading() as session:
            query = (
                select(EventRow.created_at, EventRow.kind, EventRow.text, AnnotatorRow.name)
                .outerjoin(AnnotatorRow, AnnotatorRow.id == EventRow.annotator_id)
                .where(EventRow.study_id == find_study(session, study).id)
                .order_by(EventRow.id.desc())
                .limit(limit)
            )
            return [
                Event(at, kind, text, study, annotator)
                for at, kind, text, annotator in session.execute(query)
            ]
