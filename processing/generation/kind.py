"""Generation as a kind of task: one item per entity, one ticket per item."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Subquery
from django.utils import timezone

from processing.engine import money
from processing.engine.kinds import Outcome
from processing.errors import LLMError, LLMInvalidAnswer, ProcessingError
from processing.llm.base import Allowance, Call
from processing.llm.service import validated
from processing.models import LLMCall, SessionTask, WorkItem
from processing.models.tasks import ItemStatus
from sessions_app.actions.imports import specification_of
from sessions_app.models import Session, Ticket, TicketDependency, TicketRevision
from sessions_app.parsing.csv_types import GROUP_ORDER
from sessions_app.parsing.payload import EntityPayload, Need
from sessions_app.parsing.specification import backlog, input_hash

from .choices import service_of_task
from .fact_check import check
from .facts import facts_of
from .offline import SiteContext

AT_ONCE = 1_000


def site_context(session: Session) -> SiteContext:
    return SiteContext(site_name=session.site_name, site_description=session.site_description)


class Generation:
    """Entities to tickets (engine/kinds.py says what each method is for)."""

    def __init__(self) -> None:
        self._groups: dict[str, int] | None = None

    def plan(self, task: SessionTask) -> Iterator[WorkItem]:
        """One item per entity, in working order. Entities whose ticket is up to date, or was edited by a person, are
        skipped.
        """
        made = backlog(specification_of(task.session), task.session.granularity)
        if not made:
            raise ProcessingError("There is nothing to write tickets for: no uploaded row names an entity.")
        kept = {
            key: (digest, edited_at is not None)
            for key, digest, edited_at in task.session.tickets.values_list("key", "input_hash", "edited_at")
        }
        return (_item(task, position, payload, kept) for position, payload in enumerate(made, start=1))

    def open(self, task: SessionTask) -> WritingRoom:
        return WritingRoom(task)

    def write(self, task: SessionTask, outcomes: Sequence[Outcome]) -> None:
        """Tickets for these items: new ones with their number, present ones as a new version."""
        items = {outcome.item.key: outcome for outcome in outcomes}
        # In no order: for the sake of one, SQLite would go through all tickets of the session.
        known = Ticket.objects.filter(session=task.session_id, key__in=items).order_by()
        present = {ticket.key: ticket for ticket in known}
        new = [outcome for key, outcome in items.items() if key not in present]
        tickets = [_ticket(task, outcome) for outcome in new]
        Ticket.objects.bulk_create(tickets)
        for key, ticket in present.items():
            _rewrite(ticket, task, items[key])
        TicketRevision.objects.bulk_create(
            [TicketRevision.drawn_from(ticket) for ticket in (*tickets, *present.values())]
        )

    def finish(self, task: SessionTask) -> dict[str, Any]:
        """Order, dependencies and the session's stage, from the items: they are what the specification was read to."""
        session = task.session
        self._place(task)
        self._connect(task)
        session.refresh_from_db()
        session.move_to(Session.Stage.REVIEW, by=task.started_by)
        outcomes = task.outcomes()
        return {
            "tickets_generated": outcomes[ItemStatus.DONE],
            "tickets_kept": outcomes[ItemStatus.SKIPPED],
            "failed": outcomes[ItemStatus.FAILED],
        }

    def _place(self, task: SessionTask) -> None:
        """Give each ticket its position, and say whether its row is still there and still the same."""
        tickets = Ticket.objects.filter(session=task.session_id)
        mine = WorkItem.objects.filter(task=task, key=OuterRef("key"))
        tickets.filter(~Exists(mine)).update(position=task.total + 1, source_state=Ticket.SourceState.REMOVED)
        moved = tickets.filter(Exists(mine.exclude(position=OuterRef("position"))))
        moved.update(position=Subquery(mine.values("position")))
        same = tickets.filter(Exists(mine.filter(input_hash=OuterRef("input_hash"))))
        same.exclude(source_state=Ticket.SourceState.CURRENT).update(source_state=Ticket.SourceState.CURRENT)
        other = tickets.filter(Exists(mine.exclude(input_hash=OuterRef("input_hash"))))
        other.exclude(source_state=Ticket.SourceState.CHANGED).update(source_state=Ticket.SourceState.CHANGED)

    def _connect(self, task: SessionTask) -> None:
        """Dependencies as the specification has them now; what a person added or decided stays."""
        between = TicketDependency.objects.filter(from_ticket__session=task.session_id)
        references = between.filter(source=TicketDependency.Source.REFERENCE)
        references.exclude(state=TicketDependency.State.CUT).delete()
        decided = set(between.values_list("from_ticket_id", "to_ticket_id"))
        ids = dict(Ticket.objects.filter(session=task.session_id).values_list("key", "pk"))
        found = (
            _dependency(ids[key], ids[need["key"]], need)
            for key, needs in _needs_of(task)
            for need in needs
            if key in ids and need["key"] in ids and (ids[key], ids[need["key"]]) not in decided
        )
        while some := list(islice(found, AT_ONCE)):
            TicketDependency.objects.bulk_create(some)

    def stage_text(self, task: SessionTask, group: str) -> tuple[str, dict[str, Any]]:
        """The seeds' sentence (A-075). Groups are counted once, among those that this run has."""
        if self._groups is None:
            counted = task.items.order_by().values_list("entity_group").annotate(count=Count("pk"))
            self._groups = dict(counted)
        present = [name for name in GROUP_ORDER if name in self._groups]
        number = present.index(group) + 1 if group in present else 1
        details = {"entity_group": group, "entities_in_group": self._groups.get(group, 0)}
        return f"Processing {group} entities ({number} of {len(present)} groups)", details


@dataclass(frozen=True, slots=True)
class Written:
    """A ticket's text and who wrote it."""

    content: dict[str, str]
    provider: str
    model: str
    prompt_version: str
    fallback_reason: str = ""


class WritingRoom:
    """A drainer's model client, with the answers that were paid for before."""

    def __init__(self, task: SessionTask) -> None:
        self.task = task
        self.site = site_context(task.session)
        self.service = service_of_task(task)
        self.concurrency = min(self.service.provider().concurrency, settings.ENGINE["CONCURRENCY"])
        self.places = range(len(self.service.chain))
        self.known: dict[str, Written] = {}
        self.purse = money.Purse(task.call_reserve)

    def prepare(self, items: Sequence[WorkItem]) -> None:
        hashes = [self.service.call_hash(item.input_hash, self.site, place) for item in items for place in self.places]
        answers = LLMCall.objects.answers(self.task.session.workspace_id, hashes)
        self.known |= {  # items that were prepared before may still wait
            call.input_hash: Written(call.response, call.provider, call.llm_model, call.prompt_version)
            for call in answers
        }
        if money.is_limited(self.task):
            self.purse.left, self.purse.limit = money.left_for(self.task.fresh())

    async def work(self, item: WorkItem) -> Outcome:
        known = self.paid_for(item)
        if known:
            return Outcome(item, result=known)
        return await self.asked(item, Allowance(most=item.attempts_left + 1, agree=self.purse.take))

    def paid_for(self, item: WorkItem) -> Written | None:
        """The text for an item that was prepared, if the ledger has it."""
        hashes = [self.service.call_hash(item.input_hash, self.site, place) for place in self.places]
        return next((self.known.pop(digest) for digest in hashes if digest in self.known), None)

    async def asked(self, item: WorkItem, allowance: Allowance, failed: LLMError | None = None) -> Outcome:
        """Ask the models in turn. ``failed`` is what came of asking the first one before."""
        payload: EntityPayload = item.payload
        before = len(allowance.calls)
        error: LLMError | None = None
        try:
            completion = await self.service._call_llm(payload, self.site, allowance, failed)
            written = Written(
                validated(completion.content),
                completion.provider,
                completion.model,
                completion.prompt_version,
                completion.fallback_reason,
            )
        except LLMError as raised:
            error = raised
        except ProcessingError as raised:
            error = LLMInvalidAnswer(raised.message)
        calls = [self.ledger_entry(item, call) for call in allowance.calls[before:]]
        return Outcome(item, error=error, calls=calls) if error else Outcome(item, result=written, calls=calls)

    def ledger_entry(self, item: WorkItem, call: Call, *, economy: bool = False) -> LLMCall:
        """A row of the ledger, not saved."""
        asked = [(provider.name, provider.model) for provider in self.service.chain]
        place = asked.index((call.provider, call.model))
        return LLMCall.drawn_from(
            call,
            workspace_id=self.task.session.workspace_id,
            task_id=self.task.pk,
            entity_key=item.key,
            economy=economy,
            input_hash=self.service.call_hash(item.input_hash, self.site, place),
        )

    async def close(self) -> None:
        await self.service.close()


def _item(task: SessionTask, position: int, payload: EntityPayload, kept: dict[str, tuple[str, bool]]) -> WorkItem:
    """``kept``: key of each ticket that is there -> (its input hash, whether a person edited it)."""
    digest = input_hash(payload)
    known, is_edited = kept.get(payload["key"], ("", False))
    skipped = is_edited or known == digest
    return WorkItem(
        task=task,
        key=payload["key"],
        position=position,
        entity_group=payload["entity_group"],
        input_hash=digest,
        payload=payload,
        status=ItemStatus.SKIPPED if skipped else ItemStatus.PENDING,
        attempts_left=settings.ENGINE["ATTEMPTS"],
        finished_at=timezone.now() if skipped else None,
    )


def _needs_of(task: SessionTask) -> Iterator[tuple[str, list[Need]]]:
    """What each entity of the run needs, by its key."""
    items = task.items.order_by().values_list("key", "payload__needs")
    return items.iterator(chunk_size=AT_ONCE)


def _dependency(source: uuid.UUID, target: uuid.UUID, need: Need) -> TicketDependency:
    states = TicketDependency.State
    return TicketDependency(
        from_ticket_id=source,
        to_ticket_id=target,
        kind=need["kind"],
        rule=need["rule"],
        state=states.PROPOSED_CUT if need.get("cut") else states.ACTIVE,
    )


def _ticket(task: SessionTask, outcome: Outcome) -> Ticket:
    item = outcome.item
    ticket = Ticket(
        session_id=task.session_id, key=item.key, number=task.number_base + item.position, position=item.position
    )
    _fill(ticket, task, outcome)
    return ticket


def _fill(ticket: Ticket, task: SessionTask, outcome: Outcome) -> None:
    item, written = outcome.item, outcome.result
    payload: EntityPayload = item.payload
    ticket.csv_type, ticket.entity_group = payload["type"], payload["entity_group"]
    for name, text in written.content.items():
        setattr(ticket, name, text)
    ticket.facts, ticket.csv_source = facts_of(payload), payload["csv_source"]
    ticket.fact_marks = check(payload, written.content, also=task.session.site_name)
    ticket.input_hash, ticket.source_state = item.input_hash, Ticket.SourceState.CURRENT
    ticket.provider, ticket.llm_model, ticket.prompt_version = written.provider, written.model, written.prompt_version
    ticket.fallback_reason = written.fallback_reason
    ticket.generated_by_task = task.pk


def _rewrite(ticket: Ticket, task: SessionTask, outcome: Outcome) -> None:
    """A new version of a ticket whose row changed; its approval, if any, was for another text."""
    _fill(ticket, task, outcome)
    ticket.version = F("version") + 1
    ticket.status = Ticket.Status.DRAFT
    ticket.save()
    ticket.refresh_from_db()
