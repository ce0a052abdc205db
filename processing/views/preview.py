"""Tickets as a tracker will show them: from the ADF that would be sent."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from processing.validation.adf import converted
from processing.validation.html import html_of
from processing.validation.schema import problems_of
from processing.validation.texts import text_of
from sessions_app.marks import SECTION_NAMES
from sessions_app.models.tickets import TEXT_FIELDS
from sessions_app.views.access import session_or_404, ticket_or_404

LONGEST = 200_000
"""Characters of a section; more is refused when it is saved."""


@require_safe
@vary_on_headers("HX-Request")
def as_sent(request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID) -> HttpResponse:
    """One ticket with its configuration table, as it would arrive. A part of a page for htmx, else a page."""
    session = session_or_404(request, session_id)
    ticket = ticket_or_404(session, ticket_id)
    made = converted(text_of(session, ticket).markdown)
    context = {
        "session": session,
        "ticket": ticket,
        "html": html_of(made.adf),
        "problems": problems_of(made.adf),
    }
    name = "_sent" if request.headers.get("HX-Request") else "sent"
    return render(request, f"processing/preview/{name}.html", context)


@require_POST
def of_text(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """The sections as they will look, from the text in the editor, and what a tracker would not take of them."""
    session_or_404(request, session_id, needs="review")
    sections = []
    for name in TEXT_FIELDS[1:]:
        made = converted(request.POST.get(name, "")[:LONGEST])
        sections.append((SECTION_NAMES[name], html_of(made.adf), problems_of(made.adf)))
    return render(request, "processing/preview/_sections.html", {"sections": sections})
