"""Exact counting: each comparison has one result, whoever delivers how many, when, and in what order.

The pair is taken by one conditional UPDATE; only who took it counts it, by F(), in the same transaction. The batch's
row is locked by that, so whoever is last sees all counts and moves the batch on. Locks are always taken pair first.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from django.db import transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone

from processing.engine.queue import enqueue
from sessions_app.errors import AppError

from . import events, progress
from .comparing.thresholds import Decision, decide
from .models import AssessmentBatch, ComparisonPair
from .models.batches import TAKING, State
from .models.comparisons import Winner

logger = logging.getLogger(__name__)

SCORE: Final = "processing.assessment.scoring.score_due_job"
PROVISIONAL: Final = "processing.assessment.scoring.provisional_job"
NEXT_ROUND: Final = "processing.assessment.generating.next_round_job"


class Counted(StrEnum):
    """What became of a result."""

    COUNTED = "counted"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Result:
    """``winner`` is essay_a, essay_b, tie or error (then with a code). ``judge`` replaces the judge's name if given."""

    winner: str
    judge: str = ""
    confidence: float | None = None
    reason: str = ""
    votes: list[str] = field(default_factory=list)
    error_code: str = ""
    error_detail: dict[str, Any] = field(default_factory=dict)
    judged_by_id: int | None = None


def record(result: Result, **which: Any) -> Counted:
    """Take one result for the pair that ``which`` names (filters of ComparisonPair), and move its batch on."""
    with transaction.atomic():
        known = ComparisonPair.objects.filter(**which)
        pair = known.values("pk", "batch_id", "batch__timeout_seconds", "batch__grace_seconds").first()
        if pair is None:
            return Counted.UNKNOWN
        if not _take(pair["pk"], result):
            return Counted.DUPLICATE
        count(
            pair["batch_id"],
            completed=int(result.winner != Winner.ERROR),
            failed=int(result.winner == Winner.ERROR),
            timeout=pair["batch__timeout_seconds"],
            grace=pair["batch__grace_seconds"],
        )
    return Counted.COUNTED


def record_many(batch: AssessmentBatch, results: dict[uuid.UUID, Result]) -> int:
    """The same for several pairs of one batch (by their id), counted together. Returns how many were new."""
    with transaction.atomic():
        taken = [result for key, result in sorted(results.items()) if _take(key, result)]
        failed = sum(result.winner == Winner.ERROR for result in taken)
        if taken:
            count(
                batch.pk,
                completed=len(taken) - failed,
                failed=failed,
                timeout=batch.timeout_seconds,
                grace=batch.grace_seconds,
            )
    return len(taken)


def _take(key: uuid.UUID, result: Result) -> bool:
    """The one conditional UPDATE."""
    named = {"judge": result.judge[:170]} if result.judge else {}
    taken = ComparisonPair.objects.filter(pk=key, completed_at__isnull=True).update(
        winner=result.winner,
        completed_at=timezone.now(),
        confidence=result.confidence,
        reason=result.reason[:1000],
        votes=result.votes,
        error_code=result.error_code[:60],
        error_detail=result.error_detail,
        judged_by_id=result.judged_by_id,
        lease_owner=None,
        lease_until=None,
        **named,
    )
    return bool(taken)


def count(batch_id: uuid.UUID, *, completed: int, failed: int, timeout: int, grace: int) -> None:
    """Add to the counts and decide what they mean. A result is a sign of life: it moves the deadline on."""
    now = timezone.now()
    AssessmentBatch.objects.filter(pk=batch_id).update(
        completed_comparisons=F("completed_comparisons") + completed,
        failed_comparisons=F("failed_comparisons") + failed,
        deadline_at=Case(
            When(state=State.WAITING_CALLBACKS, then=Value(now + timedelta(seconds=timeout))),
            When(state=State.SCORING, is_finalising=False, then=Value(now + timedelta(seconds=grace))),
            default=F("deadline_at"),
        ),
        is_untold=Case(When(state__in=TAKING, then=Value(True)), default=F("is_untold")),  # noqa: FBT003 - SQL
    )
    batch = AssessmentBatch.objects.select_related("workspace").get(pk=batch_id)
    if batch.state in TAKING:
        state = batch.state
        advance(batch)
        if not batch.is_terminal:
            progress.announce(batch, is_urgent=batch.state != state)


def advance(batch: AssessmentBatch) -> None:
    """Move a batch on as its counts say. In the transaction that changed them; after the end, counts change nothing."""
    if batch.state not in TAKING:
        return
    decision = decide(
        batch.completed_comparisons,
        batch.failed_comparisons,
        batch.total_budget,
        threshold=batch.completion_threshold,
        min_success=batch.min_success_rate,
    )
    if decision is Decision.FAIL:
        fail_for_errors(batch)
    elif decision is Decision.ALL_IN:
        begin_finalising(batch, AssessmentBatch.CompletionMode.FULL)
    elif decision is Decision.ENOUGH and not batch.partial_scoring_triggered:
        began = batch.moved_to(
            State.SCORING,
            only_from=State.WAITING_CALLBACKS,
            partial_scoring_triggered=True,
            deadline_at=batch.due_in(batch.grace_seconds),
        )
        if began:
            enqueue(PROVISIONAL, str(batch.pk), queue="default")
    if batch.adaptive and batch.processed == batch.total_comparisons < batch.total_budget and not batch.is_terminal:
        enqueue(NEXT_ROUND, str(batch.pk), queue="default")


def begin_finalising(batch: AssessmentBatch, mode: str) -> bool:
    """No more waiting: the next worker scores for the last time. True if it was this call that said so."""
    waiting = AssessmentBatch.objects.filter(pk=batch.pk, state__in=TAKING, is_finalising=False)
    began = waiting.update(state=State.SCORING, is_finalising=True, completion_mode=mode, deadline_at=timezone.now())
    if began:
        enqueue(SCORE, queue="default")
    batch.refresh_from_db()
    return bool(began)


class TooManyErrors(AppError):
    """Judges failed more often than the batch allows."""

    code = "SUCCESS_RATE_TOO_LOW"
    recovery_actions = ("Look at the errors of the comparisons.", "Mend the judge, then make the assessment again.")


def fail_for_errors(batch: AssessmentBatch) -> None:
    message = (
        f"{batch.failed_comparisons} of {batch.processed} comparisons failed; at least "
        f"{100 * batch.min_success_rate:.0f} % have to succeed."
    )
    fail(batch, TooManyErrors(message))


def error_detail(error: AppError) -> dict[str, Any]:
    """The structured error of a batch or comparison (C-052)."""
    return {
        "error_code": error.code,
        "category": str(error.category),
        "user_message": error.message,
        "recovery_actions": list(error.recovery_actions),
    }


def fail(batch: AssessmentBatch, error: AppError) -> bool:
    """End a batch for a reason, with its event, in one transaction. False if it had ended before."""
    with transaction.atomic():
        ended = batch.moved_to(State.FAILED, error_detail=error_detail(error))
        if ended:
            events.publish_assessment_failed(
                batch, failure_data=events.failed_envelope(batch), correlation_id=batch.event_correlation_id
            )
            progress.announce(batch)
    if ended:
        logger.warning("assessment %s failed: %s", batch.pk, error.code)
    return ended
