"""``/api/sessions/{id}/export…``: sending the approved tickets to a tracker."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from processing.export.report import (
    REPORTS,
    PlanValue,
    RecordValue,
    plan_value,
    record_value,
    records_of,
    status_value,
)
from processing.export.report import ExportStatus as StatusValue
from processing.export.service import ExportService, latest_export
from processing.models import ExportRecord, TrackerConnection
from processing.models.exports import RecordStatus, Step
from sessions_app.api.access import SessionView
from sessions_app.api.pagination import PagedView
from sessions_app.api.schema import Shape


class ExportSerializer(serializers.Serializer[Any]):
    """``connection``: id of a connection of the workspace; ``update``: send changed tickets again."""

    connection = serializers.UUIDField()
    update = serializers.BooleanField(default=False)  # type: ignore[assignment]


@extend_schema_serializer(component_name="RecordDecision")
class ResolveSerializer(serializers.Serializer[Any]):
    """``create``: the tracker does not have it; ``exists``: it does, under this key."""

    decision = serializers.ChoiceField(["create", "exists"])
    key = serializers.CharField(max_length=100, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["decision"] == "exists" and not attrs.get("key", "").strip():
            raise serializers.ValidationError({"key": ["Say which issue it is."]})
        return attrs


STATUS = Shape(StatusValue, "ExportStatus")


class ExportView(SessionView):
    """Base of the export endpoints."""

    @property
    def service(self) -> ExportService:
        return ExportService(by=self.request.user)

    def asked(self) -> tuple[TrackerConnection, bool]:
        """The connection and whether to update. Raises ValidationError, or Http404 for a connection of others."""
        wanted = ExportSerializer(data=self.request.data)
        wanted.is_valid(raise_exception=True)
        mine = TrackerConnection.objects.filter(workspace_id=self.session.workspace_id)
        return get_object_or_404(mine, pk=wanted.validated_data["connection"]), wanted.validated_data["update"]

    def status_response(self, status: int = 200) -> Response:
        return Response(status_value(self.session, latest_export(self.session)), status=status)


class Export(ExportView):
    """Start sending; answers at once. Starting again while an export is under way returns that one."""

    @extend_schema(request=ExportSerializer, responses={202: STATUS})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        connection, update = self.asked()
        self.service.start_export(self.session, connection, update=update)
        return self.status_response(202)


class DryRun(ExportView):
    """Exactly what would be sent. Nothing is."""

    @extend_schema(request=ExportSerializer, responses={200: Shape(PlanValue, "ExportPlan")})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        connection, update = self.asked()
        return Response(plan_value(self.service.dry_run(self.session, connection, update=update)))


class ExportStatus(ExportView):
    """Where the latest export stands, from the database."""

    @extend_schema(responses={200: STATUS})
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        return self.status_response()


class ExportCancel(ExportView):
    """Stop the export under way. What is in the tracker stays, and the next one goes on from it."""

    @extend_schema(request=None, responses={200: STATUS})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        self.service.cancel_export(self.session)
        return self.status_response()


class ExportPause(ExportView):
    """Hold the export."""

    @extend_schema(request=None, responses={200: STATUS})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        self.service.pause_export(self.session)
        return self.status_response()


class ExportResume(ExportView):
    """Go on with a paused export."""

    @extend_schema(request=None, responses={200: STATUS, 503: None})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        self.service.resume_export(self.session)
        return self.status_response()


class ExportRecords(PagedView, ExportView):
    """Each thing that was sent, or is to be: its state, its key and its link."""

    @extend_schema(
        parameters=[
            OpenApiParameter("status", str, enum=RecordStatus.values),
            OpenApiParameter("step", str, enum=Step.values),
            OpenApiParameter("connection", OpenApiTypes.UUID),
        ],
        responses=Shape(RecordValue, "ExportRecord", paged=True),
    )
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        records = records_of(self.session)
        for name in ("status", "step"):
            if request.query_params.get(name):
                records = records.filter(**{name: request.query_params[name]})
        if wanted := request.query_params.get("connection"):
            records = records.filter(connection_id=serializers.UUIDField().run_validation(wanted))
        return self.paged(request, records, lambda page: [record_value(record) for record in page])


class RecordView(ExportView):
    """Base of what concerns one record."""

    def prepare(self, request: Request, **kwargs: Any) -> None:
        super().prepare(request, **kwargs)
        mine = ExportRecord.objects.filter(session=self.session).select_related("connection", "session", "ticket")
        self.record = get_object_or_404(mine, pk=kwargs["record_id"])


class RecordRetry(RecordView):
    """Try once more what failed; look once more for what is unknown."""

    @extend_schema(request=None, responses={202: STATUS, 503: None})
    def post(self, request: Request, session_id: uuid.UUID, record_id: uuid.UUID) -> Response:
        self.service.retry_record(self.record)
        return self.status_response(202)


class RecordResolve(RecordView):
    """A person has looked in the tracker, and says whether it is there."""

    @extend_schema(request=ResolveSerializer, responses={202: STATUS, 503: None})
    def post(self, request: Request, session_id: uuid.UUID, record_id: uuid.UUID) -> Response:
        said = ResolveSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        key = said.validated_data["key"] if said.validated_data["decision"] == "exists" else ""
        self.service.settle_record(self.record, key=key)
        return self.status_response(202)


class ExportReport(ExportView):
    """All records as a file."""

    @extend_schema(
        parameters=[OpenApiParameter("format", str, enum=list(REPORTS), description="csv if left out")],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, session_id: uuid.UUID) -> Any:
        from processing.views.trackers import report_response

        return report_response(self.session, request.query_params.get("format", "csv"))
