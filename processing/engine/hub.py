"""From Redis to the sockets of one web process: one reader of the stream, fanned out in this process.

One Redis connection per socket, or a channel layer, collapses at a few thousand sockets
(docs/decisions/0005-progress-relay.md). A listener that cannot have seen everything is told to look into the
database, which has every message.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from typing import Any
from weakref import WeakKeyDictionary

import redis.asyncio as redis
from django.conf import settings
from redis.exceptions import RedisError

from .relay import STREAM

logger = logging.getLogger(__name__)


class Listener:
    """One socket's mailbox. ``missed`` says that Redis was away and the database should be asked."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.messages: list[dict[str, Any]] = []
        self.missed = False
        self.bell = asyncio.Event()

    def put(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        self.bell.set()

    def take(self) -> list[dict[str, Any]]:
        """All that has come in since the last call."""
        taken, self.messages = self.messages, []
        self.bell.clear()
        return taken


class Hub:
    """All listeners of one event loop, and the task that reads the stream while there is one."""

    def __init__(self) -> None:
        self.listeners: dict[str, set[Listener]] = defaultdict(set)
        self.reader: asyncio.Task[None] | None = None
        self.reading = asyncio.Event()

    async def join(self, session_id: str) -> Listener:
        """Start to listen. What is announced after this returns will be heard; ``missed`` is set if Redis is away."""
        listener = Listener(session_id)
        self.listeners[session_id].add(listener)
        if self.reader is None or self.reader.done():
            self.reading.clear()
            self.reader = asyncio.create_task(self._read_for_ever(), name="progress-hub")
        try:
            await asyncio.wait_for(self.reading.wait(), timeout=2)
        except TimeoutError:
            listener.missed = True
        return listener

    def leave(self, listener: Listener) -> None:
        self.listeners[listener.session_id].discard(listener)
        if not self.listeners[listener.session_id]:
            del self.listeners[listener.session_id]
        if not self.listeners and self.reader:
            self.reader.cancel()
            self.reader = None

    async def _read_for_ever(self) -> None:
        """Read from now on; after any break tell everybody to catch up from the database."""
        pause = 0.1
        while True:
            client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2)
            try:
                newest: Any = await client.xrevrange(STREAM, count=1)
                last: bytes = newest[0][0] if newest else b"0-0"
                self.reading.set()
                self._all_missed()
                pause = 0.1
                while True:
                    last = await self._read_once(client, last)
            except (RedisError, OSError, TimeoutError) as error:
                logger.warning("progress stream away, reading again in %.1f s: %s", pause, error)
                self.reading.clear()
                self._all_missed()
                await asyncio.sleep(pause)
                pause = min(5.0, pause * 2)
            finally:
                await client.aclose()

    async def _read_once(self, client: redis.Redis, last: bytes) -> bytes:
        answer: Any = await client.xread({STREAM: last}, count=500, block=5_000)
        for _, entries in answer or []:
            for entry_id, fields in entries:
                last = entry_id
                listeners = self.listeners.get(fields[b"session"].decode())
                if listeners:
                    message = json.loads(fields[b"body"])
                    for listener in listeners:
                        listener.put(message)
        if not answer:
            await self._notice_flush(client, last)
        return last

    async def _notice_flush(self, client: redis.Redis, last: bytes) -> None:
        """A stream that was emptied numbers from anew; an id from before would never be passed again."""
        if last != b"0-0" and not await client.exists(STREAM):
            raise ConnectionError("the stream was emptied")

    def _all_missed(self) -> None:
        for listeners in self.listeners.values():
            for listener in listeners:
                listener.missed = True
                listener.bell.set()


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())
