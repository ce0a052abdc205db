"""One job's share of a task: plan it if nobody has, then work on it as its first drainer."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings

from processing.models import SessionTask
from processing.models.tasks import TaskStatus

from . import batches, planning
from .drainer import Drainer

ProgressCallback = Callable[[float, str, dict[str, Any]], None]
LARGE = 2_000
"""Items from which on the plan leaves so much memory behind that others, in fresh processes, work on them."""


def execute(session_id: uuid.UUID, task_id: uuid.UUID, progress_callback: ProgressCallback | None = None) -> None:
    """Returns silently if the task is no longer the session's active one. Safe to be called twice."""
    task = SessionTask.objects.select_related("session").filter(pk=task_id, session_id=session_id).first()
    if task is None or task.is_finished:
        return
    if task.status == TaskStatus.PENDING and not planning.plan(task):
        return
    if progress_callback:
        progress_callback(task.progress_percentage, task.current_stage, {"total": task.total})
    if task.economy:
        batches.tend(task)
    else:
        _drain(task, progress_callback)
    task.refresh_from_db()
    if progress_callback:
        progress_callback(task.progress_percentage, task.current_stage, {"done": task.done, "failed": task.failed})


def _drain(task: SessionTask, progress_callback: ProgressCallback | None) -> None:
    """Work on the task until its slice is over, with helpers; or leave a large one to them, unless somebody listens."""
    if task.total > LARGE and progress_callback is None:
        planning.enqueue_drainers(task, int(settings.ENGINE["CONCURRENCY"]))
        return
    drainer = Drainer(task, on_written=_reporting_to(progress_callback))
    planning.enqueue_drainers(task, drainer.room.concurrency, at_work=1)
    drainer.run()


def _reporting_to(callback: ProgressCallback | None) -> Callable[[SessionTask], None] | None:
    if callback is None:
        return None

    def report(task: SessionTask) -> None:
        fresh = SessionTask.objects.get(pk=task.pk)
        callback(
            fresh.progress_percentage,
            fresh.current_stage,
            {"done": fresh.done, "total": fresh.total, "failed": fresh.failed},
        )

    return report
