"""The workspace's page of connections to trackers: list, add, change, check, delete."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from processing.export.connections import ConnectionForm
from processing.export.errors import ExportError
from processing.export.service import check_connection, delete_connection
from processing.models import TrackerConnection
from sessions_app.models import AuditEvent, Membership, Workspace

NEW = "new"


def _page(request: HttpRequest, workspace: Workspace, bound: ConnectionForm | None = None) -> HttpResponse:
    rows = []
    for row in TrackerConnection.objects.filter(workspace=workspace):
        is_bound = bound is not None and bound.instance.pk == row.pk
        form = bound if is_bound else ConnectionForm(instance=row, prefix=str(row.pk))
        rows.append({"connection": row, "form": form, "open": is_bound, "issues": _issues(row)})
    is_new = bound is not None and bound.prefix == NEW
    context = {
        "workspace": workspace,
        "rows": rows,
        "new_form": bound if is_new else ConnectionForm(instance=TrackerConnection(workspace=workspace), prefix=NEW),
        "new_open": is_new,
        "may_own": workspace.role_of(request.user) == Membership.Role.OWNER,
    }
    return render(request, "processing/connections/page.html", context, status=422 if bound else 200)


def _issues(connection: TrackerConnection) -> int:
    """What is known to have been made through it."""
    return connection.records.there().filter(step__in=("epic", "issue")).count()


def _owned(request: HttpRequest, workspace_id: uuid.UUID) -> Workspace:
    workspace = get_object_or_404(Workspace.objects.visible_to(request.user), pk=workspace_id)
    if workspace.role_of(request.user) != Membership.Role.OWNER:
        raise PermissionDenied("Only an owner may change the workspace's connections.")
    return workspace


def _of(workspace: Workspace, connection_id: uuid.UUID) -> TrackerConnection:
    return get_object_or_404(TrackerConnection.objects.filter(workspace=workspace), pk=connection_id)


@require_safe
def connections(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """All connections of a workspace; its members may look, its owners change."""
    return _page(request, get_object_or_404(Workspace.objects.visible_to(request.user), pk=workspace_id))


@require_POST
def add(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    workspace = _owned(request, workspace_id)
    return _save(request, workspace, TrackerConnection(workspace=workspace), NEW)


@require_POST
def save(request: HttpRequest, workspace_id: uuid.UUID, connection_id: uuid.UUID) -> HttpResponse:
    workspace = _owned(request, workspace_id)
    return _save(request, workspace, _of(workspace, connection_id), str(connection_id))


def _save(request: HttpRequest, workspace: Workspace, row: TrackerConnection, prefix: str) -> HttpResponse:
    form = ConnectionForm(request.POST, instance=row, prefix=prefix)
    if not form.is_valid():
        return _page(request, workspace, form)
    saved = form.applied()
    saved.changed_by_id = request.user.pk
    saved.save()
    details = {"connection": saved.name, "changed": form.changed_data}
    AuditEvent.record("connections.changed", workspace, by=request.user, details=details)
    messages.success(request, f"{saved.name} is saved. Check it now, before you rely on it.")
    return redirect("connections:page", workspace.pk)


@require_POST
def check(request: HttpRequest, workspace_id: uuid.UUID, connection_id: uuid.UUID) -> HttpResponse:
    """Ask the tracker now."""
    workspace = _owned(request, workspace_id)
    connection = _of(workspace, connection_id)
    tell = messages.success if check_connection(connection) else messages.error
    tell(request, f"{connection.name}: {connection.check_result}")
    return redirect("connections:page", workspace.pk)


@require_POST
def delete(request: HttpRequest, workspace_id: uuid.UUID, connection_id: uuid.UUID) -> HttpResponse:
    workspace = _owned(request, workspace_id)
    connection = _of(workspace, connection_id)
    try:
        delete_connection(connection, by=request.user)
        messages.success(request, f"{connection.name} is deleted. What it made stays in the tracker.")
    except ExportError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
    return redirect("connections:page", workspace.pk)
