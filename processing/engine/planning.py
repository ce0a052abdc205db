"""From an accepted task to its items, once, however often the job is delivered."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice

from django.conf import settings
from django.db import transaction

from processing import figures
from processing.errors import TaskMoved
from processing.metrics import Tally
from processing.models import SessionTask, WorkItem
from processing.models.tasks import ItemStatus, TaskStatus
from sessions_app.errors import AppError

from . import queue
from .announcements import publish_progress
from .drainer import enqueue_drainer
from .finish import fail
from .kinds import kind_of

AT_ONCE = 1_000


def plan(task: SessionTask) -> bool:
    """Write the items and start the run. False if another delivery planned it first, or if it cannot be planned."""
    kind = kind_of(task)
    try:
        items = kind.plan(task)
    except AppError as error:
        fail(task, error)
        return False
    try:
        with transaction.atomic(), Tally() as tally:
            locked = SessionTask.objects.select_for_update().get(pk=task.pk)
            if locked.status != TaskStatus.PENDING:
                raise TaskMoved("Planned already.")
            total, skipped = _write(items)
            SessionTask.objects.filter(pk=task.pk).update(done=skipped, total=total)
            task.plan(total)
            figures.items_ended(tally, task, "skipped", skipped)
            publish_progress(task, stage="Starting", force=True)
    except TaskMoved:
        task.refresh_from_db()
        return False
    return True


def _write(items: Iterable[WorkItem]) -> tuple[int, int]:
    """(How many there are, how many of them are skipped.)"""
    total = skipped = 0
    remaining = iter(items)
    while some := list(islice(remaining, AT_ONCE)):
        WorkItem.objects.bulk_create(some)
        total += len(some)
        skipped += sum(item.status == ItemStatus.SKIPPED for item in some)
    return total, skipped


def enqueue_drainers(task: SessionTask, concurrency: int, at_work: int = 0) -> None:
    """As many drainers as there are workers and work for, within the limit, beside those that are at work already."""
    waiting = task.items.filter(status=ItemStatus.PENDING).count()
    useful = math.ceil(waiting / (2 * concurrency))
    drainers = min(int(settings.ENGINE["MAX_DRAINERS"]), queue.workers_on("llm"), useful)
    for _ in range(max(1, drainers) - at_work):  # one at least, to say that it is over
        enqueue_drainer(task)
