"""Tickets: the list in working order, and one ticket beside the cells that it was written from."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from sessions_app.filters import FILTERS, filtered_tickets
from sessions_app.marks import pieces, words_of
from sessions_app.models import Ticket
from sessions_app.models.tickets import TEXT_FIELDS
from sessions_app.parsing.csv_types import CSV_TYPES, GROUP_ORDER

from .access import session_or_404, ticket_or_404
from .saved_views import views_beside

PAGE_SIZES = (50, 100, 200)
MARKS_SHOWN = 6


@require_safe
def ticket_list(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """The session's tickets with filters, search and pages in the URL. htmx gets the rows alone."""
    session = session_or_404(request, session_id)
    wanted = request.GET
    tickets = filtered_tickets(session, wanted).only(
        "session_id",
        "number",
        "key",
        "title",
        "entity_group",
        "csv_type",
        "status",
        "source_state",
        "fact_marks",
        "position",
        "updated_at",
    )
    size = next((each for each in PAGE_SIZES if str(each) == wanted.get("size")), PAGE_SIZES[0])
    page = Paginator(tickets, size).get_page(wanted.get("page"))
    counts = {row["csv_type"]: row["count"] for row in session.tickets.values("csv_type").annotate(count=Count("pk"))}
    context = {
        "session": session,
        "page": page,
        "wanted": wanted,
        "filters": [(name, wanted.get(name, "")) for name in FILTERS],
        **views_beside(request, session),
        "types": [(kind.name, kind.noun, counts[kind.name]) for kind in CSV_TYPES.values() if kind.name in counts],
        "groups": [name for name in GROUP_ORDER if any(CSV_TYPES[each].group == name for each in counts)],
        "statuses": Ticket.Status.choices,
        "source_states": Ticket.SourceState.choices,
        "total": sum(counts.values()),
        "sizes": PAGE_SIZES,
    }
    template = (
        "sessions_app/tickets/_table.html"
        if request.headers.get("HX-Target") == "tickets"
        else "sessions_app/tickets/list.html"
    )
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Target"])  # a browser going back must not take the rows for the page
    return response


@require_safe
def ticket_detail(request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID) -> HttpResponse:
    """Source cells beside the text, and what it needs and is needed by."""
    session = session_or_404(request, session_id)
    ticket = ticket_or_404(session, ticket_id)
    marked = {name: words_of(ticket.fact_marks, name) for name in TEXT_FIELDS}
    neighbours = session.tickets.in_backlog().only("session_id", "number", "title", "position")
    context = {
        "session": session,
        "ticket": ticket,
        "noun": CSV_TYPES[ticket.csv_type].noun if ticket.csv_type in CSV_TYPES else ticket.csv_type,
        "needs": ticket.needs.select_related("to_ticket").order_by("to_ticket__position"),
        "needed_by": ticket.needed_by.select_related("from_ticket").order_by("from_ticket__position"),
        "previous": neighbours.filter(position__lt=ticket.position).order_by("-position").first(),
        "next": neighbours.filter(position__gt=ticket.position).order_by("position").first(),
        "files": dict(session.files.values_list("filename", "pk")),
        "has_parts": any(fact.get("part") for fact in ticket.facts),
        "marks": ticket.fact_marks[:MARKS_SHOWN],
        "more_marks": ticket.fact_marks[MARKS_SHOWN:],
        "marked": marked,
        "comments": ticket.comments.all(),
        "title": pieces(ticket.title, marked["title"].anywhere),
    }
    return render(request, "sessions_app/tickets/detail.html", context)


@require_POST
def mark_dismiss(request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID) -> HttpResponse:
    """A person says that the marked words (``section``, ``text``) are right."""
    session = session_or_404(request, session_id, needs="review")
    ticket = ticket_or_404(session, ticket_id)
    gone = ticket.dismiss_mark(request.POST.get("section", ""), request.POST.get("text", ""), by=request.user)
    messages.success(request, "The mark is gone." if gone else "This mark was gone already.")
    return redirect(f"{ticket.get_absolute_url()}{'#checks' if ticket.fact_marks else ''}")
