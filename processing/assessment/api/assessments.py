"""``/api/assessments…``: batches of texts, their comparisons and their ranking."""

from __future__ import annotations

import uuid
from typing import Any, NotRequired, TypedDict

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from processing.assessment import service
from processing.assessment.models import AssessmentBatch, ComparisonPair
from processing.assessment.models.batches import State
from processing.assessment.models.comparisons import JudgeKind
from processing.assessment.reports import FORMATS, RankingValue, latest, ranking_value
from processing.assessment.views.files import file_response
from sessions_app import limits
from sessions_app.api.idempotency import IdempotentView
from sessions_app.api.pagination import PagedView
from sessions_app.api.schema import Shape
from sessions_app.errors import NothingToDo
from sessions_app.models import Workspace


class NewAssessmentSerializer(service.BatchSerializer):
    """``workspace``: its slug. ``start``: begin at once."""

    workspace = serializers.SlugField(max_length=60)
    start = serializers.BooleanField(required=False, default=False)


class BatchValue(TypedDict):
    """A batch of texts that are compared two at a time."""

    id: str
    workspace: str
    session: str | None
    kind: str
    source: str
    title: str
    question: str
    outside_id: str
    event_correlation_id: str
    state: str
    completion_mode: str
    partial_scoring_triggered: bool
    items: int
    judges: list[dict[str, Any]]
    both_orders: bool
    adaptive: bool
    total_budget: int
    total_comparisons: int
    completed_comparisons: int
    failed_comparisons: int
    progress_percentage: float
    completion_threshold_pct: int
    min_success_rate: float
    cost: str
    hold_reason: str
    error_detail: dict[str, Any]
    error_message: str
    created_at: str
    started_at: str | None
    finished_at: str | None


class EssayValue(TypedDict):
    essay_id: str
    text_content: NotRequired[str]


class ComparisonValue(TypedDict):
    """``winner``: essay_a, essay_b, or empty while it has not been judged."""

    id: str
    request_correlation_id: str
    essay_a: EssayValue
    essay_b: EssayValue
    judge_kind: str
    judge: str
    winner: str | None
    confidence: float | None
    reason: str
    error_code: str
    completed_at: str | None


BATCH = Shape(BatchValue, "Assessment")


def batch_value(batch: AssessmentBatch) -> BatchValue:
    """What the API says of a batch."""
    return {
        "id": str(batch.pk),
        "workspace": batch.workspace.slug,
        "session": str(batch.session_id) if batch.session_id else None,
        "kind": batch.kind,
        "source": batch.source,
        "title": batch.title,
        "question": batch.question,
        "outside_id": batch.outside_id,
        "event_correlation_id": str(batch.event_correlation_id),
        "state": batch.state,
        "completion_mode": batch.completion_mode,
        "partial_scoring_triggered": batch.partial_scoring_triggered,
        "items": batch.item_count,
        "judges": batch.judges,
        "both_orders": batch.both_orders,
        "adaptive": batch.adaptive,
        "total_budget": batch.total_budget,
        "total_comparisons": batch.total_comparisons,
        "completed_comparisons": batch.completed_comparisons,
        "failed_comparisons": batch.failed_comparisons,
        "progress_percentage": batch.progress_percentage,
        "completion_threshold_pct": batch.completion_threshold_pct,
        "min_success_rate": batch.min_success_rate,
        "cost": str(batch.cost),
        "hold_reason": batch.hold_reason,
        "error_detail": batch.error_detail,
        "error_message": batch.error_message,
        "created_at": batch.created_at.isoformat(),
        "started_at": batch.started_at.isoformat() if batch.started_at else None,
        "finished_at": batch.finished_at.isoformat() if batch.finished_at else None,
    }


class Assessments(PagedView, IdempotentView):
    """Batches of texts that are compared."""

    def prepare(self, request: Request, **kwargs: Any) -> None:
        if request.method != "POST":
            return
        asked = NewAssessmentSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        self.asked = dict(asked.validated_data)
        mine = Workspace.objects.visible_to(request.user)
        self.workspace = get_object_or_404(mine, slug=self.asked.pop("workspace"))
        if not Workspace.objects.editable_by(request.user).filter(pk=self.workspace.pk).exists():
            raise PermissionDenied("Your role in this workspace does not allow that.")
        limits.count(request, self.workspace)

    @extend_schema(
        parameters=[
            OpenApiParameter("state", str, enum=State.values),
            OpenApiParameter("workspace", str, description="Only of the workspace with this slug."),
            OpenApiParameter("session", OpenApiTypes.UUID, description="Only of the tickets of this session."),
            OpenApiParameter("outside_id", str, description="The id that you gave it."),
        ],
        responses=Shape(BatchValue, "Assessment", paged=True),
    )
    def get(self, request: Request) -> Response:
        """The batches of your workspaces, newest first."""
        batches = AssessmentBatch.objects.visible_to(request.user).select_related("workspace")
        for name, lookup in (("state", "state"), ("workspace", "workspace__slug"), ("outside_id", "outside_id")):
            if wanted := request.query_params.get(name):
                batches = batches.filter(**{lookup: wanted})
        if session := request.query_params.get("session"):
            batches = batches.filter(session_id=serializers.UUIDField().run_validation(session))
        return self.paged(
            request, batches.order_by("-created_at", "pk"), lambda page: [batch_value(batch) for batch in page]
        )

    @extend_schema(request=NewAssessmentSerializer, responses={201: BATCH, 200: BATCH, 404: None})
    def post(self, request: Request) -> Response:
        """Make a batch (201), and start it if ``start`` says so. An ``outside_id`` that was used before gives the batch
        of that time (200).
        """
        values = self.asked
        and_start = values.pop("start")
        batch, is_new = service.create_batch(self.workspace, values, by=request.user, source="api", and_start=and_start)
        return Response(batch_value(batch), status=201 if is_new else 200)


class BatchView(IdempotentView):
    """Base of what concerns one batch."""

    def prepare(self, request: Request, **kwargs: Any) -> None:
        mine = AssessmentBatch.objects.visible_to(request.user).select_related("workspace", "session")
        self.batch = get_object_or_404(mine, pk=kwargs["assessment_id"])
        is_unsafe = request.method not in ("GET", "HEAD", "OPTIONS")
        if is_unsafe and not AssessmentBatch.objects.editable_by(request.user).filter(pk=self.batch.pk).exists():
            raise PermissionDenied("Your role in this workspace does not allow that.")
        limits.count(request, self.batch.workspace)

    def answer(self, status: int = 200) -> Response:
        self.batch.refresh_from_db()
        return Response(batch_value(self.batch), status=status)


class AssessmentDetail(BatchView):
    """One batch."""

    @extend_schema(responses={200: BATCH})
    def get(self, request: Request, assessment_id: uuid.UUID) -> Response:
        """Where a batch stands."""
        return self.answer()

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, assessment_id: uuid.UUID) -> Response:
        """Away with it, and with all that was judged."""
        service.delete(self.batch, by=request.user)
        return Response(status=204)


class Start(BatchView):
    """Choose pairs and ask the judges; answers at once."""

    @extend_schema(request=None, responses={202: BATCH})
    def post(self, request: Request, assessment_id: uuid.UUID) -> Response:
        service.start(self.batch, by=request.user)
        return self.answer(202)


class Cancel(BatchView):
    """Stop. Results that still come are counted and change nothing."""

    @extend_schema(request=None, responses={200: BATCH})
    def post(self, request: Request, assessment_id: uuid.UUID) -> Response:
        service.cancel(self.batch, by=request.user)
        return self.answer()


class Resume(BatchView):
    """Let models work again, after what held them was mended."""

    @extend_schema(request=None, responses={202: BATCH})
    def post(self, request: Request, assessment_id: uuid.UUID) -> Response:
        service.go_on(self.batch, by=request.user)
        return self.answer(202)


class Ranking(BatchView):
    """Scores with intervals, and how far to trust them; provisional ones while more results are waited for."""

    @extend_schema(
        parameters=[OpenApiParameter("format", str, enum=list(FORMATS), description="a file instead of the values")],
        responses={200: Shape(RankingValue, "Ranking"), (200, "text/csv"): OpenApiTypes.STR, 409: None},
    )
    def get(self, request: Request, assessment_id: uuid.UUID) -> Response | HttpResponse:
        run = latest(self.batch)
        if run is None:
            raise NothingToDo("There are no scores yet.")
        if name := request.query_params.get("format"):
            return file_response(self.batch, run, name)
        return Response(ranking_value(self.batch, run))


class Comparisons(PagedView, BatchView):
    """Comparisons with their texts' ids and request correlation ids: what outside judges work through."""

    @extend_schema(
        parameters=[
            OpenApiParameter("judge_kind", str, enum=JudgeKind.values),
            OpenApiParameter("waiting", bool, description="only those without a result"),
            OpenApiParameter("texts", bool, description="with both texts"),
        ],
        responses=Shape(ComparisonValue, "Comparison", paged=True),
    )
    def get(self, request: Request, assessment_id: uuid.UUID) -> Response:
        pairs = self.batch.comparison_pairs.select_related("essay_a", "essay_b").order_by("position")
        if wanted := request.query_params.get("judge_kind"):
            pairs = pairs.filter(judge_kind=wanted)
        if request.query_params.get("waiting") in ("1", "true"):
            pairs = pairs.filter(completed_at__isnull=True)
        with_texts = request.query_params.get("texts") in ("1", "true")
        return self.paged(request, pairs, lambda page: [_pair_value(pair, with_texts=with_texts) for pair in page])


def _pair_value(pair: ComparisonPair, *, with_texts: bool) -> ComparisonValue:
    value: ComparisonValue = {
        "id": str(pair.pk),
        "request_correlation_id": str(pair.request_correlation_id),
        "essay_a": {"essay_id": pair.essay_a.outside_ref},
        "essay_b": {"essay_id": pair.essay_b.outside_ref},
        "judge_kind": pair.judge_kind,
        "judge": pair.judge,
        "winner": pair.winner,
        "confidence": pair.confidence,
        "reason": pair.reason,
        "error_code": pair.error_code,
        "completed_at": pair.completed_at.isoformat() if pair.completed_at else None,
    }
    if with_texts:
        value["essay_a"]["text_content"] = pair.essay_a.text_content
        value["essay_b"]["text_content"] = pair.essay_b.text_content
    return value
