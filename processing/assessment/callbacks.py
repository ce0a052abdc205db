"""``POST /callbacks/assessment``: signed EventEnvelopes of outside systems, by their type.

``llm_comparison.result.v1``      LLMComparisonResultV1: one comparison's result, found by its correlation id
``cj_assessment.requested.v1``    CJAssessmentRequestV1: a batch of essays to be ranked

What is not known is acknowledged and changes nothing: whoever sends it could not do better by sending it again.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any, Final

from rest_framework import serializers

from processing.models.webhooks import Purpose
from processing.webhooks import Answer, Delivery, WebhookInvalid, webhook
from sessions_app.models import Workspace

from .counting import Counted, Result, record
from .models.comparisons import JudgeKind, Winner
from .service import BatchSerializer, create_batch, from_event

logger = logging.getLogger(__name__)

RESULT: Final = ("llm_comparison.result.v1", "huleedu.llm_comparison.result.v1", "llm_provider.comparison_result.v1")
REQUEST: Final = ("cj_assessment.requested.v1", "huleedu.cj_assessment.requested.v1")
_WINNERS: Final = {
    "essay_a": Winner.ESSAY_A,
    "essay_b": Winner.ESSAY_B,
    "Essay A": Winner.ESSAY_A,
    "Essay B": Winner.ESSAY_B,
    "tie": Winner.TIE,
}


class EnvelopeSerializer(serializers.Serializer[Any]):
    """EventEnvelope. ``data`` depends on the type."""

    event_type = serializers.CharField(max_length=100)
    event_id = serializers.CharField(max_length=100, required=False, allow_blank=True)
    event_timestamp = serializers.CharField(max_length=60, required=False, allow_blank=True)
    source_service = serializers.CharField(max_length=100, required=False, allow_blank=True)
    correlation_id = serializers.UUIDField(required=False)
    data = serializers.DictField()  # type: ignore[assignment]


class ErrorSerializer(serializers.Serializer[Any]):
    error_code = serializers.CharField(max_length=60)
    message = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class ResultSerializer(serializers.Serializer[Any]):
    """LLMComparisonResultV1: a ``winner``, or an error. ``correlation_id`` is the request's."""

    request_id = serializers.CharField(max_length=100, required=False, allow_blank=True)
    correlation_id = serializers.UUIDField(required=False)
    request_correlation_id = serializers.UUIDField(required=False)
    winner = serializers.ChoiceField(list(_WINNERS), required=False, allow_null=True)
    confidence = serializers.FloatField(min_value=0, max_value=5, required=False, allow_null=True)
    justification = serializers.CharField(max_length=5000, required=False, allow_blank=True, allow_null=True)
    provider = serializers.CharField(max_length=40, required=False, allow_blank=True, allow_null=True)
    model = serializers.CharField(max_length=120, required=False, allow_blank=True, allow_null=True)
    error_code = serializers.CharField(max_length=60, required=False, allow_null=True, allow_blank=True)
    error_detail = ErrorSerializer(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("winner") and not attrs.get("error_code") and not attrs.get("error_detail"):
            raise serializers.ValidationError({"winner": ["A result has a winner or an error."]})
        return attrs


def checked(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    """The valid values. Raises WebhookInvalid that says where it is not."""
    if not serializer.is_valid():
        raise WebhookInvalid("The event is not as it should be.", details={"errors": serializer.errors})
    return dict(serializer.validated_data)


@webhook(Purpose.ASSESSMENT)
def callback(delivery: Delivery) -> Answer:
    """The door of both subscriptions."""
    return process_event(delivery.workspace, delivery.json())


def process_event(workspace: Workspace, body: dict[str, Any]) -> Answer:
    said = checked(EnvelopeSerializer(data=body))
    if said["event_type"] in RESULT:
        return Answer(200, process_llm_callback(workspace, said))
    if said["event_type"] in REQUEST:
        return process_assessment_request(workspace, said)
    logger.info("an event of type %s is not for us", said["event_type"])
    return Answer(200, {"acknowledged": True, "outcome": "ignored"})


def process_llm_callback(workspace: Workspace, envelope: dict[str, Any]) -> dict[str, Any]:
    """Count one result. Always acknowledged: counted, duplicate or unknown. Raises WebhookInvalid."""
    said = checked(ResultSerializer(data=envelope["data"]))
    key = said.get("request_correlation_id") or said.get("correlation_id") or envelope.get("correlation_id")
    if key is None:
        raise WebhookInvalid("The event has no correlation id of a request.")
    outcome = record(
        _result(said), request_correlation_id=key, judge_kind=JudgeKind.OUTSIDE, batch__workspace=workspace
    )
    if outcome is not Counted.COUNTED:
        logger.info("a result for %s changes nothing: %s", key, outcome)
    return {"acknowledged": True, "outcome": str(outcome)}


def _result(said: dict[str, Any]) -> Result:
    who = " ".join(filter(None, ("outside", said.get("provider") or "", said.get("model") or "")))
    error = said.get("error_detail") or {}
    code = said.get("error_code") or error.get("error_code")
    if code or not said.get("winner"):
        detail = {"error_code": code, "user_message": str(error.get("message", ""))[:500]}
        return Result(Winner.ERROR, judge=who, error_code=code or "ERROR", error_detail=detail)
    return Result(
        _WINNERS[said["winner"]],
        judge=who,
        confidence=said.get("confidence"),
        reason=said.get("justification") or "",
    )


def process_assessment_request(workspace: Workspace, envelope: dict[str, Any]) -> Answer:
    """Make and start a batch; one that was asked for before is returned as it is (by its outside id)."""
    values = checked(BatchSerializer(data=from_event(envelope["data"])))
    batch, is_new = create_batch(
        workspace,
        values,
        source="event",
        correlation_id=envelope.get("correlation_id") or uuid.uuid4(),
        and_start=True,
    )
    return Answer(
        202,
        {"acknowledged": True, "cj_assessment_job_id": str(batch.pk), "state": batch.state, "created": is_new},
    )
