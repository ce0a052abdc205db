"""Threads that keep their database connections from one piece of work to the next, and close them when they end.

To connect costs more than most of what is asked here: SQLite reads its schema anew, PostgreSQL starts a process.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from django.db import connections

from sessions_app import tracing

Result = TypeVar("Result")


class Crew:
    """At most so many threads, started when they are needed. Work that raises leaves no connection behind."""

    def __init__(self, most: int, name: str) -> None:
        self.most, self.name = most, name
        self._along = tracing.along()
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._free = 0

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        future: Future[Result] = Future()
        with self._lock:
            starts = self._free == 0 and len(self._threads) < self.most
            if starts:
                self._threads.append(threading.Thread(target=self._serve, name=self.name, daemon=True))
            else:
                self._free -= 1
            self._work.put((future, work))
            if starts:
                self._threads[-1].start()
        return future

    def close(self) -> None:
        """Let threads end when what is in hand is done; what nobody has begun is not done any more."""
        while not self._work.empty():
            self._cancelled()
        for _ in self._threads:
            self._work.put(None)

    def join(self, seconds: float) -> None:
        """Wait for the threads to end, but not longer than this."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _cancelled(self) -> None:
        try:
            entry = self._work.get_nowait()
        except queue.Empty:
            return
        if entry is not None:
            entry[0].cancel()

    def _serve(self) -> None:
        self._along()
        try:
            while (entry := self._work.get()) is not None:
                self._do(*entry)
                with self._lock:
                    self._free += 1
        finally:
            connections.close_all()

    @staticmethod
    def _do(future: Future[Any], work: Callable[[], Any]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except BaseException as error:  # it is the caller's, who finds it in the future
            connections.close_all()
            future.set_exception(error)
