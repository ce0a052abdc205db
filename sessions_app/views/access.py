"""Looking things up for pages: through the workspace, 404 for what is not yours, 403 where your role is too small."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from sessions_app import limits
from sessions_app.models import Session, Ticket, UploadedFile
from sessions_app.models.workspaces import MAY_EDIT, MAY_REVIEW


def session_or_404(request: HttpRequest, session_id: uuid.UUID, *, needs: str = "view") -> Session:
    """The session if the user may see it. ``needs``: view, edit (owner, editor) or review (reviewers too).

    The session carries the user's ``role`` for templates.
    """
    session = get_object_or_404(Session.objects.visible_to(request.user).select_related("workspace"), pk=session_id)
    role = session.workspace.role_of(request.user)
    allowed = {"view": True, "edit": role in MAY_EDIT, "review": role in MAY_REVIEW}
    if not allowed[needs]:
        raise PermissionDenied("Your role in this workspace does not allow that.")
    limits.count(request, session.workspace)
    session.may_edit, session.may_review = allowed["edit"], allowed["review"]  # type: ignore[attr-defined]
    return session


def file_or_404(session: Session, file_id: uuid.UUID) -> UploadedFile:
    return get_object_or_404(session.files.select_related("session__workspace"), pk=file_id)


def ticket_or_404(session: Session, ticket_id: uuid.UUID, **filters: Any) -> Ticket:
    return get_object_or_404(session.tickets, pk=ticket_id, **filters)
