"""Tickets that look like one: side by side, merged or kept."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from sessions_app.actions import duplicates
from sessions_app.errors import AppError, WrongState
from sessions_app.models import Session, Ticket

from .access import session_or_404

MOST_SHOWN = 100


@require_safe
def duplicate_list(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """Pairs that nobody has decided about, exact ones first."""
    session = session_or_404(request, session_id)
    found = duplicates.suspicions(session)
    context = {"session": session, "suspicions": found[:MOST_SHOWN], "count": len(found)}
    return render(request, "sessions_app/duplicates/list.html", context)


@require_POST
def decide(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """``verdict`` keep: they are two things; merge: ``kept`` (as seen in ``version``) takes the ``other`` one in."""
    session = session_or_404(request, session_id, needs="review")
    try:
        kept, other = (_ticket(session, request.POST.get(name, "")) for name in ("kept", "other"))
        if request.POST.get("verdict") == "merge":
            version = request.POST.get("version", "")
            seen = int(version) if version.isdecimal() and len(version) < 9 else 0
            duplicates.merge(kept, other, by=request.user, seen_version=seen)
            messages.success(request, f"{other.short_key} was merged into {kept.short_key}.")
        else:
            duplicates.keep_both(kept, other, by=request.user)
            messages.success(request, f"{kept.short_key} and {other.short_key} stay as two tickets.")
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
    return redirect("sessions:duplicates", session.pk)


def _ticket(session: Session, ticket_id: str) -> Ticket:
    try:
        found = session.tickets.filter(pk=uuid.UUID(ticket_id)).first()
    except ValueError:
        found = None
    if found is None:
        raise WrongState("A ticket was named that is not there (any more).", recovery_actions=())
    return found
