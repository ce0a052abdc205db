"""In a process of its own: thousands of sockets, as light as a client can be, so that the server is what is measured.

Reads a plan (JSON) from the file named: {port, cookie, paths}. Prints ``ready`` once every socket has its snapshot;
ends at the first line on standard input and prints what came, as JSON: for each socket a list of frames
[seconds since the epoch, numbers of its messages, whether one is the last word], and its close code.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import struct
import sys
import time
from pathlib import Path
from typing import Any

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
NUMBER = re.compile(rb'"seq": ?(\d+)')
LAST_WORD = re.compile(rb'"type": ?"(?:completed|error|cancelled)"')
AT_ONCE = 64
"""Handshakes under way at a time."""


class Socket(asyncio.Protocol):
    """One WebSocket: counts what comes, answers pings, says nothing else."""

    def __init__(self, host: str, cookie: str, path: str) -> None:
        self.request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
            f"Cookie: {cookie}\r\n\r\n"
        ).encode()
        self.buffer = b""
        self.shaken = False
        self.ready = asyncio.get_running_loop().create_future()
        self.frames: list[tuple[float, list[int], bool]] = []
        self.code = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def connection_lost(self, exc: Exception | None) -> None:
        self.code = self.code or 1006
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"closed with {self.code} before the snapshot"))

    def data_received(self, data: bytes) -> None:
        now = time.time()
        buffer = self.buffer + data if self.buffer else data
        if not self.shaken:
            head, end, buffer = buffer.partition(b"\r\n\r\n")
            if not end:
                self.buffer = head
                return
            self.shaken = b" 101 " in head.split(b"\r\n", 1)[0]
            if not self.shaken:
                self.ready.set_exception(ConnectionError(head.split(b"\r\n", 1)[0].decode()))
                self.transport.abort()
                return
        at = 0
        while frame := _frame_at(buffer, at):
            kind, begin, at = frame
            self._frame(kind, buffer[begin:at], now)
        self.buffer = buffer[at:]

    def _frame(self, kind: int, payload: bytes, now: float) -> None:
        if kind == PING:
            self.transport.write(bytes((0x80 | PONG, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
        elif kind == CLOSE:
            self.code = int.from_bytes(payload[:2], "big")
            self.transport.write(bytes((0x80 | CLOSE, 0x82, 0, 0, 0, 0)) + payload[:2])
        elif kind == TEXT and not self.ready.done():
            self.ready.set_result(None)  # the snapshot
        elif kind == TEXT:
            self.frames.append((now, [int(n) for n in NUMBER.findall(payload)], bool(LAST_WORD.search(payload))))


def _frame_at(buffer: bytes, at: int) -> tuple[int, int, int] | None:
    """(kind, where its payload begins, where it ends) of a whole frame; None if there is none yet."""
    if len(buffer) < at + 2:
        return None
    length, begin = buffer[at + 1] & 0x7F, at + 2
    if length == 126 and len(buffer) >= at + 4:
        length, begin = struct.unpack_from("!H", buffer, at + 2)[0], at + 4
    elif length == 127 and len(buffer) >= at + 10:
        length, begin = struct.unpack_from("!Q", buffer, at + 2)[0], at + 10
    elif length > 125:
        return None
    return (buffer[at] & 0x0F, begin, begin + length) if len(buffer) >= begin + length else None


async def main(plan: dict[str, Any]) -> None:
    loop, host = asyncio.get_running_loop(), f"127.0.0.1:{plan['port']}"
    turns = asyncio.Semaphore(AT_ONCE)

    async def open_one(path: str) -> Socket:
        async with turns:
            _, socket = await loop.create_connection(
                lambda: Socket(host, plan["cookie"], path), "127.0.0.1", plan["port"]
            )
            await socket.ready
            return socket

    sockets = await asyncio.gather(*(open_one(path) for path in plan["paths"]))
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    json.dump([{"frames": socket.frames, "code": socket.code} for socket in sockets], sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # thousands of sockets need no farewell


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
