"""The job that exports."""

from __future__ import annotations

import uuid

from processing.engine.jobs import job_edge
from processing.models import SessionTask

from .service import ExportService


def export_session_job(session_id: str, task_id: str) -> None:
    """Plan the export or go on with it (requirement A-098). Safe to be delivered twice."""
    task = (
        SessionTask.objects.select_related("session")
        .filter(pk=uuid.UUID(task_id), session_id=uuid.UUID(session_id))
        .first()
    )
    if task is None or task.is_finished:
        return
    with job_edge(task):
        ExportService().execute_session_export(uuid.UUID(session_id), uuid.UUID(task_id))
