"""OpenAI, and every server that speaks its protocol (Ollama, vLLM, LM Studio): the only module that knows its SDK."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import openai

from processing.errors import LLMError, LLMTimeoutError
from sessions_app.errors import Category

from . import prompts
from .answers import NO_KEY, NO_KEY_ACTIONS, LLMRefused, LLMTruncated, LLMUnavailable, error_for
from .base import Health, Manner
from .keys import Credentials
from .remote import Answer, Message, RemoteProvider

LONGEST_ANSWER = 6_000
"""Tokens."""


class OpenAI(RemoteProvider):
    """Chat completions with a JSON schema, validated again by us; the SDK's own retries are off."""

    name: ClassVar[str] = "openai"
    default_model: ClassVar[str] = "gpt-5.4-mini"

    def __init__(self, credentials: Credentials, model: str = "", manner: Manner | None = None) -> None:
        super().__init__(credentials, model, manner)
        if not credentials.usable:
            raise LLMError(NO_KEY.format(self.name), Category.ADMIN_REQUIRED, recovery_actions=NO_KEY_ACTIONS)
        self._client = openai.AsyncOpenAI(
            api_key=credentials.key or "none",
            base_url=credentials.base_url or None,
            max_retries=0,
            timeout=self.seconds_per_call,
        )

    def request(self, messages: list[Message]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "system", "content": self.system}, *messages],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "ticket", "strict": True, "schema": prompts.SCHEMA},
            },
            "max_completion_tokens": LONGEST_ANSWER,
        }
        if self.temperature is not None:
            body["temperature"] = self.temperature
        return body

    async def _send(self, messages: list[Message]) -> Answer:
        try:
            answer = await self._client.chat.completions.create(**self.request(messages))
        except (openai.OpenAIError, ValueError, OSError) as error:  # ValueError: a body that is no JSON comes raw
            raise _ours(error) from None
        return _read(answer)

    async def health(self) -> Health:
        """Lists models, which is free."""
        started = time.monotonic()
        try:
            async for _ in self._client.models.list(timeout=10):
                break
        except (openai.OpenAIError, ValueError, OSError) as error:
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


class Compatible(OpenAI):
    """Any server with OpenAI's protocol at a base URL."""

    name = "compatible"
    default_model = "default"
    concurrency = 64


def _read(answer: Any) -> Answer:
    """From the SDK's object to ours."""
    usage = answer.usage
    tokens = (
        getattr(usage, "prompt_tokens", 0) or 0,
        getattr(usage, "completion_tokens", 0) or 0,
        getattr(getattr(usage, "prompt_tokens_details", None), "cached_tokens", 0) or 0,
    )
    choice = answer.choices[0] if answer.choices else None
    if choice is None:
        return Answer(None, *tokens)
    error: LLMError | None = None
    if getattr(choice.message, "refusal", None) or choice.finish_reason == "content_filter":
        error = LLMRefused("The model refused to write this ticket.")
    elif choice.finish_reason == "length":
        error = LLMTruncated("The model's answer was cut off because it was too long.")
    return Answer(choice.message.content, *tokens, error=error)


def _ours(error: Exception) -> LLMError:
    if isinstance(error, openai.APITimeoutError):
        return LLMTimeoutError()
    if isinstance(error, openai.APIStatusError):
        return error_for(error.status_code, error.response.headers, error.code)
    if isinstance(error, openai.APIConnectionError):
        return LLMUnavailable("The model server cannot be reached.", Category.TEMPORARY)
    return LLMUnavailable("The model server's answer cannot be read.", Category.TEMPORARY)
