"""A model server for development and tests: both wire protocols on loopback, and every misbehaviour on request.

How it behaves is set for all calls (:class:`Behaviour`), or for one by the model's name:
``fake:latency=2,fault=429,rate=0.1``. Batches are in ``fake_batches``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from .fake_batches import FakeBatches

HTTP_FAULTS: Final = ("429", "500", "529", "401", "quota")
WIRE_FAULTS: Final = ("hang", "cut", "drip")
ANSWER_FAULTS: Final = ("broken", "empty", "refuse", "truncate", "missing", "long", "obey")
FAULTS: Final = (*HTTP_FAULTS, *WIRE_FAULTS, *ANSWER_FAULTS)
"""HTTP errors; a call that never ends, is cut off, drips; an answer that is no JSON, empty, refused, cut, incomplete,
too long; one of a model that does what the cells tell it to.
"""

_FENCE = re.compile(r"<specification>\n(.*)\n</specification>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """``latency`` in seconds, from the request to its answer; ``fault`` happens to the share ``rate`` of calls;
    ``rpm``: requests a minute (0: any).

    A batch takes ``batch_seconds``; ``batch_fault`` happens to it as a whole, ``fault`` to the calls in it.
    """

    latency: float = 0.05
    fault: str = ""
    rate: float = 1.0
    retry_after: float = 1.0
    rpm: int = 0
    tokens_out: int = 600
    batch_seconds: float = 0.0
    batch_fault: str = ""

    def told_by(self, model: str) -> Behaviour:
        """With what the model's name says of this call."""
        _, _, words = model.partition(":")
        given = dict(word.split("=", 1) for word in words.split(",") if "=" in word)
        changes = {name: type(getattr(self, name))(value) for name, value in given.items() if hasattr(self, name)}
        return replace(self, **changes)


Writer = Callable[[dict[str, Any]], dict[str, Any]]
SHORT_WAIT: Final = 0.2
"""Seconds: what is no longer ends nearly on time."""
WRITERS: Final[dict[str, Writer]] = {}
"""By a property of the asked schema: what answers questions of the apps on top of this one; they enter it here."""


@dataclass(slots=True)
class FakeModelServer:
    """Serves until it is closed. ``stats`` counts calls by what became of them; ``prompts`` keeps what was asked,
    ``request_ids`` who asked.

    ``writers`` answer questions that are no tickets: by a property that the asked schema has, from the request.
    ``notes`` is a file that gets a line of JSON before a call is answered: {digest, asked, outcome, at}, so that calls
    can be counted after this server was killed. ``digest`` names all that was sent, ``asked`` what kind of answer.
    """

    behaviour: Behaviour = field(default_factory=Behaviour)
    stats: Counter[str] = field(default_factory=Counter)
    prompts: list[str] = field(default_factory=list)
    keep_prompts: int = 1_000
    writers: dict[str, Writer] = field(default_factory=lambda: dict(WRITERS))
    request_ids: set[str] = field(default_factory=set)
    notes: Path | None = None
    batches: FakeBatches = field(init=False)
    _server: asyncio.Server | None = None
    _window: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.batches = FakeBatches(self._in_batch, self.stats)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.start_server(self._serve, host, port, backlog=1024)
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    async def serve_forever(self) -> None:
        if self._server:
            await self._server.serve_forever()

    def close(self) -> None:
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive for many requests."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *headers = head.decode("latin-1").split("\r\n")
                method, path, *_ = line.split(" ")
                pairs = (header.partition(":") for header in headers)
                said = {name.lower(): value.strip() for name, _, value in pairs}
                self.request_ids.add(said.get("x-request-id", ""))
                length = int(said.get("content-length", 0))
                body = await reader.readexactly(length) if length else b""
                path = path.partition("?")[0]
                reply = await self.batches.serve(method, path, said, body, self.behaviour)
                if not (await _raw(writer, *reply) if reply else await self._answer(writer, method, path, body)):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, method: str, path: str, body: bytes) -> bool:
        """Answer one request; False if the connection is over."""
        if path.endswith("/stats"):
            return await _send(writer, 200, dict(self.stats))
        if path.endswith("/models"):
            self.stats["models"] += 1
            models = [
                {
                    "id": "fake",
                    "type": "model",
                    "object": "model",
                    "display_name": "Fake",
                    "created": 0,
                    "owned_by": "fake",
                    "created_at": "2026-01-01T00:00:00Z",
                }
            ]
            return await _send(
                writer,
                200,
                {"object": "list", "data": models, "has_more": False, "first_id": "fake", "last_id": "fake"},
            )
        if method != "POST":
            return await _send(writer, 404, _error("not_found"))
        arrived = asyncio.get_running_loop().time()
        request = json.loads(body)
        self.stats["calls"] += 1
        if len(self.prompts) < self.keep_prompts:
            self.prompts.append(body.decode())
        behaviour = self.behaviour.told_by(request.get("model", ""))
        if self._over_limit(behaviour):
            self._note("429", request, body)
            return await _send(writer, 429, _error("rate_limit_error"), {"Retry-After": f"{behaviour.retry_after:g}"})
        fault = behaviour.fault if random.random() < behaviour.rate else ""  # noqa: S311 - a development server
        if fault:
            self._note(fault, request, body)
            return await self._misbehave(writer, fault, path, request, behaviour)
        answer = _completion(path, request, json.dumps(self._written(request)), behaviour)
        await _wait_until(arrived + behaviour.latency)
        self._note("ok", request, body)
        return await _send(writer, 200, answer)

    def _note(self, outcome: str, request: dict[str, Any], body: bytes) -> None:
        self.stats[outcome] += 1
        if self.notes:
            asked = ", ".join(_schema(request).get("properties", {}))
            digest = hashlib.sha256(body).hexdigest()
            line = {"digest": digest, "asked": asked, "outcome": outcome, "at": time.time()}
            with self.notes.open("ab", buffering=0) as file:
                file.write(json.dumps(line).encode() + b"\n")

    def _written(self, request: dict[str, Any]) -> dict[str, Any]:
        asked = _schema(request).get("properties", {})
        return next((write for name, write in self.writers.items() if name in asked), written)(request)

    def _in_batch(self, path: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """(Status, body) of the answer to a call in a batch."""
        if len(self.prompts) < self.keep_prompts:
            self.prompts.append(json.dumps(request))
        behaviour = self.behaviour.told_by(request.get("model", ""))
        fault = behaviour.fault if random.random() < behaviour.rate else ""  # noqa: S311 - a development server
        if fault in ANSWER_FAULTS:
            return 200, _completion(path, request, _bad_text(fault, request), behaviour, fault)
        if fault in HTTP_FAULTS:
            return (429, _error("insufficient_quota")) if fault == "quota" else (int(fault), _error(f"error_{fault}"))
        return 200, _completion(path, request, json.dumps(written(request)), behaviour)

    def _over_limit(self, behaviour: Behaviour) -> bool:
        if not behaviour.rpm:
            return False
        now = asyncio.get_running_loop().time()
        self._window = [moment for moment in self._window if moment > now - 60]
        if len(self._window) >= behaviour.rpm:
            return True
        self._window.append(now)
        return False

    async def _misbehave(
        self, writer: asyncio.StreamWriter, fault: str, path: str, request: dict[str, Any], behaviour: Behaviour
    ) -> bool:
        if fault in ("429", "500", "529", "401"):
            return await _send(
                writer, int(fault), _error(f"error_{fault}"), {"Retry-After": f"{behaviour.retry_after:g}"}
            )
        if fault == "quota":
            return await _send(writer, 429, _error("insufficient_quota"))
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "cut":
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"id": ')
            await writer.drain()
            return False
        if fault == "drip":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
            for _ in range(3600):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.5)
        await asyncio.sleep(behaviour.latency)
        return await _send(writer, 200, _completion(path, request, _bad_text(fault, request), behaviour, fault))


def _schema(request: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema that the answer has to fit, in either protocol."""
    chat = request.get("response_format", {}).get("json_schema", {})
    found: dict[str, Any] = chat.get("schema") or request.get("output_config", {}).get("format", {}).get("schema", {})
    return found


def written(request: dict[str, Any]) -> dict[str, str]:
    """A plain ticket about the entity in the prompt, so that tests can tell tickets apart."""
    asked = "\n".join(str(message["content"]) for message in request["messages"])
    fenced = _FENCE.search(asked)
    entity = json.loads(fenced[1])["entity"] if fenced else {"label": "?", "machine_name": "?", "type": "?"}
    name = f"{entity['label']} ({entity['machine_name']})"
    return {
        "title": f"Build {entity['type']} {name}"[:255],
        "user_story": f"As a site builder, I want {name}, so that the site has it.",
        "analysis": f"### What to build\n\n{name} of {entity.get('part_of') or 'the site'}.",
        "verification": f"1. Look at {name}.\n\n```gherkin\nFeature: {entity['type']}\n```",
    }


def obedient(request: dict[str, Any]) -> dict[str, str]:
    """What a model without judgement writes: it repeats its instructions, and every order in a cell as markup."""
    good = written(request)
    system = str(request.get("system") or request["messages"][0]["content"])
    fenced = _FENCE.search("\n".join(str(message["content"]) for message in request["messages"]))
    cells = json.loads(fenced[1])["entity"]["cells"] if fenced else {}
    orders = "\n\n".join(str(value) for value in cells.values())
    return {**good, "analysis": f"{good['analysis']}\n\n{orders}\n\n{system}"}


def _bad_text(fault: str, request: dict[str, Any]) -> str | None:
    good = written(request)
    match fault:
        case "broken":
            return json.dumps(good)[:-20]
        case "missing":
            return json.dumps({**good, "analysis": ""})
        case "long":
            return json.dumps({**good, "title": "x" * 300})
        case "truncate":
            return json.dumps(good)[:40]
        case "obey":
            return json.dumps(obedient(request))
    return ""


def _completion(
    path: str, request: dict[str, Any], text: str | None, behaviour: Behaviour, fault: str = ""
) -> dict[str, Any]:
    """The answer in the protocol of the path: Anthropic's messages or OpenAI's chat completions."""
    tokens_in = sum(len(str(message["content"])) for message in request["messages"]) // 4
    if path.endswith("/messages"):
        stop = {"refuse": "refusal", "truncate": "max_tokens"}.get(fault, "end_turn")
        content = [{"type": "text", "text": text or ""}] if text else []
        usage = {"input_tokens": tokens_in, "output_tokens": behaviour.tokens_out}
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": request["model"],
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": usage,
        }
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": "No." if fault == "refuse" else None}
    finish = "length" if fault == "truncate" else "stop"
    usage = {
        "prompt_tokens": tokens_in,
        "completion_tokens": behaviour.tokens_out,
        "total_tokens": tokens_in + behaviour.tokens_out,
    }
    return {
        "id": "chat_1",
        "object": "chat.completion",
        "created": 0,
        "model": request["model"],
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": usage,
    }


def _error(code: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": code, "code": code, "message": "This is the fake model server."}}


async def _wait_until(moment: float) -> None:
    """By the loop's clock. A long wait ends late, by up to a hundredth, so the last part of it is a wait of its own."""
    while (left := moment - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(left if left < SHORT_WAIT else left - SHORT_WAIT / 2)


async def _send(
    writer: asyncio.StreamWriter, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
) -> bool:
    payload = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Fake", "Content-Type: application/json", f"Content-Length: {len(payload)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)
    await writer.drain()
    return True


async def _raw(writer: asyncio.StreamWriter, status: int, body: bytes) -> bool:
    """Send a body as it is; status 0 breaks off in the middle of it. False if the connection is over."""
    length = len(body) if status else len(body) + 1_000
    kind = "application/json" if body.startswith(b"{") and body.count(b"\n") == 0 else "application/x-jsonl"
    head = f"HTTP/1.1 {status or 200} Fake\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    writer.write(head.encode() + (body if status else body[: len(body) // 2]))
    await writer.drain()
    return bool(status)
