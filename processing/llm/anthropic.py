"""Anthropic: the only module that knows its SDK."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import anthropic
import httpx2

from processing.errors import MISSHAPEN, LLMError, LLMTimeoutError
from sessions_app import correlation
from sessions_app.errors import Category

from .answers import NO_KEY, NO_KEY_ACTIONS, LLMRefused, LLMTruncated, LLMUnavailable, counted, error_for
from .base import Form, Health, Manner
from .batching import MARGIN, Batches, BatchPhase, BatchState, SubmissionUnknown, id_of
from .keys import Credentials
from .remote import Answer, Message, RemoteProvider, certificates

LONGEST_ANSWER = 6_000
"""Tokens."""
TROUBLE = (anthropic.AnthropicError, httpx2.HTTPError, OSError, *MISSHAPEN)
"""What a conversation can end with; a stream that breaks off, and a body that is no JSON, come raw."""


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
            default_headers=correlation.headers(),
            # Half the work of the other client. A redirect could lead where no address of a workspace may.
            http_client=anthropic.DefaultAioHttpClient(
                timeout=self.seconds_per_call, follow_redirects=False, verify=certificates()
            ),
        )

    def request(self, messages: list[Message], form: Form) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "system": form.system,
            "messages": messages,
            "max_tokens": LONGEST_ANSWER,
            "output_config": {"format": {"type": "json_schema", "schema": form.schema}},
        }
        if self.temperature is not None:
            body["temperature"] = min(1.0, self.temperature)
        return body

    async def _send(self, messages: list[Message], form: Form) -> Answer:
        try:
            return _read(await self._client.messages.create(**self.request(messages, form)))
        except TROUBLE as error:  # what is no JSON comes raw
            raise _ours(error) from None

    async def health(self) -> Health:
        """Lists models, which is free (D-23)."""
        started = time.monotonic()
        try:
            async for _ in self._client.models.list(timeout=10):
                break
        except TROUBLE as error:
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

    @property
    def batches(self) -> Batches | None:
        return AnthropicBatches(self._client)

    async def close(self) -> None:
        await super().close()
        await self._client.close()


class AnthropicBatches:
    """Message batches. They carry nothing of ours but the custom ids, and those can be read only when one has ended."""

    STATUS_OF: ClassVar[dict[str, int]] = {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "billing_error": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "rate_limit_error": 429,
        "timeout_error": 504,
        "overloaded_error": 529,
    }
    """What an error inside a batch would have been as an answer of its own; 500 for all others."""

    def __init__(self, client: anthropic.AsyncAnthropic) -> None:
        self._client = client

    async def submit(self, batch_id: str, requests: Mapping[str, dict[str, Any]]) -> str:
        asked: Any = [{"custom_id": custom_id, "params": body} for custom_id, body in requests.items()]
        try:
            return id_of(await self._client.messages.batches.create(requests=asked))
        except TROUBLE as error:
            if isinstance(error, anthropic.APIStatusError) and error.status_code < 500:
                raise _ours(error) from None
            raise SubmissionUnknown from None

    async def find(self, batch_id: str, size: int, since: datetime) -> str | None:
        undecided = False
        earliest = since - timedelta(seconds=MARGIN)
        try:
            async for batch in self._client.messages.batches.list(limit=100):
                if batch.created_at < earliest:
                    break
                counts = batch.request_counts
                number = counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired
                if number != size:
                    continue
                if batch.processing_status != "ended":
                    undecided = True
                elif batch.results_url and await self._is_ours(batch.id, batch_id):
                    return id_of(batch)
        except TROUBLE as error:
            raise _ours(error) from None
        if undecided:
            raise SubmissionUnknown("The provider is at work on a batch that may be ours; its end will tell.")
        return None

    async def _is_ours(self, remote_id: str, batch_id: str) -> bool:
        lines = await self._client.messages.batches.results(remote_id)
        try:
            async for line in lines:
                return line.custom_id.startswith(batch_id)
        finally:
            await lines.close()
        return False

    async def look(self, remote_id: str) -> BatchState:
        try:
            return self._state(await self._client.messages.batches.retrieve(remote_id))
        except anthropic.NotFoundError:
            return BatchState(BatchPhase.GONE)
        except TROUBLE as error:
            raise _ours(error) from None

    @staticmethod
    def _state(batch: Any) -> BatchState:
        counts = batch.request_counts
        if batch.processing_status != "ended":
            # The counts move only at the end, so a nought says nothing.
            return BatchState(BatchPhase.OPEN, counted(counts.succeeded + counts.errored) or None)
        if not batch.results_url:
            return BatchState(BatchPhase.GONE)
        phase = BatchPhase.CANCELLED if counts.canceled else BatchPhase.EXPIRED if counts.expired else BatchPhase.ENDED
        return BatchState(phase, counted(counts.succeeded + counts.errored))

    async def results(self, remote_id: str) -> AsyncIterator[tuple[str, Answer | LLMError]]:
        try:
            lines = await self._client.messages.batches.results(remote_id)
            try:
                async for line in lines:
                    answer = self._answer(line.result)
                    if answer is not None:
                        yield str(line.custom_id), answer
            finally:
                await lines.close()
        except TROUBLE as error:
            raise _ours(error) from None

    def _answer(self, result: Any) -> Answer | LLMError | None:
        """What one line means; None for a call that was not made. An odd one is not the end of the others."""
        try:
            if result.type == "succeeded":
                return _read(result.message)
            if result.type == "errored":
                kind = result.error.error.type
                return error_for(self.STATUS_OF.get(kind, 500), None, kind)
        except MISSHAPEN as error:
            return _ours(error)
        return None

    async def cancel(self, remote_id: str) -> None:
        try:
            await self._client.messages.batches.cancel(remote_id)
        except (anthropic.ConflictError, anthropic.BadRequestError, anthropic.NotFoundError):
            return
        except TROUBLE as error:
            raise _ours(error) from None


def _read(answer: Any) -> Answer:
    """From the SDK's object to ours. Anthropic counts cached tokens apart; here "in" means all that went in."""
    usage = answer.usage
    cached = counted(usage.cache_read_input_tokens)
    tokens_in = counted(usage.input_tokens) + cached + counted(usage.cache_creation_input_tokens)
    error: LLMError | None = None
    if answer.stop_reason == "refusal":
        error = LLMRefused("The model refused to answer.")
    elif answer.stop_reason == "max_tokens":
        error = LLMTruncated("The model's answer was cut off because it was too long.")
    text = "".join(block.text for block in answer.content if block.type == "text")
    return Answer(text, tokens_in, counted(usage.output_tokens), cached, error=error)


def _ours(error: Exception) -> LLMError:
    if isinstance(error, anthropic.APITimeoutError) and not isinstance(error.__cause__, httpx2.ConnectTimeout):
        return LLMTimeoutError()  # a refused or broken connection also comes as a time-out, of connecting
    if isinstance(error, anthropic.APIStatusError):
        body = error.body if isinstance(error.body, dict) else {}
        detail = body.get("error")
        code = detail.get("type") if isinstance(detail, dict) else None
        return error_for(error.status_code, error.response.headers, code)
    if isinstance(error, anthropic.APIConnectionError):
        return LLMUnavailable("The model server cannot be reached.", Category.TEMPORARY)
    return LLMUnavailable("The model server's answer cannot be read.", Category.TEMPORARY)
