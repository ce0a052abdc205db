"""The workspace's page of webhook secrets: make, rotate, revoke. A secret is shown once."""

from __future__ import annotations

import uuid
from typing import Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from processing import signatures
from processing.models import WebhookSecret
from processing.models.webhooks import AT_ONCE, Purpose
from sessions_app.errors import AppError
from sessions_app.models import Membership, Workspace

DOORS: Final = {Purpose.SERVICEDESK: "webhook-servicedesk", Purpose.ASSESSMENT: "callbacks-assessment"}
"""Purpose -> name of the address that such messages are sent to."""


@require_safe
def secrets(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """What senders of this workspace sign with; its members may look, its owners change."""
    return _page(request, get_object_or_404(Workspace.objects.visible_to(request.user), pk=workspace_id))


@require_POST
@sensitive_variables("text")
def make(request: HttpRequest, workspace_id: uuid.UUID, purpose: str) -> HttpResponse:
    """A new secret, shown on the answer and never again."""
    workspace = _owned(request, workspace_id)
    if purpose not in Purpose.values:
        raise Http404("There is no such purpose.")
    try:
        made, text = WebhookSecret.make(workspace, purpose, by=request.user)
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
        return redirect("webhooks:page", workspace.pk)
    return _page(request, workspace, made, text)


@require_POST
def revoke(request: HttpRequest, workspace_id: uuid.UUID, secret_id: uuid.UUID) -> HttpResponse:
    workspace = _owned(request, workspace_id)
    secret = get_object_or_404(WebhookSecret.objects.filter(workspace=workspace), pk=secret_id)
    try:
        secret.revoke(by=request.user)
        messages.success(request, f"The secret that ends in {secret.hint} is revoked: what it signs is refused now.")
    except AppError as error:
        messages.error(request, error.message)
    return redirect("webhooks:page", workspace.pk)


def _owned(request: HttpRequest, workspace_id: uuid.UUID) -> Workspace:
    workspace = get_object_or_404(Workspace.objects.visible_to(request.user), pk=workspace_id)
    if workspace.role_of(request.user) != Membership.Role.OWNER:
        raise PermissionDenied("Only an owner may change the workspace's webhook secrets.")
    return workspace


@sensitive_variables("new_text")
def _page(
    request: HttpRequest, workspace: Workspace, new: WebhookSecret | None = None, new_text: str = ""
) -> HttpResponse:
    valid = WebhookSecret.objects.valid().filter(workspace=workspace).select_related("made_by")
    doors = []
    for purpose in Purpose:
        address = _address(request, purpose)
        if address:
            mine = [secret for secret in valid if secret.purpose == purpose]
            doors.append({"purpose": purpose, "address": address, "secrets": mine, "full": len(mine) >= AT_ONCE})
    context = {
        "workspace": workspace,
        "doors": doors,
        "new": new,
        "new_text": new_text,
        "may_own": workspace.role_of(request.user) == Membership.Role.OWNER,
        "headers": signatures,
        "minutes": signatures.TOLERANCE // 60,
    }
    response = render(request, "processing/webhooks/page.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _address(request: HttpRequest, purpose: Purpose) -> str:
    """Where such messages go; "" where this installation takes none."""
    try:
        return request.build_absolute_uri(reverse(DOORS[purpose]))
    except NoReverseMatch:
        return ""
