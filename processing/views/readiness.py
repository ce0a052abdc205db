"""How far a session is from the tracker: what still stands in the way, with one click to each."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from processing.generation.service import latest_task
from processing.models import TrackerConnection
from processing.models.tasks import TaskType
from processing.validation.readiness import counts_of, problems_of_ticket, with_problems
from processing.validation.service import ReviewService
from sessions_app.errors import AppError
from sessions_app.models import Session, TicketComment
from sessions_app.views.access import session_or_404

PAGE = 50


@require_safe
@vary_on_headers("HX-Request")
def readiness(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """The panel for htmx, else the page with the tickets that cannot leave."""
    session = session_or_404(request, session_id)
    context = _context(session)
    if request.headers.get("HX-Request"):
        return render(request, "processing/readiness/_panel.html", context)
    problems = Paginator(with_problems(session), PAGE).get_page(request.GET.get("page"))
    context |= {"page": problems, "problems": [problems_of_ticket(ticket) for ticket in problems]}
    return render(request, "processing/readiness/page.html", context)


def _context(session: Session) -> dict[str, object]:
    counts = counts_of(session)
    task = latest_task(session, TaskType.ADF_VALIDATION)
    requests = TicketComment.objects.filter(
        ticket__in=session.tickets.in_backlog(), kind=TicketComment.Kind.CHANGE_REQUEST, resolved_at=None
    )
    return {
        "session": session,
        "counts": counts,
        "leaving": counts["total"] - counts["rejected"],
        "unlooked": counts["stale"] + counts["missing"],
        "marked": session.tickets.in_backlog().with_marks().count(),
        "requests": requests.values("ticket").distinct().count(),
        "first_request": requests.order_by("created_at").values_list("ticket", flat=True).first(),
        "connections": TrackerConnection.objects.filter(workspace=session.workspace_id).exists(),
        "task": task if task and not task.is_finished else None,
        "failed": task if task and task.status == "failed" else None,
    }


@require_POST
def validate(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """Look at all tickets that may leave; then the page."""
    session = session_or_404(request, session_id, needs="review")
    try:
        ReviewService().validate_session(session, by=request.user)
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
    return redirect("readiness:page", session.pk)
