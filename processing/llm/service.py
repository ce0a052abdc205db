"""The one door to models (seed 000's LLMService)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

from processing.errors import LLMError, ProcessingError
from sessions_app.errors import Category
from sessions_app.models import Workspace

from .base import Allowance, Completion, EntityPayload, Health, Manner, Provider, Question, SiteContext
from .keys import credentials_for
from .registry import provider_named

logger = logging.getLogger(__name__)

TICKET_FIELDS = ("title", "user_story", "analysis", "verification")
TITLE_LENGTH = 255
SECTION_LENGTH = 200_000
HEALTHY_FOR: Final = 300
"""Seconds that a good health is remembered for."""
UNHEALTHY_FOR: Final = 15
"""Seconds for a bad one: long enough for a crowd, short enough for somebody who mends it."""


class LLMService:
    """Asks a provider, and those to fall back on where it fails.

    ``default_provider`` is used where a call names none. Keys that are empty come from the workspace, else from the
    environment. ``fallbacks`` are (provider, model) pairs. Make it where the database may be used: it reads the keys at
    once, and nothing later.
    """

    def __init__(
        self,
        openai_api_key: str = "",
        anthropic_api_key: str = "",
        default_provider: str = "offline",
        model: str = "",
        *,
        workspace: Workspace | None = None,
        manner: Manner | None = None,
        fallbacks: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._keys = {"openai": openai_api_key, "anthropic": anthropic_api_key}
        self.default_provider = default_provider
        self.model = model
        self.workspace = workspace
        self.manner = manner or Manner()
        self.fallbacks = tuple(fallbacks)
        self._chain: list[Provider] = []
        self._out: dict[int, str] = {}

    @property
    def chain(self) -> list[Provider]:
        """The chosen provider and its fallbacks. Raises LLMError if the chosen one cannot be made; a fallback that
        cannot is left out.
        """
        if not self._chain:
            made = [self._made(self.default_provider, self.model)]
            for name, model in self.fallbacks:
                try:
                    made.append(self._made(name, model))
                except ProcessingError as error:
                    logger.warning("no fallback to %s: %s", name, error.message)
            self._chain = made
        return self._chain

    def provider(self) -> Provider:
        """The chosen one."""
        return self.chain[0]

    def _made(self, name: str, model: str = "") -> Provider:
        credentials = credentials_for(name, self.workspace, key=self._keys.get(name, ""))
        return provider_named(name, model, credentials, self.manner)

    def validate_connectivity(self, provider: str | None = None, *, fresh: bool = False) -> Health:
        """Can the provider be used now? A dict, never an exception (requirements A-043 to A-047); remembered for five
        minutes unless ``fresh``.
        """
        name = provider or self.default_provider
        try:
            place = self._place(name)
            known = None if fresh else _remembered(place)
            if known is not None:
                return known
            health = asyncio.run(_health_of(self._made(name, self.model if name == self.default_provider else "")))
        except ProcessingError as error:
            return _stamped(Health(status="unhealthy", provider=name, connectivity="failed", error=error.message))
        health = _stamped(health)
        _remember(place, health)
        return health

    def remembered_health(self, provider: str) -> Health | None:
        """What was found lately, without asking anybody; None if nothing was."""
        try:
            return _remembered(self._place(provider))
        except ProcessingError as error:
            return Health(status="unhealthy", provider=provider, error=error.message)

    def _place(self, name: str) -> str:
        """What a health is remembered under: the access it was asked with."""
        return f"llm-health:{name}:{credentials_for(name, self.workspace, key=self._keys.get(name, '')).digest}"

    async def generate_ticket_content(
        self, entity: EntityPayload | None = None, site_context: SiteContext | None = None, **aliases: Any
    ) -> dict[str, str]:
        """Title, user story, analysis and verification for one entity. ``entity_data`` and ``context`` are accepted
        too (D-19).
        """
        chosen: EntityPayload = entity or aliases["entity_data"]
        site: SiteContext = site_context or aliases.get("context") or SiteContext(site_name="", site_description="")
        completion = await self._call_llm(chosen, site)
        return validated(completion.content)

    async def _call_llm(
        self,
        entity: EntityPayload,
        site: SiteContext,
        allowance: Allowance | None = None,
        failed: LLMError | None = None,
    ) -> Completion:
        """One entity's ticket. ``failed`` is what came of asking the chosen model before, in a batch."""
        given = allowance or Allowance()
        return await self._in_turn(lambda provider: provider.write_ticket(entity, site, given), given, failed)

    async def ask(self, question: Question, allowance: Allowance | None = None) -> Completion:
        """The answer to a question of any form. Raises LLMError; every call made is in the allowance."""
        given = allowance or Allowance()
        return await self._in_turn(lambda provider: provider.answer(question, given), given)

    async def _in_turn(
        self,
        asked: Callable[[Provider], Awaitable[Completion]],
        allowance: Allowance,
        failed: LLMError | None = None,
    ) -> Completion:
        """The one place from which models are asked: the chosen one, then its fallbacks.

        A failure that time may mend goes back to the queue while the allowance has more than one call left; the last
        one is for the fallback. Raises the last provider's LLMError.
        """
        reasons: list[str] = []
        for place, provider in enumerate(self.chain):
            last = place == len(self.chain) - 1
            if place in self._out and not last:
                reasons.append(self._out[place])
                continue
            first = len(allowance.calls)
            try:
                if failed is not None and not place:
                    raise failed
                completion = await asked(provider)
            except LLMError as error:
                if last or not self._passes_on(error, allowance, self.chain[place + 1]):
                    raise
                reasons.append(f"{provider.name} {provider.model}: {error.message}")
                if error.stops_run:
                    self._out[place] = reasons[-1]
                continue
            finally:
                if place:
                    for call in allowance.calls[first:]:
                        call.step = "fallback"
            return replace(completion, fallback_reason="; ".join(reasons)[:300])
        raise AssertionError("a chain has at least one provider")

    @staticmethod
    def _passes_on(error: LLMError, allowance: Allowance, following: Provider) -> bool:
        if error.pauses_run or (error.retryable and allowance.left > 1):
            return False
        return allowance.left > 0 or following.name == "offline"

    def call_hash(self, entity_hash: str, site: SiteContext, place: int = 0) -> str:
        """What a ticket by the chain's provider at ``place`` is kept under: all that shapes the question."""
        provider = self.chain[place]
        parts = [provider.prompt_version, entity_hash, site["site_name"], site["site_description"]]
        if provider.name != "offline":
            parts.append(self.manner.language)
        return self._hash(place, parts)

    def question_hash(self, question: Question, place: int = 0) -> str:
        """The same for a question of any form."""
        form = question.form
        return self._hash(place, [form.prompt_version, form.system, question.text])

    def _hash(self, place: int, parts: Sequence[str]) -> str:
        provider = self.chain[place]
        said = [provider.name, provider.model, *parts]
        if provider.name != "offline":
            said.append(str(self.manner.temperature))
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    async def close(self) -> None:
        """Let go of connections. The service can be used again: on another event loop, say."""
        chain, self._chain = self._chain, []
        for provider in chain:
            await provider.close()


async def _health_of(provider: Provider) -> Health:
    try:
        return await provider.health()
    finally:
        await provider.close()


def _stamped(health: Health) -> Health:
    return {**health, "checked_at": timezone.now().isoformat()}


def _remembered(place: str) -> Health | None:
    try:
        health: Health | None = cache.get(place)
    except RedisError:
        return None
    return health


def _remember(place: str, health: Health) -> None:
    try:
        cache.set(place, health, HEALTHY_FOR if health["status"] == "healthy" else UNHEALTHY_FOR)
    except RedisError:
        logger.warning("a model's health is not remembered: Redis is away")


def validated(content: dict[str, Any]) -> dict[str, str]:
    """The four fields, checked: present, text, not empty, within their limits (A-054 to A-057).

    Raises ProcessingError naming the field.
    """
    return {name: checked_section(content, name) for name in TICKET_FIELDS}


def checked_section(content: dict[str, Any], name: str) -> str:
    """One of the fields. Raises ProcessingError naming it."""
    value, most = content.get(name), TITLE_LENGTH if name == "title" else SECTION_LENGTH
    if not isinstance(value, str) or not value.strip():
        raise ProcessingError(f"The model's answer has no {name}.", Category.ADMIN_REQUIRED)
    if len(value) > most:
        raise ProcessingError(f"The model's {name} has more than {most:,} characters.", Category.ADMIN_REQUIRED)
    return value.replace("\x00", "")
