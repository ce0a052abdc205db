"""The ticket list's filters, the same for the page and the API; they live in the URL."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Q

from sessions_app.models import Session
from sessions_app.models.tickets import TicketQuerySet


def filtered_tickets(session: Session, wanted: Mapping[str, str]) -> TicketQuerySet:
    """Tickets of a session in working order. ``q`` searches title, key and text, ``marked=1`` asks for those
    with marks of the fact check; unknown values match nothing.
    """
    tickets: TicketQuerySet = session.tickets.in_order()
    for name, field in (
        ("group", "entity_group"),
        ("type", "csv_type"),
        ("status", "status"),
        ("source_state", "source_state"),
    ):
        if wanted.get(name):
            tickets = tickets.filter(**{field: wanted[name]})
    if wanted.get("marked") == "1":
        tickets = tickets.with_marks()
    text = wanted.get("q", "").strip()[:200]
    if text:
        number = text[2:] if text[:2].upper() == "T-" and text[2:].isdecimal() and len(text) < 11 else ""
        match = (
            Q(title__icontains=text)
            | Q(key__icontains=text)
            | Q(user_story__icontains=text)
            | Q(analysis__icontains=text)
        )
        tickets = tickets.filter(match | Q(number=int(number)) if number else match)
    return tickets
