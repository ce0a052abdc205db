"""Sending a session to a tracker: what would be sent, start, watch, settle."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.views.decorators.http import require_POST, require_safe

from processing.errors import ProcessingError
from processing.export.planning import CANDIDATES
from processing.export.report import REPORTS, records_of
from processing.export.service import ExportService, latest_export
from processing.generation.service import elapsed_and_remaining
from processing.models import ExportRecord, TrackerConnection
from processing.models.exports import RecordStatus
from sessions_app.errors import AppError
from sessions_app.models import Session
from sessions_app.views.access import session_or_404

PAGE = 100
MOST_SHOWN = 200
"""Things that a dry run shows with their payload; the API tells them all."""
FILTERS = {"": "All", "failed": "Failed", "unknown": "Unknown", "created": "Created", "linked": "Links"}


def _context(request: HttpRequest, session: Session) -> dict[str, Any]:
    task = latest_export(session)
    elapsed, remaining = elapsed_and_remaining(task) if task else (0.0, None)
    wanted = request.GET.get("status", "")
    records = records_of(session).filter(status=wanted) if wanted in RecordStatus.values else records_of(session)
    return {
        "session": session,
        "task": task,
        "elapsed": elapsed,
        "remaining": remaining,
        "questions": records_of(session).questions()[:PAGE],
        "records": Paginator(records, PAGE).get_page(request.GET.get("page")),
        "filters": FILTERS.items(),
        "wanted": wanted,
        "approved": session.tickets.in_backlog().filter(status__in=CANDIDATES).count(),
        "tickets": session.tickets.in_backlog().count(),
        "connections": TrackerConnection.objects.filter(workspace=session.workspace_id),
    }


@require_safe
def tracker(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """The page; ``?part=status`` gives its changing part alone."""
    session = session_or_404(request, session_id)
    name = "_status" if request.GET.get("part") == "status" else "page"
    return render(request, f"processing/trackers/{name}.html", _context(request, session))


@require_safe
def preview(request: HttpRequest, session_id: uuid.UUID, connection_id: uuid.UUID) -> HttpResponse:
    """A dry run: exactly what would be sent."""
    session = session_or_404(request, session_id, needs="edit")
    connection = _connection(session, connection_id)
    update = request.GET.get("update") == "1"
    plan = ExportService(by=request.user).dry_run(session, connection, update=update)
    sent = [each for each in plan.planned if each.action in ("create", "update")]
    context = {
        "session": session,
        "connection": connection,
        "update": update,
        "plan": plan,
        "sent_count": len(sent),
        "sent": [(each, json.dumps(each.payload, ensure_ascii=False, indent=1)) for each in sent[:MOST_SHOWN]],
        "others": [each for each in plan.planned if each.action in ("outdated", "look", "ask")],
        "unchanged": plan.count("unchanged"),
    }
    return render(request, "processing/trackers/preview.html", context)


def _connection(session: Session, connection_id: object) -> TrackerConnection:
    return get_object_or_404(TrackerConnection.objects.filter(workspace=session.workspace_id), pk=connection_id)


@require_POST
def act(request: HttpRequest, session_id: uuid.UUID, verb: str) -> HttpResponse:
    """start, cancel, pause or resume; then the page."""
    session = session_or_404(request, session_id, needs="edit")
    service = ExportService(by=request.user)
    verbs = {
        "start": lambda session: _start(request, service, session),
        "cancel": service.cancel_export,
        "pause": service.pause_export,
        "resume": service.resume_export,
    }
    if verb not in verbs:
        raise Http404("There is no such verb.")
    try:
        verbs[verb](session)
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
    return redirect("exports:page", session.pk)


def _start(request: HttpRequest, service: ExportService, session: Session) -> None:
    try:
        wanted = uuid.UUID(request.POST.get("connection", ""))
    except ValueError:
        raise ProcessingError("Choose a connection.") from None
    service.start_export(session, _connection(session, wanted), update=bool(request.POST.get("update")))


@require_POST
def settle(request: HttpRequest, session_id: uuid.UUID, record_id: uuid.UUID) -> HttpResponse:
    """``decision``: retry, create (the tracker does not have it) or exists (it does, as ``key``)."""
    session = session_or_404(request, session_id, needs="edit")
    mine = ExportRecord.objects.filter(session=session).select_related("connection", "session", "ticket")
    record = get_object_or_404(mine, pk=record_id)
    service = ExportService(by=request.user)
    decision, key = request.POST.get("decision"), request.POST.get("key", "").strip()[:100]
    try:
        if decision == "retry":
            service.retry_record(record)
        elif decision == "create" or (decision == "exists" and key):
            service.settle_record(record, key=key if decision == "exists" else "")
            messages.success(request, f"{record.title} is settled.")
        else:
            messages.error(request, "Say which issue it is.")
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
    return redirect("exports:page", session.pk)


def report_response(session: Session, name: str) -> HttpResponse:
    """All records as a download."""
    if name not in REPORTS:
        raise Http404(f"There is no such format. There are {', '.join(REPORTS)}.")
    content_type, write = REPORTS[name]
    response = HttpResponse(b"".join(write(session)), content_type=content_type)
    filename = f"{slugify(session.site_name)[:80] or 'site'}-export.{name}"
    response["Content-Disposition"] = content_disposition_header(True, filename)  # noqa: FBT003
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
def report(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    return report_response(session_or_404(request, session_id), request.GET.get("format", "csv"))
