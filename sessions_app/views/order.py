"""The order of work as a drawing and as text; who needs whom, changed by people."""

from __future__ import annotations

import uuid
from collections import defaultdict

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from sessions_app.actions import order
from sessions_app.errors import AppError
from sessions_app.models import Session, Ticket, TicketDependency
from sessions_app.parsing.csv_types import GROUP_ORDER

from .access import session_or_404, ticket_or_404

DRAWN_AT_ONCE = 300
"""Tickets that are drawn without being asked for; beyond that the first group is."""
CAPACITY = 20
HIGHEST_CAPACITY = 500


@require_safe
def order_page(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """The drawing of a group (``?group=``), proposed cuts, the same as text, and sprints by ``?capacity=``."""
    session = session_or_404(request, session_id)
    tickets = list(
        session.tickets.in_backlog().in_order().only("session_id", "number", "title", "entity_group", "position")
    )
    groups = [name for name in GROUP_ORDER if any(ticket.entity_group == name for ticket in tickets)]
    wanted = request.GET.get("group", "")
    group = wanted if wanted in groups else (groups[0] if groups and len(tickets) > DRAWN_AT_ONCE else "")
    links = (
        order.dependencies_of(session)
        .select_related("from_ticket", "to_ticket")
        .order_by("from_ticket__position", "to_ticket__position")
    )
    needs: dict[uuid.UUID, list[TicketDependency]] = defaultdict(list)
    for link in links:
        needs[link.from_ticket_id].append(link)
    shown = [ticket for ticket in tickets if not group or ticket.entity_group == group]
    number = request.GET.get("capacity", "")
    asked = int(number) if number.isdecimal() and len(number) < 5 else 0
    capacity = asked if 0 < asked <= HIGHEST_CAPACITY else CAPACITY
    context = {
        "session": session,
        "groups": groups,
        "group": group,
        "rows": [(ticket, needs[ticket.pk]) for ticket in shown],
        "proposed": [link for link in links if link.state == TicketDependency.State.PROPOSED_CUT],
        "capacity": capacity,
        "sprints": [(part[0], part[-1], len(part)) for part in order.sprints(tickets, capacity)],
        "total": len(tickets),
    }
    return render(request, "sessions_app/order/page.html", context)


@require_POST
def add_dependency(request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID) -> HttpResponse:
    """The ticket needs the one named in ``needs`` (``T-12``)."""
    session = session_or_404(request, session_id, needs="review")
    ticket = ticket_or_404(session, ticket_id)
    try:
        needed = _named(session, request.POST.get("needs", ""))
        order.add_dependency(ticket, needed, by=request.user)
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
    else:
        messages.success(request, f"{ticket.short_key} needs {needed.short_key} first.")
    return redirect(ticket)


@require_POST
def change_dependency(request: HttpRequest, session_id: uuid.UUID, link_id: int, change: str) -> HttpResponse:
    """``remove`` a dependency, ``accept`` or ``reject`` a proposed cut."""
    session = session_or_404(request, session_id, needs="review")
    link = get_object_or_404(
        order.dependencies_of(session).select_related("from_ticket__session", "to_ticket"), pk=link_id
    )
    if change not in ("remove", "accept", "reject"):
        raise Http404("There is no such change.")
    try:
        if change == "remove":
            order.remove_dependency(link, by=request.user)
        else:
            order.decide_cut(link, accept=change == "accept", by=request.user)
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
    else:
        messages.success(request, "The order is changed.")
    return redirect("sessions:order", session.pk) if "order" in request.POST else redirect(link.from_ticket)


@require_POST
def move_ticket(request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID) -> HttpResponse:
    """Put it before the one named in ``before`` (``T-12``), within its group."""
    session = session_or_404(request, session_id, needs="review")
    ticket = ticket_or_404(session, ticket_id)
    try:
        before = _named(session, request.POST.get("before", ""))
        order.move(ticket, before, by=request.user)
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
    else:
        messages.success(request, f"{ticket.short_key} comes before {before.short_key} now.")
    return redirect(ticket)


def _named(session: Session, text: str) -> Ticket:
    """The ticket that people call so. Raises AppError if there is none."""
    number = text.strip().upper().removeprefix("T-")
    found = session.tickets.filter(number=int(number)).first() if number.isdecimal() and len(number) < 9 else None
    if found is None:
        raise AppError(f"There is no ticket “{text[:20]}”.", recovery_actions=("Name it as in the list, like T-12.",))
    return found
