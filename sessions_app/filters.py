"""The filters of the lists of sessions and of tickets, the same for the page and the API; they live in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse

from sessions_app.models import Session
from sessions_app.models.sessions import SessionQuerySet
from sessions_app.models.tickets import TicketQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

FILTERS = ("q", "group", "type", "status", "source_state", "marked")
LONGEST = 200
"""Characters of a search."""


def filtered_sessions(user: AbstractBaseUser | AnonymousUser, wanted: Mapping[str, str]) -> SessionQuerySet:
    """Sessions of the user's workspaces, the one used last first. ``q``: the key (``S-12``), or words of the name or
    the description; ``workspace``: a slug; ``stage``: where left out, all but archived ones.
    """
    sessions = Session.objects.visible_to(user).order_by("-last_activity_at", "pk")
    stage, slug, words = wanted.get("stage"), wanted.get("workspace"), wanted.get("q", "").strip()[:LONGEST]
    sessions = sessions.filter(stage=stage) if stage else sessions.active()
    if slug:
        sessions = sessions.filter(workspace__slug=slug)
    if words:
        match = Q(site_name__icontains=words) | Q(site_description__icontains=words)
        number = _number(words, "S-")
        sessions = sessions.filter(match if number is None else match | Q(number=number))
    return sessions


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
        match = (
            Q(title__icontains=text)
            | Q(key__icontains=text)
            | Q(user_story__icontains=text)
            | Q(analysis__icontains=text)
        )
        number = _number(text, "T-")
        tickets = tickets.filter(match if number is None else match | Q(number=number))
    return tickets


def _number(words: str, prefix: str) -> int | None:
    """``T-12`` -> 12; None for what is no key."""
    digits = words[len(prefix) :]
    return int(digits) if words[: len(prefix)].upper() == prefix and digits.isdecimal() and len(digits) < 9 else None
