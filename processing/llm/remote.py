"""What all providers behind a network have in common: one call, one repair, one clock, errors of ours only."""

from __future__ import annotations

import asyncio
import ssl
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings

from processing.errors import LLMError, LLMInvalidAnswer, LLMTimeoutError, ProcessingError
from sessions_app import tracing

from . import prompts
from .answers import parsed
from .base import Allowance, Call, Completion, EntityPayload, Form, Manner, Question, SiteContext
from .keys import Credentials
from .limiter import Limiter, Rates
from .service import validated
from .usage import cost_of

if TYPE_CHECKING:
    from .batching import Batches

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server sent. ``error`` is set where it answered, and so was paid, but wrote nothing that can be used."""

    text: str | None
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    error: LLMError | None = None


@cache
def certificates() -> ssl.SSLContext:
    """Whom clients trust, read once per process: reading it for each client takes longer than a call does."""
    import httpx2  # only who has an SDK has this

    return httpx2.create_ssl_context()


class RemoteProvider(ABC):
    """Subclasses say how to send messages and what the server's errors mean."""

    name: ClassVar[str]
    default_model: ClassVar[str]
    concurrency = 1_024
    seconds_per_call = 120.0

    def __init__(self, credentials: Credentials, model: str = "", manner: Manner | None = None) -> None:
        manner = manner or Manner()
        self.credentials = credentials
        self.model = model or credentials.model or self.default_model
        self.prompt_version = manner.prompt_version or prompts.TICKET
        system = prompts.system_prompt(self.prompt_version, manner.language)
        self.ticket_form = Form("ticket", self.prompt_version, system, prompts.SCHEMA, validated)
        self.temperature = manner.temperature
        # The limit of all workers together is the server's affair, that of one worker the operator's.
        together = credentials.concurrency or self.concurrency
        self.concurrency = min(together, int(settings.ENGINE["CONCURRENCY"]))
        self.limiter = Limiter(self.name, credentials, Rates(together, credentials.rpm, credentials.tpm))

    async def write_ticket(
        self, entity: EntityPayload, site: SiteContext, allowance: Allowance | None = None
    ) -> Completion:
        return await self._answered(self.ticket_form, prompts.messages(entity, site), allowance)

    async def answer(self, question: Question, allowance: Allowance | None = None) -> Completion:
        return await self._answered(question.form, [{"role": "user", "content": question.text}], allowance)

    async def _answered(self, form: Form, messages: list[Message], allowance: Allowance | None) -> Completion:
        """Ask; if the answer does not fit, say why and ask once more, if the allowance has room for it."""
        allowance = allowance or Allowance()
        before = len(allowance.calls)
        text, problem = await self._asked(form, messages, allowance, "first")
        if problem and allowance.left:
            again = [*messages, *prompts.repair_messages(text, problem)]
            text, problem = await self._asked(form, again, allowance, "repair")
        if problem:
            raise LLMInvalidAnswer(problem)
        return self._completion(allowance.calls[before:])

    async def _asked(self, form: Form, messages: list[Message], allowance: Allowance, step: str) -> tuple[str, str]:
        """One call, entered in the allowance: (the answer's text, what is wrong with it or "")."""
        if allowance.calls:
            allowance.agree()
        call = Call(self.name, self.model, form.prompt_version, step)
        expected = sum(len(message["content"]) for message in messages) // 4 + form.tokens
        async with self.limiter.turn(expected):
            allowance.calls.append(call)
            started = time.monotonic()
            try:
                answer = await self._traced(call, messages, form)
            except LLMError as error:
                call.outcome, call.error_code = "error", error.code
                raise
            except asyncio.CancelledError:  # who asked waits no longer; this is no answer that could be given again
                call.outcome, call.error_code = "error", "given_up"
                raise
            finally:
                call.latency_ms = int(1000 * (time.monotonic() - started))
        problem = self.enter(call, answer, form)
        return answer.text or "", problem

    def enter(self, call: Call, answer: Answer, form: Form, *, economy: bool = False) -> str:
        """Enter an answer in its call; returns what is wrong with it or ``""``.

        Raises the answer's own error: what a model refuses or cuts short cannot be repaired.
        """
        call.tokens_in, call.tokens_out, call.tokens_cached = answer.tokens_in, answer.tokens_out, answer.tokens_cached
        call.cost = self.cost(answer.tokens_in, answer.tokens_out, answer.tokens_cached, economy=economy)
        if answer.error is not None:
            call.outcome, call.error_code = "error", answer.error.code
            raise answer.error
        try:
            call.content = dict(form.read(parsed(answer.text)))
        except ProcessingError as error:
            call.outcome, call.error_code = "invalid", LLMInvalidAnswer.code
            return error.message
        return ""

    def cost(self, tokens_in: int, tokens_out: int, tokens_cached: int = 0, *, economy: bool = False) -> Decimal | None:
        """US dollars, or None where the price is unknown."""
        prices = self.credentials.prices
        return cost_of(self.name, self.model, tokens_in, tokens_out, tokens_cached, prices=prices, economy=economy)

    async def _traced(self, call: Call, messages: list[Message], form: Form) -> Answer:
        with tracing.span("model call", "client", step=call.step, prompt=call.prompt_version) as span:
            span.set(gen_ai__provider__name=self.name, gen_ai__request__model=self.model)
            try:
                answer = await self._timed(messages, form)
            except LLMError as error:
                span.failed(error.code)
                raise
            span.set(gen_ai__usage__input_tokens=answer.tokens_in, gen_ai__usage__output_tokens=answer.tokens_out)
            return answer

    async def _timed(self, messages: list[Message], form: Form) -> Answer:
        """Under one clock: an SDK's time-out counts per read, and a dripping server would never end."""
        try:
            async with asyncio.timeout(self.seconds_per_call):
                return await self._send(messages, form)
        except TimeoutError:
            raise LLMTimeoutError from None

    def _completion(self, calls: list[Call]) -> Completion:
        costs = [call.cost for call in calls]
        return Completion(
            content=calls[-1].content,
            tokens_in=sum(call.tokens_in for call in calls),
            tokens_out=sum(call.tokens_out for call in calls),
            tokens_cached=sum(call.tokens_cached for call in calls),
            cost=None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0)),
            latency_ms=sum(call.latency_ms for call in calls),
            provider=self.name,
            model=self.model,
            prompt_version=calls[-1].prompt_version,
        )

    @property
    def batches(self) -> Batches | None:
        """Many calls together, later and cheaper; None if the provider does not offer that."""
        return None

    async def close(self) -> None:
        """Let go of connections."""
        await self.limiter.close()

    @abstractmethod
    def request(self, messages: list[Message], form: Form) -> dict[str, Any]:
        """The body of a call, as the server wants it; the same for one made at once and one in a batch."""

    @abstractmethod
    async def _send(self, messages: list[Message], form: Form) -> Answer:
        """Raises LLMError and its kinds only."""
