"""Talking to a server for long, with the database at hand: the event loop has a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import CancelledError, wait
from contextlib import contextmanager
from typing import Any, TypeVar

from django.conf import settings

from processing.errors import LLMTimeoutError

Result = TypeVar("Result")


class Conversation:
    """Asks one thing after another on one loop, so that a client's connections stay open; ``beat`` is called as long
    as an answer is waited for.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._is_over = False
        self._asked: set[asyncio.Task[Any] | None] = set()
        self.beat: Callable[[], None] = lambda: None

    def ask(self, question: Coroutine[Any, Any, Result], seconds: float = 60.0) -> Result:
        """The answer. Raises LLMTimeoutError if it takes longer, whatever the client counts; CancelledError (of
        ``concurrent.futures``) once somebody has hung up.
        """
        with self._lock:
            if self._is_over:
                question.close()
                raise CancelledError
            future = asyncio.run_coroutine_threadsafe(self._within(seconds, question), self._loop)
        while not wait([future], timeout=settings.ENGINE["HEARTBEAT"]).done:
            self.beat()
        return future.result()

    def slices(self, stream: AsyncIterator[Result], size: int) -> Iterator[list[Result]]:
        """What a stream yields, ``size`` at a time."""
        while part := self.ask(_some(stream, size), seconds=300.0):
            yield part

    def hang_up(self, *last: Coroutine[Any, Any, None]) -> None:
        """End what is asked, do ``last``, and let go of streams that nobody reads to their end; nothing is asked any
        more. Raises TimeoutError.
        """
        with self._lock:
            self._is_over = True
            end = asyncio.run_coroutine_threadsafe(self._wind_up(last), self._loop)
        end.result(10)

    async def _within(self, seconds: float, question: Coroutine[Any, Any, Result]) -> Result:
        task = asyncio.current_task()
        self._asked.add(task)
        try:
            async with asyncio.timeout(seconds):
                return await question
        except TimeoutError:
            raise LLMTimeoutError from None
        finally:
            self._asked.discard(task)

    async def _wind_up(self, last: Iterable[Coroutine[Any, Any, None]]) -> None:
        await _ended(self._asked)
        for each in last:  # a client's own tasks have something to say at its end
            await each
        await _ended(task for task in asyncio.all_tasks() if task is not asyncio.current_task())
        await self._loop.shutdown_asyncgens()


@contextmanager
def conversation() -> Iterator[Conversation]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="conversation", daemon=True)
    thread.start()
    talk = Conversation(loop)
    try:
        yield talk
    finally:
        talk.hang_up()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _some(stream: AsyncIterator[Result], size: int) -> list[Result]:
    part: list[Result] = []
    async for each in stream:
        part.append(each)
        if len(part) == size:
            break
    return part


async def _ended(tasks: Iterable[asyncio.Task[Any] | None]) -> None:
    some = [task for task in tasks if task]
    for task in some:
        task.cancel()
    await asyncio.gather(*some, return_exceptions=True)
