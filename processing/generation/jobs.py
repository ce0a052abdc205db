"""The job that starts a generation run."""

from __future__ import annotations

import uuid

from processing.engine.jobs import job_edge
from processing.models import SessionTask

from .service import ProcessingService


def generate_tickets_job(session_id: str, task_id: str) -> None:
    """Plan the run and work on it (requirement A-090). Safe to be delivered twice; stops silently for a task that is
    over.
    """
    task = (
        SessionTask.objects.select_related("session")
        .filter(pk=uuid.UUID(task_id), session_id=uuid.UUID(session_id))
        .first()
    )
    if task is None or task.is_finished:
        return
    with job_edge(task):
        ProcessingService().execute_ticket_generation(uuid.UUID(session_id), uuid.UUID(task_id))
