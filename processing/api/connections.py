"""``/api/workspaces/{slug}/connections…``: trackers that a workspace exports to. Tokens go in and never come out."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from processing.export.connections import ConnectionForm, entered_of
from processing.export.service import check_connection, delete_connection
from processing.models import TrackerConnection
from sessions_app.api.idempotency import IdempotentView
from sessions_app.api.pagination import PagedView
from sessions_app.models import AuditEvent, Membership, Workspace


class OptionsSerializer(serializers.Serializer[Any]):
    """How issues are made. ``assignees``: group (or * for all others) -> account. (``fields``, further fields of the
    issue, is checked by the form.)
    """

    epics = serializers.BooleanField(required=False)
    relates = serializers.BooleanField(required=False)
    labels = serializers.ListField(child=serializers.CharField(max_length=50), required=False, max_length=20)
    components = serializers.ListField(child=serializers.CharField(max_length=50), required=False, max_length=20)
    priority = serializers.CharField(max_length=60, required=False, allow_blank=True)
    assignees = serializers.DictField(child=serializers.CharField(max_length=200), required=False)


class ConnectionSerializer(serializers.ModelSerializer[TrackerConnection]):
    """A connection. ``token`` is only taken; ``has_token`` says whether there is one."""

    token = serializers.CharField(write_only=True, required=False, max_length=500, trim_whitespace=True)
    has_token = serializers.SerializerMethodField()
    options = serializers.JSONField(required=False)

    class Meta:
        model = TrackerConnection
        fields = [
            "id",
            "name",
            "target",
            "base_url",
            "account",
            "token",
            "has_token",
            "project",
            "issue_type",
            "pace",
            "options",
            "is_healthy",
            "check_result",
            "checked_at",
            "changed_at",
        ]
        read_only_fields = ["id", "is_healthy", "check_result", "checked_at", "changed_at"]

    def get_has_token(self, row: TrackerConnection) -> bool:
        return bool(row.token)


FIELDS = ("name", "target", "base_url", "account", "project", "issue_type", "pace")


class ConnectionView(IdempotentView):
    """Base: the workspace by its slug; members look, owners change."""

    def prepare(self, request: Request, **kwargs: Any) -> None:
        visible = Workspace.objects.visible_to(request.user)
        self.workspace = get_object_or_404(visible, slug=kwargs["slug"])
        if "connection_id" in kwargs:
            mine = TrackerConnection.objects.filter(workspace=self.workspace)
            self.connection = get_object_or_404(mine, pk=kwargs["connection_id"])
        is_safe = request.method in ("GET", "HEAD", "OPTIONS")
        if not is_safe and self.workspace.role_of(request.user) != Membership.Role.OWNER:
            raise PermissionDenied("Only an owner may change the workspace's connections.")

    def saved(self, row: TrackerConnection, data: Any) -> TrackerConnection:
        """The row with these values, by the same form as on the page. Raises ValidationError."""
        if not isinstance(data, dict):
            raise ValidationError("This has to be an object.")
        said = data.get("options") or {}
        options = OptionsSerializer(data=said)
        options.is_valid(raise_exception=True)
        given = {**row.options, **options.validated_data, **({"fields": said["fields"]} if "fields" in said else {})}
        values = {name: data.get(name, getattr(row, name)) for name in FIELDS}
        form = ConnectionForm(
            {**values, **entered_of(given), "new_token": data.get("token") or ""},
            instance=row,
        )
        if not form.is_valid():
            names = {"new_token": "token", "fields_json": "options"}
            raise ValidationError(
                {names.get(name, name): [str(each) for each in found] for name, found in form.errors.items()}
            )
        made = form.applied()
        made.changed_by_id = self.request.user.pk
        made.save()
        details = {"connection": made.name, "changed": sorted(set(data) & {*FIELDS, "options", "token"})}
        AuditEvent.record("connections.changed", self.workspace, by=self.request.user, details=details)
        return made


class Connections(PagedView, ConnectionView):
    """Connections of a workspace to trackers."""

    @extend_schema(
        parameters=[OpenApiParameter("target", str, enum=TrackerConnection.Target.values)],
        responses=ConnectionSerializer(many=True),
    )
    def get(self, request: Request, slug: str) -> Response:
        """The workspace's connections to trackers, by name."""
        rows = TrackerConnection.objects.filter(workspace=self.workspace).order_by("name", "pk")
        if target := request.query_params.get("target"):
            rows = rows.filter(target=target)
        return self.paged(request, rows, lambda page: ConnectionSerializer(page, many=True).data)

    @extend_schema(request=ConnectionSerializer, responses={201: ConnectionSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Add a connection."""
        made = self.saved(TrackerConnection(workspace=self.workspace), request.data)
        return Response(ConnectionSerializer(made).data, status=201)


class ConnectionDetail(ConnectionView):
    """One connection."""

    @extend_schema(responses=ConnectionSerializer)
    def get(self, request: Request, slug: str, connection_id: uuid.UUID) -> Response:
        return Response(ConnectionSerializer(self.connection).data)

    @extend_schema(request=ConnectionSerializer(partial=True), responses=ConnectionSerializer)
    def patch(self, request: Request, slug: str, connection_id: uuid.UUID) -> Response:
        """Change it. What is left out stays; so does the token."""
        return Response(ConnectionSerializer(self.saved(self.connection, request.data)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, connection_id: uuid.UUID) -> Response:
        """Delete it. Also forgets which issues were made through it; they stay in the tracker."""
        delete_connection(self.connection, by=request.user)
        return Response(status=204)


class ConnectionCheck(ConnectionView):
    """Ask the tracker now whether the connection works; `is_healthy` and `check_result` say what it answered."""

    @extend_schema(request=None, responses=ConnectionSerializer)
    def post(self, request: Request, slug: str, connection_id: uuid.UUID) -> Response:
        check_connection(self.connection)
        return Response(ConnectionSerializer(self.connection).data)
