"""The job that validates."""

from __future__ import annotations

import uuid

from processing.engine.jobs import job_edge
from processing.models import SessionTask

from .service import ReviewService


def validate_adf_job(session_id: str, task_id: str) -> None:
    """Plan the validation and work on it (requirement A-099). Safe to be delivered twice."""
    task = (
        SessionTask.objects.select_related("session")
        .filter(pk=uuid.UUID(task_id), session_id=uuid.UUID(session_id))
        .first()
    )
    if task is None or task.is_finished:
        return
    with job_edge(task):
        ReviewService().execute_adf_validation(uuid.UUID(session_id), uuid.UUID(task_id))
