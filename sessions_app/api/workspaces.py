"""``/api/workspaces``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app.models import Membership

from .serializers import WorkspaceSerializer

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class WorkspaceList(ListAPIView[Membership]):
    """The workspaces that you belong to."""

    serializer_class = WorkspaceSerializer

    def get_queryset(self) -> Any:
        mine = Membership.objects.filter(user=cast("User", self.request.user))
        if role := self.request.query_params.get("role"):
            mine = mine.filter(role=role)
        return mine.select_related("workspace").order_by("workspace__name", "pk")

    @extend_schema(
        parameters=[
            OpenApiParameter("role", str, enum=Membership.Role.values, description="Only where you are this."),
        ]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The workspaces that you belong to, by name, and what you are in each."""
        return super().get(request, *args, **kwargs)
