"""Events that come by Redis streams, for systems within the same network: the two subscriptions, read by one group.

    huleedu.cj_assessment.requested.v1    CJAssessmentRequestV1
    huleedu.llm_comparison.result.v1      LLMComparisonResultV1

Each entry has the envelope as ``body`` and the workspace's short name (slug) as ``workspace``. At least once: an entry
is acknowledged after the transaction that took it, and one whose reader died is taken over by the next. By the
envelope's ``event_id`` the same event is taken once, however often it is delivered. What cannot be taken goes to the
list ``…:refused`` with its reason and its id, by which the stream still has it whole. Nothing is signed here: whoever
may write to this Redis is trusted.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
from typing import Any, Final

import redis
from django.db import DataError
from redis.exceptions import ResponseError

from processing.models.webhooks import Purpose
from processing.webhooks import Answer, Delivery, WebhookInvalid, once
from sessions_app.errors import AppError
from sessions_app.models import Workspace

from .callbacks import process_event
from .events import TOPIC

logger = logging.getLogger(__name__)

REQUESTS: Final = TOPIC.format("cj_assessment.requested.v1")
RESULTS: Final = TOPIC.format("llm_comparison.result.v1")
STREAMS: Final = (REQUESTS, RESULTS)
GROUP: Final = "ticketgen-assessment"
REFUSED: Final = "huleedu.cj_assessment:refused"
MOST_REFUSED: Final = 10_000
LONGEST: Final = 16 * 1024 * 1024
AT_ONCE: Final = 50
DEAD_AFTER: Final = 60.0
"""Seconds after which an entry that was read but not acknowledged is another reader's."""

Entry = tuple[bytes, dict[bytes, bytes] | None]


class StreamReader:
    """One of any number of readers. Raises RedisError or DatabaseError; what was not acknowledged comes again."""

    def __init__(self, client: redis.Redis, *, dead_after: float = DEAD_AFTER) -> None:
        self.redis = client
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self.dead_after = int(1000 * dead_after)
        self.counts = {"taken": 0, "duplicates": 0, "refused": 0}

    def make_groups(self) -> None:
        """From the streams' beginning, so that nothing written before the first reader is passed over."""
        for stream in STREAMS:
            try:
                self.redis.xgroup_create(stream, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    def take(self, *, seconds: float = 0.0) -> int:
        """Take what the dead left and what is new; waits ``seconds`` for it. Returns how many entries were handled."""
        handled = 0
        for stream in STREAMS:
            handled += self._handle(stream, self._left_by_the_dead(stream))
        block = int(1000 * seconds) if seconds and not handled else None
        wanted: Any = dict.fromkeys(STREAMS, ">")
        answer: Any = self.redis.xreadgroup(GROUP, self.name, wanted, count=AT_ONCE, block=block)
        for stream, entries in answer or []:
            handled += self._handle(stream.decode(), entries)
        return handled

    def _left_by_the_dead(self, stream: str) -> list[Entry]:
        answer: Any = self.redis.xautoclaim(stream, GROUP, self.name, self.dead_after, count=AT_ONCE)
        entries: list[Entry] = answer[1]
        return entries

    def _handle(self, stream: str, entries: list[Entry]) -> int:
        for key, fields in entries:
            if fields:  # else it was trimmed away meanwhile
                self._one(stream, key.decode(), fields)
            self.redis.xack(stream, GROUP, key)
        return len(entries)

    def _one(self, stream: str, key: str, fields: dict[bytes, bytes]) -> None:
        body = fields.get(b"body", b"")
        try:
            answer = _taken(fields.get(b"workspace", b""), body)
        except AppError as error:
            self.counts["refused"] += 1
            logger.warning("an event of %s is refused: %s", stream, error.message)
            self._set_aside(stream, key, body, error)
        else:
            self.counts["duplicates" if answer.body.get("duplicate") else "taken"] += 1

    def _set_aside(self, stream: str, key: str, body: bytes, error: AppError) -> None:
        kept = {
            "stream": stream,
            "id": key,
            "reason": error.message,
            "errors": error.details.get("errors", {}),
            "body": body[:10_000].decode(errors="replace"),
        }
        self.redis.lpush(REFUSED, json.dumps(kept, ensure_ascii=False, default=str))
        self.redis.ltrim(REFUSED, 0, MOST_REFUSED - 1)


def _taken(slug: bytes, body: bytes) -> Answer:
    """Raises AppError where it cannot be."""
    if len(body) > LONGEST:
        raise WebhookInvalid(f"The event is longer than {LONGEST // 1024 // 1024} MB.")
    workspace = Workspace.objects.filter(slug=slug.decode(errors="replace").replace("\x00", "")).first()
    if workspace is None:
        raise WebhookInvalid("There is no such workspace; give its short name in the field workspace.")
    event_id = str(Delivery(workspace, Purpose.ASSESSMENT, "", body).json().get("event_id") or "")
    digest = hashlib.sha256(b"stream:" + (event_id.encode() or body)).hexdigest()
    delivery = Delivery(workspace, Purpose.ASSESSMENT, f"stream:{digest[:48]}", body)
    try:
        return once(delivery, digest, lambda event: process_event(event.workspace, event.json()))
    except DataError:  # would come again for ever
        raise WebhookInvalid("The event has values that the database does not take.") from None
