"""Every minute: what waits for results that do not come any more, or for a worker that died. Set-based: the number of
queries does not grow with the number of batches.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from processing.engine.queue import enqueue, workers_on
from sessions_app.errors import AppError

from . import counting, events, generating, progress
from .comparing.thresholds import RECOVERY_SHARE
from .models import AssessmentBatch, ComparisonPair
from .models.batches import TAKING, CompletionMode, State
from .models.comparisons import JudgeKind

logger = logging.getLogger(__name__)

AT_ONCE: Final = 1_000


class ResultsStopped(AppError):
    """No result came for longer than the batch waits, and too few are in."""

    code = "RESULTS_STOPPED"
    recovery_actions = ("Look whether the judges still work.", "Make the assessment again.")


class BatchMonitor:
    """The seed's monitor. Safe beside another one and beside callbacks: every move is a conditional UPDATE."""

    def check_stuck_batches(self) -> dict[str, int]:
        """One pass; returns what was put right."""
        counts = {
            "recovered": self._recover(),
            "failed": self._fail(),
            "grace_over": self._end_grace(),
            "woken": self._wake(),
        }
        if any(counts.values()):
            logger.info("assessment monitor: %s", counts)
        return counts

    def _recover(self) -> int:
        """Stuck, but nearly all results are there: score what is there."""
        now = timezone.now()
        stuck = AssessmentBatch.objects.past_deadline(State.WAITING_CALLBACKS, now).filter(_enough())
        return stuck.update(
            state=State.SCORING,
            is_finalising=True,
            completion_mode=CompletionMode.FORCED_RECOVERY,
            deadline_at=now,
            is_untold=True,
        )

    def _fail(self) -> int:
        """Stuck with too few results. State and events are one transaction, for each thousand."""
        failed = 0
        while True:
            with transaction.atomic():
                stuck = AssessmentBatch.objects.past_deadline(State.WAITING_CALLBACKS, timezone.now()).exclude(
                    _enough()
                )
                skip = connection.features.has_select_for_update_skip_locked
                rows = list(
                    stuck.select_for_update(skip_locked=skip, of=("self",)).select_related("workspace")[:AT_ONCE]
                )
                error = ResultsStopped("No results came any more, and there are too few to make scores of.")
                now = timezone.now()
                detail = counting.error_detail(error)
                keys = [row.pk for row in rows]
                AssessmentBatch.objects.filter(pk__in=keys).update(
                    state=State.FAILED, error_detail=detail, finished_at=now, deadline_at=None
                )
                for row in rows:
                    row.state, row.error_detail, row.finished_at = State.FAILED, detail, now
                events.publish_failures(rows)
                progress.announce_all(rows)
            failed += len(rows)
            if len(rows) < AT_ONCE:
                return failed

    def _end_grace(self) -> int:
        """Enough results were in, and late ones have had their time."""
        now = timezone.now()
        waiting = AssessmentBatch.objects.past_deadline(State.SCORING, now).filter(is_finalising=False)
        return waiting.update(
            is_finalising=True, completion_mode=CompletionMode.PARTIAL, deadline_at=now, is_untold=True
        )

    def _wake(self) -> int:
        """Enqueue what nobody is at: scoring, jobs that were lost, models that wait for a worker."""
        now = timezone.now()
        due = AssessmentBatch.objects.to_finalise(timezone.now()).count()
        for _ in range(min(due, workers_on("default"))):
            enqueue(counting.SCORE, queue="default")
        lost = list(
            AssessmentBatch.objects.past_deadline(State.GENERATING_PAIRS, now).values_list("pk", flat=True)[:AT_ONCE]
        )
        AssessmentBatch.objects.filter(pk__in=lost, state=State.GENERATING_PAIRS).update(
            deadline_at=now + timedelta(seconds=generating.LOOK_AGAIN)
        )
        for key in lost:
            enqueue(generating.JOB, str(key), queue="default")
        between = AssessmentBatch.objects.filter(
            state__in=TAKING,
            adaptive=True,
            is_finalising=False,
            total_comparisons__lt=F("total_budget"),
            total_comparisons=F("completed_comparisons") + F("failed_comparisons"),
        )
        for key in between.values_list("pk", flat=True)[:AT_ONCE]:
            enqueue(counting.NEXT_ROUND, str(key), queue="default")
        return due + len(lost)


def _enough() -> Q:
    """At least four fifths of the budget have a result."""
    return Q(completed_comparisons__gte=RECOVERY_SHARE * F("total_budget"), completed_comparisons__gt=0)


def check_stuck_batches() -> dict[str, int]:
    """The schedule's entry, every minute."""
    return BatchMonitor().check_stuck_batches()


def wake_judges() -> dict[str, int]:
    """Every 30 s: batches with comparisons for a model that no worker is at (it died, or the message was lost)."""
    now = timezone.now()
    waiting = ComparisonPair.objects.for_model(now).filter(
        judge_kind=JudgeKind.MODEL, batch__state__in=TAKING, batch__is_finalising=False, batch__hold_reason=""
    )
    busy = ComparisonPair.objects.waiting().filter(lease_until__gte=now).values("batch_id")
    keys = list(
        waiting.exclude(batch_id__in=busy).values_list("batch_id", flat=True).distinct().order_by("batch_id")[:AT_ONCE]
    )
    for key in keys:
        enqueue(generating.JUDGE, str(key), queue="llm")
    return {"woken_assessments": len(keys)}
