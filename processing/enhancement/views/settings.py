"""The workspace's page of its help desk."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from processing.enhancement.forms import HelpDeskForm
from processing.enhancement.models import HelpDesk
from sessions_app.models import AuditEvent, Membership

from .access import workspace_or_404


@require_http_methods(["GET", "HEAD", "POST"])
def settings_page(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Members look, owners change."""
    workspace = workspace_or_404(request, workspace_id, needs="own" if request.method == "POST" else "view")
    desk = HelpDesk.of(workspace)
    form = HelpDeskForm(request.POST if request.method == "POST" else None, instance=desk)
    if request.method == "POST" and form.is_valid():
        form.save()
        details = {"changed": form.changed_data}
        AuditEvent.record("help_desk.changed", workspace, by=request.user, details=details)
        messages.success(request, "The help desk's settings are saved.")
        return redirect("enhancement:settings", workspace.pk)
    context = {
        "workspace": workspace,
        "desk": desk if request.method != "POST" else HelpDesk.of(workspace),
        "form": form,
        "may_own": workspace.role_of(request.user) == Membership.Role.OWNER,
        "lists": [("Categories", desk.categories), ("Priorities", desk.priorities), ("Assignees", desk.assignees)],
    }
    return render(
        request, "enhancement/settings/page.html", context, status=422 if form.is_bound and form.errors else 200
    )
