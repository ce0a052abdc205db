"""A session's tickets, judged: ranked by a question, held against another session's, rated by INVEST."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from processing.assessment import invest, service
from processing.assessment.forms import AgainstForm, RankingForm
from processing.assessment.judges.questions import CRITERIA
from processing.assessment.models import AssessmentBatch, RubricScore
from processing.assessment.models.batches import MOST_ITEMS
from sessions_app.errors import AppError, NothingToDo
from sessions_app.models import Session
from sessions_app.views.access import session_or_404

RANK, AGAINST, INVEST = "rank", "against", "invest"
QUESTION = "Which ticket brings the site's users more value?"
AB_QUESTION = "Which ticket is clearer, more complete and easier to build from?"


@require_http_methods(["GET", "HEAD", "POST"])
def assess(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """Three forms on one page; ``what`` says which one was sent."""
    what = request.POST.get("what", "") if request.method == "POST" else ""
    session = session_or_404(request, session_id, needs="edit" if request.method == "POST" else "view")
    if what == INVEST:
        number = invest.request_ratings(session)
        said = (
            f"{number} tickets are being rated. Reload the page to see them."
            if number
            else "All tickets have a rating."
        )
        messages.success(request, said)
        return redirect("assessments:session", session.pk)
    ranking = RankingForm(
        request.POST if what == RANK else None,
        workspaces=[session.workspace],
        prefix=RANK,
        initial={"title": f"Tickets of {session.site_name}"[:200], "question": QUESTION, "provider": "offline"},
    )
    against = AgainstForm(
        request.POST if what == AGAINST else None,
        session=session,
        prefix=AGAINST,
        initial={"title": f"{session.short_key} against another"[:200], "question": AB_QUESTION, "provider": "offline"},
    )
    chosen = {RANK: ranking, AGAINST: against}.get(what)
    if chosen is not None and chosen.is_valid():
        try:
            batch = _ranked(session, ranking, request) if what == RANK else _against(session, against, request)
        except AppError as error:
            chosen.add_error(None, error.message)
        else:
            return redirect(batch)
    return render(
        request,
        "assessment/sessions/assess.html",
        {"session": session, "ranking": ranking, "against": against, "what": what, **_shown(session)},
        status=422 if chosen is not None else 200,
    )


def _shown(session: Session) -> dict[str, Any]:
    ratings = (
        RubricScore.objects.filter(ticket__session=session)
        .select_related("ticket")
        .order_by("total", "ticket__position")
    )
    rated = list(ratings[:200])
    return {
        "ticket_count": session.tickets.count(),
        "unrated": invest.due(session).count(),
        "rated": [
            {
                "rating": row,
                "is_stale": row.ticket_version != row.ticket.version,
                "cells": [(name, row.criteria.get(name, {})) for name in CRITERIA],
            }
            for row in rated
        ],
        "criteria": CRITERIA,
        "batches": AssessmentBatch.objects.filter(session=session)[:20],
        "has_others": Session.objects.filter(workspace_id=session.workspace_id).exclude(pk=session.pk).exists(),
    }


def _ranked(session: Session, form: RankingForm, request: HttpRequest) -> AssessmentBatch:
    tickets = list(session.tickets.in_backlog().in_order()[: MOST_ITEMS + 1])
    if not 2 <= len(tickets) <= MOST_ITEMS:
        raise NothingToDo(f"It takes 2 to {MOST_ITEMS:,} tickets to rank them.")
    values = {**form.values(), "items": service.texts_of_tickets(tickets)}
    batch, _ = service.create_batch(
        session.workspace, values, by=request.user, source="tickets", session=session, and_start=True
    )
    return batch


def _against(session: Session, form: AgainstForm, request: HttpRequest) -> AssessmentBatch:
    other: Session = form.cleaned_data["other"]
    items = service.texts_of_two(session, other)
    if not items:
        raise NothingToDo("The two sessions have no ticket about the same entity.")
    if len(items) > MOST_ITEMS:
        raise NothingToDo(f"Together they have more than {MOST_ITEMS:,} tickets.")
    variants = [
        {
            "variant": variant,
            "name": f"{each.short_key} {each.site_name} ({_writer(each)})"[:200],
            "session": str(each.pk),
        }
        for variant, each in (("A", session), ("B", other))
    ]
    batch, _ = service.create_batch(
        session.workspace,
        {**form.values(), "items": items},
        by=request.user,
        source="tickets",
        session=session,
        kind=AssessmentBatch.Kind.AB,
        variants=variants,
        and_start=True,
    )
    return batch


def _writer(session: Session) -> str:
    """Which model and prompt wrote its tickets."""
    ticket = session.tickets.first()
    if ticket is None:
        return "no tickets"
    return " ".join(filter(None, (ticket.provider, ticket.llm_model, ticket.prompt_version)))
