"""Telling browsers of an assessment as it goes, as the engine tells of a run: numbered messages in the outbox, written
in the transaction of what they tell and relayed after it.

At most four messages a second for each batch. What comes in between is marked (``is_untold``) by whatever changed the
row, and told by ``announce_rest``; the last word always goes out, and a unique constraint keeps it the only one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from processing.engine import relay
from processing.engine.announcements import PAUSE_BETWEEN
from processing.engine.messages import channel_of
from processing.models import OutboxEvent

from .models import AssessmentBatch, ScoringRun
from .models.batches import TERMINAL, State

TASK_TYPE: Final = "assessment"
LAST_WORD: Final = {State.COMPLETED: "completed", State.FAILED: "error", State.CANCELLED: "cancelled"}
AT_ONCE: Final = 500


def announce(batch: AssessmentBatch, *, is_urgent: bool = True) -> bool:
    """Tell how the batch stands. In the transaction that changed it, with its row as it stands now.

    False if it is not urgent and the last message is less than 0.25 s old; the row then has to be marked ``is_untold``.
    """
    if not is_urgent and batch.announced_at and timezone.now() < batch.announced_at + PAUSE_BETWEEN:
        return False
    announce_all([batch])
    return True


def announce_all(batches: Sequence[AssessmentBatch]) -> None:
    """The same for many, in as many queries as for one."""
    if not batches:
        return
    now = timezone.now()
    mine = AssessmentBatch.objects.filter(pk__in=[batch.pk for batch in batches])
    mine.update(seq=F("seq") + 1, announced_at=now, is_untold=False)
    numbers = dict(mine.values_list("pk", "seq"))
    scores = scores_of(batches)
    for batch in batches:
        batch.seq, batch.announced_at, batch.is_untold = numbers[batch.pk], now, False
    events = OutboxEvent.objects.bulk_create(
        [
            OutboxEvent(
                session_id=batch.pk,
                task_id=batch.pk,
                seq=batch.seq,
                channel=channel_of(batch.pk, TASK_TYPE),
                is_terminal=batch.is_terminal,
                payload=message_of(batch, LAST_WORD.get(State(batch.state), "progress"), scores=scores.get(batch.pk)),
            )
            for batch in batches
        ],
        batch_size=200,
    )
    transaction.on_commit(lambda: relay.send(events), robust=True)


def announce_rest() -> dict[str, int]:
    """Every 5 s: what happened within a quarter of a second after a message, or to many batches at once."""
    with transaction.atomic():
        skip = connection.features.has_select_for_update_skip_locked
        untold = AssessmentBatch.objects.filter(is_untold=True).exclude(state__in=TERMINAL)
        rows = list(untold.select_for_update(skip_locked=skip)[:AT_ONCE])
        announce_all(rows)
    return {"announced_assessments": len(rows)}


def scores_of(batches: Sequence[AssessmentBatch]) -> dict[Any, str]:
    """Which scores there are of each: provisional, final, or it is not in the answer."""
    started = [batch.pk for batch in batches if batch.state in (State.SCORING, *TERMINAL)]
    if not started:
        return {}
    runs = ScoringRun.objects.filter(batch_id__in=started).values_list("batch_id", "kind")
    return dict(sorted(runs, key=lambda run: run[1] == ScoringRun.Kind.FINAL))


def message_of(batch: AssessmentBatch, kind: str, *, scores: str | None, **fields: Any) -> dict[str, Any]:
    """The fields of a run's message. ``status`` is the batch's state, or paused; ``details`` counts comparisons, and
    says which ``scores`` there are.
    """
    is_paused = bool(batch.hold_reason) and not batch.is_terminal
    message: dict[str, Any] = {
        "type": kind,
        "assessment_id": str(batch.pk),
        "task_id": str(batch.pk),
        "task_type": TASK_TYPE,
        "timestamp": timezone.now().isoformat(),
        "seq": batch.seq,
        "status": "paused" if is_paused else batch.state,
        "progress_percentage": batch.progress_percentage,
        "current_stage": "Paused" if is_paused else batch.get_state_display(),
        "details": {
            "done": batch.completed_comparisons,
            "total": batch.total_budget,
            "failed": batch.failed_comparisons,
            "partial_scoring_triggered": batch.partial_scoring_triggered,
            "scores": scores or "",
        },
        **fields,
    }
    if batch.state == State.COMPLETED:
        message["result_summary"] = {
            "completion_mode": batch.completion_mode,
            "completed_comparisons": batch.completed_comparisons,
            "failed_comparisons": batch.failed_comparisons,
        }
    if is_paused:
        message["user_message"] = batch.hold_reason
    if batch.state == State.FAILED:
        message["error_category"] = batch.error_detail.get("category", "")
        message["user_message"] = batch.error_message
        message["recovery_actions"] = batch.error_detail.get("recovery_actions", [])
    return message
