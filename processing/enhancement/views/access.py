"""Looking things up through the workspace: 404 for what is not yours, 403 where your role is too small."""

from __future__ import annotations

import uuid

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from processing.enhancement.models import EnhancementHistory
from sessions_app import limits
from sessions_app.models import Membership, Workspace
from sessions_app.models.workspaces import MAY_EDIT, MAY_REVIEW

ALLOWED = {
    "view": frozenset(Membership.Role.values),
    "review": MAY_REVIEW,
    "edit": MAY_EDIT,
    "own": frozenset({Membership.Role.OWNER.value}),
}


def run_or_404(request: HttpRequest, enhancement_id: uuid.UUID, *, needs: str = "view") -> EnhancementHistory:
    """A run that the user may see. ``needs``: view, review (engineers: reviewers, editors, owners) or edit."""
    visible = EnhancementHistory.objects.visible_to(request.user).select_related("workspace", "linked_ticket__session")
    run = get_object_or_404(visible, pk=enhancement_id)
    _require(request, run.workspace, needs)
    return run


def workspace_or_404(request: HttpRequest, workspace_id: uuid.UUID, *, needs: str = "view") -> Workspace:
    workspace = get_object_or_404(Workspace.objects.visible_to(request.user), pk=workspace_id)
    _require(request, workspace, needs)
    return workspace


def _require(request: HttpRequest, workspace: Workspace, needs: str) -> None:
    if workspace.role_of(request.user) not in ALLOWED[needs]:
        raise PermissionDenied("Your role in this workspace does not allow that.")
    limits.count(request, workspace)
