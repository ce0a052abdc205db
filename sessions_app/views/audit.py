"""The audit log of a workspace, for its owners: who did what, when; filtered, paged, and as CSV."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Final

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_safe

from sessions_app.models import AuditEvent, Membership, Workspace
from sessions_app.models.audit import AuditEventQuerySet
from sessions_app.retention import AUDIT_DAYS
from sessions_app.safe_csv import safe_csv

PAGE_SIZE: Final = 100
MOST_ROWS: Final = 100_000
"""Of one file; more than that is for the filters."""
FILTERS: Final = ("q", "action", "who", "since", "until")
COLUMNS: Final = ("At (UTC)", "Who", "Action", "Kind", "Name", "Id", "Request", "Details")


@require_safe
def audit_log(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """A page of it; the filters live in the address."""
    workspace = _owned(request, workspace_id)
    everything = AuditEvent.objects.of_workspace(workspace)
    context = {
        "workspace": workspace,
        "page": Paginator(filtered(everything, request.GET), PAGE_SIZE).get_page(request.GET.get("page")),
        "wanted": request.GET,
        "is_filtered": any(request.GET.get(name) for name in FILTERS),
        "actions": everything.order_by("action").values_list("action", flat=True).distinct(),
        "people": everything.exclude(user_name="").order_by("user_name").values_list("user_name", flat=True).distinct(),
        "days": AUDIT_DAYS,
    }
    return render(request, "sessions_app/workspaces/audit.html", context)


@require_safe
def audit_file(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse | StreamingHttpResponse:
    """What the filters let through, as CSV that no spreadsheet evaluates."""
    workspace = _owned(request, workspace_id)
    events = filtered(AuditEvent.objects.of_workspace(workspace), request.GET)[:MOST_ROWS]
    response = StreamingHttpResponse(safe_csv(COLUMNS, _rows(events)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="audit-{workspace.slug}.csv"'
    return response


def filtered(events: AuditEventQuerySet, wanted: Mapping[str, str]) -> AuditEventQuerySet:
    """``q`` looks into names, ids and request ids; ``since`` and ``until`` are days (UTC, both included); days that are
    none are left out.
    """
    if text := wanted.get("q", "").strip()[:200]:
        events = events.filter(Q(object_name__icontains=text) | Q(object_id=text[:40]) | Q(request_id=text[:64]))
    if action := wanted.get("action", ""):
        events = events.filter(action=action[:60])
    if who := wanted.get("who", ""):
        events = events.filter(user_name=who[:150])
    if since := _day(wanted.get("since", "")):
        events = events.filter(at__gte=since)
    if until := _day(wanted.get("until", "")):
        events = events.filter(at__lt=until + timedelta(days=1))
    return events


def _day(text: str) -> datetime | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return datetime.combine(day, time.min, UTC) if day and 2000 <= day.year <= 9000 else None


def _rows(events: AuditEventQuerySet) -> Iterator[list[str]]:
    for event in events.iterator(chunk_size=1_000):
        yield [
            event.at.astimezone(UTC).isoformat(sep=" ", timespec="seconds"),
            event.user_name or "system",
            event.action,
            event.object_type,
            event.object_name,
            event.object_id,
            event.request_id,
            json.dumps(event.details, ensure_ascii=False) if event.details else "",
        ]


def _owned(request: HttpRequest, workspace_id: uuid.UUID) -> Workspace:
    workspace = get_object_or_404(Workspace.objects.visible_to(request.user), pk=workspace_id)
    if workspace.role_of(request.user) != Membership.Role.OWNER:
        raise PermissionDenied("Only an owner may read the audit log.")
    return workspace
