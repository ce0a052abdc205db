"""INVEST scores of a session's tickets: by the session's model, else by rule. One row per ticket, for its version."""

from __future__ import annotations

import logging
import uuid
from typing import Any, Final

from django.db.models import Count, F, Q

from processing.engine.questions import Answered, ask
from processing.engine.queue import enqueue
from processing.errors import ProcessingError
from processing.llm.service import LLMService
from sessions_app.models import Session, Ticket

from .judges import questions
from .models import RubricScore

logger = logging.getLogger(__name__)

JOB: Final = "processing.assessment.invest.rate_tickets_job"
TURN: Final = 64


def due(session: Session) -> Any:
    """Tickets without a rating of their present text."""
    current = Q(invest__isnull=False, invest__ticket_version=F("version"))
    return session.tickets.exclude(current)


def request_ratings(session: Session) -> int:
    """Rate all tickets that need it, in the background; returns how many."""
    number: int = due(session).count()
    if number:
        enqueue(JOB, str(session.pk), queue="llm")
    return number


def rate_tickets_job(session_id: str) -> None:
    """One turn; enqueues the next while it gets on. Safe to be delivered twice: a ticket has one row."""
    session = Session.objects.select_related("workspace").filter(pk=uuid.UUID(session_id)).first()
    if session is None:
        return
    tickets = list(due(session).in_order()[:TURN])
    if not tickets:
        return
    needed = dict(
        Ticket.objects.filter(pk__in=[ticket.pk for ticket in tickets])
        .annotate(needed=Count("needs", filter=Q(needs__state="active", needs__kind="blocks")))
        .values_list("pk", "needed")
    )
    asked = {
        f"invest:{ticket.key}"[:240]: questions.invest(_texts(ticket), needed.get(ticket.pk, 0)) for ticket in tickets
    }
    try:
        service = LLMService(
            default_provider=session.llm_provider_choice, model=session.llm_model, workspace=session.workspace
        )
        answers = ask(service, session.workspace, asked, task_id=session.pk)
    except ProcessingError as error:
        logger.warning("no INVEST ratings for session %s: %s", session.pk, error.message)
        return
    found = [(ticket, answers[f"invest:{ticket.key}"[:240]]) for ticket in tickets]
    rated = [(ticket, answer) for ticket, answer in found if answer.error is None]
    _keep(rated)
    if rated and due(session).exists():
        enqueue(JOB, session_id, queue="llm")


def _texts(ticket: Ticket) -> dict[str, str]:
    names = ("title", "user_story", "analysis", "verification")
    return {name: getattr(ticket, name) for name in names}


def _keep(rated: list[tuple[Ticket, Answered]]) -> None:
    there = set(Ticket.objects.filter(pk__in=[ticket.pk for ticket, _ in rated]).values_list("pk", flat=True))
    RubricScore.objects.bulk_create(
        [
            RubricScore(
                ticket=ticket,
                ticket_version=ticket.version,
                criteria=answer.content,
                total=sum(each["score"] for each in answer.content.values()) / len(answer.content),
                provider=answer.provider,
                llm_model=answer.model,
            )
            for ticket, answer in rated
            if ticket.pk in there
        ],
        update_conflicts=True,
        unique_fields=["ticket"],
        update_fields=["ticket_version", "criteria", "total", "provider", "llm_model", "scored_at"],
    )
