"""``/api/resolved-tickets``, ``/api/knowledge``, ``/api/assets``: what is searched, and bringing in more of it.

Objects are brought in within the request, ten thousand at most; files of any size by ``imports``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from processing.enhancement.library import COLUMNS, KINDS, import_objects
from processing.enhancement.models import Asset, KnowledgeArticle, ResolvedTicket
from sessions_app import limits
from sessions_app.actions.sessions import default_workspace
from sessions_app.api.idempotency import IdempotentView
from sessions_app.api.pagination import PagedView
from sessions_app.models import Workspace
from sessions_app.models.workspaces import MAY_EDIT

MOST_AT_ONCE = 10_000
WORDS = OpenApiParameter("q", str, description="Words of the title or name.")
WORKSPACE = OpenApiParameter("workspace", str, description="Its slug; may be left out by who edits in only one.")


class ResolvedTicketSerializer(serializers.ModelSerializer[ResolvedTicket]):
    class Meta:
        model = ResolvedTicket
        fields = [*COLUMNS["tickets"], "imported_at"]


class ArticleSerializer(serializers.ModelSerializer[KnowledgeArticle]):
    class Meta:
        model = KnowledgeArticle
        fields = [*COLUMNS["articles"], "imported_at"]


class AssetSerializer(serializers.ModelSerializer[Asset]):
    class Meta:
        model = Asset
        fields = [*COLUMNS["assets"], "imported_at"]


def editable_workspace(request: Request) -> Workspace:
    """The one that ``?workspace=`` names, or the only one that the user edits. Raises what answers 404 or 403."""
    slug = request.query_params.get("workspace")
    if not slug:
        return default_workspace(request.user)
    found = get_object_or_404(Workspace.objects.visible_to(request.user), slug=slug)
    if found.role_of(request.user) not in MAY_EDIT:
        raise PermissionDenied("Your role in this workspace does not allow that.")
    return found


@extend_schema_serializer(component_name="LibraryReport")
class ReportSerializer(serializers.Serializer[Any]):
    """What became of the objects; ``problems`` names the first of those that were refused."""

    created = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()
    problems = serializers.ListField(child=serializers.DictField())


class LibraryView(PagedView, IdempotentView):
    """Base: the workspace by its slug; members look, editors bring in."""

    kind: ClassVar[str]
    serializer: ClassVar[Any]

    def listed(self) -> Response:
        """Of the workspace that is named, or of all of the user's."""
        mine = Workspace.objects.visible_to(self.request.user)
        if slug := self.request.query_params.get("workspace"):
            mine = mine.filter(slug=slug)
        rows = KINDS[self.kind]._default_manager.filter(workspace__in=mine)
        if words := self.request.query_params.get("q", "").strip()[:100]:
            rows = rows.filter(**{f"{COLUMNS[self.kind][1]}__icontains": words})
        return self.paged(self.request, rows, lambda page: self.serializer(page, many=True).data)

    def brought_in(self) -> Response:
        workspace = editable_workspace(self.request)
        limits.count(self.request, workspace)
        rows = self.request.data
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValidationError("This has to be a list of objects.")
        if len(rows) > MOST_AT_ONCE:
            raise ValidationError(f"At most {MOST_AT_ONCE:,} at once; more of them as CSV to /api/library-imports.")
        report = import_objects(workspace, self.kind, rows, by=self.request.user)
        return Response(ReportSerializer(report).data)


class ResolvedTickets(LibraryView):
    """Solved tickets, which similar ones are found among."""

    kind, serializer = "tickets", ResolvedTicketSerializer

    @extend_schema(parameters=[WORKSPACE, WORDS], responses=ResolvedTicketSerializer(many=True))
    def get(self, request: Request) -> Response:
        return self.listed()

    @extend_schema(
        parameters=[WORKSPACE],
        request=ResolvedTicketSerializer(many=True),
        responses={200: ReportSerializer, 404: None},
    )
    def post(self, request: Request) -> Response:
        """Add or change, by external_id; sending the same again changes nothing."""
        return self.brought_in()


class Knowledge(LibraryView):
    """Articles of the knowledge base, which may answer a ticket."""

    kind, serializer = "articles", ArticleSerializer

    @extend_schema(parameters=[WORKSPACE, WORDS], responses=ArticleSerializer(many=True))
    def get(self, request: Request) -> Response:
        return self.listed()

    @extend_schema(
        parameters=[WORKSPACE], request=ArticleSerializer(many=True), responses={200: ReportSerializer, 404: None}
    )
    def post(self, request: Request) -> Response:
        """Add or change, by external_id; sending the same again changes nothing."""
        return self.brought_in()


class Assets(LibraryView):
    """Hosts, devices and networks, which tickets may name."""

    kind, serializer = "assets", AssetSerializer

    @extend_schema(parameters=[WORKSPACE, WORDS], responses=AssetSerializer(many=True))
    def get(self, request: Request) -> Response:
        return self.listed()

    @extend_schema(
        parameters=[WORKSPACE], request=AssetSerializer(many=True), responses={200: ReportSerializer, 404: None}
    )
    def post(self, request: Request) -> Response:
        """Add or change, by external_id; sending the same again changes nothing."""
        return self.brought_in()
