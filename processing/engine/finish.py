"""The end of a task, exactly once, whoever gets there first: its state, its consequences and its last message
are one transaction.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone

from processing import figures
from processing.errors import TaskMoved
from processing.metrics import Tally
from processing.models import SessionError, SessionTask
from processing.models.tasks import FINISHED, ItemStatus
from sessions_app.errors import AppError
from sessions_app.models import AuditEvent

from .announcements import publish_cancelled, publish_completion, publish_error
from .kinds import kind_of
from .queue import enqueue

logger = logging.getLogger(__name__)


def finish_if_done(task: SessionTask) -> bool:
    """Complete the task if none of its items is open. True if this call was the one that did it."""
    if task.items.open().exists():
        return False
    try:
        with transaction.atomic(), Tally() as tally:
            task.complete()
            figures.run_ended(tally, task)
            summary = kind_of(task).finish(task)
            publish_completion(task, {"status": str(task.status), "ready_for_review": True, **summary})
    except TaskMoved:
        return False
    logger.info("task %s is %s: %s", task.pk, task.status, summary)
    return True


def fail(task: SessionTask, error: AppError) -> bool:
    """End the task as failed, keep the error for people, send the last word. False if it had ended already."""
    try:
        with transaction.atomic(), Tally() as tally:
            task.fail(error)
            figures.run_ended(tally, task)
            _close_items(task, tally)
            SessionError.drawn_from(error, task).save()
            publish_error(task)
    except TaskMoved:
        return False
    logger.warning("task %s failed: %s", task.pk, error.message)
    return True


def cancel(task: SessionTask) -> bool:
    """Stop the task now. Calls in flight are let go; what they answer still goes to the ledger."""
    try:
        with transaction.atomic(), Tally() as tally:
            SessionTask.objects.filter(pk=task.pk).exclude(status__in=FINISHED).update(cancel_requested=True)
            task.cancel()
            figures.run_ended(tally, task)
            _close_items(task, tally)
            AuditEvent.record(
                "run.cancelled", task.session, by=task.started_by, details={"done": task.done, "total": task.total}
            )
            publish_cancelled(task)
    except TaskMoved:
        return False
    return True


def _close_items(task: SessionTask, tally: Tally) -> None:
    closed = task.items.open().update(
        status=ItemStatus.CANCELLED, lease_owner=None, lease_until=None, finished_at=timezone.now()
    )
    figures.items_ended(tally, task, "cancelled", closed)
    if task.economy:  # somebody has to tell the provider
        enqueue("processing.engine.jobs.drain_job", str(task.pk), queue="llm")
