"""The one door to models (seed 000's LLMService)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

from django.utils import timezone

from processing.errors import LLMError, ProcessingError
from sessions_app.errors import Category

from .base import Completion, EntityPayload, Health, Provider, SiteContext
from .registry import provider_named

TICKET_FIELDS = ("title", "user_story", "analysis", "verification")
TITLE_LENGTH = 255
SECTION_LENGTH = 200_000


class LLMService:
    """Asks one provider. ``default_provider`` is used where a call names none; keys come from settings where empty."""

    def __init__(
        self, openai_api_key: str = "", anthropic_api_key: str = "", default_provider: str = "offline", model: str = ""
    ) -> None:
        self.openai_api_key = openai_api_key
        self.anthropic_api_key = anthropic_api_key
        self.default_provider = default_provider
        self.model = model
        self._providers: dict[str, Provider] = {}

    def provider(self, name: str = "") -> Provider:
        chosen = name or self.default_provider
        if chosen not in self._providers:
            keys = {"openai": self.openai_api_key, "anthropic": self.anthropic_api_key}
            self._providers[chosen] = provider_named(chosen, self.model, keys.get(chosen, ""))
        return self._providers[chosen]

    def validate_connectivity(self, provider: str | None = None) -> Health:
        """Can the provider be used now? A dict, never an exception (requirements A-043 to A-047)."""
        name = provider or self.default_provider
        try:
            health = asyncio.run(self.provider(name).health())
        except LLMError as error:
            health = Health(status="unhealthy", provider=name, connectivity="failed", error=error.message)
        return {**health, "checked_at": timezone.now().isoformat()}

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

    async def _call_llm(self, entity: EntityPayload, site: SiteContext) -> Completion:
        """The one place from which a model is asked."""
        return await self.provider().write_ticket(entity, site)

    def call_hash(self, entity_hash: str, site: SiteContext) -> str:
        """What an answer is kept under: provider, model, prompt version and all that is sent."""
        provider = self.provider()
        parts = [
            provider.name,
            provider.model,
            provider.prompt_version,
            entity_hash,
            site["site_name"],
            site["site_description"],
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    async def close(self) -> None:
        for provider in self._providers.values():
            await provider.close()


def validated(content: dict[str, Any]) -> dict[str, str]:
    """The four fields, checked: present, text, not empty, within their limits (A-054 to A-057).

    Raises ProcessingError naming the field.
    """
    for name in TICKET_FIELDS:
        value = content.get(name)
        if not isinstance(value, str) or not value.strip():
            raise ProcessingError(f"The model's answer has no {name}.", Category.ADMIN_REQUIRED)
    if len(content["title"]) > TITLE_LENGTH:
        raise ProcessingError(f"The model's title has more than {TITLE_LENGTH} characters.", Category.ADMIN_REQUIRED)
    for name in TICKET_FIELDS[1:]:
        if len(content[name]) > SECTION_LENGTH:
            raise ProcessingError(
                f"The model's {name} has more than {SECTION_LENGTH:,} characters.", Category.ADMIN_REQUIRED
            )
    return {name: content[name].replace("\x00", "") for name in TICKET_FIELDS}
