"""Writing tickets again when people ask for it: the new text waits beside the old until somebody decides."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.utils import timezone

from processing.engine.questions import ask
from processing.engine.queue import enqueue
from processing.errors import ProcessingError
from processing.generation.choices import service_of_session
from processing.generation.fact_check import check
from processing.generation.kind import site_context
from processing.models import TicketProposal, WorkItem
from processing.models.proposals import LONGEST_INSTRUCTION
from sessions_app.actions.imports import specification_of
from sessions_app.correlation import correlation_id
from sessions_app.marks import Mark
from sessions_app.models import AuditEvent, Ticket
from sessions_app.models.tickets import TEXT_FIELDS
from sessions_app.parsing.payload import EntityPayload
from sessions_app.parsing.specification import backlog

from .question import chosen_sections, question

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    Person = AbstractBaseUser | AnonymousUser

logger = logging.getLogger(__name__)

REWRITE_JOB: Final = "processing.rewriting.jobs.rewrite_ticket_job"
SECONDS: Final = 75.0
"""For all calls of one proposal; with the lease, a dead worker's proposal is taken up within two minutes."""
LEASE: Final = 90.0
MOST_WAITING: Final = 10
MOST_ATTEMPTS: Final = 3


def propose(
    ticket: Ticket,
    *,
    by: Person,
    instruction: str = "",
    sections: Sequence[str] = (),
    revises: TicketProposal | None = None,
) -> TicketProposal:
    """Ask for another text of these sections (all, if none is named); a worker writes it.

    Raises ProcessingError where it would be in vain: an instruction to the offline writer, too many that wait.
    """
    instruction = instruction.strip()
    wanted = chosen_sections(sections or (revises.sections if revises else ()))
    if len(instruction) > LONGEST_INSTRUCTION:
        raise ProcessingError(f"A wish has at most {LONGEST_INSTRUCTION:,} characters.")
    if instruction and ticket.session.llm_provider_choice == "offline":
        raise ProcessingError(
            "The offline writer cannot follow a wish: it writes by rule from the cells.",
            recovery_actions=("Choose another provider in the session's settings.", "Or edit the text yourself."),
        )
    with transaction.atomic():
        Ticket.objects.select_for_update().get(pk=ticket.pk)
        if ticket.proposals.undecided().count() >= MOST_WAITING:
            raise ProcessingError(
                f"{MOST_WAITING} proposals for this ticket wait for a decision.",
                recovery_actions=("Accept or discard some of them first.",),
            )
        made = TicketProposal.objects.create(
            ticket=ticket,
            revises=revises,
            instruction=instruction,
            sections=wanted,
            base_version=ticket.version,
            variant=ticket.proposals.filter(instruction=instruction).count() + 1,
            lease_until=timezone.now() + timedelta(seconds=LEASE),
            request_id=correlation_id.get()[:64],
            asked_by_id=by.pk,
            asked_by_name=by.get_username(),
        )
        details = {"ticket": ticket.short_key, "sections": wanted, "instruction": instruction[:200]}
        AuditEvent.record("ticket.rewrite_asked", ticket, by=by, details=details)
        enqueue(REWRITE_JOB, str(made.pk), queue="llm")
    return made


def retry(proposal: TicketProposal) -> None:
    """Try one again that failed. Raises TaskMoved."""
    with transaction.atomic():
        proposal.try_again()
        enqueue(REWRITE_JOB, str(proposal.pk), queue="llm")


def accept(proposal: TicketProposal, *, by: Person, seen_version: int, sections: Sequence[str] = ()) -> Ticket:
    """Make the text, or some of its sections, a new version of the ticket as it was seen.

    Raises StaleEdit if another version came in between, TaskMoved if the proposal is decided; then nothing changes.
    """
    wanted = [name for name in proposal.content if name in chosen_sections(sections)]
    if not wanted:
        raise ProcessingError("There is no such section in this proposal.")
    ticket = proposal.ticket
    with transaction.atomic():
        proposal.take()
        ticket.edit(
            editor=by,
            seen_version=seen_version,
            author=proposal.author,
            marks=[mark for mark in proposal.fact_marks if mark["section"] in wanted],
            **{name: proposal.content[name] for name in wanted},
        )
        details = {"ticket": ticket.short_key, "proposal": str(proposal.pk), "sections": wanted}
        AuditEvent.record("ticket.rewrite_accepted", ticket, by=by, details=details)
    return ticket


def write(proposal_id: uuid.UUID) -> None:
    """What a worker does. Safe to be called twice; a proposal that keeps killing its workers fails in the end."""
    proposal = TicketProposal.objects.select_related("ticket__session__workspace").filter(pk=proposal_id).first()
    if proposal is None or not proposal.claim(LEASE):
        return
    if proposal.attempts > MOST_ATTEMPTS:
        proposal.fail(ProcessingError("Workers died of this again and again."))
        return
    ticket = proposal.ticket
    site = site_context(ticket.session)
    try:
        payload = payload_of(ticket)
        texts = {name: getattr(ticket, name) for name in TEXT_FIELDS}
        if proposal.revises:
            texts |= proposal.revises.content
        asked = question(
            payload,
            site,
            texts,
            sections=proposal.sections,
            instruction=proposal.instruction,
            variant=proposal.variant,
        )
        service = service_of_session(ticket.session)
        answer = ask(service, ticket.session.workspace, {ticket.key: asked}, seconds=SECONDS)[ticket.key]
    except ProcessingError as error:
        proposal.fail(error)
        return
    if answer.error:
        proposal.fail(answer.error, answer.cost)
        return
    proposal.keep(
        answer.content,
        _marks(payload, {**texts, **answer.content}, proposal, ticket),
        provider=answer.provider,
        llm_model=answer.model,
        prompt_version=answer.prompt_version,
        fallback_reason=answer.fallback_reason,
        cost=answer.cost,
    )


def _marks(
    payload: EntityPayload | None, texts: dict[str, str], proposal: TicketProposal, ticket: Ticket
) -> list[Mark]:
    """What the cells do not bear out in the sections that were written."""
    if payload is None:
        return []
    found = check(payload, texts, also=ticket.session.site_name)
    return [{**mark} for mark in found if mark["section"] in proposal.sections]


def payload_of(ticket: Ticket) -> EntityPayload | None:
    """The ticket's entity as the specification has it now, else as it was when the ticket was written, else None."""
    made = backlog(specification_of(ticket.session), ticket.session.granularity)
    if ticket.key in made.keys:
        return made[ticket.key]
    before = WorkItem.objects.filter(task__session=ticket.session_id, key=ticket.key).order_by("-task__created_at")
    payload: EntityPayload | None = before.values_list("payload", flat=True).first()
    return payload


def take_up_proposals() -> dict[str, int]:
    """Enqueue what nobody works on: its worker died, or Redis lost the message."""
    now = timezone.now()
    alone = list(TicketProposal.objects.left_alone(now))
    for proposal in alone:
        if proposal.status == TicketProposal.Status.PENDING:  # a running one is claimed by its lease being over
            TicketProposal.objects.filter(pk=proposal.pk, status=proposal.status).update(
                lease_until=now + timedelta(seconds=LEASE)
            )
        enqueue(REWRITE_JOB, str(proposal.pk), queue="llm")
    if alone:
        logger.info("%s proposals were taken up again", len(alone))
    return {"proposals_enqueued": len(alone)}
