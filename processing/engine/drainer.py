"""A drainer: one asyncio loop that keeps many calls in flight and writes their results in batches, beside the loop.

Drainers of a task are equal. Each works for a slice of time, then makes room for other sessions and enqueues itself
again. One whose worker is being stopped hands on at once what it has not begun, and lets calls in flight end.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import F
from django.utils import timezone

from processing.errors import LLMError
from processing.models import SessionTask, WorkItem
from processing.models.tasks import TaskStatus
from sessions_app import correlation

from . import claims, queue, stopping
from .finish import finish_if_done
from .kinds import Outcome, kind_of
from .turns import short_turns

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

LOOK_EVERY = 0.25
"""Seconds between two looks at the task's state: how fast a cancel or a pause takes hold."""
WRITE_EVERY = 0.1
"""Seconds that an answer waits at most before it is written, with all that came in meanwhile: what a crash costs beside
the calls in flight.
"""
BATCH = 64
"""Results that are written without waiting for more."""
ABREAST = 8
"""Calls that begin in one turn of the loop. Of all at once none would be sent before the last is prepared; and as their
answers come together, so it would be with each wave.
"""
YIELD_AFTER = 5.0
"""Seconds after which a drainer makes room if others wait."""
PATIENCE = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Seconds between tries while the database is away; less in sum than a lease holds after a heartbeat."""


class Drainer:
    """Works on one task until its slice is over, nothing is due, or the task is no longer running."""

    def __init__(self, task: SessionTask, on_written: Callable[[SessionTask], None] | None = None) -> None:
        self.task = task
        self.owner = uuid.uuid4()
        self.kind = kind_of(task)
        self.room = self.kind.open(task)
        self.ready: deque[WorkItem] = deque()
        self.in_flight: dict[asyncio.Task[Outcome], WorkItem] = {}
        self.finished: list[Outcome] = []
        self.worth_writing = asyncio.Event()
        self.begins_more = False
        self.has_successor = False
        self.on_written = on_written
        self.thread = ThreadPoolExecutor(
            max_workers=1,
            thread_name_prefix="drainer-db",
            initializer=correlation.along(),
        )

    def run(self) -> None:
        """Drain; then finish the task if this was the last of it, or enqueue a successor if there is more to do."""
        _close_connection()  # not needed on this thread until the end, and it may not live so long
        try:
            with short_turns():
                asyncio.run(self._drain())
        finally:
            self.thread.submit(_close_connection).result()
            self.thread.shutdown()

    def _hand_over(self) -> None:
        self.task.refresh_from_db()
        if self.task.status == TaskStatus.RUNNING and not finish_if_done(self.task):
            self._appoint_successor()

    def _appoint_successor(self) -> None:
        """Enqueue another drainer, once, if there is something for it to do."""
        if not self.has_successor and _has_waiting(self.task):
            enqueue_drainer(self.task)
            self.has_successor = True

    async def _db(self, function: Callable[..., Result], *args: Any) -> Result:
        """Run a piece of database work beside the loop, always on the same connection.

        A database that restarts is waited for, so that answers that were paid for are not lost. All such work is safe
        to be repeated, for a connection may break after the commit and before we hear of it.
        """
        loop = asyncio.get_running_loop()
        for wait in PATIENCE:
            try:
                return await loop.run_in_executor(self.thread, function, *args)
            except (OperationalError, InterfaceError) as error:
                logger.warning("the database is away, trying again in %.2g s: %s", wait, error)
                await loop.run_in_executor(self.thread, _close_connection)
                await asyncio.sleep(wait)
        return await loop.run_in_executor(self.thread, function, *args)

    async def _drain(self) -> None:
        started = looked = beaten = time.monotonic()
        slice_over = False
        await self._db(claims.renew, self.task, self.owner)
        try:
            while await self._still_running():
                if stopping.requested():
                    await self._wind_up()
                    break
                now = time.monotonic()
                if now - beaten >= settings.ENGINE["HEARTBEAT"]:
                    await self._db(self._beat)
                    beaten = now
                if not slice_over and now - looked >= 1.0:
                    slice_over = now - started >= settings.ENGINE["SLICE"] or (
                        now - started >= YIELD_AFTER and await self._db(_others_wait, self.task)
                    )
                    looked = now
                if not slice_over:
                    await self._fill()
                if not self.in_flight and not self.ready and (slice_over or not await self._more_later()):
                    break
                await self._collect()
                await self._write()
        finally:
            await self._let_go()
        await self._db(self._hand_over)

    def _beat(self) -> None:
        """A sign of life, and a look at others' work: the sweep's own job may wait behind drainers like this one."""
        from .sweep import sweep

        claims.renew(self.task, self.owner)
        sweep()

    async def _still_running(self) -> bool:
        return await self._db(_is_running, self.task.pk)

    async def _fill(self) -> None:
        """Keep ``concurrency`` calls in flight, and as many items claimed ahead while there is work for all drainers:
        where all calls end at once, the next ones begin at once.
        """
        held = len(self.ready) + len(self.in_flight)
        if len(self.ready) < self.room.concurrency:
            most, at_once = self.room.concurrency * 2 - held, self.room.concurrency - held
            claimed = await self._db(claims.claim, self.task, self.owner, most, at_once)
            if claimed:
                await self._db(self.room.prepare, claimed)
                self.ready.extend(claimed)
        self._begin_calls()

    def _begin_calls(self) -> None:
        """As many as may be in flight. A call that ends begins the next one itself, also while the database works."""
        for _ in range(min(ABREAST, len(self.ready), self.room.concurrency - len(self.in_flight))):
            item = self.ready.popleft()
            call = asyncio.create_task(self.room.work(item))
            self.in_flight[call] = item
            call.add_done_callback(self._ended)
        if self.ready and len(self.in_flight) < self.room.concurrency and not self.begins_more:
            self.begins_more = True
            asyncio.get_running_loop().call_soon(self._begin_more)

    def _begin_more(self) -> None:
        self.begins_more = False
        self._begin_calls()

    def _ended(self, call: asyncio.Task[Outcome]) -> None:
        item = self.in_flight.pop(call, None)
        if item is None or call.cancelled():  # let go, or swept away with the loop
            return
        self.finished.append(_outcome_of(call, item))
        self._begin_calls()
        if len(self.finished) >= BATCH or not self.in_flight:
            self.worth_writing.set()

    async def _more_later(self) -> bool:
        """Items that are due later or claimed by somebody else: wait a moment for the former, leave the latter."""
        wait = await self._db(_seconds_until_due, self.task)
        if wait is None:
            return False
        # Due and yet not claimed: the money left is set aside for calls in flight elsewhere.
        await asyncio.sleep(min(max(wait, LOOK_EVERY), 1.0))
        return True

    async def _collect(self) -> None:
        """Wait until there is something worth writing, but not for long."""
        if not self.in_flight:
            return
        self.worth_writing.clear()
        if len(self.finished) < BATCH:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.worth_writing.wait(), WRITE_EVERY if self.finished else LOOK_EVERY)

    async def _write(self) -> None:
        if self.finished:
            outcomes, self.finished = self.finished, []
            await self._db(claims.write, self.kind, self.task, self.owner, outcomes)
            if self.on_written:
                await self._db(self.on_written, self.task)

    async def _wind_up(self) -> None:
        """The worker is being stopped: others may have at once what has not begun; calls in flight are paid for and
        may end within the grace.
        """
        await self._db(claims.renew, self.task, self.owner)
        not_begun = list(self.ready)
        self.ready.clear()  # first, or a call that ends would begin one of them
        await self._db(claims.give_back, self.owner, not_begun)
        await self._db(self._appoint_successor)
        beaten = time.monotonic()
        deadline = beaten + settings.ENGINE["GRACE"]
        while self.in_flight and time.monotonic() < deadline and await self._still_running():
            if time.monotonic() - beaten >= settings.ENGINE["HEARTBEAT"]:
                await self._db(claims.renew, self.task, self.owner)
                beaten = time.monotonic()
            await self._collect()
            await self._write()

    async def _let_go(self) -> None:
        """Stop calls in flight, write what is finished, give the rest back."""
        self.ready.clear()
        if self.in_flight:
            await self._settle()
        await self._write()
        await self._db(claims.give_back, self.owner)
        await self.room.close()

    async def _settle(self) -> None:
        """After a pause calls in flight may end (they are paid for); after anything else they are dropped."""
        paused = await self._db(_is_paused, self.task.pk)
        if paused and self.in_flight:
            await asyncio.wait(self.in_flight, timeout=settings.ENGINE["LEASE"] / 2)
        let_go, self.in_flight = self.in_flight, {}
        for call, item in let_go.items():
            if call.done():
                self.finished.append(_outcome_of(call, item))
            else:
                call.cancel()
                self.has_successor = False  # it may have come and gone while these were in flight
        await asyncio.gather(*let_go, return_exceptions=True)


def _outcome_of(call: asyncio.Task[Outcome], item: WorkItem) -> Outcome:
    """A bug in a writer fails its item, with the traceback in the log, and not the run."""
    error = call.exception()
    if error is None:
        return call.result()
    logger.error("item %s failed unexpectedly", item.key, exc_info=error)
    return Outcome(
        item, error=LLMError("Writing this ticket failed for a reason that was not foreseen; the log has it.")
    )


def _close_connection() -> None:
    """The connection of the thread that calls this."""
    connection.close()


def _is_running(task_id: uuid.UUID) -> bool:
    return SessionTask.objects.filter(pk=task_id, status=TaskStatus.RUNNING).exists()


def _is_paused(task_id: uuid.UUID) -> bool:
    return SessionTask.objects.filter(pk=task_id, status=TaskStatus.PAUSED).exists()


def _others_wait(task: SessionTask) -> bool:
    """A drainer waits in the queue, or a run that no worker has taken up yet (its job waits in another queue)."""
    not_begun = SessionTask.objects.exclude(pk=task.pk).filter(status=TaskStatus.PENDING)
    return not_begun.exists() or queue.waiting("llm") > 0 or queue.waiting("enhancement") > 0


def _has_waiting(task: SessionTask) -> bool:
    """Items that nobody holds. Those that another drainer holds are its own affair, or the sweep's."""
    return WorkItem.objects.filter(task=task, status=WorkItem.Status.PENDING).exists()


def _seconds_until_due(task: SessionTask) -> float | None:
    """Until the next waiting item may be tried; None if no item waits."""
    waiting = WorkItem.objects.filter(task=task, status=WorkItem.Status.PENDING)
    first = waiting.order_by(F("not_before").asc(nulls_first=True)).values_list("not_before").first()
    if first is None:
        return None
    return max(0.0, (first[0] - timezone.now()).total_seconds()) if first[0] else 0.0


def enqueue_drainer(task: SessionTask) -> None:
    timeout = None if task.economy else int(settings.ENGINE["SLICE"] + 4 * settings.ENGINE["LEASE"])
    queue.enqueue("processing.engine.jobs.drain_job", str(task.pk), queue="llm", timeout=timeout)
