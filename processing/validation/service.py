"""Validating a session's tickets (the seeds' ReviewService).

Public methods check, record and enqueue, and answer at once; ``execute_adf_validation`` does the work, in a worker.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, TypedDict

from django.db import IntegrityError, transaction

from processing.engine import finish
from processing.engine.execution import ProgressCallback, execute
from processing.engine.messages import wire_status
from processing.engine.queue import enqueue
from processing.errors import ProcessingError
from processing.generation.service import active_task, latest_task
from processing.models import SessionTask
from processing.models.tasks import TaskType
from processing.models.validation import to_validate
from sessions_app.correlation import correlation_id
from sessions_app.errors import NothingToDo, WrongState
from sessions_app.models import AuditEvent, Session

from .readiness import Counts, counts_of

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

VALIDATE_JOB = "processing.validation.jobs.validate_adf_job"


class ValidationStart(TypedDict):
    task_id: str
    session_id: str
    status: str
    tickets: int
    already_running: bool


class ValidationStatus(TypedDict):
    """``counts`` are of the tickets as they are now, whatever the task did."""

    session_id: str
    task_id: str | None
    task_type: str
    status: str
    progress_percentage: float
    current_stage: str
    total: int
    done: int
    failed: int
    error: dict[str, Any]
    seq: int
    counts: Counts


class ReviewService:
    """Validation runs of sessions."""

    # What people ask for

    def validate_session(self, session: Session, by: AbstractBaseUser | AnonymousUser | None = None) -> ValidationStart:
        """Look at all tickets that may leave, or return the validation that is under way.

        Raises NothingToDo without such tickets, WrongState for an archived session, ProcessingError while another task
        is under way.
        """
        active = active_task(session)
        if active:
            return self._already_running(active)
        if session.stage == Session.Stage.ARCHIVED:
            raise WrongState("This session is archived. Restore it before you work on it.")
        tickets = to_validate(session).count()
        if not tickets:
            raise NothingToDo(
                "There is no ticket to validate.", recovery_actions=("Write tickets first, or reopen rejected ones.",)
            )
        try:
            with transaction.atomic():
                task = SessionTask.objects.create(
                    session=session,
                    task_type=TaskType.ADF_VALIDATION,
                    request_id=correlation_id.get()[:64],
                    started_by_id=by.pk if by else None,
                    current_stage="Waiting for a worker",
                )
                details = {"task_id": str(task.pk), "tickets": tickets}
                AuditEvent.record("validation.started", session, by=by if by and by.pk else None, details=details)
                enqueue(VALIDATE_JOB, str(session.pk), str(task.pk), queue="default")
        except IntegrityError:
            active = active_task(session)
            if active is None:
                raise
            return self._already_running(active)
        return _started(task, tickets, already_running=False)

    def cancel_validation(self, session: Session) -> SessionTask:
        """Stop now; what was looked at stays. Raises ProcessingError if no validation is under way."""
        task = active_task(session)
        if task is None or task.task_type != TaskType.ADF_VALIDATION:
            raise ProcessingError("No validation is under way.")
        finish.cancel(task)
        task.refresh_from_db()
        return task

    def get_validation_status(self, session: Session) -> ValidationStatus:
        """Where the latest validation stands, and the tickets, from the database."""
        task = latest_task(session, TaskType.ADF_VALIDATION) or SessionTask(session=session, status="")
        return ValidationStatus(
            session_id=str(session.pk),
            task_id=str(task.task_id) if task.status else None,
            task_type=TaskType.ADF_VALIDATION,
            status=wire_status(task.status) if task.status else "idle",
            progress_percentage=task.progress_percentage,
            current_stage=task.current_stage,
            total=task.total,
            done=task.done,
            failed=task.failed,
            error=task.error,
            seq=task.seq,
            counts=counts_of(session),
        )

    # What workers do

    def execute_adf_validation(
        self, session_id: uuid.UUID, task_id: uuid.UUID, progress_callback: ProgressCallback | None = None
    ) -> None:
        """Plan the task and work on it as its first drainer (requirement A-136). Returns silently if the task is no
        longer the session's active one.
        """
        execute(session_id, task_id, progress_callback)

    def _already_running(self, task: SessionTask) -> ValidationStart:
        if task.task_type != TaskType.ADF_VALIDATION:
            raise ProcessingError(
                f"Another task ({task.get_task_type_display()}) is under way. Wait for its end or cancel it."
            )
        return _started(task, task.total or to_validate(task.session).count(), already_running=True)


def _started(task: SessionTask, tickets: int, *, already_running: bool) -> ValidationStart:
    return ValidationStart(
        task_id=str(task.task_id),
        session_id=str(task.session_id),
        status=wire_status(task.status),
        tickets=tickets,
        already_running=already_running,
    )
