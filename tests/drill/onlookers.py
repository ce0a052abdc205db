"""Browsers that look at sessions by socket, and lose their connection all the time."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import defaultdict
from concurrent.futures import Future, wait
from typing import Any

import aiohttp

TERMINAL = {"completed", "error", "cancelled"}
LONGEST_LOOK = 3.0
"""Seconds after which a connection is given up, as trains and telephones do."""


class Onlooker:
    """One browser at one session. ``heard``: task -> numbers of its messages as they came, without what a snapshot
    says. ``last_words``: task -> how many. ``wrongs``: gaps and doubles, in words.
    """

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.heard: dict[str, list[int]] = defaultdict(list)
        self.last_words: dict[str, int] = defaultdict(int)
        self.wrongs: list[str] = []
        self.task, self.last = "", 0
        self.connections = self.resyncs = 0

    @property
    def path(self) -> str:
        return f"/ws/sessions/{self.session_id}/?after={self.last}" + (f"&task={self.task}" if self.task else "")

    def hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "batch":
            for each in message["messages"]:
                self.hear(each)
            return
        if message["task_id"] != self.task:
            self.task, self.last = message["task_id"], 0
        if message["type"] == "snapshot":
            if message.get("resync"):
                self.resyncs += 1
                self.last = message["seq"]
            return
        if message["seq"] != self.last + 1:
            self.wrongs.append(f"task {self.task}: {message['seq']} after {self.last}")
        self.last = message["seq"]
        self.heard[self.task].append(self.last)
        self.last_words[self.task] += message["type"] in TERMINAL

    def await_last_word(self, task_id: str, seconds: float = 90) -> bool:
        """Nobody goes on before having seen the end; False if it never came."""
        until = time.monotonic() + seconds
        while not self.last_words.get(task_id):
            if time.monotonic() > until:
                self.wrongs.append(f"task {task_id}: no last word within {seconds:g} s; last was {self.last}")
                return False
            time.sleep(0.05)
        return True


class Gallery:
    """All onlookers, in one thread with one loop."""

    def __init__(self, ports: list[int], cookie: str, seed: int) -> None:
        self.ports, self.cookie, self.chance = ports, cookie, random.Random(seed)
        self.onlookers: list[Onlooker] = []
        self.loop = asyncio.new_event_loop()
        self.looks: list[Future[None]] = []
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def look_on(self, session_id: str) -> Onlooker:
        onlooker = Onlooker(session_id)
        self.onlookers.append(onlooker)
        self.looks.append(asyncio.run_coroutine_threadsafe(self._look(onlooker), self.loop))
        return onlooker

    def close(self) -> None:
        for look in self.looks:
            look.cancel()
        wait(self.looks, timeout=5)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.1), self.loop).result(5)  # so that they are at their ends
        self.loop.call_soon_threadsafe(self.loop.stop)

    async def _look(self, onlooker: Onlooker) -> None:
        async with aiohttp.ClientSession() as client:
            while True:
                port = self.chance.choice(self.ports)
                try:
                    await self._connect(client, port, onlooker)
                except (aiohttp.ClientError, OSError, TimeoutError):
                    await asyncio.sleep(0.2)

    async def _connect(self, client: aiohttp.ClientSession, port: int, onlooker: Onlooker) -> None:
        headers = {"Cookie": self.cookie, "Origin": f"http://127.0.0.1:{port}"}
        address = f"http://127.0.0.1:{port}{onlooker.path}"
        loop = asyncio.get_running_loop()
        async with client.ws_connect(address, headers=headers, timeout=aiohttp.ClientWSTimeout(ws_close=1)) as socket:
            onlooker.connections += 1
            until = loop.time() + self.chance.uniform(0.1, LONGEST_LOOK)
            while (left := until - loop.time()) > 0:
                try:
                    message = await socket.receive(left)
                except TimeoutError:
                    return
                if message.type is not aiohttp.WSMsgType.TEXT:
                    await asyncio.sleep(0.2)
                    return
                onlooker.hear(message.json())
