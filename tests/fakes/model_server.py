"""The product's own fake model server, in a thread of the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from processing.llm.fake import Behaviour, FakeModelServer


class RunningServer:
    """``behave`` changes it while it runs; ``url`` is its address."""

    def __init__(self) -> None:
        self.server = FakeModelServer(Behaviour(latency=0.0))
        self.loop: asyncio.AbstractEventLoop
        self.over: asyncio.Event
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def calls(self) -> int:
        return self.server.stats["calls"]

    def behave(self, **changes: Any) -> None:
        self.server.behaviour = replace(Behaviour(latency=0.0), **changes)


@contextmanager
def model_server() -> Iterator[RunningServer]:
    running = RunningServer()
    ready = threading.Event()

    async def serve() -> None:
        running.loop, running.over = asyncio.get_running_loop(), asyncio.Event()
        running.port = await running.server.start()
        ready.set()
        await running.over.wait()
        running.server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(5)
    try:
        yield running
    finally:
        running.loop.call_soon_threadsafe(running.over.set)
        thread.join(5)
