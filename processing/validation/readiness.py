"""How far a session's tickets are from the tracker, for pages and programs."""

from __future__ import annotations

from typing import Any, TypedDict, cast

from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When

from processing.models.validation import to_validate
from sessions_app.models import Session, Ticket
from sessions_app.models.tickets import TicketQuerySet

SHOWN = 50


class Counts(TypedDict):
    """Tickets of the backlog. ``draft`` to ``exported`` are what people said of them; ``valid`` to ``missing`` is what
    the check said of those that are not rejected; ``too_long`` are valid ones whose text needs an attachment; ``ready``
    are approved and valid.
    """

    total: int
    draft: int
    approved: int
    rejected: int
    exported: int
    valid: int
    invalid: int
    stale: int
    missing: int
    too_long: int
    ready: int


class TicketProblem(TypedDict):
    """One thing that is wrong. ``pointer`` is the place in the ADF; ``line`` and ``section`` those in the Markdown."""

    kind: str
    pointer: str
    message: str
    line: int | None
    section: str
    blocking: bool


class TicketProblems(TypedDict):
    """A ticket that cannot leave as it is, or that needs a word. ``state`` is valid, invalid, stale (changed since it
    was looked at) or missing (never looked at). ``problems`` are those of the last look.
    """

    id: str
    number: str
    key: str
    title: str
    url: str
    status: str
    version: int
    state: str
    reason: str
    problems: list[TicketProblem]


class Readiness(TypedDict):
    """``problems`` are the first 50 of ``problem_count`` tickets that cannot leave, or that need a word."""

    counts: Counts
    problems: list[TicketProblems]
    problem_count: int


def with_state(tickets: TicketQuerySet) -> QuerySet[Any]:
    """Each with its ``state`` of validation."""
    return tickets.annotate(
        state=Case(
            When(validation__isnull=True, then=Value("missing")),
            When(~Q(validation__ticket_version=F("version")), then=Value("stale")),
            When(validation__valid=True, then=Value("valid")),
            default=Value("invalid"),
            output_field=CharField(),
        )
    )


def counts_of(session: Session) -> Counts:
    """In one query."""
    backlog = with_state(session.tickets.in_backlog())
    leaving = ~Q(status=Ticket.Status.REJECTED)
    found = backlog.aggregate(
        total=Count("pk"),
        **{status: Count("pk", filter=Q(status=status)) for status in ("draft", "approved", "rejected", "exported")},
        **{state: Count("pk", filter=leaving & Q(state=state)) for state in ("valid", "invalid", "stale", "missing")},
        too_long=Count("pk", filter=leaving & Q(state="valid") & ~Q(validation__problems=[])),
        ready=Count("pk", filter=Q(status=Ticket.Status.APPROVED, state="valid")),
    )
    return cast("Counts", found)


def with_problems(session: Session, state: str = "") -> QuerySet[Any]:
    """Tickets that were not looked at as they are now, or about which something was found; of one state, if named."""
    tickets = with_state(to_validate(session)).select_related("validation")
    if state:
        return tickets.filter(state=state)
    return tickets.exclude(state="valid", validation__problems=[])


def problems_of_ticket(ticket: Ticket) -> TicketProblems:
    """One row of the list; the ticket is one of ``with_problems``."""
    state: str = ticket.state  # type: ignore[attr-defined]
    problems = ticket.validation.problems if state != "missing" else []
    return TicketProblems(
        id=str(ticket.pk),
        number=ticket.short_key,
        key=ticket.key,
        title=ticket.title,
        url=ticket.get_absolute_url(),
        status=ticket.status,
        version=ticket.version,
        state=state,
        reason=_reason(state, problems),
        problems=problems,
    )


def readiness(session: Session) -> Readiness:
    """What a page needs to say how far the session is. Three queries."""
    tickets = with_problems(session)
    return Readiness(
        counts=counts_of(session),
        problems=[problems_of_ticket(ticket) for ticket in tickets[:SHOWN]],
        problem_count=tickets.count(),
    )


def not_sendable(session: Session) -> list[TicketProblems]:
    """Approved tickets whose text is not known to be valid as it is now."""
    waiting = with_problems(session).filter(status=Ticket.Status.APPROVED).exclude(state="valid")
    return [problems_of_ticket(ticket) for ticket in waiting]


def _reason(state: str, problems: list[dict[str, Any]]) -> str:
    """Why the ticket is on the list, in a sentence."""
    match state:
        case "missing":
            return "It was not validated yet."
        case "stale":
            return "It was changed after its validation."
        case _:
            blocking = [each for each in problems if each["blocking"] == (state == "invalid")]
            first = (blocking or problems)[0] if problems else {"message": "", "section": ""}
            return f"{first['section']}: {first['message']}" if first["section"] else str(first["message"])
