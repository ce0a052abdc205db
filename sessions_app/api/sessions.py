"""``/api/sessions``."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Count
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListCreateAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from sessions_app.actions import sessions as actions
from sessions_app.models import Session

from .access import SessionView
from .idempotency import IdempotentView
from .serializers import SessionSerializer


def with_counts() -> Any:
    return Session.objects.annotate(
        file_count=Count("files", distinct=True), ticket_count=Count("tickets", distinct=True)
    )


class SessionList(IdempotentView, ListCreateAPIView[Session]):
    """List the sessions of your workspaces, newest activity first; make one."""

    serializer_class = SessionSerializer

    def get_queryset(self) -> Any:
        sessions = Session.objects.visible_to(self.request.user).select_related("workspace")
        stage = self.request.query_params.get("stage")
        sessions = sessions.filter(stage=stage) if stage else sessions.active()
        counted = sessions.annotate(
            file_count=Count("files", distinct=True), ticket_count=Count("tickets", distinct=True)
        )
        return counted.order_by("-last_activity_at", "pk")  # a query that counts forgets the model's own order

    @extend_schema(parameters=[OpenApiParameter("stage", str, enum=Session.Stage.values)])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def perform_create(self, serializer: BaseSerializer[Session]) -> None:
        fields = dict(serializer.validated_data)
        workspace = fields.pop("workspace", None) or actions.default_workspace(self.request.user)
        actions.require_editor(workspace, self.request.user)
        serializer.instance = actions.create_session(workspace, by=self.request.user, **fields)


class SessionDetail(SessionView):
    """One session: read it, change what was chosen, delete it with all it holds."""

    serializer_class = SessionSerializer

    def _answer(self) -> Response:
        session = with_counts().select_related("workspace").get(pk=self.session.pk)
        return Response(SessionSerializer(session, context={"request": self.request}).data)

    @extend_schema(responses=SessionSerializer)
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        return self._answer()

    @extend_schema(request=SessionSerializer, responses=SessionSerializer)
    def patch(self, request: Request, session_id: uuid.UUID) -> Response:
        serializer = SessionSerializer(self.session, data=request.data, partial=True, context={"request": request})
        serializer.is_valid(raise_exception=True)
        if serializer.validated_data:
            actions.change_session(self.session, by=request.user, **serializer.validated_data)
        return self._answer()

    @extend_schema(responses={204: None})
    def delete(self, request: Request, session_id: uuid.UUID) -> Response:
        actions.delete_session(self.session, by=request.user)
        return Response(status=204)
