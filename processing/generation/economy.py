"""Tickets at half the price: the same questions and answers, asked and read in batches."""

from __future__ import annotations

import uuid
from typing import Any

from processing.engine.kinds import Outcome
from processing.errors import LLMError, LLMInvalidAnswer
from processing.llm import prompts
from processing.llm.base import Allowance, Call
from processing.llm.batching import NO_BATCHES, Batches
from processing.llm.remote import Answer, RemoteProvider
from processing.llm.service import LLMService
from processing.models import LLMCall, SessionTask, WorkItem
from sessions_app.parsing.payload import EntityPayload

from .kind import WritingRoom, Written


class AskAgain(LLMInvalidAnswer):
    """The first answer does not fit; the next batch asks once more and says why."""

    retryable = True


def batches_of(service: LLMService) -> tuple[RemoteProvider, Batches]:
    """The chosen provider and its batches. Raises LLMError if it has none."""
    provider = service.provider()
    batches = provider.batches if isinstance(provider, RemoteProvider) else None
    if not isinstance(provider, RemoteProvider) or batches is None:
        raise LLMError(
            NO_BATCHES.format(provider.name),
            "user_fixable",
            recovery_actions=("Switch the economy mode off in the session.", "Or choose OpenAI or Anthropic."),
        )
    return provider, batches


class EconomyRoom(WritingRoom):
    """A writing room whose chosen model answers in batches; fallbacks are asked at once, at their full price."""

    def __init__(self, task: SessionTask) -> None:
        super().__init__(task)
        self.provider, self.batches = batches_of(self.service)

    def question(self, item: WorkItem) -> dict[str, Any]:
        payload: EntityPayload = item.payload
        messages = prompts.messages(payload, self.site)
        if _is_repair(item):
            messages += prompts.repair_messages("", item.error_message)
        return self.provider.request(messages, self.provider.ticket_form)

    def read(self, item: WorkItem, answer: Answer | LLMError, call_id: uuid.UUID) -> Outcome:
        provider = self.provider
        step = LLMCall.Step.REPAIR if _is_repair(item) else LLMCall.Step.FIRST
        call = Call(provider.name, provider.model, provider.prompt_version, str(step))
        error: LLMError | None = None
        try:
            if isinstance(answer, LLMError):
                call.outcome, call.error_code = "error", answer.code
                raise answer
            problem = provider.enter(call, answer, provider.ticket_form, economy=True)
            if problem:
                error = LLMInvalidAnswer(problem) if _is_repair(item) else AskAgain(problem)
        except LLMError as raised:
            error = raised
        entry = self.ledger_entry(item, call, economy=True)
        entry.pk = call_id
        if error:
            return Outcome(item, error=error, calls=[entry])
        return Outcome(
            item, result=Written(call.content, call.provider, call.model, call.prompt_version), calls=[entry]
        )

    async def fall_back(self, outcome: Outcome) -> Outcome:
        item = outcome.item
        if outcome.error is None or len(self.service.chain) == 1:
            return outcome
        provider = self.provider
        made = [Call(provider.name, provider.model, provider.prompt_version) for _ in outcome.calls]
        allowance = Allowance(most=item.attempts_left + len(made), agree=self.purse.take, calls=made)
        after = await self.asked(item, allowance, outcome.error)
        after.calls[:0] = outcome.calls
        return after


def _is_repair(item: WorkItem) -> bool:
    """Has the item come back because its first answer did not fit?"""
    return item.error_code == LLMInvalidAnswer.code
