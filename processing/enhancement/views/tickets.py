"""One ticket of the help desk: what was found, put together, suggested, written back; what can be done with it."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from processing.enhancement.models import ContextItem, EnhancementHistory, Suggestion, Synthesis, WriteBack
from processing.enhancement.service import EnhancementService
from processing.models import LLMCall
from sessions_app.errors import AppError
from sessions_app.models import Session
from sessions_app.models.workspaces import MAY_EDIT, MAY_REVIEW
from sessions_app.views.access import session_or_404, ticket_or_404

from .access import run_or_404

MOST_SESSIONS = 100
HEADINGS = (
    (ContextItem.Kind.TICKET, "Similar solved tickets"),
    (ContextItem.Kind.ARTICLE, "Articles"),
    (ContextItem.Kind.ASSET, "Hosts and networks"),
)


def _context(request: HttpRequest, run: EnhancementHistory) -> dict[str, Any]:
    items = list(run.items.all())
    synthesis = Synthesis.objects.filter(enhancement=run).select_related("judged_by").first()
    role = run.workspace.role_of(request.user)
    sessions = Session.objects.filter(workspace=run.workspace).active()[:MOST_SESSIONS] if role in MAY_EDIT else ()
    return {
        "run": run,
        "groups": [(heading, mine) for kind, heading in HEADINGS if (mine := [i for i in items if i.kind == kind])],
        "labels": {item.label: item for item in items},
        "missing": [name for name, each in run.sources.items() if each.get("status") != "ok"],
        "synthesis": synthesis,
        "answer": json.dumps(synthesis.answer, ensure_ascii=False, indent=1) if synthesis and synthesis.answer else "",
        "calls": LLMCall.objects.filter(workspace=run.workspace, task_id=run.pk).exclude(provider="offline"),
        "suggestions": run.suggestions.select_related("decided_by"),
        "attempts": run.attempt_rows.all(),
        "notes": run.write_backs.all(),
        "received": run.payload.get("received", ""),
        "sessions": sessions,
        "may_edit": role in MAY_EDIT,
        "may_review": role in MAY_REVIEW,
    }


@require_safe
def detail(request: HttpRequest, enhancement_id: uuid.UUID) -> HttpResponse:
    """The page; ``?part=body`` gives all but its head alone, while it changes."""
    run = run_or_404(request, enhancement_id)
    name = "_body" if request.GET.get("part") == "body" else "detail"
    return render(request, f"enhancement/tickets/{name}.html", _context(request, run))


@require_POST
def retry(request: HttpRequest, enhancement_id: uuid.UUID) -> HttpResponse:
    run = run_or_404(request, enhancement_id, needs="review")
    return _done(request, run, lambda: EnhancementService(by=request.user).retry(run), "It is tried again.")


@require_POST
def adopt(request: HttpRequest, enhancement_id: uuid.UUID) -> HttpResponse:
    """Make it a ticket of a session; then that ticket."""
    run = run_or_404(request, enhancement_id, needs="edit")
    try:
        wanted = uuid.UUID(request.POST.get("session", ""))
    except ValueError:
        messages.error(request, "Choose a session.")
        return redirect(run)
    session = get_object_or_404(Session.objects.filter(workspace=run.workspace), pk=wanted)
    try:
        ticket = EnhancementService(by=request.user).adopt(run, session)
    except AppError as error:
        messages.error(request, error.message)
        return redirect(run)
    messages.success(request, f"{run.ticket_id} is {ticket.short_key} of {session.short_key} now.")
    return redirect(ticket)


@require_POST
def feedback(request: HttpRequest, enhancement_id: uuid.UUID) -> HttpResponse:
    """``helpful``: yes or no; ``remark``."""
    run = run_or_404(request, enhancement_id, needs="review")
    synthesis = get_object_or_404(Synthesis, enhancement=run)
    said = request.POST.get("helpful")
    if said not in ("yes", "no"):
        messages.error(request, "Say whether it helped.")
        return redirect(run)
    synthesis.judge(is_helpful=said == "yes", remark=request.POST.get("remark", "").strip(), by=request.user)
    messages.success(request, "Thank you: that is kept with it.")
    return redirect(run)


@require_POST
def decide(request: HttpRequest, enhancement_id: uuid.UUID, suggestion_id: int) -> HttpResponse:
    """``decision``: accepted or dismissed."""
    run = run_or_404(request, enhancement_id, needs="review")
    suggestion = get_object_or_404(Suggestion.objects.filter(enhancement=run), pk=suggestion_id)
    decision = request.POST.get("decision", "")
    said = f"{suggestion.get_field_display()} {suggestion.value}: {decision}."
    return _done(request, run, lambda: suggestion.decide(decision, by=request.user), said)


@require_POST
def write_again(request: HttpRequest, enhancement_id: uuid.UUID, note_id: uuid.UUID) -> HttpResponse:
    run = run_or_404(request, enhancement_id, needs="review")
    note = get_object_or_404(WriteBack.objects.filter(enhancement=run), pk=note_id)
    return _done(request, run, lambda: EnhancementService(by=request.user).write_again(note), "It is sent again.")


@require_POST
def from_ticket(request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID) -> HttpResponse:
    """Find context for a ticket of a session; then that run."""
    session = session_or_404(request, session_id, needs="edit")
    ticket = ticket_or_404(session, ticket_id)
    run, is_new = EnhancementService(by=request.user).for_ticket(ticket)
    if not is_new:
        messages.info(request, "This version of the ticket was looked at already; here is what was found.")
    return redirect(run)


def _done(request: HttpRequest, run: EnhancementHistory, deed: Any, said: str) -> HttpResponse:
    try:
        deed()
        messages.success(request, said)
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
    return redirect(run)
