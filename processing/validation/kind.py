"""Validation as a kind of task: one item per ticket, one TicketValidation per item. No network, no model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count
from django.utils import timezone

from processing.engine.kinds import Outcome
from processing.errors import ProcessingError
from processing.models import SessionTask, TicketValidation, WorkItem
from processing.models.tasks import ItemStatus
from processing.models.validation import to_validate
from sessions_app.models import Session, Ticket
from sessions_app.parsing.csv_types import GROUP_ORDER

from .adf import converted
from .schema import Problem, is_valid, placed, problems_of, size_of
from .texts import Text, text_of

ATTEMPTS: Final = 2
AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found about one text."""

    text: Text
    problems: list[Problem]
    size: int


def judge(text: Text) -> Judgement:
    """Convert and check. Pure work of the processor, in proportion to the text."""
    conversion = converted(text.markdown)
    problems = placed(problems_of(conversion.adf), text.markdown, conversion.lines)
    return Judgement(text, problems, size_of(conversion.adf))


class Validation:
    """Tickets to judgements (engine/kinds.py says what each method is for)."""

    def __init__(self) -> None:
        self._groups: dict[str, int] | None = None

    def plan(self, task: SessionTask) -> Iterator[WorkItem]:
        """One item per ticket that may leave; those whose text was looked at already are skipped."""
        tickets = to_validate(task.session)
        if not tickets.exists():
            raise ProcessingError("There is no ticket to validate: all are rejected, or none is written yet.")
        each = tickets.select_related("validation").iterator(chunk_size=AT_ONCE)
        return (_item(task, position, ticket) for position, ticket in enumerate(each, start=1))

    def open(self, task: SessionTask) -> ReadingRoom:
        return ReadingRoom(task)

    def write(self, task: SessionTask, outcomes: Sequence[Outcome]) -> None:
        """Keep what was found, for the versions that were looked at. A ticket that is gone by now needs nothing."""
        found = {outcome.item.payload["ticket"]: outcome.result for outcome in outcomes if outcome.result}
        there = Ticket.objects.filter(pk__in=found).select_for_update().values_list("pk", flat=True)
        TicketValidation.objects.bulk_create(
            [_row(ticket_id, found[str(ticket_id)]) for ticket_id in there],
            update_conflicts=True,
            unique_fields=["ticket"],
            update_fields=["ticket_version", "text_hash", "valid", "problems", "size", "validated_at"],
        )

    def finish(self, task: SessionTask) -> dict[str, Any]:
        """The session moves on to its stage of validation, unless it is there or beyond."""
        session = task.session
        session.refresh_from_db()
        if session.stage in Session.FORWARD[: Session.FORWARD.index(Session.Stage.VALIDATION)]:
            session.move_to(Session.Stage.VALIDATION, by=task.started_by)
        results = TicketValidation.objects
        outcomes = task.outcomes()
        return {
            "ready_for_review": False,
            "tickets_validated": outcomes[ItemStatus.DONE],
            "tickets_kept": outcomes[ItemStatus.SKIPPED],
            "failed": outcomes[ItemStatus.FAILED],
            "valid": results.valid_and_current(session).count(),
            "invalid": results.invalid(session).count(),
        }

    def stage_text(self, task: SessionTask, group: str) -> tuple[str, dict[str, Any]]:
        if self._groups is None:
            self._groups = dict(task.items.order_by().values_list("entity_group").annotate(count=Count("pk")))
        present = [name for name in GROUP_ORDER if name in self._groups]
        number = present.index(group) + 1 if group in present else 1
        details = {"entity_group": group, "entities_in_group": self._groups.get(group, 0)}
        return f"Validating {group} tickets ({number} of {len(present)} groups)", details


def _item(task: SessionTask, position: int, ticket: Ticket) -> WorkItem:
    text = text_of(task.session, ticket)
    known = getattr(ticket, "validation", None)
    skipped = known is not None and known.holds_for(text.version, text.digest)
    return WorkItem(
        task=task,
        key=ticket.key,
        position=position,
        entity_group=ticket.entity_group,
        input_hash=text.digest,
        payload={"ticket": str(ticket.pk)},
        status=ItemStatus.SKIPPED if skipped else ItemStatus.PENDING,
        attempts_left=ATTEMPTS,
        finished_at=timezone.now() if skipped else None,
    )


def _row(ticket_id: Any, judgement: Judgement) -> TicketValidation:
    return TicketValidation(
        ticket_id=ticket_id,
        ticket_version=judgement.text.version,
        text_hash=judgement.text.digest,
        valid=is_valid(judgement.problems),
        problems=[problem.as_json() for problem in judgement.problems],
        size=judgement.size,
        validated_at=timezone.now(),
    )


class ReadingRoom:
    """The texts that a drainer has before it."""

    concurrency = 64

    def __init__(self, task: SessionTask) -> None:
        self.task = task
        self.texts: dict[str, Text] = {}

    def prepare(self, items: Sequence[WorkItem]) -> None:
        """Read the texts as they are now; an edit since the plan is looked at in its new version."""
        tickets = Ticket.objects.filter(pk__in=[item.payload["ticket"] for item in items])
        self.texts |= {str(ticket.pk): text_of(self.task.session, ticket) for ticket in tickets}

    async def work(self, item: WorkItem) -> Outcome:
        """Beside the loop, so that a long text holds up neither a cancel nor a sign of life."""
        text = self.texts.pop(item.payload["ticket"], None)
        return Outcome(item, result=await asyncio.to_thread(judge, text) if text else None)

    async def close(self) -> None:
        """Nothing is open."""
