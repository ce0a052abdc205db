"""The provider that needs no model: tickets written by rule from the cells."""

from __future__ import annotations

from decimal import Decimal

from processing.errors import LLMError
from processing.generation.offline import write_ticket
from sessions_app.errors import Category

from .base import Allowance, Call, Completion, EntityPayload, Health, Manner, Question, SiteContext
from .keys import Credentials


class Offline:
    """Always there, costs nothing, says on every ticket that no model wrote it."""

    def __init__(self, credentials: Credentials | None = None, model: str = "", manner: Manner | None = None) -> None:
        """Takes what every provider takes, and needs none of it."""

    name = "offline"
    model = ""
    prompt_version = "offline-1"
    concurrency = 64

    async def write_ticket(
        self, entity: EntityPayload, site: SiteContext, allowance: Allowance | None = None
    ) -> Completion:
        """Never fails, and never asks for allowance."""
        content = dict(write_ticket(entity, site))
        if allowance is not None:
            call = Call(self.name, self.model, self.prompt_version, content=content, cost=Decimal(0))
            allowance.calls.append(call)
        return Completion(content, cost=Decimal(0), provider=self.name, prompt_version=self.prompt_version)

    async def answer(self, question: Question, allowance: Allowance | None = None) -> Completion:
        """By the question's own rule. Raises LLMError where it takes a model."""
        if question.by_rule is None:
            raise LLMError(
                "The offline writer cannot do this: it takes a model.",
                Category.USER_FIXABLE,
                recovery_actions=("Choose another provider in the session's settings.",),
            )
        content, version = dict(question.by_rule()), question.form.prompt_version
        if allowance is not None:
            allowance.calls.append(Call(self.name, self.model, version, content=content, cost=Decimal(0)))
        return Completion(content, cost=Decimal(0), provider=self.name, prompt_version=version)

    async def health(self) -> Health:
        return Health(
            status="healthy", provider=self.name, connectivity="ok", authentication="not needed", quota="unlimited"
        )

    async def close(self) -> None:
        """Nothing is held."""
