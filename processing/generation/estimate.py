"""What a run would take, before it starts: tickets, calls, tokens, money and minutes, from the real prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypedDict, cast

from django.conf import settings
from django.db.models import Avg, Count, Q

from processing.engine.money import spent_this_month
from processing.errors import ProcessingError
from processing.llm import prompts
from processing.llm.base import SiteContext
from processing.llm.batching import NO_BATCHES
from processing.llm.remote import RemoteProvider
from processing.llm.usage import price_list
from processing.models import LLMCall
from processing.portions import portions
from sessions_app.actions.imports import specification_of
from sessions_app.models import Session
from sessions_app.parsing.csv_types import GROUP_ORDER
from sessions_app.parsing.specification import PER_PARENT, PER_ROW, Backlog, backlog, input_hash

from .choices import service_of_session

Case = str
CASES: Final[tuple[Case, ...]] = ("low", "expected", "high")
CHARACTERS_PER_TOKEN: Final = {"low": 4.6, "expected": 3.9, "high": 3.2}
"""English prose has about four and a half, JSON of machine names about three."""
ANSWER_TOKENS: Final = {"low": 450, "expected": 900, "high": 1_800}
SECONDS_PER_CALL: Final = {"low": 3.0, "expected": 8.0, "high": 20.0}
CALLS_PER_TICKET: Final = {"low": 1.0, "expected": 1.03, "high": 2.0}
"""High: every answer has to be repaired once."""
ECONOMY_MINUTES: Final = {"low": 10.0, "expected": 60.0, "high": 24 * 60.0}
"""Providers answer batches within a day, mostly within the hour."""
OFFLINE_SECONDS: Final = 0.01
SAMPLE: Final = 400
"""Prompts that are built to measure them; more entities are scaled from these."""
EXPERIENCE: Final = 20
"""Calls of one model after which its own averages replace the general ones."""


@dataclass(frozen=True, slots=True)
class Experience:
    """What this workspace's calls to the model were like: seconds and tokens out per call, calls per ticket."""

    seconds: float
    tokens_out: float
    calls_per_ticket: float


class Range(TypedDict):
    """None where it cannot be told."""

    low: float | None
    expected: float | None
    high: float | None


class Cost(Range):
    """``price``: where the prices come from; free, unknown, workspace, or the list that they stand in."""

    currency: str
    price: str


class Limits(TypedDict):
    """US dollars; None: no limit. ``enough``: the expected cost fits into both."""

    run: float | None
    month: float | None
    spent_this_month: float | None
    enough: bool


class TicketCount(TypedDict):
    total: int
    groups: dict[str, int]


class Forecast(TypedDict):
    llm_model: str
    already_paid: int
    problem: str
    economy: bool
    calls: Range
    tokens_in: Range
    tokens_out: Range
    cost: Cost
    minutes: Range
    limits: Limits


class Estimate(Forecast):
    """``tickets``: by granularity. ``to_write`` are new or changed, ``removed`` are no longer in the files."""

    granularity: str
    tickets: dict[str, TicketCount]
    to_write: int
    up_to_date: int
    removed: int
    dependencies: int
    cycles: int
    llm_provider: str


def estimate(session: Session) -> Estimate:
    """Tickets by group for both granularities, what is new or changed, and what writing that would take.

    ``calls``, ``tokens_in``, ``tokens_out``, ``minutes`` and ``cost`` (US dollars, None where the price is unknown) are
    {low, expected, high}. ``already_paid`` answers come from the ledger and cost nothing again; the offline writer
    makes no calls.
    """
    specification = specification_of(session)
    made = {name: backlog(specification, name) for name in (PER_ROW, PER_PARENT)}
    chosen = made[session.granularity]
    digests = {payload["key"]: input_hash(payload) for payload in chosen}
    kept = _kept(session, list(digests))
    to_write = {key: digest for key, digest in digests.items() if kept.get(key) != digest}
    found = {
        "granularity": session.granularity,
        "tickets": {name: _counts(each) for name, each in made.items()},
        "to_write": len(to_write),
        "up_to_date": len(chosen) - len(to_write),
        "removed": session.tickets.count() - len(kept),
        "dependencies": len(chosen.dependencies),
        "cycles": len(chosen.cycles),
        "llm_provider": session.llm_provider_choice,
        **forecast(session, chosen, to_write),
    }
    return cast("Estimate", found)


def _kept(session: Session, keys: list[str]) -> dict[str, str]:
    """Input hashes of the tickets that are there with these keys."""
    kept: dict[str, str] = {}
    for some in portions(keys):
        kept |= session.tickets.filter(key__in=some).order_by().values_list("key", "input_hash")
    return kept


def forecast(session: Session, made: Backlog, to_write: Mapping[str, str]) -> dict[str, Any]:
    """Calls, tokens, money and minutes for these entities (key -> input hash), and how they stand to the limits."""
    nothing: dict[str, Any] = {
        "llm_model": "",
        "already_paid": 0,
        "problem": "",
        "economy": session.economy,
        **{name: dict.fromkeys(CASES, 0) for name in ("calls", "tokens_in", "tokens_out")},
        "cost": {"currency": "USD", **dict.fromkeys(CASES, 0.0), "price": "free"},
        "minutes": dict.fromkeys(CASES, _rounded(len(to_write) * OFFLINE_SECONDS / 60)),
        "limits": {"run": None, "month": None, "spent_this_month": None, "enough": True},
    }
    if session.llm_provider_choice == "offline":
        return nothing
    service = service_of_session(session)
    try:
        provider = service.provider()
    except ProcessingError as error:
        return {
            **nothing,
            "problem": error.message,
            "calls": dict.fromkeys(CASES, len(to_write)),
            "cost": {"currency": "USD", **dict.fromkeys(CASES), "price": "unknown"},
            "minutes": dict.fromkeys(CASES),
            "limits": _limits(session, None),
        }
    if not isinstance(provider, RemoteProvider):
        return nothing
    site = SiteContext(site_name=session.site_name, site_description=session.site_description)
    calls = {key: service.call_hash(digest, site) for key, digest in to_write.items()}
    paid = {
        digest
        for some in portions(list(calls.values()))
        for digest in LLMCall.objects.answers(session.workspace_id, some).values_list("input_hash", flat=True)
    }
    asked = [key for key, digest in calls.items() if digest not in paid]
    lengths = _lengths(provider, made, asked, site)
    characters = sum(lengths) / len(lengths) if lengths else 0.0
    work = _Work(len(asked), characters, _experience(session, provider), economy=session.economy)
    parts = {case: _case(case, provider, work) for case in CASES}
    known = provider.cost(1_000, 1_000) is not None
    return {
        "llm_model": provider.model,
        "already_paid": len(to_write) - len(asked),
        "problem": NO_BATCHES.format(provider.name) if session.economy and provider.batches is None else "",
        "economy": session.economy,
        **{name: {case: parts[case][name] for case in CASES} for name in ("calls", "tokens_in", "tokens_out")},
        "minutes": {case: parts[case]["minutes"] for case in CASES},
        "cost": {
            "currency": "USD",
            **{case: parts[case]["cost"] for case in CASES},
            "price": ("workspace" if provider.credentials.prices else price_list()) if known else "unknown",
        },
        "limits": _limits(session, parts["expected"]["cost"]),
    }


def call_reserve(session: Session, made: Backlog) -> Decimal | None:
    """What one call of a run may cost: the longest of the measured prompts and a long answer. None if unknown."""
    if session.llm_provider_choice == "offline":
        return Decimal(0)
    provider = service_of_session(session).provider()
    if not isinstance(provider, RemoteProvider):
        return Decimal(0)
    site = SiteContext(site_name=session.site_name, site_description=session.site_description)
    longest = max(_lengths(provider, made, made.keys, site), default=0)
    return provider.cost(int(longest / CHARACTERS_PER_TOKEN["high"]), ANSWER_TOKENS["high"], economy=session.economy)


def duration(session: Session, entities: int) -> float:
    """Minutes that a run may take, from the number of entities alone."""
    if session.llm_provider_choice == "offline":
        return _rounded(entities * OFFLINE_SECONDS / 60)
    if session.economy:
        return ECONOMY_MINUTES["expected"]
    return _rounded(entities * SECONDS_PER_CALL["expected"] / settings.ENGINE["CONCURRENCY"] / 60)


@dataclass(frozen=True, slots=True)
class _Work:
    """Entities to ask for, characters of a prompt on average, and what is known of the model."""

    entities: int
    characters: float
    experience: Experience | None
    economy: bool


def _case(case: Case, provider: RemoteProvider, work: _Work) -> dict[str, Any]:
    answer, seconds, per_ticket = ANSWER_TOKENS[case], SECONDS_PER_CALL[case], CALLS_PER_TICKET[case]
    if work.experience and case == "expected":
        known = work.experience
        answer, seconds, per_ticket = int(known.tokens_out), known.seconds, known.calls_per_ticket
    calls = round(work.entities * per_ticket)
    tokens_in, tokens_out = int(calls * work.characters / CHARACTERS_PER_TOKEN[case]), calls * answer
    cost = provider.cost(tokens_in, tokens_out, economy=work.economy) if calls else Decimal(0)
    rates = provider.limiter.rates
    minutes = max(
        calls * seconds / provider.concurrency / 60,
        seconds / 60 if calls else 0.0,
        calls / rates.rpm if rates.rpm else 0.0,
        (tokens_in + tokens_out) / rates.tpm if rates.tpm else 0.0,
    )
    return {
        "calls": calls,
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "minutes": ECONOMY_MINUTES[case] if work.economy and calls else _rounded(minutes),
        "cost": None if cost is None else round(float(cost), 4),
    }


def _limits(session: Session, expected: float | None) -> dict[str, Any]:
    """The run's and the month's limit, what is spent of the latter, and whether the expected cost fits into both."""
    month = session.workspace.monthly_budget
    spent = spent_this_month(session.workspace)
    left = [
        Decimal(limit) for limit in (session.budget, month - spent if month is not None else None) if limit is not None
    ]
    return {
        "run": None if session.budget is None else float(session.budget),
        "month": None if month is None else float(month),
        "spent_this_month": float(spent),
        "enough": expected is None or not left or Decimal(str(expected)) <= min(left),
    }


def _experience(session: Session, provider: RemoteProvider) -> Experience | None:
    newest = LLMCall.objects.filter(
        workspace_id=session.workspace_id,
        provider=provider.name,
        llm_model=provider.model,
        prompt_version=provider.prompt_version,
        economy=False,
        tokens_out__gt=0,
    ).order_by("-created_at")[:500]
    found = LLMCall.objects.filter(pk__in=list(newest.values_list("pk", flat=True))).aggregate(
        calls=Count("pk"),
        good=Count("pk", filter=Q(outcome=LLMCall.Outcome.OK)),
        seconds=Avg("latency_ms"),
        tokens=Avg("tokens_out"),
    )
    if found["good"] < EXPERIENCE:
        return None
    return Experience(found["seconds"] / 1_000, found["tokens"], found["calls"] / found["good"])


def _lengths(provider: RemoteProvider, made: Backlog, keys: Sequence[str], site: SiteContext) -> list[int]:
    """Characters of prompts, instructions included: of every n-th, so that all kinds of entities are among them."""
    sample = keys[:: max(1, len(keys) // SAMPLE)]
    return [len(provider.ticket_form.system) + len(prompts.user_prompt(made[key], site)) for key in sample]


def _rounded(minutes: float) -> float:
    return round(max(0.1, minutes), 1)


def _counts(made: Backlog) -> dict[str, Any]:
    groups = Counter(payload["entity_group"] for payload in made)
    return {"total": len(made), "groups": {name: groups[name] for name in GROUP_ORDER if groups[name]}}
