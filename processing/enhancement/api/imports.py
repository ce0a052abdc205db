"""``/api/library-imports``: CSV files of up to 200,000 rows, brought in by workers."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from processing.enhancement.importing import begin
from processing.enhancement.models import LibraryImport
from sessions_app import limits
from sessions_app.api.idempotency import IdempotentView
from sessions_app.api.pagination import PagedView

from .library import WORKSPACE, editable_workspace


@extend_schema_serializer(component_name="LibraryFile")
class UploadSerializer(serializers.Serializer[Any]):
    """A CSV file, and what its rows are."""

    kind = serializers.ChoiceField(LibraryImport.Kind.choices)
    file = serializers.FileField(allow_empty_file=False, max_length=200)


class LibraryImportSerializer(serializers.ModelSerializer[LibraryImport]):
    """How far it is and what became of its rows; ``problems`` names the first of those that were refused."""

    workspace = serializers.CharField(source="workspace.slug", read_only=True)
    progress_percentage = serializers.FloatField(read_only=True)

    class Meta:
        model = LibraryImport
        fields = [
            "id",
            "workspace",
            "kind",
            "filename",
            "status",
            "progress_percentage",
            "created",
            "changed",
            "unchanged",
            "refused",
            "problems",
            "ignored_columns",
            "error_code",
            "error_message",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields


class LibraryImports(PagedView, IdempotentView):
    """Imports of the user's workspaces; bring a file in."""

    def get_parsers(self) -> list[Any]:
        return [MultiPartParser()]

    @extend_schema(
        parameters=[OpenApiParameter("workspace", str, description="Only of the workspace with this slug.")],
        responses=LibraryImportSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        mine = LibraryImport.objects.visible_to(request.user).select_related("workspace")
        if slug := request.query_params.get("workspace"):
            mine = mine.filter(workspace__slug=slug)
        return self.paged(request, mine, lambda page: LibraryImportSerializer(page, many=True).data)

    @extend_schema(
        parameters=[WORKSPACE],
        request={"multipart/form-data": UploadSerializer},
        responses={202: LibraryImportSerializer, 404: None, 507: None},
    )
    def post(self, request: Request) -> Response:
        """Answered at once; ``Location`` says where to ask what became of it. The same file again changes nothing."""
        workspace = editable_workspace(request)
        limits.count(request, workspace)
        given = UploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        made = begin(workspace, given.validated_data["kind"], given.validated_data["file"], by=request.user)
        address = reverse("api-enhancement:library-import", args=[made.pk])
        return Response(LibraryImportSerializer(made).data, status=202, headers={"Location": address})


class LibraryImportView(APIView):
    """One import."""

    @extend_schema(responses=LibraryImportSerializer)
    def get(self, request: Request, import_id: uuid.UUID) -> Response:
        visible = LibraryImport.objects.visible_to(request.user).select_related("workspace")
        return Response(LibraryImportSerializer(get_object_or_404(visible, pk=import_id)).data)
