"""What the fake trackers have in common: HTTP on loopback, and what goes wrong on request.

Faults of a write: ``429`` (Retry-After), ``503`` (with Retry-After), ``500`` (nothing done), ``500-after`` (done, and
then it failed), ``lost`` (done, and the connection is cut), ``dropped`` (cut before anything was done), ``hang`` (done,
and no answer comes).
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

FAULTS: Final = ("429", "503", "500", "500-after", "lost", "dropped", "hang")
LARGEST_BODY: Final = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One call. ``path`` is without the query, its parts unquoted; ``headers`` have lower-case names."""

    method: str
    path: tuple[str, ...]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def as_line(self) -> bytes:
        """For a file of requests. It begins with the end of the line before, which may have been broken off."""
        return b"\n" + json.dumps({**asdict(self), "body": self.body.decode("latin-1")}).encode()

    @classmethod
    def of_line(cls, line: bytes) -> Request:
        """Raises ValueError."""
        told = json.loads(line)
        return cls(**{**told, "path": tuple(told["path"]), "body": told["body"].encode("latin-1")})


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Behaviour:
    """``latency`` and ``lag`` (of searches) in seconds; ``rates``: share of the writes that a fault happens to;
    ``script`` decides instead of chance: (number of the write, request) -> fault or "".
    """

    latency: float = 0.0
    lag: float = 0.0
    retry_after: float = 1.0
    rates: dict[str, float] = field(default_factory=dict)
    script: Callable[[int, Request], str] | None = None
    seed: int = 1


class FakeTracker:
    """A server in a thread of its own. Subclasses answer requests in ``serve``, under the lock."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.lock = threading.RLock()
        self.stats: Counter[str] = Counter()
        self.chance = random.Random(self.behaviour.seed)  # noqa: S311 - a development server
        self.url = ""
        self._server: ThreadingHTTPServer | None = None
        self._over = threading.Event()
        self._memory: IO[bytes] | None = None

    def serve(self, request: Request) -> Reply:
        raise NotImplementedError

    def is_write(self, request: Request) -> bool:
        raise NotImplementedError

    def slow_down(self, seconds: float) -> Reply:
        """How this tracker says that we are too fast."""
        return Reply(429, {"message": "Too many requests."}, {"Retry-After": f"{seconds:g}"})

    def remember_in(self, file: Path) -> None:
        """Know again what this file tells, and keep what will be written in it: killed, a tracker forgets nothing."""
        self.recall(file)
        self._memory = file.open("ab", buffering=0)

    def recall(self, file: Path) -> None:
        """Know what a tracker that remembers in this file has been told."""
        for line in file.read_bytes().splitlines() if file.exists() else ():
            with suppress(ValueError):  # the last one may be broken off: it was never answered
                self.serve(Request.of_line(line))

    def start(self, port: int = 0) -> str:
        """Listen; returns the address."""
        handler = type("Handler", (_Handler,), {"tracker": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self.url

    def serve_until_interrupted(self, port: int, say: Callable[[str], None]) -> None:
        """For a command: ``say`` gets the address once it listens; then Ctrl-C ends it, whenever it comes."""
        try:
            say(self.start(port))
            threading.Event().wait()
        except KeyboardInterrupt:
            self.close()

    def close(self) -> None:
        self._over.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def answer(self, request: Request) -> Reply | None:
        """None: the connection is cut without an answer."""
        if request.path == ("stats",):
            return Reply(200, dict(self.stats))
        if self.behaviour.latency:
            self._over.wait(self.behaviour.latency)
        if not self.is_write(request):
            with self.lock:
                self.stats["reads"] += 1
                return self.serve(request)
        with self.lock:
            self.stats["writes"] += 1
            number = self.stats["writes"]
        fault = self._fault(number, request)
        if fault:
            self.stats[fault] += 1
        if fault in ("429", "503", "500", "dropped"):
            return self._undone(fault)
        with self.lock:
            reply = self.serve(request)
            if self._memory and reply.status < 300:
                self._memory.write(request.as_line())
        if fault == "hang":
            self._over.wait(3600)
        if fault in ("lost", "hang"):
            return None
        return Reply(502, {"message": "Bad gateway."}) if fault == "500-after" else reply

    def _undone(self, fault: str) -> Reply | None:
        if fault == "429":
            return self.slow_down(self.behaviour.retry_after)
        if fault == "503":
            return Reply(503, {"message": "Busy."}, {"Retry-After": f"{self.behaviour.retry_after:g}"})
        return Reply(500, {"message": "Sorry."}) if fault == "500" else None

    def _fault(self, number: int, request: Request) -> str:
        if self.behaviour.script:
            return self.behaviour.script(number, request)
        point = self.chance.random()
        for fault, rate in self.behaviour.rates.items():
            if point < rate:
                return fault
            point -= rate
        return ""

    def is_searchable(self, made_at: float) -> bool:
        """Searches lag behind what was made."""
        return time.monotonic() - made_at >= self.behaviour.lag


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tracker: FakeTracker

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.close_connection = True
            return
        request = Request(
            method=self.command,
            path=tuple(unquote(part) for part in parts.path.strip("/").split("/")),
            query=dict(parse_qsl(parts.query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
        )
        try:
            reply = self.tracker.answer(request)
        except (ValueError, KeyError, TypeError) as error:
            self.tracker.stats["nonsense"] += 1
            reply = Reply(
                400, {"errorMessages": [f"This cannot be read: {error!r}"], "message": "This cannot be read."}
            )
        self.close_connection = True
        if reply is None:
            return
        body = b"" if reply.body is None else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    def handle(self) -> None:
        with suppress(ConnectionError):  # the other side was killed
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""
