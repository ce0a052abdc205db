"""Anthropic: the only module that knows its SDK."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import anthropic

from processing.errors import LLMError, LLMTimeoutError
from sessions_app.errors import Category

from . import prompts
from .answers import NO_KEY, NO_KEY_ACTIONS, LLMRefused, LLMTruncated, LLMUnavailable, error_for
from .base import Health, Manner
from .keys import Credentials
from .remote import Answer, Message, RemoteProvider

LONGEST_ANSWER = 6_000
"""Tokens."""


class Anthropic(RemoteProvider):
    """Messages with a JSON schema, validated again by us; the SDK's own retries are off."""

    name: ClassVar[str] = "anthropic"
    default_model: ClassVar[str] = "claude-sonnet-4-6"

    def __init__(self, credentials: Credentials, model: str = "", manner: Manner | None = None) -> None:
        super().__init__(credentials, model, manner)
        if not credentials.key:
            raise LLMError(NO_KEY.format(self.name), Category.ADMIN_REQUIRED, recovery_actions=NO_KEY_ACTIONS)
        self._client = anthropic.AsyncAnthropic(
            api_key=credentials.key,
            base_url=credentials.base_url or None,
            max_retries=0,
            timeout=self.seconds_per_call,
        )

    def request(self, messages: list[Message]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "system": self.system,
            "messages": messages,
            "max_tokens": LONGEST_ANSWER,
            "output_config": {"format": {"type": "json_schema", "schema": prompts.SCHEMA}},
        }
        if self.temperature is not None:
            body["temperature"] = min(1.0, self.temperature)
        return body

    async def _send(self, messages: list[Message]) -> Answer:
        try:
            answer: Any = await self._client.messages.create(**self.request(messages))
        except (anthropic.AnthropicError, ValueError, OSError) as error:  # ValueError: a body that is no JSON comes raw
            raise _ours(error) from None
        return _read(answer)

    async def health(self) -> Health:
        """Lists models, which is free (D-23)."""
        started = time.monotonic()
        try:
            async for _ in self._client.models.list(timeout=10):
                break
        except (anthropic.AnthropicError, ValueError, OSError) as error:
            failure = _ours(error)
            return Health(
                status="unhealthy", provider=self.name, model=self.model, connectivity="failed", error=failure.message
            )
        return Health(
            status="healthy",
            provider=self.name,
            model=self.model,
            connectivity="ok",
            authentication="ok",
            quota="unknown",
            latency_ms=int(1000 * (time.monotonic() - started)),
        )

    async def close(self) -> None:
        await super().close()
        await self._client.close()


def _read(answer: Any) -> Answer:
    """From the SDK's object to ours. Anthropic counts cached tokens apart; here "in" means all that went in."""
    usage = answer.usage
    cached = usage.cache_read_input_tokens or 0
    tokens = (usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0), usage.output_tokens, cached)
    error: LLMError | None = None
    if answer.stop_reason == "refusal":
        error = LLMRefused("The model refused to write this ticket.")
    elif answer.stop_reason == "max_tokens":
        error = LLMTruncated("The model's answer was cut off because it was too long.")
    text = "".join(block.text for block in answer.content if block.type == "text")
    return Answer(text, *tokens, error=error)


def _ours(error: Exception) -> LLMError:
    if isinstance(error, anthropic.APITimeoutError):
        return LLMTimeoutError()
    if isinstance(error, anthropic.APIStatusError):
        body = error.body if isinstance(error.body, dict) else {}
        detail = body.get("error")
        code = detail.get("type") if isinstance(detail, dict) else None
        return error_for(error.status_code, error.response.headers, code)
    if isinstance(error, anthropic.APIConnectionError):
        return LLMUnavailable("The model server cannot be reached.", Category.TEMPORARY)
    return LLMUnavailable("The model server's answer cannot be read.", Category.TEMPORARY)
