"""Starting, watching, stopping and repeating a generation run (the seeds' ProcessingService).

Public methods check, record and enqueue, and answer at once; ``execute_ticket_generation`` does the work, in a worker.
"""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypedDict

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from processing.engine import finish
from processing.engine.announcements import publish_progress
from processing.engine.drainer import enqueue_drainer
from processing.engine.execution import ProgressCallback, execute
from processing.engine.messages import wire_status
from processing.engine.queue import enqueue
from processing.errors import ProcessingError
from processing.llm.base import Health
from processing.llm.registry import default_model
from processing.llm.service import LLMService
from processing.models import SessionError, SessionTask
from processing.models.tasks import TaskStatus, TaskType
from sessions_app.actions.imports import specification_of
from sessions_app.correlation import correlation_id
from sessions_app.errors import Category
from sessions_app.models import AuditEvent, Session
from sessions_app.models.files import UploadedFile
from sessions_app.parsing.specification import Backlog, backlog

from .choices import choices_of, service_of_session
from .economy import batches_of
from .estimate import call_reserve, duration

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.db.models import QuerySet

GENERATE_JOB = "processing.generation.jobs.generate_tickets_job"


class StartResponse(TypedDict):
    """``already_running``: there was a run under way, and this is that one."""

    task_id: str
    session_id: str
    status: str
    estimated_duration_minutes: float
    total_files: int
    estimated_tickets: int
    llm_provider: str
    already_running: bool


class RetryResponse(StartResponse):
    retry_attempt: int


class StatusResponse(TypedDict):
    """``status``: idle, processing, paused, completed, completed_with_errors, failed or cancelled. ``error``: {code,
    category, message, recovery_actions} of a run that failed.
    """

    session_id: str
    task_id: str | None
    task_type: str
    status: str
    progress_percentage: float
    current_stage: str
    tickets_generated: int
    tickets_failed: int
    estimated_total: int
    elapsed_seconds: float
    remaining_seconds: float | None
    retry_count: int
    pause_reason: str
    error: dict[str, Any]
    seq: int


class ProcessingService:
    """Generation runs of one user's sessions. ``llm_service`` replaces the session's own provider where given."""

    def __init__(
        self, llm_service: LLMService | None = None, *, by: AbstractBaseUser | AnonymousUser | None = None
    ) -> None:
        self._llm_service = llm_service
        self.by = by if by is not None and by.pk else None

    # What people ask for

    def generate_tickets(self, session: Session) -> StartResponse:
        """Start a run, or return the one that is under way. Raises ProcessingError if it cannot start."""
        active = active_task(session)
        if active:
            return self._already_running(active)
        made = backlog_of(session)
        if not made:
            raise ProcessingError(
                "Upload a specification first: there is no row that could become a ticket.",
                recovery_actions=("Upload the CSV files of the Spec Tool or a config.tar.gz.",),
            )
        self._require_healthy_model(session)
        return self._start(session, made, retry_count=0)

    def retry_processing(self, session: Session) -> RetryResponse:
        """Run again after a failure. A failed or cancelled run's tickets go (never one that a person edited) and come
        back from the ledger where they were paid for; of a run that completed with errors only the failed items are
        repeated.
        """
        last = latest_task(session)
        if last is None or last.status not in (
            TaskStatus.FAILED,
            TaskStatus.CANCELLED,
            TaskStatus.COMPLETED_WITH_ERRORS,
        ):
            raise ProcessingError("There is no failed run to retry.", recovery_actions=("Start a run instead.",))
        limit = settings.ENGINE["USER_RETRIES"]
        if last.retry_count >= limit:
            raise ProcessingError(
                f"This run was retried {limit} times already. An administrator should look at the cause.",
                Category.ADMIN_REQUIRED,
            )
        self._require_healthy_model(session)
        with transaction.atomic():
            if last.status != TaskStatus.COMPLETED_WITH_ERRORS:
                delete_session_tickets(session, last)
            session.errors.filter(resolved_at__isnull=True).update(resolved_at=timezone.now())
            started = self._start(session, backlog_of(session), retry_count=last.retry_count + 1)
        return RetryResponse(**started, retry_attempt=last.retry_count + 1)

    def cancel_processing(self, session: Session) -> SessionTask:
        """Stop the run under way now. Raises ProcessingError if there is none."""
        task = active_task(session)
        if task is None:
            raise ProcessingError("No run is under way.")
        finish.cancel(task)
        task.refresh_from_db()
        return task

    def pause_processing(self, session: Session) -> SessionTask:
        """Hold the run; calls in flight end and are kept."""
        task = self._active(session)
        with transaction.atomic():
            task.pause("Paused by a person." if self.by is None else f"Paused by {self.by.get_username()}.")
            publish_progress(task, stage="Paused", force=True)
        return task

    def resume_processing(self, session: Session, budget: Decimal | None = None) -> SessionTask:
        """Go on with a paused run; ``budget`` replaces its limit of money, in US dollars.

        Raises ProcessingError if a limit would pause it again at once.
        """
        task = self._active(session)
        with transaction.atomic():
            if budget is not None:
                SessionTask.objects.filter(pk=task.pk).update(budget=budget)
                details = {"task_id": str(task.pk), "from": str(task.budget), "to": str(budget)}
                AuditEvent.record("run.limit_changed", session, by=self.by, details=details)
            task.resume()
            publish_progress(task, stage="Going on", force=True)
            enqueue_drainer(task)
        return task

    def get_processing_status(self, session: Session) -> StatusResponse:
        """Where the latest run stands, from the database."""
        task = latest_task(session)
        return status_of(session, task)

    def get_processing_errors(self, session: Session, filters: dict[str, Any] | None = None) -> QuerySet[SessionError]:
        """Errors of the session, newest first. ``filters``: error_category, severity, task_id, unresolved."""
        errors: QuerySet[SessionError] = session.errors.select_related("task")
        wanted = filters or {}
        for name in ("error_category", "severity", "task_id"):
            if wanted.get(name):
                errors = errors.filter(**{name: wanted[name]})
        return errors.filter(resolved_at__isnull=True) if wanted.get("unresolved") else errors

    def validate_llm_service(self, session: Session) -> Health:
        """Can the session's provider be used now? On demand, without a job."""
        return self._service_for(session).validate_connectivity()

    # What workers do

    def execute_ticket_generation(
        self, session_id: uuid.UUID, task_id: uuid.UUID, progress_callback: ProgressCallback | None = None
    ) -> None:
        """Plan the task and work on it as its first drainer. Returns silently if the task is no longer the session's
        active one.
        """
        execute(session_id, task_id, progress_callback)

    # Details

    def _service_for(self, session: Session) -> LLMService:
        return self._llm_service or service_of_session(session)

    def _require_healthy_model(self, session: Session) -> None:
        """The chosen provider, or one that it may fall back on, can be used, and in the chosen way. Raises
        ProcessingError.
        """
        service = self._service_for(session)
        if session.economy and session.llm_provider_choice != "offline":
            batches_of(service)
        health = service.validate_connectivity()
        if health["status"] == "unhealthy" and not any(
            service.validate_connectivity(name)["status"] != "unhealthy" for name, _ in service.fallbacks
        ):
            raise ProcessingError(
                f"The model cannot be used now: {health.get('error', 'no answer')}",
                Category.TEMPORARY,
                recovery_actions=("Try again in a minute.", "Choose another provider for this session."),
            )

    def _start(self, session: Session, made: Backlog, *, retry_count: int) -> StartResponse:
        """Record the task, move the stage and enqueue on commit. Of two who start at once, one wins and both get its
        task.
        """
        reserve = call_reserve(session, made)
        _require_known_price(session, reserve)
        try:
            with transaction.atomic():
                task = start_task(
                    session, TaskType.PROCESSING, retry_count=retry_count, by=self.by, call_reserve=reserve
                )
                session.move_to(Session.Stage.PROCESSING, by=self.by)
                AuditEvent.record(
                    "run.started", session, by=self.by, details={"task_id": str(task.pk), "entities": len(made)}
                )
                enqueue(GENERATE_JOB, str(session.pk), str(task.pk), queue="default")
        except IntegrityError:
            active = active_task(session)
            if active is None:
                raise
            return self._already_running(active)
        return self._response(task, len(made), already_running=False)

    def _already_running(self, task: SessionTask) -> StartResponse:
        if task.task_type != TaskType.PROCESSING:
            raise ProcessingError(
                f"Another task ({task.get_task_type_display()}) is under way. Wait for its end or cancel it."
            )
        return self._response(task, task.total or count_tickets_to_be(task.session), already_running=True)

    def _response(self, task: SessionTask, entities: int, *, already_running: bool) -> StartResponse:
        return StartResponse(
            task_id=str(task.task_id),
            session_id=str(task.session_id),
            status=wire_status(task.status),
            estimated_duration_minutes=duration(task.session, entities),
            total_files=count_files(task.session),
            estimated_tickets=entities,
            llm_provider=task.provider,
            already_running=already_running,
        )

    def _active(self, session: Session) -> SessionTask:
        task = active_task(session)
        if task is None:
            raise ProcessingError("No run is under way.")
        return task


def active_task(session: Session) -> SessionTask | None:
    """The session's unfinished task, if any."""
    return SessionTask.objects.filter(session=session).unfinished().first()


def latest_task(session: Session, task_type: str = TaskType.PROCESSING) -> SessionTask | None:
    """The newest task of a type, in whatever state."""
    return SessionTask.objects.filter(session=session, task_type=task_type).first()


get_active_task = latest_task
"""The seeds' name; callers test the status (D-58)."""


def can_start_task(session: Session) -> bool:
    return active_task(session) is None


def _require_known_price(session: Session, reserve: Decimal | None) -> None:
    """A limit of money can only be kept where prices are known. Raises ProcessingError."""
    limited = session.budget is not None or session.workspace.monthly_budget is not None
    if limited and reserve is None:
        raise ProcessingError(
            "There is a limit of money, but the price of this model is unknown, so the limit could not be kept.",
            recovery_actions=(
                "An owner can enter the prices on the workspace's page of models.",
                "Or remove the limit, or choose another model.",
            ),
        )


def start_task(
    session: Session,
    task_type: TaskType,
    *,
    retry_count: int = 0,
    by: AbstractBaseUser | AnonymousUser | None = None,
    call_reserve: Decimal | None = None,
) -> SessionTask:
    """Record a task. Raises IntegrityError if the session has an unfinished one."""
    entities = get_total_entity_count(session)
    if not session.tickets.exists():
        Session.objects.filter(pk=session.pk).update(ticket_counter=0)
    return SessionTask.objects.create(
        session=session,
        task_type=task_type,
        provider=session.llm_provider_choice,
        llm_model=session.llm_model or default_model(session.llm_provider_choice, session.workspace),
        choices=choices_of(session),
        economy=session.economy and session.llm_provider_choice != "offline" and task_type == TaskType.PROCESSING,
        budget=session.budget,
        call_reserve=call_reserve,
        retry_count=retry_count,
        number_base=session.next_ticket_number(entities) - 1,
        request_id=correlation_id.get()[:64],
        started_by_id=by.pk if by else None,
        current_stage="Waiting for a worker",
    )


def get_total_entity_count(session: Session) -> int:
    """Rows that make entities in the session's files: an upper bound of the tickets, from counts alone."""
    return sum(UploadedFile.objects.filter(session=session).values_list("entity_count", flat=True))


def backlog_of(session: Session) -> Backlog:
    """What a run would write tickets for, at the session's granularity; rows of one entity in several files are one."""
    return backlog(specification_of(session), session.granularity)


def count_tickets_to_be(session: Session) -> int:
    """Tickets of a run at the session's granularity."""
    return len(backlog_of(session))


def count_files(session: Session) -> int:
    return session.files.count()


def delete_session_tickets(session: Session, task: SessionTask) -> int:
    """Remove the tickets that this run wrote and that nobody edited or judged (D-08)."""
    removed, _ = session.tickets.untouched().filter(generated_by_task=task.pk).delete()
    return removed


def status_of(session: Session, task: SessionTask | None) -> StatusResponse:
    """The status body of seed 000 with what a page needs beside it."""
    if task is None:
        return StatusResponse(
            session_id=str(session.pk),
            task_id=None,
            task_type=TaskType.PROCESSING,
            status="idle",
            progress_percentage=0.0,
            current_stage="",
            tickets_generated=0,
            tickets_failed=0,
            estimated_total=get_total_entity_count(session),
            elapsed_seconds=0.0,
            remaining_seconds=None,
            retry_count=0,
            pause_reason="",
            error={},
            seq=0,
        )
    elapsed, remaining = elapsed_and_remaining(task)
    return StatusResponse(
        session_id=str(session.pk),
        task_id=str(task.task_id),
        task_type=task.task_type,
        status=wire_status(task.status),
        progress_percentage=task.progress_percentage,
        current_stage=task.current_stage,
        tickets_generated=task.done,
        tickets_failed=task.failed,
        estimated_total=task.total or get_total_entity_count(session),
        elapsed_seconds=elapsed,
        remaining_seconds=remaining,
        retry_count=task.retry_count,
        pause_reason=task.pause_reason,
        error=task.error,
        seq=task.seq,
    )


def elapsed_and_remaining(task: SessionTask) -> tuple[float, float | None]:
    """Seconds since the start, and until the end at the present pace; None while there is no pace yet."""
    if task.started_at is None:
        return 0.0, None
    elapsed = ((task.finished_at or timezone.now()) - task.started_at).total_seconds()
    finished = task.done + task.failed
    if task.is_finished:
        return round(elapsed, 1), 0.0
    return round(elapsed, 1), round(elapsed / finished * (task.total - finished), 1) if finished else None
