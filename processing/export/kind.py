"""What the engine asks of an export: how it ends."""

from __future__ import annotations

from typing import Any

from processing.models import ExportRecord, SessionTask
from processing.models.exports import THERE, RecordStatus, Step
from sessions_app.models import Session, Ticket


class Export:
    """Its work is done by ``runner``, one thing after another, and not by drainers."""

    def finish(self, task: SessionTask) -> dict[str, Any]:
        """The session is completed if nothing of it is left to decide or to send. Inside a transaction."""
        session = task.session
        records = ExportRecord.objects.filter(task=task)
        there = records.filter(status__in=THERE)
        unknown = records.filter(status=RecordStatus.UNKNOWN).count()
        left = session.tickets.in_backlog().exclude(status__in=(Ticket.Status.EXPORTED, Ticket.Status.REJECTED))
        session.refresh_from_db()
        if not task.failed and not unknown and not left.exists():
            session.move_to(Session.Stage.COMPLETED, by=task.started_by)
        return {
            "ready_for_review": False,
            "issues": there.filter(step__in=(Step.EPIC, Step.ISSUE)).count(),
            "links": there.filter(step=Step.LINK).count(),
            "failed": records.filter(status=RecordStatus.FAILED).count(),
            "unknown": unknown,
        }
