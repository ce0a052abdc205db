"""Tickets that may be about the same thing: found, and decided by people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sessions_app.actions import order
from sessions_app.duplicates import Named, Pair, duplicates
from sessions_app.errors import WrongState
from sessions_app.models import AuditEvent, DuplicateDecision, Session, Ticket
from sessions_app.parsing.csv_types import CSV_TYPES

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    Person = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Two tickets, the earlier one first, and how much alike they are (0 to 1)."""

    first: Ticket
    second: Ticket
    kind: str
    score: float


def suspicions(session: Session) -> list[Suspicion]:
    """Pairs that nobody has decided about, of tickets that are not rejected."""
    tickets = {
        ticket.number: ticket
        for ticket in session.tickets.in_backlog()
        .exclude(status=Ticket.Status.REJECTED)
        .only("session_id", "number", "key", "title", "csv_type", "facts", "status", "version")
    }
    decided = set(session.duplicate_decisions.values_list("first_id", "second_id"))
    found = duplicates([Named(ticket.number, ticket.key, _label(ticket)) for ticket in tickets.values()])
    return [
        Suspicion(tickets[pair.first], tickets[pair.second], pair.kind, pair.score)
        for pair in found
        if _ids(tickets, pair) not in decided
    ]


def _ids(tickets: dict[int, Ticket], pair: Pair) -> tuple[object, object]:
    return tickets[pair.first].pk, tickets[pair.second].pk


def _label(ticket: Ticket) -> str:
    """What people call its entity; its title where no cell says so."""
    kind = CSV_TYPES.get(ticket.csv_type)
    cells = {fact["column"]: fact["value"] for fact in ticket.facts if not fact.get("part")}
    return str(cells.get(kind.label, "")) if kind and kind.label in cells else ticket.title


def keep_both(first: Ticket, second: Ticket, *, by: Person) -> None:
    """They are two things: do not ask again."""
    _decide(first, second, DuplicateDecision.Verdict.KEPT, by)


def merge(kept: Ticket, other: Ticket, *, by: Person, seen_version: int) -> None:
    """Make two tickets one: ``other`` is rejected with a word about it; ``kept``, as it was seen, gets its cells, its
    dependencies and a new version.

    Raises StaleEdit if ``kept`` was changed since, WrongState if one of them cannot be merged (any more).
    """
    if kept.session_id != other.session_id or kept.pk == other.pk:
        raise WrongState("Two tickets of one session can be merged.", recovery_actions=())
    if other.status == Ticket.Status.EXPORTED:
        raise WrongState(
            f"{other.short_key} is in the tracker already.", recovery_actions=(f"Keep {other.short_key} instead.",)
        )
    if other.status == Ticket.Status.REJECTED:
        raise WrongState(f"{other.short_key} is rejected already.", recovery_actions=())
    with order.alone(kept.session):
        _decide(kept, other, DuplicateDecision.Verdict.MERGED, by)
        text = f"{kept.analysis}\n\n### Merged\n\n{other.short_key} ({other.title}) was merged into this ticket."
        kept.edit(editor=by, seen_version=seen_version, analysis=text)
        cells = [{**fact, "part": fact.get("part") or other.title} for fact in other.facts]
        Ticket.objects.filter(pk=kept.pk).update(facts=[*kept.facts, *cells])
        order.hand_over(other, kept)
        other.reject(f"The same as {kept.short_key}.", seen_version=other.version)
        AuditEvent.record("ticket.merged", kept, by=by, details={"kept": kept.short_key, "merged": other.short_key})


def _decide(one: Ticket, other: Ticket, verdict: str, by: Person) -> None:
    """Raises WrongState if somebody was faster."""
    first, second = sorted((one, other), key=lambda ticket: ticket.number)
    _, made = DuplicateDecision.objects.get_or_create(
        session_id=one.session_id, first=first, second=second, defaults={"verdict": verdict, "by_id": by.pk}
    )
    if not made:
        raise WrongState("Somebody has decided about these two already.", recovery_actions=())
