"""What a run would take, before it starts."""

from __future__ import annotations

from collections import Counter
from typing import Any

from processing.generation.service import estimate_duration
from sessions_app.actions.imports import specification_of
from sessions_app.models import Session
from sessions_app.parsing.csv_types import GROUP_ORDER
from sessions_app.parsing.specification import PER_PARENT, PER_ROW, Backlog, backlog, input_hash


def estimate(session: Session) -> dict[str, Any]:
    """Tickets by group for both granularities, what is new or changed, and minutes, calls and money for the chosen one.

    The offline writer makes no calls and costs nothing.
    """
    specification = specification_of(session)
    made = {name: backlog(specification, name) for name in (PER_ROW, PER_PARENT)}
    chosen = made[session.granularity]
    kept = dict(session.tickets.values_list("key", "input_hash"))
    to_write = sum(kept.get(payload["key"]) != input_hash(payload) for payload in chosen.items)
    calls = 0 if session.llm_provider_choice == "offline" else to_write
    return {
        "granularity": session.granularity,
        "tickets": {name: _counts(each) for name, each in made.items()},
        "to_write": to_write,
        "up_to_date": len(chosen.items) - to_write,
        "removed": len(kept.keys() - {payload["key"] for payload in chosen.items}),
        "dependencies": len(chosen.dependencies),
        "cycles": len(chosen.cycles),
        "llm_provider": session.llm_provider_choice,
        "calls": calls,
        "cost": {"currency": "USD", "expected": 0.0 if not calls else None},
        "minutes": estimate_duration(session, to_write),
    }


def _counts(made: Backlog) -> dict[str, Any]:
    groups = Counter(payload["entity_group"] for payload in made.items)
    return {"total": len(made.items), "groups": {name: groups[name] for name in GROUP_ORDER if groups[name]}}
