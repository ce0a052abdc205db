"""INVEST scores of a session's tickets: by the session's model, else by rule. One row per ticket, for its version."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import uuid
from typing import Any, Final

from django.db.models import Count, F, Q

from processing.engine import money
from processing.engine.queue import enqueue
from processing.errors import LLMError, ProcessingError
from processing.llm.base import Allowance, Call
from processing.llm.service import LLMService
from processing.models import LLMCall
from sessions_app.models import Session, Ticket

from .judges import questions, rule
from .models import RubricScore

logger = logging.getLogger(__name__)

JOB: Final = "processing.assessment.invest.rate_tickets_job"
AT_ONCE: Final = 16
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
    if session.llm_provider_choice == "offline":
        _keep([(ticket, rule.ratings(_texts(ticket), needed.get(ticket.pk, 0))) for ticket in tickets], "offline", "")
    elif not _asked(session, tickets):
        return
    if due(session).exists():
        enqueue(JOB, session_id, queue="llm")


def _texts(ticket: Ticket) -> dict[str, str]:
    names = ("title", "user_story", "analysis", "verification")
    return {name: getattr(ticket, name) for name in names}


def _asked(session: Session, tickets: list[Ticket]) -> int:
    """Ask the session's model; returns how many tickets it rated. Those that failed wait for the next request."""
    workspace = session.workspace
    if workspace.monthly_budget is not None and money.spent_this_month(workspace) >= workspace.monthly_budget:
        logger.info("no INVEST ratings for session %s: the month's money is spent", session.pk)
        return 0
    try:
        service = LLMService(
            default_provider=session.llm_provider_choice, model=session.llm_model, workspace=session.workspace
        )
        provider = service.provider()
    except ProcessingError as error:
        logger.warning("no INVEST ratings for session %s: %s", session.pk, error.message)
        return 0
    rated, calls = asyncio.run(_ask_all(service, tickets))
    LLMCall.objects.bulk_create([_ledger(session, ticket, call) for ticket, call in calls])
    _keep(rated, provider.name, provider.model)
    return len(rated)


async def _ask_all(
    service: LLMService, tickets: list[Ticket]
) -> tuple[list[tuple[Ticket, dict[str, Any]]], list[tuple[Ticket, Call]]]:
    room = asyncio.Semaphore(AT_ONCE)
    rated: list[tuple[Ticket, dict[str, Any]]] = []
    calls: list[tuple[Ticket, Call]] = []

    async def ask(ticket: Ticket) -> None:
        allowance = Allowance(most=2)
        async with room:
            try:
                completion = await service.ask(questions.invest(_texts(ticket)), allowance)
                rated.append((ticket, questions.checked_ratings(completion.content)))
            except LLMError as error:
                logger.warning("ticket %s was not rated: %s", ticket.pk, error.code)
            finally:
                calls.extend((ticket, call) for call in allowance.calls)

    try:
        await asyncio.gather(*(ask(ticket) for ticket in tickets))
    finally:
        await service.close()
    return rated, calls


def _keep(rated: list[tuple[Ticket, dict[str, Any]]], provider: str, model: str) -> None:
    there = set(Ticket.objects.filter(pk__in=[ticket.pk for ticket, _ in rated]).values_list("pk", flat=True))
    RubricScore.objects.bulk_create(
        [
            RubricScore(
                ticket=ticket,
                ticket_version=ticket.version,
                criteria=criteria,
                total=sum(each["score"] for each in criteria.values()) / len(criteria),
                provider=provider,
                llm_model=model,
            )
            for ticket, criteria in rated
            if ticket.pk in there
        ],
        update_conflicts=True,
        unique_fields=["ticket"],
        update_fields=["ticket_version", "criteria", "total", "provider", "llm_model", "scored_at"],
    )


def _ledger(session: Session, ticket: Ticket, call: Call) -> LLMCall:
    return LLMCall(
        workspace_id=session.workspace_id,
        task_id=session.pk,
        entity_key=f"invest:{ticket.key}"[:240],
        provider=call.provider,
        llm_model=call.model,
        prompt_version=call.prompt_version,
        step=call.step,
        input_hash=hashlib.sha256(f"invest:{ticket.pk}:{ticket.version}:{call.model}".encode()).hexdigest(),
        response=call.content,
        outcome=call.outcome,
        error_code=call.error_code,
        tokens_in=call.tokens_in,
        tokens_out=call.tokens_out,
        tokens_cached=call.tokens_cached,
        cost=call.cost,
        latency_ms=call.latency_ms,
    )
