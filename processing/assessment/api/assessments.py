"""``/api/assessments…``: batches of texts, their comparisons and their ranking."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from processing.assessment import service
from processing.assessment.models import AssessmentBatch
from processing.assessment.models.batches import State
from processing.assessment.models.comparisons import JudgeKind
from processing.assessment.reports import FORMATS, latest, ranking_value
from processing.assessment.views.files import file_response
from sessions_app import limits
from sessions_app.api.pagination import Pages
from sessions_app.errors import NothingToDo
from sessions_app.models import Workspace


class NewAssessmentSerializer(service.BatchSerializer):
    """``workspace``: its slug. ``start``: begin at once."""

    workspace = serializers.SlugField(max_length=60)
    start = serializers.BooleanField(required=False, default=False)


def batch_value(batch: AssessmentBatch) -> dict[str, Any]:
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


class Assessments(APIView):
    """All batches of your workspaces; make a new one."""

    @extend_schema(
        operation_id="assessments_list",
        parameters=[OpenApiParameter("state", str, enum=State.values)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        batches = AssessmentBatch.objects.visible_to(request.user).select_related("workspace")
        if wanted := request.query_params.get("state"):
            batches = batches.filter(state=wanted)
        paginator = Pages()
        page = paginator.paginate_queryset(batches, request, view=self)
        return paginator.get_paginated_response([batch_value(batch) for batch in page or []])

    @extend_schema(request=NewAssessmentSerializer, responses={201: OpenApiTypes.OBJECT, 200: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        asked = NewAssessmentSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        mine = Workspace.objects.visible_to(request.user)
        workspace = get_object_or_404(mine, slug=values.pop("workspace"))
        if not Workspace.objects.editable_by(request.user).filter(pk=workspace.pk).exists():
            raise PermissionDenied("Your role in this workspace does not allow that.")
        limits.count(request, workspace)
        and_start = values.pop("start")
        batch, is_new = service.create_batch(workspace, values, by=request.user, source="api", and_start=and_start)
        return Response(batch_value(batch), status=201 if is_new else 200)


class BatchView(APIView):
    """Base of what concerns one batch."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
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
    """Where a batch stands; or away with it, with all that was judged."""

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, assessment_id: uuid.UUID) -> Response:
        return self.answer()

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, assessment_id: uuid.UUID) -> Response:
        service.delete(self.batch, by=request.user)
        return Response(status=204)


class Start(BatchView):
    """Choose pairs and ask the judges; answers at once."""

    @extend_schema(request=None, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, assessment_id: uuid.UUID) -> Response:
        service.start(self.batch, by=request.user)
        return self.answer(202)


class Cancel(BatchView):
    """Stop. Results that still come are counted and change nothing."""

    @extend_schema(request=None, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, assessment_id: uuid.UUID) -> Response:
        service.cancel(self.batch, by=request.user)
        return self.answer()


class Resume(BatchView):
    """Let models work again, after what held them was mended."""

    @extend_schema(request=None, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, assessment_id: uuid.UUID) -> Response:
        service.go_on(self.batch, by=request.user)
        return self.answer(202)


class Ranking(BatchView):
    """Scores with intervals, and how far to trust them; provisional ones while more results are waited for."""

    @extend_schema(
        parameters=[OpenApiParameter("format", str, enum=list(FORMATS), description="a file instead of the values")],
        responses={200: OpenApiTypes.OBJECT, 409: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, assessment_id: uuid.UUID) -> Response | HttpResponse:
        run = latest(self.batch)
        if run is None:
            raise NothingToDo("There are no scores yet.")
        if name := request.query_params.get("format"):
            return file_response(self.batch, run, name)
        return Response(ranking_value(self.batch, run))


class Comparisons(BatchView):
    """Comparisons with their texts' ids and request correlation ids: what outside judges work through."""

    @extend_schema(
        parameters=[
            OpenApiParameter("judge_kind", str, enum=JudgeKind.values),
            OpenApiParameter("waiting", bool, description="only those without a result"),
            OpenApiParameter("texts", bool, description="with both texts"),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, assessment_id: uuid.UUID) -> Response:
        pairs = self.batch.comparison_pairs.select_related("essay_a", "essay_b").order_by("position")
        if wanted := request.query_params.get("judge_kind"):
            pairs = pairs.filter(judge_kind=wanted)
        if request.query_params.get("waiting") in ("1", "true"):
            pairs = pairs.filter(completed_at__isnull=True)
        with_texts = request.query_params.get("texts") in ("1", "true")
        paginator = Pages()
        page = paginator.paginate_queryset(pairs, request, view=self)
        return paginator.get_paginated_response([_pair_value(pair, with_texts=with_texts) for pair in page or []])


def _pair_value(pair: Any, *, with_texts: bool) -> dict[str, Any]:
    value = {
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
