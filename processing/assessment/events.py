"""What outside systems are told: EventEnvelopes in the outbox, one of a kind per batch."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.utils import timezone

from processing.engine.queue import enqueue
from processing.metrics import Counter, tenant_label

from .models import AssessmentBatch, AssessmentEvent, EventDelivery, WebhookTarget

SOURCE: Final = "cj_assessment_service"
COMPLETED: Final = "cj_assessment.completed.v1"
FAILED: Final = "cj_assessment.failed.v1"
PROVISIONAL: Final = "cj_assessment.scores_provisional.v1"
READY: Final = "cj_assessment.comparisons_ready.v1"
TOPIC: Final = "huleedu.{}"
RELAY: Final = "processing.assessment.delivery.relay.relay_events_job"

BATCHES: Final = Counter("assessment_batches", "Assessments by what became of them.", ("status", "tenant_id"))
COMPARISONS: Final = Counter("assessment_comparisons", "Comparisons of finished assessments.", ("outcome",))

Envelope = dict[str, Any]


def envelope(event_type: str, correlation_id: uuid.UUID, data: dict[str, Any]) -> Envelope:
    """An EventEnvelope: no event leaves without one."""
    return {
        "event_id": str(uuid.uuid4()),
        "event_type": event_type,
        "event_timestamp": timezone.now().isoformat(),
        "source_service": SOURCE,
        "schema_version": 1,
        "correlation_id": str(correlation_id),
        "data": data,
    }


def completed_envelope(batch: AssessmentBatch, rankings: list[dict[str, Any]]) -> Envelope:
    """CJAssessmentCompletedV1: ``entity_ref`` is the id of whoever asked, ``cj_assessment_job_id`` ours."""
    return envelope(
        COMPLETED,
        batch.event_correlation_id,
        {
            "event_name": "cj_assessment.completed",
            "entity_ref": batch.outside_id or str(batch.pk),
            "status": "COMPLETED_SUCCESSFULLY",
            "completion_mode": batch.completion_mode,
            "system_metadata": system_metadata(batch),
            "cj_assessment_job_id": str(batch.pk),
            "rankings": rankings,
        },
    )


def failed_envelope(batch: AssessmentBatch) -> Envelope:
    """CJAssessmentFailedV1; also for a batch that was cancelled, with its status saying so."""
    return envelope(
        FAILED,
        batch.event_correlation_id,
        {
            "event_name": "cj_assessment.failed",
            "entity_ref": batch.outside_id or str(batch.pk),
            "status": "CANCELLED" if batch.state == AssessmentBatch.State.CANCELLED else "FAILED_CRITICALLY",
            "system_metadata": {**system_metadata(batch), "error_detail": batch.error_detail},
            "cj_assessment_job_id": str(batch.pk),
        },
    )


def system_metadata(batch: AssessmentBatch) -> dict[str, Any]:
    end = batch.finished_at or timezone.now()
    return {
        "source_service": SOURCE,
        "processed_at": end.isoformat(),
        "processing_duration_seconds": round((end - (batch.started_at or batch.created_at)).total_seconds(), 3),
        "resource_usage": {
            "total_comparisons": batch.total_budget,
            "completed_comparisons": batch.completed_comparisons,
            "failed_comparisons": batch.failed_comparisons,
        },
    }


def publish_assessment_completed(
    batch: AssessmentBatch, *, completion_data: Envelope, correlation_id: uuid.UUID
) -> None:
    """Call in the transaction that completes the batch."""
    _write([(batch, completion_data)], correlation_id, is_terminal=True)


def publish_assessment_failed(batch: AssessmentBatch, *, failure_data: Envelope, correlation_id: uuid.UUID) -> None:
    """Call in the transaction that fails or cancels the batch."""
    _write([(batch, failure_data)], correlation_id, is_terminal=True)


def publish_failures(batches: list[AssessmentBatch]) -> None:
    """The same for many that ended at once; they may be of many workspaces."""
    _write([(batch, failed_envelope(batch)) for batch in batches], None, is_terminal=True)


def publish(batch: AssessmentBatch, event_type: str, data: dict[str, Any]) -> None:
    """Something that is not the last word."""
    _write([(batch, envelope(event_type, batch.event_correlation_id, data))], None, is_terminal=False)


def _write(
    told: list[tuple[AssessmentBatch, Envelope]], correlation_id: uuid.UUID | None, *, is_terminal: bool
) -> None:
    if not told:
        return
    events = [
        AssessmentEvent(
            pk=uuid.UUID(body["event_id"]),
            batch=batch,
            event_type=body["event_type"],
            is_terminal=is_terminal,
            payload={**body, "correlation_id": str(correlation_id)} if correlation_id else body,
        )
        for batch, body in told
    ]
    AssessmentEvent.objects.bulk_create(events, batch_size=200)
    targets: dict[uuid.UUID, list[WebhookTarget]] = {}
    for target in WebhookTarget.objects.filter(
        workspace_id__in={batch.workspace_id for batch, _ in told}, is_active=True
    ):
        targets.setdefault(target.workspace_id, []).append(target)
    now = timezone.now()
    EventDelivery.objects.bulk_create(
        [
            EventDelivery(event=event, target=target, next_at=now)
            for event, (batch, _) in zip(events, told, strict=True)
            for target in targets.get(batch.workspace_id, ())
        ],
        batch_size=200,
    )
    if is_terminal:
        _count([batch for batch, _ in told])
    enqueue(RELAY, queue="default")


def _count(batches: list[AssessmentBatch]) -> None:
    """In /metrics, once per kind of end and workspace, however many ended."""
    ends: dict[tuple[str, str], int] = {}
    for batch in batches:
        key = (batch.state.lower(), batch.workspace.slug)
        ends[key] = ends.get(key, 0) + 1
    for (status, slug), number in ends.items():
        BATCHES.inc(number, status=status, tenant_id=tenant_label(slug))
    COMPARISONS.inc(sum(batch.completed_comparisons for batch in batches), outcome="completed")
    COMPARISONS.inc(sum(batch.failed_comparisons for batch in batches), outcome="failed")
