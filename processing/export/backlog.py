"""The backlog as plain values: what every file format is written from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, TypedDict

from sessions_app.models import Session, Ticket, TicketDependency

AT_ONCE = 500


class ExportedTicket(TypedDict):
    """``depends_on``: keys of the tickets that come first for this one's sake, whether they block it or are only
    related; ``dependencies`` says which is which. Proposed cuts are not among them.
    """

    key: str
    number: str
    csv_type: str
    entity_group: str
    title: str
    user_story: str
    analysis: str
    verification: str
    facts: list[dict[str, Any]]
    fact_marks: list[dict[str, Any]]
    csv_source: dict[str, Any]
    depends_on: list[str]
    dependencies: list[dict[str, str]]
    position: int
    status: str
    provider: str


def session_header(session: Session) -> dict[str, Any]:
    return {
        "id": str(session.pk),
        "key": session.short_key,
        "site_name": session.site_name,
        "site_description": session.site_description,
        "granularity": session.granularity,
        "llm_provider": session.llm_provider_choice,
    }


def exported_tickets(session: Session) -> Iterator[ExportedTicket]:
    """The session's tickets in working order, a few hundred in memory at a time."""
    needs = _needs(session)
    for ticket in session.tickets.in_backlog().in_order().iterator(chunk_size=AT_ONCE):
        yield _exported(ticket, needs[ticket.key])


def _needs(session: Session) -> dict[str, list[dict[str, Any]]]:
    backlog = session.tickets.in_backlog()
    edges = (
        TicketDependency.objects.active()
        .filter(from_ticket__in=backlog, to_ticket__in=backlog)
        .order_by("to_ticket__position", "to_ticket__number")
    )
    needs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for source, target, kind, rule, before, after in edges.values_list(
        "from_ticket__key", "to_ticket__key", "kind", "rule", "to_ticket__position", "from_ticket__position"
    ):
        needs[source].append({"key": target, "kind": kind, "rule": rule, "first": before < after})
    return needs


def _exported(ticket: Ticket, needs: list[dict[str, Any]]) -> ExportedTicket:
    return ExportedTicket(
        key=ticket.key,
        number=ticket.short_key,
        csv_type=ticket.csv_type,
        entity_group=ticket.entity_group,
        title=ticket.title,
        user_story=ticket.user_story,
        analysis=ticket.analysis,
        verification=ticket.verification,
        facts=ticket.facts,
        fact_marks=ticket.fact_marks,
        csv_source=ticket.csv_source,
        depends_on=[need["key"] for need in needs if need["first"]],
        dependencies=[{"key": need["key"], "kind": need["kind"], "rule": need["rule"]} for need in needs],
        position=ticket.position,
        status=ticket.status,
        provider=ticket.provider,
    )
