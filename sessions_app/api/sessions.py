"""``/api/sessions``."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListCreateAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from sessions_app.actions import sessions as actions
from sessions_app.filters import filtered_sessions
from sessions_app.models import Session

from .access import SessionView
from .idempotency import IdempotentView
from .serializers import SessionSerializer


class SessionList(IdempotentView, ListCreateAPIView[Session]):
    """The sessions of your workspaces."""

    serializer_class = SessionSerializer

    def get_queryset(self) -> Any:
        return filtered_sessions(self.request.user, self.request.query_params).select_related("workspace").with_counts()

    @extend_schema(
        parameters=[
            OpenApiParameter("stage", str, enum=Session.Stage.values, description="Left out: all but archived ones."),
            OpenApiParameter("workspace", str, description="Only of the workspace with this slug."),
            OpenApiParameter("q", str, description="The key (S-12), or words of the name or the description."),
        ]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The sessions of your workspaces, newest activity first."""
        return super().get(request, *args, **kwargs)

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a session: one site, its specification and its tickets."""
        return super().post(request, *args, **kwargs)

    def perform_create(self, serializer: BaseSerializer[Session]) -> None:
        fields = dict(serializer.validated_data)
        workspace = fields.pop("workspace", None) or actions.default_workspace(self.request.user)
        actions.require_editor(workspace, self.request.user)
        serializer.instance = actions.create_session(workspace, by=self.request.user, **fields)


class SessionDetail(SessionView):
    """One session."""

    serializer_class = SessionSerializer

    def _answer(self) -> Response:
        session = Session.objects.with_counts().select_related("workspace").get(pk=self.session.pk)
        return Response(SessionSerializer(session, context={"request": self.request}).data)

    @extend_schema(responses=SessionSerializer)
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        """One session, with what was chosen for it."""
        return self._answer()

    @extend_schema(request=SessionSerializer, responses=SessionSerializer)
    def patch(self, request: Request, session_id: uuid.UUID) -> Response:
        """Change what was chosen. What is left out stays."""
        serializer = SessionSerializer(self.session, data=request.data, partial=True, context={"request": request})
        serializer.is_valid(raise_exception=True)
        if serializer.validated_data:
            actions.change_session(self.session, by=request.user, **serializer.validated_data)
        return self._answer()

    @extend_schema(responses={204: None})
    def delete(self, request: Request, session_id: uuid.UUID) -> Response:
        """Delete it with all it holds."""
        actions.delete_session(self.session, by=request.user)
        return Response(status=204)
