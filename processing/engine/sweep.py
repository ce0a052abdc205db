"""Puts right what RQ does not: work of the dead is taken up, nothing stays ``running`` with nobody on it."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from processing.errors import LLMError
from processing.models import SessionError, SessionTask, WorkItem
from processing.models.tasks import ItemStatus, TaskStatus, lease
from sessions_app.errors import Category

from .announcements import publish_progress
from .drainer import enqueue_drainer
from .finish import finish_if_done
from .kinds import JOBS, SEQUENTIAL
from .queue import enqueue

logger = logging.getLogger(__name__)

UNPLANNED_AFTER = timedelta(seconds=60)
"""A task that no job has taken up for so long is enqueued again."""


def sweep() -> dict[str, int]:
    """One pass; safe beside drainers and beside another sweep. Returns what was put right."""
    now = timezone.now()
    counts = {"items_taken_back": _take_back(), "tasks_enqueued": 0, "tasks_finished": 0}
    for task in SessionTask.objects.unplanned(now - UNPLANNED_AFTER):
        if SessionTask.objects.filter(pk=task.pk, enqueued_at=task.enqueued_at, status=TaskStatus.PENDING).update(
            enqueued_at=now
        ):
            enqueue(JOBS[task.task_type], str(task.session_id), str(task.pk), queue="default")
            counts["tasks_enqueued"] += 1
    for task in SessionTask.objects.filter(status=TaskStatus.RUNNING):
        if task.task_type in SEQUENTIAL:
            if SessionTask.objects.stranded(now).filter(pk=task.pk).update(lease_until=now + lease()):
                enqueue(JOBS[task.task_type], str(task.session_id), str(task.pk), queue="export")
                counts["tasks_enqueued"] += 1
        elif not task.items.open().exists():
            counts["tasks_finished"] += finish_if_done(task)
        elif SessionTask.objects.stranded(now).filter(pk=task.pk).update(lease_until=now + lease()):
            enqueue_drainer(task)
            counts["tasks_enqueued"] += 1
    for task in SessionTask.objects.with_due_batches(now):
        if SessionTask.objects.with_due_batches(now).filter(pk=task.pk).update(lease_until=now + lease()):
            enqueue_drainer(task)
            counts["tasks_enqueued"] += 1
    if any(counts.values()):
        logger.info("sweep: %s", counts)
    return counts


def _take_back() -> int:
    """Items of dead drainers go back to the queue; those whose budget is spent fail."""
    now = timezone.now()
    spent = list(WorkItem.objects.orphaned(now).filter(attempts_left=0).select_related("task"))
    for item in spent:
        _give_up(item)
    orphans = WorkItem.objects.orphaned(now).filter(attempts_left__gt=0)
    tasks = set(orphans.values_list("task_id", flat=True))
    taken = orphans.update(status=ItemStatus.PENDING, lease_owner=None, lease_until=None)
    for task in SessionTask.objects.filter(pk__in=tasks, status=TaskStatus.RUNNING):
        enqueue_drainer(task)
    return taken + len(spent)


def _give_up(item: WorkItem) -> None:
    error = LLMError(
        "The worker died each time this ticket was written.",
        Category.ADMIN_REQUIRED,
        recovery_actions=("Look at the row for something unusual.", "Ask an administrator to read the worker's log."),
    )
    with transaction.atomic():
        failed = WorkItem.objects.filter(pk=item.pk, status=ItemStatus.RUNNING, lease_owner=item.lease_owner).update(
            status=ItemStatus.FAILED,
            lease_owner=None,
            error_code=error.code,
            error_message=error.message,
            finished_at=timezone.now(),
        )
        if failed:
            SessionTask.objects.filter(pk=item.task_id).update(failed=F("failed") + 1)
            SessionError.drawn_from(error, item.task, entity_key=item.key, severity=SessionError.Severity.ITEM).save()
            publish_progress(item.task)
