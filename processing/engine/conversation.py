"""Talking to a server for long, with the database at hand: the event loop has a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import wait
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
        self.beat: Callable[[], None] = lambda: None

    def ask(self, question: Coroutine[Any, Any, Result], seconds: float = 60.0) -> Result:
        """The answer. Raises LLMTimeoutError if it takes longer, whatever the client counts."""
        future = asyncio.run_coroutine_threadsafe(_within(seconds, question), self._loop)
        while not wait([future], timeout=settings.ENGINE["HEARTBEAT"]).done:
            self.beat()
        return future.result()

    def slices(self, stream: AsyncIterator[Result], size: int) -> Iterator[list[Result]]:
        """What a stream yields, ``size`` at a time."""
        while part := self.ask(_some(stream, size), seconds=300.0):
            yield part


@contextmanager
def conversation() -> Iterator[Conversation]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="conversation", daemon=True)
    thread.start()
    try:
        yield Conversation(loop)
    finally:
        asyncio.run_coroutine_threadsafe(_wind_up(loop), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _within(seconds: float, question: Coroutine[Any, Any, Result]) -> Result:
    try:
        async with asyncio.timeout(seconds):
            return await question
    except TimeoutError:
        raise LLMTimeoutError from None


async def _some(stream: AsyncIterator[Result], size: int) -> list[Result]:
    part: list[Result] = []
    async for each in stream:
        part.append(each)
        if len(part) == size:
            break
    return part


async def _wind_up(loop: asyncio.AbstractEventLoop) -> None:
    """Let go of streams that nobody reads to their end."""
    others = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await loop.shutdown_asyncgens()
