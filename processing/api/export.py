"""``/api/sessions/{id}/export/file``."""

from __future__ import annotations

import uuid

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from processing.export.files import FORMATS
from processing.views.export import download
from sessions_app.api.access import SessionView


class ExportFile(SessionView):
    """The backlog as a file: md (Markdown), csv, jira-csv (for Jira's importer), json …"""

    @extend_schema(
        parameters=[OpenApiParameter("format", str, enum=list(FORMATS), description="md if left out")],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, session_id: uuid.UUID) -> HttpResponseBase:
        return download(self.session, request.query_params.get("format", "md"))
