"""What an export would do, and writing it down as records. A dry run is the plan without the writing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db import transaction
from django.utils import timezone

from processing.models import ExportRecord, SessionTask, TrackerConnection
from processing.models.exports import STEP_ORDER, RecordStatus, Step
from processing.portions import portions
from processing.validation.readiness import TicketProblems
from sessions_app.graph import work_order
from sessions_app.models import Session, Ticket, TicketDependency

from .drafts import EPIC, draft_of_epic, draft_of_ticket, fingerprint, label_of
from .errors import TrackerError
from .targets import Draft, Target, target_of

Action = Literal["create", "update", "unchanged", "outdated", "look", "ask"]
Place = tuple[str, str, str, str]
"""(step, item key, other key, kind of link): what a record is about."""

CANDIDATES = (Ticket.Status.APPROVED, Ticket.Status.EXPORTED)


@dataclass(slots=True)
class Planned:
    """One thing to send, or not to. ``outdated``: changed since it was sent, and updates were not asked for;
    ``look``: perhaps in the tracker, looked up first; ``ask``: the same, and a person has to say.
    """

    action: Action
    step: Step
    item_key: str
    title: str
    position: int
    other_key: str = ""
    link_kind: str = ""
    ticket: Ticket | None = None
    record: ExportRecord | None = None
    payload: dict[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        return (self.step, self.item_key, self.other_key, self.link_kind)


@dataclass(slots=True)
class Plan:
    """``problems``: sentences about what keeps the export from starting; ``drafts``: what issues are made of;
    ``blocked``: approved tickets that cannot be sent as they are.
    """

    planned: list[Planned]
    drafts: list[Draft]
    problems: list[str] = field(default_factory=list)
    blocked: list[TicketProblems] = field(default_factory=list)

    def count(self, action: Action, *steps: Step) -> int:
        return sum(each.action == action and (not steps or each.step in steps) for each in self.planned)

    @property
    def writes(self) -> int:
        return sum(each.action in ("create", "update", "look") for each in self.planned)


def candidates(session: Session) -> list[Ticket]:
    """Tickets that may be sent, in dependency order: what is needed comes first."""
    tickets = {each.key: each for each in session.tickets.in_backlog().in_order().filter(status__in=CANDIDATES)}
    order = work_order(list(tickets), [(first, second) for first, second, kind in _edges(tickets) if kind == "blocks"])
    return [tickets[key] for key in order.nodes]


def _edges(tickets: dict[str, Ticket]) -> list[tuple[str, str, str]]:
    """(dependent, prerequisite, kind) between these."""
    ids = [ticket.pk for ticket in tickets.values()]
    found = TicketDependency.objects.active().filter(from_ticket__session__in={t.session_id for t in tickets.values()})
    wanted = set(ids)
    rows = found.values_list("from_ticket_id", "to_ticket_id", "from_ticket__key", "to_ticket__key", "kind")
    return sorted((source, target, kind) for a, b, source, target, kind in rows if a in wanted and b in wanted)


def plan_of(session: Session, connection: TrackerConnection, *, update: bool = False, payloads: bool = False) -> Plan:
    """Everything that the session has for this tracker. Asks the tracker nothing.

    ``payloads``: keep what would be sent (a dry run); otherwise only what is needed to tell changed from unchanged.
    """
    target = target_of(connection)
    records = {_place(each): each for each in ExportRecord.objects.filter(session=session, connection=connection)}
    tickets = candidates(session)
    planned: list[Planned] = []
    drafts: list[Draft] = []
    if connection.options.get("epics"):
        for position, group in enumerate(dict.fromkeys(ticket.entity_group for ticket in tickets)):
            draft = draft_of_epic(session, group)
            drafts.append(draft)
            planned.append(_issue(Step.EPIC, draft, position, None, records, target, update, payloads))
    for position, ticket in enumerate(tickets, start=1):
        draft = draft_of_ticket(session, ticket)
        drafts.append(draft)
        issue = _issue(Step.ISSUE, draft, position, ticket, records, target, update, payloads)
        planned.append(issue)
        if issue.action in ("create", "update"):
            planned += _parts(draft, position, ticket, records, target, payloads=payloads)
    planned += _links(session, connection, tickets, records, target)
    planned += _leftovers(planned, records)
    return Plan(planned, drafts)


def _place(record: ExportRecord) -> Place:
    return (record.step, record.item_key, record.other_key, record.link_kind)


def _issue(  # noqa: PLR0917 - what one row of the plan is made of
    step: Step,
    draft: Draft,
    position: int,
    ticket: Ticket | None,
    records: dict[Place, ExportRecord],
    target: Target,
    update: bool,  # noqa: FBT001
    payloads: bool,  # noqa: FBT001
) -> Planned:
    record = records.get((step, draft.key, "", ""))
    title = f"{ticket.short_key} {draft.title}" if ticket else draft.title
    made = Planned("create", step, draft.key, title, position, ticket=ticket, record=record)
    is_there = bool(record and record.remote_key)
    if is_there or payloads:
        made.payload = target.payload(draft)
    if record and is_there:
        changes = target.changes(made.payload)
        same = record.fingerprint == fingerprint(changes, target.parts(draft)) and record.is_there
        made.action = "unchanged" if same else "update" if update else "outdated"
        made.payload = changes
    elif record and record.status in (RecordStatus.UNKNOWN, RecordStatus.IN_FLIGHT):
        made.action = "ask" if record.asked_at else "look"
    return made


def _parts(
    draft: Draft,
    position: int,
    ticket: Ticket,
    records: dict[Place, ExportRecord],
    target: Target,
    *,
    payloads: bool,
) -> Iterator[Planned]:
    """Only told of in a dry run: their records are written with the issue's success."""
    if not payloads:
        return
    for part in target.parts(draft):
        record = records.get((Step.ATTACHMENT, draft.key, part.name, ""))
        if record is None or not record.is_there:
            payload = {"name": part.name, "characters": len(part.text)}
            title = f"The rest of {ticket.short_key}"
            yield Planned(
                "create", Step.ATTACHMENT, draft.key, title, position, part.name, ticket=ticket, payload=payload
            )


def _links(
    session: Session,
    connection: TrackerConnection,
    tickets: list[Ticket],
    records: dict[Place, ExportRecord],
    target: Target,
) -> Iterator[Planned]:
    by_key = {ticket.key: ticket for ticket in tickets}
    kinds = target.link_kinds - (set() if connection.options.get("relates", True) else {"relates"})
    places = {ticket.key: position for position, ticket in enumerate(tickets, start=1)}
    wanted = [each for each in _edges(by_key) if each[2] in kinds]
    if connection.options.get("epics") and "parent" in kinds:
        wanted += [(ticket.key, EPIC + ticket.entity_group, "parent") for ticket in tickets]
    for first, second, kind in wanted:
        record = records.get((Step.LINK, first, second, kind))
        there = record is not None and record.is_there
        name = by_key[second].short_key if second in by_key else second.removeprefix(EPIC)
        words = {"blocks": "is blocked by", "relates": "relates to", "parent": "belongs to"}[kind]
        yield Planned(
            "unchanged" if there else "create",
            Step.LINK,
            first,
            f"{by_key[first].short_key} {words} {name}",
            places[first],
            second,
            kind,
            by_key[first],
            record,
            {"kind": kind, "issue": first, "other": second},
        )


def _leftovers(planned: list[Planned], records: dict[Place, ExportRecord]) -> Iterator[Planned]:
    """Texts that did not arrive the last time, and what is unknown though its ticket is no longer to be sent."""
    known = {each.place for each in planned}
    for place, record in records.items():
        if place in known or record.is_there:
            continue
        unknown = record.status in (RecordStatus.UNKNOWN, RecordStatus.IN_FLIGHT)
        if unknown or (record.step == Step.ATTACHMENT and record.ticket_id):
            action: Action = "ask" if record.is_question else "look" if unknown else "create"
            yield Planned(
                action,
                Step(record.step),
                record.item_key,
                record.title,
                record.position,
                record.other_key,
                record.link_kind,
                record.ticket,
                record,
            )


def with_problems(plan: Plan, connection: TrackerConnection) -> Plan:
    """The plan with what the tracker's project has against it. Asks the tracker; one that is away is a problem, too."""
    sent = {each.item_key for each in plan.planned if each.action == "create" and each.step in (Step.EPIC, Step.ISSUE)}
    drafts = [draft for draft in plan.drafts if draft.key in sent]
    if drafts:
        try:
            plan.problems += target_of(connection).problems(drafts)
        except TrackerError as error:
            plan.problems.append(error.message)
    return plan


def write_down(plan: Plan, task: SessionTask, connection: TrackerConnection, only: list[str]) -> int:
    """Give the task its records: all that is planned, or only those named. Returns how many there are to do.

    In the transaction that starts the run.
    """
    session = task.session
    if only:
        named = ExportRecord.objects.filter(session=session, connection=connection, pk__in=map(uuid.UUID, only))
        named.filter(status=RecordStatus.FAILED).update(status=RecordStatus.PENDING, attempts=0)
        return named.update(task=task)
    new: list[ExportRecord] = []
    known: list[Planned] = []
    again: list[uuid.UUID] = []
    for each in plan.planned:
        if each.action in ("unchanged", "outdated"):
            if each.action == "unchanged" and each.ticket and each.ticket.status == Ticket.Status.APPROVED:
                each.ticket.move_to(Ticket.Status.EXPORTED)  # approved again, and nothing is different
            continue
        if each.record is None:
            new.append(_record(each, task, connection))
        else:
            known.append(each)
            if each.record.status in (RecordStatus.FAILED, RecordStatus.CREATED, RecordStatus.UPDATED):
                again.append(each.record.pk)
    with transaction.atomic():
        now = timezone.now()
        ExportRecord.left_in_flight(session, connection, now)
        ExportRecord.objects.bulk_create(new, batch_size=500)
        for some in portions([each.record.pk for each in known if each.record]):
            rows = ExportRecord.objects.filter(pk__in=some)
            rows.update(task=task, changed_at=now)
            rows.filter(status=RecordStatus.UNKNOWN).update(asked_at=None)
        for some in portions(again):
            ExportRecord.objects.filter(pk__in=some).exclude(status=RecordStatus.UNKNOWN).update(
                status=RecordStatus.PENDING, attempts=0, error_code="", error_message=""
            )
        for each in known:
            _renew(each)
    return len(new) + len(known)


def _record(each: Planned, task: SessionTask, connection: TrackerConnection) -> ExportRecord:
    return ExportRecord(
        session=task.session,
        connection=connection,
        task=task,
        ticket=each.ticket,
        target=connection.target,
        step=each.step,
        phase=STEP_ORDER[each.step],
        position=each.position,
        item_key=each.item_key,
        other_key=each.other_key,
        link_kind=each.link_kind,
        title=each.title[:300],
        label=label_of(task.session, each.item_key) if each.step in (Step.EPIC, Step.ISSUE) else "",
    )


def _renew(each: Planned) -> None:
    """Its ticket may have moved, or been written again, since the record was made."""
    record = each.record
    if record and each.ticket:
        now = {"ticket_id": each.ticket.pk, "position": each.position, "title": each.title[:300]}
        if any(getattr(record, name) != value for name, value in now.items()):
            ExportRecord.objects.filter(pk=record.pk).update(**now)
