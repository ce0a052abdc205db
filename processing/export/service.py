"""Starting, watching, stopping and settling an export (the seeds' ExportService).

Public methods check, record and enqueue, and answer at once; ``execute_session_export`` does the work, in a worker.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import F

from processing.engine import finish
from processing.engine.announcements import publish_progress
from processing.engine.queue import enqueue
from processing.errors import ProcessingError, TaskMoved
from processing.models import ExportRecord, ExportRun, SessionTask, TrackerConnection
from processing.models.exports import THERE, RecordStatus, Step
from processing.models.tasks import TaskStatus, TaskType
from sessions_app.correlation import correlation_id
from sessions_app.errors import NothingToDo, WrongState
from sessions_app.models import AuditEvent, Session, Ticket

from .blocking import blocked
from .errors import ExportBlocked, ExportError
from .planning import CANDIDATES, Plan, plan_of, with_problems, write_down
from .runner import JOB, Exporter
from .targets import target_of

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

ProgressCallback = Callable[[float, str, dict[str, Any]], None]


class ExportService:
    """Exports in the name of ``by``."""

    def __init__(self, *, by: AbstractBaseUser | AnonymousUser | None = None) -> None:
        self.by = by if by is not None and by.pk else None

    # What people ask for

    def start_export(
        self, session: Session, connection: TrackerConnection, *, update: bool = False, only: list[str] | None = None
    ) -> SessionTask:
        """Start an export, or return the one that is under way. ``only``: ids of records to do, and nothing else.

        Raises ExportBlocked, NothingToDo or ExportError if it cannot start.
        """
        active = active_task(session)
        if active:
            return _that_export(active)
        self._require_ready(session, connection, only)
        try:
            with transaction.atomic():
                task = SessionTask.objects.create(
                    session=session,
                    task_type=TaskType.EXPORT,
                    provider="",
                    request_id=correlation_id.get()[:64],
                    started_by_id=self.by.pk if self.by else None,
                    current_stage="Waiting for a worker",
                )
                ExportRun.objects.create(task=task, connection=connection, update=update, only=only or [])
                session.move_to(Session.Stage.EXPORT, by=self.by)
                details = {"task_id": str(task.pk), "connection": connection.name, "update": update}
                AuditEvent.record("export.started", session, by=self.by, details=details)
                enqueue(JOB, str(session.pk), str(task.pk), queue="export")
        except IntegrityError:
            active = active_task(session)
            if active is None:
                raise
            return _that_export(active)
        return task

    def _require_ready(self, session: Session, connection: TrackerConnection, only: list[str] | None) -> None:
        if connection.workspace_id != session.workspace_id:
            raise ExportError("This connection belongs to another workspace.")
        if not connection.token:
            raise ExportError(
                "The connection has no token.", recovery_actions=("An owner can enter one on the page of connections.",)
            )
        if only:
            return
        if not session.tickets.in_backlog().filter(status__in=CANDIDATES).exists():
            raise NothingToDo(
                "No ticket is approved yet, and only approved ones are sent.",
                recovery_actions=("Read the tickets and approve them.",),
            )
        if found := blocked(session):
            first = f"{found[0]['number']}: {found[0]['reason']}"
            raise ExportBlocked(
                f"{len(found)} approved ticket{'s' * (len(found) > 1)} cannot be sent. {first}",
                details={"blocked": found},
                recovery_actions=("Validate the tickets and correct those that are listed.",),
            )

    def dry_run(self, session: Session, connection: TrackerConnection, *, update: bool = False) -> Plan:
        """What an export would send, with what the tracker has against it. Writes nothing, here or there."""
        plan = with_problems(plan_of(session, connection, update=update, payloads=True), connection)
        plan.blocked = blocked(session)
        return plan

    def cancel_export(self, session: Session) -> SessionTask:
        """Stop now. What is in the tracker stays there, and the next export goes on from it."""
        task = self._active(session)
        finish.cancel(task)
        task.refresh_from_db()
        return task

    def pause_export(self, session: Session) -> SessionTask:
        task = self._active(session)
        with transaction.atomic():
            task.pause("Paused by a person." if self.by is None else f"Paused by {self.by.get_username()}.")
            publish_progress(task, stage="Paused", force=True)
        return task

    def resume_export(self, session: Session) -> SessionTask:
        task = self._active(session)
        with transaction.atomic():
            task.resume()
            publish_progress(task, stage="Going on", force=True)
            enqueue(JOB, str(task.session_id), str(task.pk), queue="export")
        return task

    def retry_record(self, record: ExportRecord) -> SessionTask:
        """Try once more what failed; look once more for what is unknown. Links of a ticket go with it."""
        record.retry()
        return self._go_on(record)

    def settle_record(self, record: ExportRecord, *, key: str = "") -> SessionTask | None:
        """A person has looked in the tracker: the issue is there as ``key``, or (without a key) it is not and is to be
        made. Raises TrackerError if the tracker does not have such an issue. Returns the run that goes on with it.
        """
        if not key:
            record.create_anyway()
            self._audit(record, "export.create_anyway")
            return self._go_on(record)
        if record.step not in (Step.EPIC, Step.ISSUE):
            raise WrongState("Only epics and issues have a key.")
        remote = target_of(record.connection).look_up(key.strip())
        if ExportRecord.objects.filter(
            connection=record.connection, step__in=(Step.EPIC, Step.ISSUE), remote_key=remote.key
        ).exists():
            raise WrongState(f"{remote.key} belongs to another ticket already.")
        with transaction.atomic():
            record.exists_as(key=remote.key, remote_id=remote.id, url=remote.url)
            self._audit(record, "export.exists_as")
            if record.ticket and record.ticket.status == Ticket.Status.APPROVED:
                record.ticket.move_to(Ticket.Status.EXPORTED)
        return None

    def _audit(self, record: ExportRecord, action: str) -> None:
        details = {"record": str(record.pk), "label": record.label, "key": record.remote_key}
        AuditEvent.record(action, record.session, by=self.by, details=details)

    def _go_on(self, record: ExportRecord) -> SessionTask:
        """The run under way takes it up, with what waits for it; if there is none, one starts for that."""
        rest = ExportRecord.objects.filter(
            session=record.session, connection=record.connection, step__in=(Step.LINK, Step.ATTACHMENT)
        ).exclude(status__in=THERE)
        mine = [record.pk, *(each.pk for each in rest if record.item_key in (each.item_key, each.other_key))]
        with transaction.atomic():
            active = SessionTask.objects.select_for_update().unfinished().filter(session=record.session).first()
            if active and active.task_type == TaskType.EXPORT:
                _join(active, mine)
                return active
        return self.start_export(record.session, record.connection, only=[str(each) for each in mine])

    def _active(self, session: Session) -> SessionTask:
        task = active_task(session)
        if task is None or task.task_type != TaskType.EXPORT:
            raise ProcessingError("No export is under way.")
        return task

    # What workers do

    def execute_session_export(
        self, session_id: uuid.UUID, task_id: uuid.UUID, progress_callback: ProgressCallback | None = None
    ) -> None:
        """Plan the task, or go on with it, for a turn (requirement A-137). Returns silently if it is over.

        Raises ExportError if the tracker's project would not take what is to be sent, before anything is sent.
        """
        task = (
            SessionTask.objects.select_related("session__workspace").filter(pk=task_id, session_id=session_id).first()
        )
        if task is None or task.is_finished:
            return
        run = ExportRun.objects.select_related("connection", "task__session__workspace").get(pk=task_id)
        if task.status == TaskStatus.PENDING and not _plan(run):
            return
        run.task.refresh_from_db()
        Exporter(run, _reporting_to(progress_callback)).work()


def _join(task: SessionTask, records: list[uuid.UUID]) -> None:
    """Give records to a run under way. Inside a transaction that holds the task."""
    if task.status == TaskStatus.PENDING:
        run = ExportRun.objects.get(pk=task.pk)
        if run.only:  # otherwise everything will be planned anyway
            ExportRun.objects.filter(pk=task.pk).update(only=[*run.only, *map(str, records)])
        return
    named = ExportRecord.objects.filter(pk__in=records)
    named.filter(status=RecordStatus.FAILED).update(status=RecordStatus.PENDING, attempts=0)
    joined = named.exclude(task=task).update(task=task)
    SessionTask.objects.filter(pk=task.pk).update(total=F("total") + joined)


def _plan(run: ExportRun) -> bool:
    """Write down what is to be sent, once. False if another delivery did."""
    if run.connection is None:
        raise ExportError("The connection of this export was deleted.")
    task = run.task
    plan = Plan([], [])
    if not run.only:
        plan = with_problems(plan_of(task.session, run.connection, update=run.update), run.connection)
    if plan.problems:
        message = f"Nothing was sent: {plan.problems[0]}" if len(plan.problems) == 1 else "Nothing was sent."
        raise ExportError(
            " ".join([message, *(plan.problems if len(plan.problems) > 1 else [])])[:500],
            details={"problems": plan.problems},
            recovery_actions=("Change the connection, or the project's settings in the tracker.",),
        )
    try:
        with transaction.atomic():
            locked = SessionTask.objects.select_for_update().get(pk=task.pk)
            if locked.status != TaskStatus.PENDING:
                raise TaskMoved("Planned already.")
            run.refresh_from_db(fields=["only"])
            total = write_down(plan, task, run.connection, run.only)
            task.plan(total)
            publish_progress(task, stage=f"Starting ({run.connection.name})", force=True)
    except TaskMoved:
        task.refresh_from_db()
        return task.status == TaskStatus.RUNNING
    return True


def _reporting_to(callback: ProgressCallback | None) -> Callable[[SessionTask], None] | None:
    if callback is None:
        return None

    def report(task: SessionTask) -> None:
        fresh = SessionTask.objects.get(pk=task.pk)
        details = {"done": fresh.done, "total": fresh.total, "failed": fresh.failed}
        callback(fresh.progress_percentage, fresh.current_stage, details)

    return report


def active_task(session: Session) -> SessionTask | None:
    """The session's unfinished task, of whatever type."""
    return SessionTask.objects.filter(session=session).unfinished().first()


def latest_export(session: Session) -> SessionTask | None:
    return SessionTask.objects.filter(session=session, task_type=TaskType.EXPORT).first()


def _that_export(task: SessionTask) -> SessionTask:
    if task.task_type != TaskType.EXPORT:
        raise ProcessingError(
            f"Another task ({task.get_task_type_display()}) is under way. Wait for its end or cancel it."
        )
    return task


def delete_connection(connection: TrackerConnection, *, by: AbstractBaseUser | AnonymousUser) -> None:
    """Forget it, its token, and which issues were made through it (they stay; one with the same project finds them
    again by their labels). Raises ExportError while an export uses it.
    """
    if SessionTask.objects.unfinished().filter(export__connection=connection).exists():
        raise ExportError(
            "An export through this connection is under way.", recovery_actions=("Wait for its end, or cancel it.",)
        )
    with transaction.atomic():
        details = {"connection": connection.name, "records": connection.records.count()}
        AuditEvent.record("connections.deleted", connection.workspace, by=by, details=details)
        connection.delete()


def check_connection(connection: TrackerConnection) -> bool:
    """Ask the tracker now who we are and whether the project is there; the row keeps the answer."""
    try:
        connection.remember_check(target_of(connection).check(), healthy=True)
    except ProcessingError as error:  # the tracker's, or a token that cannot be read
        connection.remember_check(error.message, healthy=False)
    return connection.is_healthy
