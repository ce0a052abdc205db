"""From Redis to the sockets of one web process: one reader of the stream, fanned out in this process.

One Redis connection per socket, or a channel layer's group with a place for each, collapses at a few thousand sockets
(docs/decisions/0005-progress-relay.md). A listener that cannot have seen everything is told to look into the
database, which has every message.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain
from typing import Any, Final
from weakref import WeakKeyDictionary

import redis.asyncio as redis
from django.conf import settings
from redis.exceptions import RedisError

from sessions_app import doors

from .doorkeeper import Doorkeeper
from .messages import TERMINAL
from .relay import STREAM

logger = logging.getLogger(__name__)


FRAMES_PER_SECOND: Final = 4
"""To one socket, at most. What comes in between waits and travels together."""
PEOPLE_TO_A_GROUP: Final = 256
WAIT_FOR_MESSAGES: Final = 5.0
"""Seconds of one read. The connection's own time-out must be longer, or a quiet stream looks like a dead Redis and
sends every socket to the database.
"""


Entries = Sequence[tuple[dict[str, Any], str]]
"""Messages, each with what is sent of it."""


class Batch:
    """What came for one session between two frames. Put into words once, however many sockets it goes to."""

    def __init__(self, entries: Entries) -> None:
        self.messages = [message for message, _ in entries]
        self.bodies = [body for _, body in entries]
        """What is sent of them, as JSON."""
        first, last = self.messages[0], self.messages[-1]
        self.task_id, self.task_type = first["task_id"], first["task_type"]
        self.first_seq, self.last_seq = first["seq"], last["seq"]
        self.is_plain = all(
            message["seq"] == self.first_seq + place
            and message["task_id"] == self.task_id
            and message["type"] not in TERMINAL
            for place, message in enumerate(self.messages)
        )
        """One task, no number left out, no last word: who has all before it can simply pass it on."""
        if self.is_plain and len(self.bodies) > FRAMES_PER_SECOND:
            self.bodies = self.bodies[-1:]  # a flood: each message tells the whole state, so the latest is enough

    @cached_property
    def text(self) -> str:
        """One frame."""
        return frame_of(self.bodies)


def frame_of(bodies: Sequence[str]) -> str:
    """Messages that are JSON already as one frame."""
    return bodies[0] if len(bodies) == 1 else f'{{"type": "batch", "messages": [{", ".join(bodies)}]}}'


class Listener:
    """One socket's mailbox. ``missed`` says that Redis was away and the database should be asked.

    ``pass_on``, while it is set, is offered each batch first; False sends the batch to the mailbox.
    """

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.messages: list[dict[str, Any]] = []
        self.missed = False
        self.bell = asyncio.Event()
        self.pass_on: Callable[[Batch], Awaitable[bool]] | None = None

    def put(self, messages: Sequence[dict[str, Any]]) -> None:
        self.messages += messages
        self.bell.set()

    def take(self) -> list[dict[str, Any]]:
        """All that has come in since the last call."""
        taken, self.messages = self.messages, []
        self.bell.clear()
        return taken


class Group:
    """Some of the listeners of one session, served together by one task.

    Groups of a session keep time each for itself, so thousands of sockets are not all written to at the same moment.
    """

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self.entries: list[tuple[dict[str, Any], str]] = []
        self.bell = asyncio.Event()
        self.task = asyncio.create_task(self._serve(), name="progress-group")

    def put(self, message: dict[str, Any], body: str) -> None:
        self.entries.append((message, body))
        self.bell.set()

    async def _serve(self) -> None:
        while True:
            await self.bell.wait()
            self.bell.clear()
            entries, self.entries = self.entries, []
            for batch in map(Batch, _before_and_with_the_last_word(entries)):
                for listener in tuple(self.listeners):
                    if not (listener.pass_on and await listener.pass_on(batch)):
                        listener.put(batch.messages)
            await asyncio.sleep(1 / FRAMES_PER_SECOND)


def _before_and_with_the_last_word(entries: Entries) -> Iterator[Entries]:
    """What can simply be passed on comes first: to end a socket takes time, and there may be thousands."""
    place = next((place for place, (message, _) in enumerate(entries) if message["type"] in TERMINAL), len(entries))
    yield from filter(None, (entries[:place], entries[place:]))


class Hub:
    """All listeners of one event loop, and the task that reads the stream while there is one."""

    def __init__(self) -> None:
        self.groups: dict[str, list[Group]] = defaultdict(list)
        self.reader: asyncio.Task[None] | None = None
        self.reading = asyncio.Event()
        self.ear: asyncio.Task[None] | None = None
        self.doorkeeper = Doorkeeper()

    async def join(self, session_id: str) -> Listener:
        """Start to listen. What is announced after this returns will be heard; ``missed`` is set if Redis is away."""
        listener = Listener(session_id)
        groups = self.groups[session_id]
        group = next((group for group in groups if len(group.listeners) < PEOPLE_TO_A_GROUP), None)
        if group is None:
            group = Group()
            groups.append(group)
        group.listeners.add(listener)
        if self.reader is None or self.reader.done():
            self.reading.clear()
            self.reader = asyncio.create_task(self._read_for_ever(), name="progress-hub")
        if self.ear is None or self.ear.done():
            self.ear = asyncio.create_task(self._listen_for_ever(), name="doors")
        try:
            await asyncio.wait_for(self.reading.wait(), timeout=2)
        except TimeoutError:
            listener.missed = True
        except asyncio.CancelledError:
            self.leave(listener)
            raise
        return listener

    def leave(self, listener: Listener) -> None:
        groups = self.groups[listener.session_id]
        for group in tuple(groups):
            group.listeners.discard(listener)
            if not group.listeners:
                group.task.cancel()
                groups.remove(group)
        if not groups:
            del self.groups[listener.session_id]
        if not self.groups:
            for task in (self.reader, self.ear):
                if task:
                    task.cancel()
            self.reader = self.ear = None

    async def _read_for_ever(self) -> None:
        """Read from now on; after any break tell everybody to catch up from the database.

        Looks itself whether it is still wanted: redis-py loses a cancellation that comes while it connects.
        """
        me, pause = asyncio.current_task(), 0.1
        while self.reader is me:
            client = redis.Redis.from_url(
                settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=WAIT_FOR_MESSAGES + 5
            )
            try:
                place = await self._end_of(client)
                if self.reader is not me:
                    return
                self.reading.set()
                self._all_missed()
                self.doorkeeper.look_at_everybody()
                pause = 0.1
                while self.reader is me:
                    place = await self._read_once(client, place)
            except (RedisError, OSError, TimeoutError) as error:
                logger.warning("progress stream away, reading again in %.1f s: %s", pause, error)
                self.reading.clear()
                self._all_missed()
                await asyncio.sleep(pause)
                pause = min(5.0, pause * 2)
            finally:
                await client.aclose()

    async def _listen_for_ever(self) -> None:
        """Hear whose sockets have to be looked at. What is lost meanwhile, the doorkeeper's rounds make good."""
        layer, me, pause = doors.layer(), asyncio.current_task(), 0.1
        while self.ear is me:
            channel = ""
            try:
                channel = await layer.new_channel()
                await layer.group_add(doors.GROUP, channel)
                while self.ear is me:
                    message = await layer.receive(channel)
                    self.doorkeeper.look_at(message["user"])
                    pause = 0.1
            except (RedisError, OSError, TimeoutError) as error:
                logger.warning("nobody hears who signs out, listening again in %.1f s: %s", pause, error)
                if self.ear is me:  # or it would take the place of who listens by now
                    with suppress(RedisError, OSError):
                        await layer.flush()  # the layer keeps a queue for every place that it has failed to make
                await asyncio.sleep(pause)
                pause = min(5.0, pause * 2)
            finally:
                with suppress(RedisError, OSError):
                    await layer.group_discard(doors.GROUP, channel)

    async def _end_of(self, client: redis.Redis) -> bytes:
        newest: Any = await client.xrevrange(STREAM, count=1)
        return newest[0][0] if newest else b"0-0"

    async def _read_once(self, client: redis.Redis, place: bytes) -> bytes:
        """Pass on what came since ``place`` (the last id); returns the new place."""
        answer: Any = await client.xread({STREAM: place}, count=500, block=int(1000 * WAIT_FOR_MESSAGES))
        for _, entries in answer or []:
            for entry_id, fields in entries:
                place = entry_id
                self._pass_on(fields[b"session"].decode(), fields[b"body"].decode())
        if not answer:
            await self._notice_flush(client, place)
        return place

    def _pass_on(self, session_id: str, body: str) -> None:
        if groups := self.groups.get(session_id):
            message = json.loads(body)
            for group in groups:
                group.put(message, body)

    async def _notice_flush(self, client: redis.Redis, place: bytes) -> None:
        """A stream that was emptied numbers from anew; an id from before would never be passed again."""
        if place != b"0-0" and not await client.exists(STREAM):
            raise ConnectionError("the stream was emptied")

    def _all_missed(self) -> None:
        for groups in self.groups.values():
            for listener in chain.from_iterable(group.listeners for group in groups):
                listener.missed = True
                listener.bell.set()


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())
