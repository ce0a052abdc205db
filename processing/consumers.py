"""Progress to browsers: a snapshot from the database, a replay of what was missed, then live until the last word."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from processing.engine.doorkeeper import NOT_FOUND, NOT_SIGNED_IN, Visitor
from processing.engine.hub import Batch, Listener, frame_of, hub
from processing.engine.messages import TERMINAL, message_of
from processing.models import OutboxEvent, SessionTask
from sessions_app.models import Session

Message = Mapping[str, Any]

NO_LAYER = "none"
"""Channels subscribes a socket to its layer before it is accepted: it could not open while Redis is away. What it tells
comes from the hub.
"""
NORMAL = 1000
TOO_LARGE = 1009
TOO_MANY = 4429
LARGEST_MESSAGE = 64 * 1024
MESSAGES_A_MINUTE = 60
"""From a client, of which nothing is expected."""
MOST_REPLAYED = 1_000
"""Messages that a client may have missed; one that was away for longer is better off with the present state."""
LOOK_EVERY = 60.0
"""Seconds after which a quiet socket looks into the database by itself, should a message have been lost anywhere."""


class Told(Protocol):
    """What messages are about: a row that counts them."""

    pk: Any
    seq: int

    @property
    def is_finished(self) -> bool: ...


class ProgressSocket(AsyncWebsocketConsumer):
    """One thing of a workspace, and what is told of it. Who makes one of it says which thing (``things``, and its id's
    name in the address), what of it is told of (``_newest``), and how its present state is put (``_snapshot``).
    """

    things: ClassVar[Any]
    """The model. It has ``visible_to`` and belongs to a workspace."""
    id_in_address: ClassVar[str]
    task_type = ""
    one_message_per_frame = False
    channel_layer_alias = NO_LAYER

    def _newest(self) -> Told | None:
        """The row that is told of now; None if there is none yet."""
        raise NotImplementedError

    def _snapshot(self, told: Any, **fields: Any) -> Message:
        """A message of type snapshot: how it stands."""
        raise NotImplementedError

    async def connect(self) -> None:
        """Accept first: a close code reaches the browser only on an open socket."""
        self.listener: Listener | None = None
        self.relay: asyncio.Task[None] | None = None
        self.task_id = ""
        self.last_seq = 0
        self.heard = False
        self.resync = False
        self.visitor: Visitor | None = None
        self.received: deque[float] = deque(maxlen=MESSAGES_A_MINUTE)
        await self.accept()
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            await self.close(NOT_SIGNED_IN)
            return
        self.user = user
        self.thing_id: uuid.UUID = self.scope["url_route"]["kwargs"][self.id_in_address]
        login = getattr(self.scope.get("session"), "session_key", None) or ""
        self.visitor = Visitor(user.pk, login, self.things, self.thing_id, self._show_out)
        if not hub().doorkeeper.enter(self.visitor):
            self.visitor = None
            await self.close(TOO_MANY)
            return
        self.relay = asyncio.create_task(self._relay())

    async def _show_out(self, code: int) -> None:
        """The person may no longer see this."""
        if self.relay:
            self.relay.cancel()
        await self.close(code)

    async def disconnect(self, code: int) -> None:
        if self.visitor:
            hub().doorkeeper.leave(self.visitor)
        if self.relay:
            self.relay.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.relay

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing is expected from the client; one that floods is let go."""
        if len(text_data or bytes_data or "") > LARGEST_MESSAGE:
            await self._show_out(TOO_LARGE)
            return
        now = asyncio.get_running_loop().time()
        if len(self.received) == MESSAGES_A_MINUTE and now - self.received[0] < 60:
            await self._show_out(TOO_MANY)
            return
        self.received.append(now)

    async def _relay(self) -> None:
        """Snapshot, replay, live. Ends with the last word of the task that was under way.

        Listens before it looks, so that nothing falls in between; one look at the database answers all of it.
        """
        self.listener = listener = await hub().join(str(self.thing_id))
        try:
            code = NORMAL if await self._tell(listener) else NOT_FOUND
        finally:
            hub().leave(listener)
        await self.close(code)

    async def _tell(self, listener: Listener) -> bool:
        """Returns True after the last word, False if there is nothing here for this person."""
        may_see, snapshot, ended, kept = await self._opening(*self._asked())
        if not may_see:
            return False
        if snapshot:
            await self._send([snapshot])
        ended = await self._deliver(kept) or ended
        while not ended:
            ended = await self._deliver(await self._next(listener))  # at the hub's pace
        return True

    def _asked(self) -> tuple[int | None, str]:
        """(``after``, ``task``) of the query; None where the client has nothing yet and the snapshot tells it all."""
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        after = query.get("after", [""])[0]
        return (int(after) if after.isdecimal() and len(after) < 18 else None), query.get("task", [""])[0]

    def _replay_from(self, task: Told, after: int | None, asked_task: str) -> int:
        if after is not None:
            return min(after, task.seq) if asked_task in ("", str(task.pk)) else 0
        return task.seq - 1 if task.is_finished else task.seq

    async def _next(self, listener: Listener) -> list[dict[str, Any]]:
        """Wait for messages that cannot simply be passed on; ask the database where the live ones have a gap or nothing
        came for long.
        """
        quiet = await self._wait(listener)
        missed, listener.missed = listener.missed, False
        messages = [
            message for message in listener.take() if not self.task_type or message["task_type"] == self.task_type
        ]
        return await self._look() if missed or quiet or self._has_gap(messages) else messages

    async def _wait(self, listener: Listener) -> bool:
        """Let batches be passed on until the bell rings; True if nothing at all came for long."""
        listener.pass_on = self._pass_on if not listener.bell.is_set() else None
        try:
            while True:
                self.heard = False
                try:
                    await asyncio.wait_for(listener.bell.wait(), timeout=LOOK_EVERY)
                except TimeoutError:
                    if not self.heard:
                        return True
                else:
                    return False
        finally:
            listener.pass_on = None

    async def _pass_on(self, batch: Batch) -> bool:
        """Send what came for everybody, while this socket has all that came before it."""
        fits = batch.is_plain and batch.task_id == self.task_id and batch.first_seq == self.last_seq + 1
        if not fits or self.task_type not in ("", batch.task_type) or (self.listener and self.listener.bell.is_set()):
            return False
        self.last_seq, self.heard = batch.last_seq, True
        for text in batch.bodies if self.one_message_per_frame else (batch.text,):
            await self.send(text_data=text)
        return True

    def _has_gap(self, messages: Sequence[dict[str, Any]]) -> bool:
        expected = self.last_seq + 1
        for message in messages:
            if message["task_id"] != self.task_id:
                return True
            if message["seq"] > expected:
                return True
            expected = max(expected, message["seq"] + 1)
        return False

    async def _deliver(self, messages: Sequence[dict[str, Any]]) -> bool:
        """Send what is new, in order. True if the last word was among it."""
        fresh = []
        for message in messages:
            if message["task_id"] == self.task_id and message["seq"] > self.last_seq:
                self.last_seq = message["seq"]
                fresh.append(message)
        if fresh:
            await self._send(fresh)
        return any(message["type"] in TERMINAL for message in fresh)

    async def _send(self, messages: Sequence[Message]) -> None:
        bodies = [json.dumps(message, ensure_ascii=False) for message in messages]
        for text in bodies if self.one_message_per_frame else (frame_of(bodies),):
            await self.send(text_data=text)

    @database_sync_to_async
    def _opening(
        self, after: int | None, asked_task: str
    ) -> tuple[bool, Message | None, bool, Sequence[dict[str, Any]]]:
        """(may this person see the thing, how its newest task stands, is that over, the messages that the client
        lacks).
        """
        if not self.things.objects.visible_to(self.user).filter(pk=self.thing_id).exists():
            return False, None, False, ()
        task = self._newest()
        if task is None:
            return True, None, False, ()
        self.task_id = str(task.pk)
        self.last_seq = self._replay_from(task, after, asked_task)
        kept = self._messages_after()
        missing = kept[0]["seq"] > self.last_seq + 1 if kept else task.seq > self.last_seq
        if missing or len(kept) > MOST_REPLAYED:
            self.resync = True
            self.last_seq = self._replay_from(task, None, "")
            kept = self._messages_after()
        fields = {"resync": True} if self.resync else {}
        return True, self._snapshot(task, **fields), task.is_finished, kept

    @database_sync_to_async
    def _look(self) -> list[dict[str, Any]]:
        """Messages of the newest task that this socket has not sent."""
        task = self._newest()
        if task and str(task.pk) != self.task_id:
            self.task_id, self.last_seq = str(task.pk), 0
        return self._messages_after() if self.task_id else []

    def _messages_after(self) -> list[dict[str, Any]]:
        events = OutboxEvent.objects.after(self.task_id, self.last_seq)[: MOST_REPLAYED + 1]
        return list(events.values_list("payload", flat=True))


class SessionConsumer(ProgressSocket):
    """``WS /ws/sessions/{id}/?after=N&task=…``: all tasks of a session, several messages to a frame when many wait.

    ``after`` is the number of the last message that the client has of ``task`` (by default of the newest one).
    """

    things = Session
    id_in_address = "session_id"

    def _newest(self) -> SessionTask | None:
        tasks = SessionTask.objects.filter(session_id=self.thing_id)
        return (tasks.filter(task_type=self.task_type) if self.task_type else tasks).first()

    def _snapshot(self, told: SessionTask, **fields: Any) -> Message:
        return message_of(told, "snapshot", **fields)


class ProgressConsumer(SessionConsumer):
    """``WS /api/processing/progress/{session_id}``: seed 002's socket. Generation only, one message to a frame."""

    task_type = "processing"
    one_message_per_frame = True


class UnknownPath(AsyncWebsocketConsumer):
    """Any other socket path: accept, then close as not found."""

    channel_layer_alias = NO_LAYER

    async def connect(self) -> None:
        await self.accept()
        await self.close(NOT_FOUND)
