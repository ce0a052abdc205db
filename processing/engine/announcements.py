"""Telling of a task: a numbered message written in the transaction of what it tells, sent after the commit.

At most four progress messages a second per task; terminal ones always, and exactly one per task (a unique constraint).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from processing.models import OutboxEvent, SessionTask

from . import relay
from .messages import TERMINAL, MessageType, channel_of, message_of

PAUSE_BETWEEN: Final = timedelta(milliseconds=250)


def publish_progress(
    task: SessionTask,
    percentage: float | None = None,
    stage: str = "",
    details: dict[str, Any] | None = None,
    *,
    force: bool = False,
) -> bool:
    """Announce how far the task is; False if the last message is less than 0.25 s old (unless ``force``).

    ``percentage`` and ``stage`` default to the row's own.
    """
    now = timezone.now()
    due = Q() if force else Q(announced_at__isnull=True) | Q(announced_at__lte=now - PAUSE_BETWEEN)
    with transaction.atomic():
        changes: dict[str, Any] = {"current_stage": stage[:200]} if stage else {}
        moved = (
            SessionTask.objects.unfinished()
            .filter(due, pk=task.pk)
            .update(seq=F("seq") + 1, announced_at=now, **changes)
        )
        if not moved:
            return False
        fields: dict[str, Any] = {"details": details or {}}
        if percentage is not None:
            fields["progress_percentage"] = percentage
        _record(task, "progress", **fields)
    return True


def publish_completion(
    task: SessionTask, result_summary: dict[str, Any] | None = None, *, results: dict[str, Any] | None = None
) -> None:
    """The last message of a run that reached its end. Call in the transaction that ends it."""
    _last_word(task, "completed", result_summary=result_summary or results or {})


def publish_cancelled(task: SessionTask) -> None:
    """The last message of a run that a person stopped, with the counts so far."""
    _last_word(
        task, "cancelled", result_summary={"status": "cancelled", "tickets_generated": task.done, "failed": task.failed}
    )


def publish_error(task: SessionTask) -> None:
    """The last message of a run that failed; category, sentence and recovery actions come from the row."""
    _last_word(task, "error")


def _last_word(task: SessionTask, kind: MessageType, **fields: Any) -> None:
    SessionTask.objects.filter(pk=task.pk).update(seq=F("seq") + 1, announced_at=timezone.now())
    _record(task, kind, **fields)


def _record(task: SessionTask, kind: MessageType, **fields: Any) -> None:
    task.refresh_from_db()
    event = OutboxEvent.objects.create(
        session_id=task.session_id,
        task_id=task.task_id,
        seq=task.seq,
        channel=channel_of(task.session_id, task.task_type),
        is_terminal=kind in TERMINAL,
        payload=message_of(task, kind, **fields),
    )
    transaction.on_commit(lambda: relay.send([event]), robust=True)
