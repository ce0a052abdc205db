"""Another text for a ticket: ask for it, compare it with the present one, accept, discard or revise it."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from processing import rewriting
from processing.models import TicketProposal
from processing.models.proposals import LONGEST_INSTRUCTION
from sessions_app.differences import differences
from sessions_app.errors import AppError
from sessions_app.marks import SECTION_NAMES
from sessions_app.models import Session, Ticket
from sessions_app.models.tickets import TEXT_FIELDS
from sessions_app.views.access import session_or_404, ticket_or_404


@require_safe
@vary_on_headers("HX-Request")
def proposals(request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID) -> HttpResponse:
    """What was asked for, newest first, and a form to ask: a page, or for htmx a part of the ticket's page, of which
    ``?part=list`` gives what changes.
    """
    session = session_or_404(request, session_id)
    ticket = ticket_or_404(session, ticket_id)
    name = "list"
    if request.headers.get("HX-Request"):
        name = "_list" if request.GET.get("part") == "list" else "_panel"
    return render(request, f"processing/proposals/{name}.html", _context(session, ticket))


def _context(session: Session, ticket: Ticket) -> dict[str, object]:
    waiting = list(ticket.proposals.undecided().select_related("revises"))
    return {
        "session": session,
        "ticket": ticket,
        "waiting": waiting,
        "decided": ticket.proposals.exclude(pk__in=[each.pk for each in waiting])[:5],
        "being_written": any(each.is_being_written for each in waiting),
        "sections": SECTION_NAMES.items(),
        "is_offline": session.llm_provider_choice == "offline",
        "longest": LONGEST_INSTRUCTION,
    }


@require_POST
def propose(request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID) -> HttpResponse:
    """Ask: ``instruction`` (may be empty), ``sections`` (all, if none), ``revises`` (a proposal to start from)."""
    session = session_or_404(request, session_id, needs="edit")
    ticket = ticket_or_404(session, ticket_id)
    revised = request.POST.get("revises", "")
    try:
        rewriting.propose(
            ticket,
            by=request.user,
            instruction=request.POST.get("instruction", ""),
            sections=[name for name in request.POST.getlist("sections") if name],
            revises=_proposal(ticket, revised) if revised else None,
        )
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
    else:
        messages.success(request, "Asked for. The present text stays until you accept another one.")
    return redirect(f"{ticket.get_absolute_url()}#proposals")


@require_safe
def proposal(request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID, proposal_id: uuid.UUID) -> HttpResponse:
    """One of them beside the present text."""
    session = session_or_404(request, session_id)
    ticket = ticket_or_404(session, ticket_id)
    found = _proposal(ticket, str(proposal_id))
    present = [(name, SECTION_NAMES[name]) for name in TEXT_FIELDS if name in found.content]
    context = {
        "session": session,
        "ticket": ticket,
        "proposal": found,
        "sections": [
            (name, label, differences(getattr(ticket, name), found.content[name]), _marks(found, name))
            for name, label in present
            if getattr(ticket, name) != found.content[name]
        ],
        "same": [label for name, label in present if getattr(ticket, name) == found.content[name]],
        "is_offline": session.llm_provider_choice == "offline",
        "longest": LONGEST_INSTRUCTION,
    }
    return render(request, "processing/proposals/detail.html", context)


def _marks(found: TicketProposal, section: str) -> list[dict[str, object]]:
    return [mark for mark in found.fact_marks if mark["section"] == section]


@require_POST
def decide(
    request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID, proposal_id: uuid.UUID, verb: str
) -> HttpResponse:
    """accept (all, or one ``section``), discard or retry; then the ticket."""
    session = session_or_404(request, session_id, needs="edit")
    ticket = ticket_or_404(session, ticket_id)
    found = _proposal(ticket, str(proposal_id))
    if verb not in ("accept", "discard", "retry"):
        raise Http404("There is no such verb.")
    try:
        if verb == "accept":
            version = request.POST.get("version", "")
            seen = int(version) if version.isdecimal() and len(version) < 9 else 0
            sections = [name for name in request.POST.getlist("section") if name]
            changed = rewriting.accept(found, by=request.user, seen_version=seen, sections=sections)
            messages.success(request, f"{ticket.short_key} has the new text, as version {changed.version}.")
        elif verb == "discard":
            found.discard()
            messages.success(request, "Discarded. The present text stays.")
        else:
            rewriting.retry(found)
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
        if verb == "accept":
            return redirect(reverse("proposals:detail", args=[session.pk, ticket.pk, found.pk]))
    return redirect(f"{ticket.get_absolute_url()}#proposals")


def _proposal(ticket: Ticket, proposal_id: str) -> TicketProposal:
    try:
        wanted = uuid.UUID(proposal_id)
    except ValueError:
        raise Http404("There is no such proposal.") from None
    return get_object_or_404(ticket.proposals.select_related("ticket__session", "revises"), pk=wanted)
