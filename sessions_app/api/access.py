"""Looking things up through the workspace: what a user may not see is not there (404), what they may not change is
403.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from sessions_app import limits
from sessions_app.models import Session

from .idempotency import IdempotentView


class SessionView(IdempotentView):
    """Base of all endpoints below ``/api/sessions/{session_id}/``.

    ``self.session`` is the session, visible to the user; for unsafe methods the user must have the role named by
    ``needs_role``: ``edit`` (owner, editor) or ``review`` (reviewers too).
    """

    needs_role = "edit"

    def prepare(self, request: Request, **kwargs: Any) -> None:
        self.session = session_for(request, kwargs["session_id"], self.needs_role)


def session_for(request: Request, session_id: uuid.UUID, needs_role: str = "edit") -> Session:
    """The session if the user may see it; for unsafe methods, if they may change it too."""
    session = get_object_or_404(Session.objects.visible_to(request.user).select_related("workspace"), pk=session_id)
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        allowed = (
            Session.objects.editable_by(request.user)
            if needs_role == "edit"
            else Session.objects.reviewable_by(request.user)
        )
        if not allowed.filter(pk=session.pk).exists():
            raise PermissionDenied("Your role in this workspace does not allow that.")
        limits.count(request, session.workspace)
    return session
