"""``/api/sessions/{id}/process…``: the run endpoints, with the seeds' bodies and codes."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from processing.generation.estimate import Estimate as EstimateValue
from processing.generation.estimate import estimate
from processing.generation.service import ProcessingService, RetryResponse, StartResponse, StatusResponse
from processing.models import SessionError, SessionTask
from sessions_app.api.access import SessionView
from sessions_app.api.pagination import PagedView
from sessions_app.api.schema import Shape


@extend_schema_serializer(component_name="RunError")
class ErrorSerializer(serializers.ModelSerializer[SessionError]):
    """What went wrong, for whom, and what to do."""

    class Meta:
        model = SessionError
        fields = [
            "id",
            "task",
            "entity_key",
            "code",
            "error_category",
            "severity",
            "operation_stage",
            "user_message",
            "recovery_actions",
            "created_at",
            "resolved_at",
        ]
        read_only_fields = fields


@extend_schema_serializer(component_name="RunLimit")
class LimitSerializer(serializers.Serializer[Any]):
    """A new limit for a paused run, in US dollars."""

    budget = serializers.DecimalField(max_digits=10, decimal_places=2, min_value=Decimal(0), required=False)


STATUS = Shape(StatusResponse, "RunStatus")


class RunView(SessionView):
    """Base of the run endpoints."""

    @property
    def service(self) -> ProcessingService:
        return ProcessingService(by=self.request.user)

    def status_response(self, task: SessionTask | None = None, status: int = 200) -> Response:
        return Response(self.service.get_processing_status(self.session), status=status)


class Process(RunView):
    """Write the tickets; answers at once. Starting again while a run is under way returns that run."""

    @extend_schema(request=None, responses={202: Shape(StartResponse, "RunStarted")})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        return Response(self.service.generate_tickets(self.session), status=202)


class ProcessStatus(RunView):
    """Where the latest run stands, from the database."""

    @extend_schema(responses={200: STATUS})
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        return self.status_response()


class Cancel(RunView):
    """Stop the run under way. Finished tickets stay."""

    @extend_schema(request=None, responses={200: STATUS})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        self.service.cancel_processing(self.session)
        return self.status_response()


class Retry(RunView):
    """Run again what failed; at most three times."""

    @extend_schema(request=None, responses={202: Shape(RetryResponse, "RunRetried")})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        return Response(self.service.retry_processing(self.session), status=202)


class Pause(RunView):
    """Hold the run; calls in flight end and are kept."""

    @extend_schema(request=None, responses={200: STATUS})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        self.service.pause_processing(self.session)
        return self.status_response()


class Resume(RunView):
    """Go on with a paused run. ``budget`` gives it a new limit of money."""

    @extend_schema(request=LimitSerializer, responses={200: STATUS, 503: None})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        limit = LimitSerializer(data=request.data)
        limit.is_valid(raise_exception=True)
        self.service.resume_processing(self.session, limit.validated_data.get("budget"))
        return self.status_response()


class Errors(PagedView, RunView):
    """What went wrong in this session, newest first."""

    @extend_schema(
        parameters=[
            OpenApiParameter("error_category", str, enum=SessionError.Category.values),
            OpenApiParameter("severity", str, enum=SessionError.Severity.values),
            OpenApiParameter("unresolved", bool),
        ],
        responses=ErrorSerializer(many=True),
    )
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        query = request.query_params
        filters: dict[str, object] = {name: query.get(name) for name in ("error_category", "severity")}
        filters["unresolved"] = query.get("unresolved", "").lower() in {"true", "1", "yes"}
        errors = self.service.get_processing_errors(self.session, filters).order_by("-created_at", "pk")
        return self.paged(request, errors, lambda page: ErrorSerializer(page, many=True).data)


class Estimate(RunView):
    """What a run would take: tickets per granularity, calls, tokens, money and minutes. Starts nothing."""

    @extend_schema(request=None, responses={200: Shape(EstimateValue, "Estimate")})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        return Response(estimate(self.session))
