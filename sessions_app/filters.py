"""The ticket list's filters, the same for the page and the API; they live in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse

from sessions_app.models import Session
from sessions_app.models.tickets import TicketQuerySet

FILTERS = ("q", "group", "type", "status", "source_state", "marked")
LONGEST = 200
"""Characters of a search."""


def sent_filters(sent: Mapping[str, str]) -> dict[str, str]:
    """The list's filters as a form beside it sends them, ``filter-<name>`` each; only those that are set."""
    wanted = {name: sent.get(f"filter-{name}", "").replace("\0", "").strip()[:LONGEST] for name in FILTERS}
    return {name: value for name, value in wanted.items() if value}


def list_address(session: Session, filters: Mapping[str, str]) -> str:
    """Where the list shows what these filters find."""
    query = urlencode({name: value for name, value in filters.items() if value})
    return reverse("sessions:tickets", args=[session.pk]) + (f"?{query}" if query else "")


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
    text = wanted.get("q", "").strip()[:LONGEST]
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
