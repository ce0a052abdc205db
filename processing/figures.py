"""What operators see in ``/metrics`` of runs, items, calls to models, exports and webhooks (docs/operations.md)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from django.db import DatabaseError

from processing.metrics import Counter, Histogram, Tally, model_labels
from processing.models import ExportRecord, LLMCall, SessionTask
from processing.models.exports import OPEN_RECORD

logger = logging.getLogger(__name__)

CURRENCY: Final = "USD"
"""All prices are in US dollars."""

RUNS: Final = Counter("ticketgen_runs", "Runs that have ended, by how.", ("task_type", "status"))
ITEMS: Final = Counter(
    "ticketgen_items", "Entities and tickets of runs, by what became of them.", ("task_type", "outcome")
)
CALLS: Final = Counter("ticketgen_model_calls", "Calls to models.", ("provider", "model", "outcome"))
SECONDS: Final = Histogram(
    "ticketgen_model_call_seconds", "How long models took to answer; without batches.", ("provider", "model")
)
TOKENS: Final = Counter(
    "ticketgen_model_tokens",
    "Tokens that models read and wrote; those from a cache are among those read.",
    ("provider", "model", "kind"),
)
COST: Final = Counter(
    "ticketgen_model_cost", "What calls cost; unknown prices are left out.", ("provider", "model", "currency")
)
UNPRICED: Final = Counter(
    "ticketgen_model_calls_unpriced", "Calls that were answered and whose price is unknown.", ("provider", "model")
)
EXPORTS: Final = Counter(
    "ticketgen_exports", "Epics, issues, texts and links by what became of them.", ("target", "step", "outcome")
)
WEBHOOKS: Final = Counter(
    "ticketgen_webhooks", "Signed messages, by the status they were answered.", ("purpose", "answer")
)


def run_ended(tally: Tally, task: SessionTask) -> None:
    tally.add(RUNS, task_type=task.task_type, status=task.status)


def items_ended(tally: Tally, task: SessionTask, outcome: str, number: int) -> None:
    tally.add(ITEMS, number, task_type=task.task_type, outcome=outcome)


def calls_made(tally: Tally, calls: Sequence[LLMCall]) -> None:
    """Calls as they go to the ledger. What the offline writer writes is no call to a model."""
    calls = [call for call in calls if call.provider != "offline"]
    names = model_labels({call.llm_model for call in calls})
    for call in calls:
        who = {"provider": call.provider, "model": names[call.llm_model]}
        tally.add(CALLS, **who, outcome=call.outcome)
        if not call.economy:
            tally.observe(SECONDS, call.latency_ms / 1000, **who)
        for kind, tokens in (("in", call.tokens_in), ("out", call.tokens_out), ("cached", call.tokens_cached)):
            tally.add(TOKENS, tokens, **who, kind=kind)
        if call.cost is not None:
            tally.add(COST, float(call.cost), **who, currency=CURRENCY)
        elif call.outcome != LLMCall.Outcome.ERROR:
            tally.add(UNPRICED, **who)


def record_settled(record: ExportRecord) -> None:
    """Once it is in the tracker, has failed, or is unknown. Inside the transaction that says so."""
    if record.status not in OPEN_RECORD:
        EXPORTS.inc(target=record.target, step=record.step, outcome=record.status)


def webhook_answered(purpose: str, status: int) -> None:
    """Counted after the answer is known; a database that is away is no reason to answer otherwise."""
    try:
        WEBHOOKS.inc(purpose=purpose, answer=str(status))
    except DatabaseError as error:
        logger.warning("a webhook is not counted: %s", error)
