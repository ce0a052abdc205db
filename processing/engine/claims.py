"""Claiming items, giving them back, and writing what came of them. Every function is one short transaction."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from processing import figures
from processing.errors import BudgetReached, LLMError, delay_after
from processing.metrics import Tally
from processing.models import LLMCall, SessionError, SessionTask, WorkItem
from processing.models.tasks import ItemStatus, TaskStatus, lease
from sessions_app.models import Workspace

from . import money
from .announcements import publish_progress
from .kinds import Outcome, TaskKind

logger = logging.getLogger(__name__)

WRITABLE = (TaskStatus.RUNNING, TaskStatus.PAUSED)
"""Results of calls in flight are still written after a pause; after a cancel they only go to the ledger."""


def claim(task: SessionTask, owner: uuid.UUID, count: int, at_once: int | None = None) -> list[WorkItem]:
    """Take up to ``count`` due items for ``owner``; each claim costs one attempt of the item's budget.

    Beyond the ``at_once`` that can be begun now it takes at most half of what is due: towards the end of a run nobody
    hoards what others could begin. Takes no more than the limits of money allow, and pauses the run where they allow
    nothing more.
    """
    now = timezone.now()
    due = WorkItem.objects.filter(task=task).claimable(now).order_by("position")
    if at_once is not None and at_once < count:
        count = max(at_once, due[: 2 * count].count() // 2)
        if not count:
            return []
    with transaction.atomic():
        count = _affordable(task, count)
        skip_locked = connection.features.has_select_for_update_skip_locked
        ids = list(due.select_for_update(skip_locked=skip_locked).values_list("pk", flat=True)[:count])
        if not ids or not SessionTask.objects.filter(pk=task.pk, status=TaskStatus.RUNNING).exists():
            return []
        WorkItem.objects.filter(pk__in=ids).update(
            status=ItemStatus.RUNNING,
            lease_owner=owner,
            lease_until=now + lease(),
            attempts_left=F("attempts_left") - 1,
        )
    return list(WorkItem.objects.filter(pk__in=ids).order_by("position"))


def _affordable(task: SessionTask, count: int) -> int:
    """As many of ``count`` calls as can be paid for. Locks the workspace, so that two who claim add up."""
    if not money.is_limited(task):
        return count
    Workspace.objects.select_for_update().get(pk=task.session.workspace_id)
    current = SessionTask.objects.select_related("session__workspace").get(pk=task.pk)
    left, sentence = money.left_for(current)
    reserve = money.reserve_of(current)
    if left is None:
        return count
    affordable = count if reserve == 0 and left > 0 else int(left / reserve) if left > 0 else 0
    if affordable == 0 and current.status == TaskStatus.RUNNING:
        in_flight = WorkItem.objects.filter(task=task, status=ItemStatus.RUNNING).exists()
        if not in_flight and WorkItem.objects.filter(task=task, status=ItemStatus.PENDING).exists():
            hold(current, BudgetReached(sentence))
    return min(count, affordable)


def hold(task: SessionTask, error: LLMError) -> None:
    """Pause the run until a person has decided. Inside a transaction. Nothing went wrong, so no error is recorded."""
    task.pause(error.message)
    publish_progress(task, stage="Paused", force=True)


def renew(task: SessionTask, owner: uuid.UUID) -> None:
    """A sign of life for the task and for everything that this drainer holds."""
    WorkItem.objects.filter(task=task, lease_owner=owner, status=ItemStatus.RUNNING).update(
        lease_until=timezone.now() + lease()
    )
    task.extend_lease()


def give_back(owner: uuid.UUID, items: Sequence[WorkItem] | None = None) -> None:
    """Return items that no call was made for, with their attempt; without ``items`` all that this owner holds."""
    held = WorkItem.objects.filter(lease_owner=owner, status=ItemStatus.RUNNING)
    if items is not None:
        held = held.filter(pk__in=[item.pk for item in items])
    held.update(status=ItemStatus.PENDING, lease_owner=None, lease_until=None, attempts_left=F("attempts_left") + 1)


def release(owner: uuid.UUID, wait: float) -> None:
    """Return all that this owner holds, with its attempt, to be claimed again after so many seconds."""
    WorkItem.objects.filter(lease_owner=owner, status=ItemStatus.RUNNING).update(
        status=ItemStatus.PENDING,
        lease_owner=None,
        lease_until=None,
        attempts_left=F("attempts_left") + 1,
        not_before=timezone.now() + timedelta(seconds=wait),
    )


def write(kind: TaskKind, task: SessionTask, owner: uuid.UUID, outcomes: Sequence[Outcome]) -> None:
    """Write results, items, counts, ledger and progress in one transaction.

    Only items that this owner still holds are written, so a late or doubled delivery changes nothing.
    """
    with transaction.atomic(), Tally() as tally:
        current = SessionTask.objects.select_for_update().get(pk=task.pk)
        calls = _not_yet_kept([call for outcome in outcomes for call in outcome.calls])
        LLMCall.objects.bulk_create(calls)
        figures.calls_made(tally, calls)
        cost = sum((call.cost for call in calls if call.cost is not None), Decimal(0))
        if cost:
            SessionTask.objects.filter(pk=task.pk).update(cost=F("cost") + cost)
        if current.status not in WRITABLE:
            return
        ids = [outcome.item.pk for outcome in outcomes]
        mine = WorkItem.objects.filter(pk__in=ids, lease_owner=owner, status=ItemStatus.RUNNING)
        held = set(mine.select_for_update().values_list("pk", flat=True))  # locked: the sweep may be at them
        good = [outcome for outcome in outcomes if outcome.item.pk in held and outcome.error is None]
        bad = [outcome for outcome in outcomes if outcome.item.pk in held and outcome.error is not None]
        kind.write(current, good)
        _finish_items([outcome.item for outcome in good], ItemStatus.DONE)
        failed = _write_failures(current, bad)
        figures.items_ended(tally, current, "done", len(good))
        figures.items_ended(tally, current, "failed", failed)
        SessionTask.objects.filter(pk=task.pk).update(done=F("done") + len(good), failed=F("failed") + failed)
        _watch_failures(current, outcomes, held)
        group = outcomes[-1].item.entity_group
        stage, details = kind.stage_text(current, group)
        publish_progress(current, stage=stage, details=details)


def _not_yet_kept(calls: list[LLMCall]) -> list[LLMCall]:
    """All of them, unless a commit went through whose answer was lost, and this is the repetition."""
    kept = set(LLMCall.objects.filter(pk__in=[call.pk for call in calls]).values_list("pk", flat=True)) if calls else ()
    return [call for call in calls if call.pk not in kept]


def _finish_items(items: Sequence[WorkItem], status: ItemStatus) -> None:
    WorkItem.objects.filter(pk__in=[item.pk for item in items]).update(
        status=status, lease_owner=None, lease_until=None, finished_at=timezone.now()
    )


def _write_failures(task: SessionTask, outcomes: Sequence[Outcome]) -> int:
    """Send items that may be tried again back to the queue, with a growing wait; fail the others. Returns how many
    failed.
    """
    failures: list[SessionError] = []
    for outcome in outcomes:
        item, error = outcome.item, outcome.error
        if error is None:
            continue
        # The claim has taken one attempt; each further call (a repair, a fallback) is one as well.
        item.attempts_left = max(0, item.attempts_left + 1 - max(1, len(outcome.calls)))
        if error.pauses_run or (error.retryable and item.attempts_left > 0 and not error.stops_run):
            _postpone(item, error)
            continue
        WorkItem.objects.filter(pk=item.pk).update(
            status=ItemStatus.FAILED,
            lease_owner=None,
            lease_until=None,
            finished_at=timezone.now(),
            attempts_left=item.attempts_left,
            error_code=error.code,
            error_message=error.message[:500],
        )
        failures.append(SessionError.drawn_from(error, task, entity_key=item.key, severity=SessionError.Severity.ITEM))
    SessionError.objects.bulk_create(failures)
    return len(failures)


def _postpone(item: WorkItem, error: LLMError) -> None:
    delay = delay_after(error, int(settings.ENGINE["ATTEMPTS"]) - item.attempts_left)
    WorkItem.objects.filter(pk=item.pk).update(
        status=ItemStatus.PENDING,
        lease_owner=None,
        lease_until=None,
        attempts_left=max(item.attempts_left, int(error.pauses_run)),
        not_before=timezone.now() + timedelta(seconds=delay),
        error_code=error.code,
        error_message=error.message[:500],
    )


def _watch_failures(task: SessionTask, outcomes: Sequence[Outcome], held: set[int]) -> None:
    """Five equal failures in a row pause the run; a failure that every call must share ends it."""
    row, cause = task.equal_failures, task.last_failure_cause
    worst: LLMError | None = None
    for outcome in outcomes:
        if outcome.item.pk not in held:
            continue
        if outcome.error is None:
            row, cause = 0, ""
            continue
        if not outcome.error.cause:
            continue
        row = row + 1 if outcome.error.cause == cause else 1
        cause = outcome.error.cause
        worst = outcome.error if outcome.error.stops_run or outcome.error.pauses_run or worst is None else worst
    SessionTask.objects.filter(pk=task.pk).update(equal_failures=row, last_failure_cause=cause)
    task.refresh_from_db()
    if task.status != TaskStatus.RUNNING or worst is None:
        return
    if worst.stops_run:
        from .finish import fail

        fail(task, worst)
    elif worst.pauses_run:
        hold(task, worst)
    else:
        _pause_at_breaker(task, row, worst)


def _pause_at_breaker(task: SessionTask, row: int, error: LLMError) -> None:
    if row >= settings.ENGINE["BREAKER"]:
        task.pause(f"Paused after {row} equal failures in a row: {error.message}")
        SessionError.drawn_from(error, task).save()
        publish_progress(task, force=True)


def strike(task: SessionTask, error: LLMError) -> None:
    """Count a failure that concerns no item by itself, such as a batch that was not taken."""
    with transaction.atomic():
        current = SessionTask.objects.select_for_update().get(pk=task.pk)
        row = current.equal_failures + 1 if current.last_failure_cause == error.cause else 1
        SessionTask.objects.filter(pk=task.pk).update(equal_failures=row, last_failure_cause=error.cause)
        if current.status == TaskStatus.RUNNING:
            _pause_at_breaker(current, row, error)
