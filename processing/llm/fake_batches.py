"""The batch interfaces of the fake model server: OpenAI's files and batches, Anthropic's message batches."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any, Final

BATCH_FAULTS: Final = ("denied", "refused", "full", "expired", "lost", "hang", "cut", "stall")
"""The key is not accepted; the batch is refused; the queue for batches is full; calls are left unanswered; it is
accepted, but the answer is cut off or never comes; its results break off in the middle, or never come.
"""
Reply = tuple[int, bytes]
"""Status and body."""
Answered = tuple[str, int, dict[str, Any]]
"""Custom id, status and body of one call's answer."""
CUT_OFF: Final[Reply] = (0, b"")
"""Close the connection in the middle of the body."""


@dataclass(slots=True)
class FakeBatch:
    """``requests`` are (custom id, body); ``results`` are there for those that are answered at the end. ``seconds``
    pass until then.
    """

    id: str
    path: str
    requests: list[tuple[str, dict[str, Any]]]
    seconds: float
    fault: str
    metadata: dict[str, str]
    created: datetime
    results: list[Answered] = field(default_factory=list)
    cancelled: bool = False
    share: float = 0.0
    """Answered so far, 0 to 1."""

    @property
    def ended(self) -> bool:
        return self.share >= 1.0 or self.cancelled or self.fault in ("refused", "full")

    @property
    def answered(self) -> list[Answered]:
        return self.results[: int(len(self.results) * self.share)]

    @property
    def unanswered(self) -> list[str]:
        answered = {custom_id for custom_id, _, _ in self.answered}
        return [custom_id for custom_id, _ in self.requests if custom_id not in answered]


@dataclass(slots=True)
class FakeBatches:
    """``answer`` writes the answer to one call: (path, body) -> (status, body). ``progress`` says how much of each
    batch is answered; None: the clock does.
    """

    answer: Callable[[str, dict[str, Any]], tuple[int, dict[str, Any]]]
    stats: Counter[str]
    progress: float | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, FakeBatch] = field(default_factory=dict)

    async def serve(self, method: str, path: str, headers: dict[str, str], body: bytes, behaviour: Any) -> Reply | None:
        """Answer a request about files or batches; None if it is about something else."""
        parts = path.strip("/").split("/")
        if "files" in parts:
            return await self._file(method, parts[parts.index("files") + 1 :], headers, body)
        if "batches" not in parts:
            return None
        wire = _Anthropic if "messages" in parts else _OpenAI
        host = headers.get("host", "")
        rest = parts[parts.index("batches") + 1 :]
        if not rest and method == "POST":
            return await self._create(wire, json.loads(body), behaviour, host)
        if not rest:
            newest = sorted(self.batches.values(), key=lambda batch: batch.created, reverse=True)
            shown = [wire.shown(self._now(batch), host) for batch in newest if batch.path == wire.path]
            ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {}
            return _json({"object": "list", "data": shown, "has_more": False, **ends})
        return await self._one(wire, rest, host)

    async def _one(self, wire: type[_OpenAI | _Anthropic], rest: list[str], host: str) -> Reply:
        """Show, cancel or read the batch that is named in the path."""
        batch = self.batches.get(rest[0])
        if batch is None:
            return _json(_error("not_found_error"), 404)
        self._now(batch)
        if rest[1:] == ["results"]:
            answers = [wire.line(each[0], each, batch) for each in batch.answered]
            return await self._sent(batch, [*answers, *(wire.line(each, None, batch) for each in batch.unanswered)])
        if rest[1:] == ["cancel"]:
            if batch.ended:
                return _json(_error("conflict"), 409)
            batch.cancelled = True
            self.stats["batches_cancelled"] += 1
        return _json(wire.shown(batch, host))

    async def _create(
        self, wire: type[_OpenAI | _Anthropic], request: dict[str, Any], behaviour: Any, host: str
    ) -> Reply:
        batch = FakeBatch(
            id=f"batch_{uuid.uuid4().hex}",
            path=wire.path,
            requests=wire.asked(request, self.files),
            seconds=behaviour.batch_seconds,
            fault=behaviour.batch_fault,
            metadata=request.get("metadata") or {},
            created=datetime.now(UTC),
        )
        self.stats["batches"] += 1
        if batch.fault == "denied":
            return _json(_error("authentication_error"), 401)
        if batch.fault in _Anthropic.REFUSALS and wire.path == _Anthropic.path:
            status, code = _Anthropic.REFUSALS[batch.fault]
            return _json(_error(code), status)
        self.stats["batch_requests"] += len(batch.requests)
        for custom_id, body in batch.requests:
            left_open = batch.fault == "expired" and random.random() < behaviour.rate  # noqa: S311 - a development server
            if not left_open:
                batch.results.append((custom_id, *self.answer(wire.path, body)))
        self.batches[batch.id] = batch
        if batch.fault == "hang":
            await asyncio.sleep(3600)
        return CUT_OFF if batch.fault == "lost" else _json(wire.shown(self._now(batch), host))

    def _now(self, batch: FakeBatch) -> FakeBatch:
        """With its progress up to this moment."""
        if not batch.ended:
            passed = (datetime.now(UTC) - batch.created).total_seconds()
            share = self.progress if self.progress is not None else passed / batch.seconds if batch.seconds else 1.0
            batch.share = min(1.0, share)
        return batch

    async def _sent(self, batch: FakeBatch, lines: list[dict[str, Any]]) -> Reply:
        """Lines of results. A fault that concerns them happens once."""
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        fault = batch.fault
        if fault in ("cut", "stall"):
            batch.fault = ""
            self.stats[fault] += 1
        if fault == "stall":
            await asyncio.sleep(3600)
        return (0, content) if fault == "cut" else (200, content)

    async def _file(self, method: str, rest: list[str], headers: dict[str, str], body: bytes) -> Reply:
        """Keep an uploaded file, or send the output (the errors) of a batch."""
        if method == "POST":
            form = message_from_bytes(b"Content-Type: " + headers["content-type"].encode() + b"\r\n\r\n" + body)
            uploaded = next(part for part in form.walk() if part.get_filename())
            content = uploaded.get_payload(decode=True)
            file_id = f"file_{uuid.uuid4().hex}"
            self.files[file_id] = content if isinstance(content, bytes) else b""
            facts = {"id": file_id, "object": "file", "purpose": "batch", "status": "processed", "created_at": 0}
            return _json({**facts, "bytes": len(self.files[file_id]), "filename": uploaded.get_filename()})
        kind, _, batch_id = rest[0].partition("-")
        batch = self.batches.get(batch_id)
        if batch is None:
            return _json(_error("not_found"), 404)
        if kind == "errors":
            lines = [_OpenAI.line(custom_id, None, batch) for custom_id in batch.unanswered]
            return await self._sent(replace(batch, fault=""), lines)
        return await self._sent(batch, [_OpenAI.line(each[0], each, batch) for each in batch.answered])


class _OpenAI:
    """How OpenAI words it."""

    path: Final = "/v1/chat/completions"

    @staticmethod
    def asked(request: dict[str, Any], files: dict[str, bytes]) -> list[tuple[str, dict[str, Any]]]:
        lines = [json.loads(line) for line in files.get(request["input_file_id"], b"").splitlines()]
        return [(line["custom_id"], line["body"]) for line in lines]

    @staticmethod
    def shown(batch: FakeBatch, host: str) -> dict[str, Any]:
        status = "completed" if batch.ended else "in_progress"
        code = {"refused": "invalid_request", "full": "token_limit_exceeded"}.get(batch.fault)
        if batch.fault == "expired" and batch.ended:
            status = "expired"
        status = "cancelled" if batch.cancelled else "failed" if code else status
        errors = {"object": "list", "data": [{"code": code, "message": "No.", "line": 1}]}
        failed = sum(status != 200 for _, status, _ in batch.answered)
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": batch.path,
            "completion_window": "24h",
            "status": status,
            "input_file_id": "file",
            "output_file_id": f"output-{batch.id}" if batch.ended and batch.answered else None,
            "error_file_id": f"errors-{batch.id}" if batch.ended and batch.unanswered else None,
            "errors": errors if status == "failed" else None,
            "metadata": batch.metadata,
            "created_at": int(batch.created.timestamp()),
            "request_counts": {
                "total": len(batch.requests),
                "completed": len(batch.answered) - failed,
                "failed": failed,
            },
        }

    @staticmethod
    def line(custom_id: str, answered: Answered | None, batch: FakeBatch) -> dict[str, Any]:
        if answered is None:
            code = "batch_cancelled" if batch.cancelled else "batch_expired"
            return {"id": "1", "custom_id": custom_id, "response": None, "error": {"code": code, "message": "No."}}
        response = {"status_code": answered[1], "request_id": "1", "body": answered[2]}
        return {"id": "1", "custom_id": custom_id, "response": response, "error": None}


class _Anthropic:
    """How Anthropic words it."""

    path: Final = "/v1/messages"
    TYPE_OF: Final = {401: "authentication_error", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}
    """Inside a batch an error has no status, only its type."""
    REFUSALS: Final = {"refused": (400, "invalid_request_error"), "full": (429, "rate_limit_error")}

    @staticmethod
    def asked(request: dict[str, Any], files: dict[str, bytes]) -> list[tuple[str, dict[str, Any]]]:
        return [(each["custom_id"], each["params"]) for each in request["requests"]]

    @staticmethod
    def shown(batch: FakeBatch, host: str) -> dict[str, Any]:
        errored = sum(status != 200 for _, status, _ in batch.answered)
        counts = {"processing": len(batch.requests), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        if batch.ended:
            left = "canceled" if batch.cancelled else "expired"
            found = {"succeeded": len(batch.answered) - errored, "errored": errored, left: len(batch.unanswered)}
            counts = {**counts, "processing": 0, **found}
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": "ended" if batch.ended else "in_progress",
            "request_counts": counts,
            "created_at": batch.created.isoformat(),
            "expires_at": (batch.created + timedelta(days=1)).isoformat(),
            "ended_at": datetime.now(UTC).isoformat() if batch.ended else None,
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": f"http://{host}/v1/messages/batches/{batch.id}/results" if batch.ended else None,
        }

    @staticmethod
    def line(custom_id: str, answered: Answered | None, batch: FakeBatch) -> dict[str, Any]:
        if answered is None:
            return {"custom_id": custom_id, "result": {"type": "canceled" if batch.cancelled else "expired"}}
        if answered[1] == 200:
            return {"custom_id": custom_id, "result": {"type": "succeeded", "message": answered[2]}}
        _, status, body = answered
        code = body["error"]["code"]
        error = {**body["error"], "type": _Anthropic.TYPE_OF.get(status, code) if code.startswith("error_") else code}
        return {"custom_id": custom_id, "result": {"type": "errored", "error": {"type": "error", "error": error}}}


def _error(code: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": code, "code": code, "message": "This is the fake model server."}}


def _json(body: dict[str, Any], status: int = 200) -> Reply:
    return status, json.dumps(body).encode()
