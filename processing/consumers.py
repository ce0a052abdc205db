"""Progress to browsers: a snapshot from the database, a replay of what was missed, then live until the last word."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from processing.engine.hub import Listener, hub
from processing.engine.messages import TERMINAL, ProgressMessage, message_of
from processing.models import OutboxEvent, SessionTask
from sessions_app.models import Session

NORMAL = 1000
NOT_SIGNED_IN = 4401
NOT_FOUND = 4404
FRAMES_PER_SECOND = 4
LOOK_EVERY = 30.0
"""Seconds after which a quiet socket looks into the database by itself, should a message have been lost anywhere."""


class SessionConsumer(AsyncWebsocketConsumer):
    """``WS /ws/sessions/{id}/?after=N&task=…``: all tasks of a session, several messages to a frame when many wait.

    ``after`` is the number of the last message that the client has of ``task`` (by default of the newest one).
    """

    task_type = ""
    one_message_per_frame = False

    async def connect(self) -> None:
        """Accept first: a close code reaches the browser only on an open socket."""
        self.listener: Listener | None = None
        self.relay: asyncio.Task[None] | None = None
        self.task_id = ""
        self.last_seq = 0
        await self.accept()
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            await self.close(NOT_SIGNED_IN)
            return
        self.user = user
        self.session_id: uuid.UUID = self.scope["url_route"]["kwargs"]["session_id"]
        if not await self._may_see():
            await self.close(NOT_FOUND)
            return
        self.listener = await hub().join(str(self.session_id))
        self.relay = asyncio.create_task(self._relay())

    async def disconnect(self, code: int) -> None:
        if self.listener:
            hub().leave(self.listener)
        if self.relay:
            self.relay.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.relay

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing is expected from the client."""

    async def _relay(self) -> None:
        """Snapshot, replay, live. Ends with the last word of the task that was under way."""
        after, asked_task = self._asked()
        task = await self._latest_task()
        if task:
            self.task_id = str(task.pk)
            self.last_seq = self._replay_from(task, after, asked_task)
            await self._send([message_of(task, "snapshot")])
        ended = bool(task and task.is_finished)
        ended = await self._deliver(await self._kept(self.task_id) if task else []) or ended
        while not ended:
            ended = await self._deliver(await self._next())
            if not ended:
                await asyncio.sleep(1 / FRAMES_PER_SECOND)
        await self.close(NORMAL)

    def _asked(self) -> tuple[int | None, str]:
        """(``after``, ``task``) of the query; None where the client has nothing yet and the snapshot tells it all."""
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        after = query.get("after", [""])[0]
        return (int(after) if after.isdecimal() and len(after) < 18 else None), query.get("task", [""])[0]

    def _replay_from(self, task: SessionTask, after: int | None, asked_task: str) -> int:
        if after is not None:
            return min(after, task.seq) if asked_task in ("", str(task.pk)) else 0
        return task.seq - 1 if task.is_finished else task.seq

    async def _next(self) -> list[dict[str, Any]]:
        """Wait for messages; ask the database where the live ones have a gap or nothing came for long."""
        listener = self.listener
        assert listener is not None  # noqa: S101 - set before the relay starts
        looked = False
        try:
            await asyncio.wait_for(listener.bell.wait(), timeout=LOOK_EVERY)
        except TimeoutError:
            looked = True
        missed, listener.missed = listener.missed, False
        messages = [
            message for message in listener.take() if not self.task_type or message["task_type"] == self.task_type
        ]
        if missed or looked or self._has_gap(messages):
            task = await self._latest_task()
            if task and str(task.pk) != self.task_id:
                self.task_id, self.last_seq = str(task.pk), 0
            return await self._kept(self.task_id) if self.task_id else []
        return messages

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

    async def _send(self, messages: Sequence[dict[str, Any] | ProgressMessage]) -> None:
        if len(messages) == 1 or self.one_message_per_frame:
            for message in messages:
                await self.send(text_data=json.dumps(message, ensure_ascii=False))
        else:
            await self.send(text_data=json.dumps({"type": "batch", "messages": list(messages)}, ensure_ascii=False))

    @database_sync_to_async
    def _may_see(self) -> bool:
        return Session.objects.visible_to(self.user).filter(pk=self.session_id).exists()

    @database_sync_to_async
    def _latest_task(self) -> SessionTask | None:
        tasks = SessionTask.objects.filter(session_id=self.session_id)
        return (tasks.filter(task_type=self.task_type) if self.task_type else tasks).first()

    @database_sync_to_async
    def _kept(self, task_id: str) -> list[dict[str, Any]]:
        return list(OutboxEvent.objects.after(task_id, self.last_seq).values_list("payload", flat=True))


class ProgressConsumer(SessionConsumer):
    """``WS /api/processing/progress/{session_id}``: seed 002's socket. Generation only, one message to a frame."""

    task_type = "processing"
    one_message_per_frame = True


class UnknownPath(AsyncWebsocketConsumer):
    """Any other socket path: accept, then close as not found."""

    async def connect(self) -> None:
        await self.accept()
        await self.close(NOT_FOUND)
