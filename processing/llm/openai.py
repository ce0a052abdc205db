"""OpenAI, and every server that speaks its protocol (Ollama, vLLM, LM Studio): the only module that knows its SDK."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

import aiohttp
import httpx2
import openai
from openai._vendor.httpx_aiohttp import AiohttpTransport

from processing.errors import MISSHAPEN, LLMError, LLMTimeoutError
from sessions_app import correlation
from sessions_app.errors import Category

from .answers import NO_KEY, NO_KEY_ACTIONS, LLMRefused, LLMTruncated, LLMUnavailable, counted, error_for
from .base import Form, Health, Manner
from .batching import KEPT_FOR, MARGIN, Batches, BatchPhase, BatchState, SubmissionUnknown, id_of
from .checked_sessions import session_with
from .keys import Credentials
from .remote import Answer, Message, RemoteProvider, certificates

LONGEST_ANSWER = 6_000
"""Tokens."""
LONGEST_CODE = 60
TROUBLE = (openai.OpenAIError, httpx2.HTTPError, OSError, *MISSHAPEN)
"""What a conversation can end with; a stream that breaks off, and a body that is no JSON, come raw."""


class _CheckedTransport(AiohttpTransport):
    """To an address that people typed in. The SDK's own transport cannot be told how names are looked up."""

    def __init__(self, address: str) -> None:
        super().__init__(verify=certificates())
        self.address = address

    def get_client(self) -> aiohttp.ClientSession:
        return session_with(self.address, self.ssl_context)


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
            default_headers=correlation.headers(),
            # Half the work of the other client. A redirect could lead where no address of a workspace may.
            http_client=openai.DefaultAioHttpClient(
                timeout=self.seconds_per_call,
                follow_redirects=False,
                verify=certificates(),
                transport=_CheckedTransport(credentials.base_url) if credentials.is_typed_in else None,
            ),
        )

    def request(self, messages: list[Message], form: Form) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "system", "content": form.system}, *messages],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": form.name, "strict": True, "schema": form.schema},
            },
            "max_completion_tokens": LONGEST_ANSWER,
        }
        if self.temperature is not None:
            body["temperature"] = self.temperature
        return body

    async def _send(self, messages: list[Message], form: Form) -> Answer:
        """By the SDK's plain ``post``: its typed method walks through request and answer field by field, which costs as
        much as all the rest of a call, and we look at five fields.
        """
        try:
            response = await self._client.post(
                "/chat/completions", body=self.request(messages, form), cast_to=httpx2.Response
            )
            return _read(response.json())
        except TROUBLE as error:
            raise _ours(error) from None

    async def health(self) -> Health:
        """Lists models, which is free."""
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
        return OpenAIBatches(self._client)

    async def close(self) -> None:
        await super().close()
        await self._client.close()


class Compatible(OpenAI):
    """Any server with OpenAI's protocol at a base URL. Hardly any of them offers batches."""

    name = "compatible"
    default_model = "default"
    concurrency = 64

    @property
    def batches(self) -> Batches | None:
        return None


class OpenAIBatches:
    """A file of calls goes up, a file of answers comes down. Our own id is in the batch's metadata."""

    OUR_ID = "ticketgen_batch"
    PHASES: ClassVar[dict[str, BatchPhase]] = {
        "completed": BatchPhase.ENDED,
        "expired": BatchPhase.EXPIRED,
        "cancelled": BatchPhase.CANCELLED,
        "failed": BatchPhase.FAILED,
    }
    """All other states are open."""
    FULL = "token_limit_exceeded"
    """The queue of this account is full: time mends that."""
    NOT_MADE = ("batch_expired", "batch_cancelled")

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client = client

    async def submit(self, batch_id: str, requests: Mapping[str, dict[str, Any]]) -> str:
        lines = (
            {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}
            for custom_id, body in requests.items()
        )
        content = "\n".join(json.dumps(line) for line in lines).encode()
        try:
            uploaded = await self._client.files.create(
                file=(f"{batch_id}.jsonl", content),
                purpose="batch",
                expires_after={"anchor": "created_at", "seconds": KEPT_FOR},
            )
        except TROUBLE as error:
            raise _ours(error) from None
        try:
            batch = await self._client.batches.create(
                input_file_id=uploaded.id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={self.OUR_ID: batch_id},
                output_expires_after={"anchor": "created_at", "seconds": KEPT_FOR},
            )
            return id_of(batch)
        except TROUBLE as error:
            if isinstance(error, openai.APIStatusError) and error.status_code < 500:
                raise _ours(error) from None
            raise SubmissionUnknown from None

    async def find(self, batch_id: str, size: int, since: datetime) -> str | None:
        try:
            async for batch in self._client.batches.list(limit=100):
                if (batch.metadata or {}).get(self.OUR_ID) == batch_id:
                    return id_of(batch)
                if batch.created_at < since.timestamp() - MARGIN:
                    break
        except TROUBLE as error:
            raise _ours(error) from None
        return None

    async def look(self, remote_id: str) -> BatchState:
        try:
            return self._state(await self._client.batches.retrieve(remote_id))
        except openai.NotFoundError:
            return BatchState(BatchPhase.GONE)
        except TROUBLE as error:
            raise _ours(error) from None

    def _state(self, batch: Any) -> BatchState:
        phase = self.PHASES.get(batch.status, BatchPhase.OPEN)
        counts = batch.request_counts
        reason = self._reason(batch) if phase is BatchPhase.FAILED else None
        return BatchState(phase, counted(counts.completed + counts.failed) if counts else None, reason)

    def _reason(self, batch: Any) -> LLMError:
        told = {str(each.code) for each in (batch.errors.data if batch.errors else None) or [] if each.code}
        codes = {code for code in told if code.isidentifier() and len(code) <= LONGEST_CODE}
        if self.FULL in codes:
            return LLMUnavailable("The provider's queue for batches is full.", Category.TEMPORARY, retry_after=300.0)
        return LLMError(f"The provider refused the batch ({', '.join(sorted(codes)) or 'no reason given'}).")

    async def results(self, remote_id: str) -> AsyncIterator[tuple[str, Answer | LLMError]]:
        try:
            batch = await self._client.batches.retrieve(remote_id)
            for file_id in (batch.output_file_id, batch.error_file_id):
                if file_id is None:
                    continue
                async with self._client.files.with_streaming_response.content(file_id) as response:
                    async for line in response.iter_lines():
                        said = json.loads(line) if line.strip() else {}
                        answer = self._answer(said) if said else None
                        if answer is not None:
                            yield str(said["custom_id"]), answer
        except TROUBLE as error:
            raise _ours(error) from None

    def _answer(self, said: dict[str, Any]) -> Answer | LLMError | None:
        """What one line of a file means; None for a call that was not made. An odd one is not the end of the others."""
        try:
            return self._read(said)
        except MISSHAPEN as error:
            return _ours(error)

    def _read(self, said: dict[str, Any]) -> Answer | LLMError | None:
        code = (said.get("error") or {}).get("code")
        response = said.get("response")
        if response is None:
            return None if code in self.NOT_MADE else error_for(500, None, code)
        body = response.get("body") or {}
        if response["status_code"] == 200:
            return _read(body)
        return error_for(response["status_code"], None, (body.get("error") or {}).get("code"))

    async def cancel(self, remote_id: str) -> None:
        try:
            await self._client.batches.cancel(remote_id)
        except (openai.ConflictError, openai.BadRequestError, openai.NotFoundError):
            return
        except TROUBLE as error:
            raise _ours(error) from None


def _read(body: Any) -> Answer:
    """From a chat completion as JSON to ours; of what is not as it should be, nothing is taken."""
    usage, choices = _object(body.get("usage")), body.get("choices")
    details = _object(usage.get("prompt_tokens_details"))
    used = (
        counted(usage.get("prompt_tokens")),
        counted(usage.get("completion_tokens")),
        counted(details.get("cached_tokens")),
    )
    if not isinstance(choices, list) or not choices:
        return Answer(None, *used)
    choice = _object(choices[0])
    message, finish = _object(choice.get("message")), choice.get("finish_reason")
    text = message.get("content")
    error: LLMError | None = None
    if message.get("refusal") or finish == "content_filter":
        error = LLMRefused("The model refused to answer.")
    elif finish == "length":
        error = LLMTruncated("The model's answer was cut off because it was too long.")
    return Answer(text if isinstance(text, str) else None, *used, error=error)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _ours(error: Exception) -> LLMError:
    if isinstance(error, openai.APITimeoutError) and not isinstance(error.__cause__, httpx2.ConnectTimeout):
        return LLMTimeoutError()  # a refused or broken connection also comes as a time-out, of connecting
    if isinstance(error, openai.APIStatusError):
        return error_for(error.status_code, error.response.headers, error.code)
    if isinstance(error, openai.APIConnectionError):
        return LLMUnavailable("The model server cannot be reached.", Category.TEMPORARY)
    return LLMUnavailable("The model server's answer cannot be read.", Category.TEMPORARY)
