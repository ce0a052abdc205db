"""What all providers behind a network have in common: one call, one repair, one clock, errors of ours only."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

from processing.errors import LLMInvalidAnswer, LLMTimeoutError, ProcessingError

from . import prompts
from .answers import parsed
from .base import Completion, EntityPayload, SiteContext
from .keys import Credentials
from .limiter import Limiter, rates_for
from .service import validated
from .usage import cost_of

Message = dict[str, str]
EXPECTED_ANSWER = 900
"""Tokens of an ordinary ticket, for the limit per minute."""


class RemoteProvider(ABC):
    """Subclasses say how to send messages and what the server's errors mean."""

    name: ClassVar[str]
    prompt_version = prompts.TICKET
    concurrency = 256
    seconds_per_call = 120.0

    def __init__(self, credentials: Credentials, model: str, temperature: float | None = None) -> None:
        self.model = model
        self.temperature = temperature
        self.rates = rates_for(self.name, self.concurrency)
        self.concurrency = self.rates.concurrency
        self.limiter = Limiter(self.name, credentials, self.rates)

    async def write_ticket(self, entity: EntityPayload, site: SiteContext) -> Completion:
        """Ask; if the answer does not fit, say why and ask once more. Tokens and money of both count."""
        messages = [{"role": "user", "content": prompts.user_prompt(entity, site)}]
        first = await self._timed(messages)
        problem = _problem(first)
        if not problem:
            return first
        messages += [
            {"role": "assistant", "content": str(first.content.get("", "")) or "(nothing usable)"},
            {"role": "user", "content": prompts.repair_prompt(problem)},
        ]
        second = _added(first, await self._timed(messages))
        problem = _problem(second)
        if problem:
            raise LLMInvalidAnswer(problem)
        return second

    async def _timed(self, messages: list[Message]) -> Completion:
        """One call under one clock: an SDK's time-out counts per read, and a dripping server would never end."""
        expected = sum(len(message["content"]) for message in messages) // 4 + EXPECTED_ANSWER
        async with self.limiter.turn(expected):
            started = time.monotonic()
            try:
                async with asyncio.timeout(self.seconds_per_call):
                    text, tokens_in, tokens_out, tokens_cached = await self._send(messages)
            except TimeoutError:
                raise LLMTimeoutError from None
        return Completion(
            content={"": text or ""},
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            tokens_cached=tokens_cached,
            cost=cost_of(self.name, self.model, tokens_in, tokens_out, tokens_cached),
            latency_ms=int(1000 * (time.monotonic() - started)),
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self.limiter.close()

    @abstractmethod
    async def _send(self, messages: list[Message]) -> tuple[str | None, int, int, int]:
        """(text, tokens in, tokens out, cached tokens). Raises LLMError and its kinds only."""


def _problem(completion: Completion) -> str:
    """Why an answer cannot be used, or ``""``; a usable one gets its fields as content."""
    try:
        fields: dict[str, Any] = dict(validated(parsed(completion.content.get(""))))
    except ProcessingError as error:
        return error.message
    completion.content.clear()
    completion.content.update(fields)
    return ""


def _added(first: Completion, second: Completion) -> Completion:
    cost = first.cost + second.cost if first.cost is not None and second.cost is not None else None
    return replace(
        second,
        tokens_in=first.tokens_in + second.tokens_in,
        tokens_out=first.tokens_out + second.tokens_out,
        tokens_cached=first.tokens_cached + second.tokens_cached,
        cost=cost,
        latency_ms=first.latency_ms + second.latency_ms,
    )
