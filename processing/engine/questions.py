"""Questions outside of runs: none is paid for twice, every call is entered, limits of money hold."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from processing import figures
from processing.errors import LLMError, LLMTimeoutError, delay_after
from processing.llm.base import Allowance, Call, Completion, Question
from processing.llm.remote import RemoteProvider
from processing.llm.service import LLMService
from processing.metrics import Tally
from processing.models import LLMCall
from sessions_app.models import Workspace

from . import money
from .conversation import Conversation

CHARACTERS_PER_TOKEN: Final = 3
LATE: Final = 10.0
"""Seconds beyond the given ones after which a conversation is given up that should have ended by itself."""
LONG_ANSWER: Final = 2
"""Times the length of an ordinary one, for what is set aside."""


@dataclass(slots=True)
class Answered:
    """What came of one question: ``content`` (and who gave it), or an ``error``. ``paid_before``: nobody was asked."""

    content: dict[str, Any] = field(default_factory=dict)
    provider: str = ""
    model: str = ""
    prompt_version: str = ""
    fallback_reason: str = ""
    cost: Decimal | None = Decimal(0)
    error: LLMError | None = None
    paid_before: bool = False

    @property
    def author(self) -> str:
        """Provider and model, as people read it."""
        return " ".join(filter(None, (self.provider, self.model)))


def ask(
    service: LLMService,
    workspace: Workspace,
    questions: Mapping[str, Question],
    *,
    task_id: uuid.UUID | None = None,
    attempts: int | None = None,
    seconds: float = 600.0,
    talk: Conversation | None = None,
) -> dict[str, Answered]:
    """Ask all of these at once, as many together as the provider takes, and enter what they cost.

    ``questions`` by a key of the caller's (at most 240 characters), which the ledger keeps; the answers come under the
    same keys. What the ledger knows already is not asked. A failure that time may mend is tried again with growing
    waits, up to ``attempts`` calls (``ENGINE["ATTEMPTS"]``) and ``seconds`` in all; whatever fails then is the answer's
    ``error``. With ``talk`` they are asked there, and the service stays open.

    Raises BudgetReached, before anything is asked, if a limit of the workspace might be passed; LLMError if the
    provider cannot be used at all.
    """
    digests = {key: _digests(service, question) for key, question in questions.items()}
    answers = _paid_before(workspace, digests)
    open_ = {key: question for key, question in questions.items() if key not in answers}
    if not open_:
        return answers
    aside = money.set_aside(workspace, _reserve(service, open_), seconds + 60)
    most = attempts or int(settings.ENGINE["ATTEMPTS"])
    calls: dict[str, list[Call]] = {key: [] for key in open_}
    try:
        if talk is None:
            answers |= asyncio.run(_ask_and_close(service, open_, most, seconds, calls))
        else:
            answers |= talk.ask(_ask_all(service, open_, most, seconds, calls), seconds + LATE)
    finally:
        entries = [
            LLMCall.drawn_from(
                call,
                workspace_id=workspace.pk,
                task_id=task_id,
                entity_key=key,
                input_hash=digests[key][call.provider, call.model],
            )
            for key, made in calls.items()
            for call in made
        ]
        with transaction.atomic(), Tally() as tally:
            LLMCall.objects.bulk_create(entries)
            figures.calls_made(tally, entries)
            if aside is not None:
                aside.delete()
    return answers


def _digests(service: LLMService, question: Question) -> dict[tuple[str, str], str]:
    """What an answer is kept under, by (provider, model)."""
    return {
        (provider.name, provider.model): service.question_hash(question, place)
        for place, provider in enumerate(service.chain)
    }


def _paid_before(workspace: Workspace, digests: Mapping[str, Mapping[tuple[str, str], str]]) -> dict[str, Answered]:
    keys: dict[str, list[str]] = {}
    for key, of_question in digests.items():
        for digest in of_question.values():
            keys.setdefault(digest, []).append(key)
    return {
        key: Answered(call.response, call.provider, call.llm_model, call.prompt_version, paid_before=True)
        for call in LLMCall.objects.answers(workspace.pk, list(keys))
        for key in keys[call.input_hash]
    }


def _reserve(service: LLMService, questions: Mapping[str, Question]) -> Decimal | None:
    """What one call each may cost; None if the price is unknown."""
    provider = service.provider()
    if not isinstance(provider, RemoteProvider):
        return Decimal(0)
    total = Decimal(0)
    for question in questions.values():
        length = len(question.form.system) + len(question.text)
        cost = provider.cost(length // CHARACTERS_PER_TOKEN, question.form.tokens * LONG_ANSWER)
        if cost is None:
            return None
        total += cost
    return total


async def _ask_and_close(
    service: LLMService, questions: Mapping[str, Question], most: int, seconds: float, calls: dict[str, list[Call]]
) -> dict[str, Answered]:
    try:
        return await _ask_all(service, questions, most, seconds, calls)
    finally:
        await service.close()


async def _ask_all(
    service: LLMService, questions: Mapping[str, Question], most: int, seconds: float, calls: dict[str, list[Call]]
) -> dict[str, Answered]:
    room = asyncio.Semaphore(service.provider().concurrency)
    until = asyncio.get_running_loop().time() + seconds

    async def one(key: str, question: Question) -> tuple[str, Answered]:
        async with room:
            return key, await _ask_one(service, question, Allowance(most=most, calls=calls[key]), until)

    return dict(await asyncio.gather(*(one(key, question) for key, question in questions.items())))


async def _ask_one(service: LLMService, question: Question, allowance: Allowance, until: float) -> Answered:
    now = asyncio.get_running_loop().time
    while True:
        try:
            async with asyncio.timeout_at(until):
                return _answered(await service.ask(question, allowance), allowance)
        except LLMError as error:
            wait = delay_after(error, len(allowance.calls))
            if not error.retryable or allowance.left < 1 or now() + wait >= until:
                return Answered(error=error, cost=_cost(allowance))
        except TimeoutError:
            return Answered(error=LLMTimeoutError(), cost=_cost(allowance))
        await asyncio.sleep(wait)


def _answered(completion: Completion, allowance: Allowance) -> Answered:
    return Answered(
        completion.content,
        completion.provider,
        completion.model,
        completion.prompt_version,
        completion.fallback_reason,
        _cost(allowance),
    )


def _cost(allowance: Allowance) -> Decimal | None:
    """Of all calls made; None where a price is unknown."""
    costs = [call.cost for call in allowance.calls if call.outcome != "error" or call.cost is not None]
    return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))
