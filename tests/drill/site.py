"""A patient client: it takes any web process that answers, and sends again what it got no answer to."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
import uuid
from collections import Counter
from typing import Any

from processing import signatures

PATIENCE = 120.0
"""Seconds after which a client gives up on one request."""
SECONDS_TO_ANSWER = 20.0
LEFT_BEHIND = 6.0
"""Seconds that an Idempotency-Key may be at work; after that whoever held it was killed."""


class Refused(Exception):
    """An answer that sending again does not change."""

    def __init__(self, status: int, problem: Any) -> None:
        super().__init__(f"{status}: {problem}")
        self.status, self.problem = status, problem


class KeyLeftBehind(Exception):
    """A web process died with this Idempotency-Key: look whether it was done, or ask under another key."""


class Site:
    """The product's doors. ``counts``: requests, and how often one was sent again."""

    def __init__(self, ports: list[int], token: str, cookie: str) -> None:
        self.ports, self.token, self.cookie = ports, token, cookie
        self.counts: Counter[str] = Counter()
        self._turns = itertools.count()
        self._lock = threading.Lock()

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None, *, key: str = "") -> Any:
        """``key``: the Idempotency-Key. Raises Refused, KeyLeftBehind."""
        return self.call("POST", path, {} if body is None else body, key=key)

    def call(self, method: str, path: str, body: Any = None, *, key: str = "") -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        raw = b"" if body is None else json.dumps(body).encode()
        began = time.monotonic()
        while True:
            status, _, answer = self.send(method, path, raw, headers)
            told = json.loads(answer or b"null")
            if status < 400:
                return told
            if not (key and status == 409 and "worked on" in str(told)):
                raise Refused(status, told)
            if time.monotonic() - began > LEFT_BEHIND:
                self._count("keys left behind")
                raise KeyLeftBehind(key)
            time.sleep(0.3)

    def page(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[int, str]:
        """(Status, address that it leads to) of a page, as a browser that is signed in asks for it."""
        mark = "d" * 32
        headers = {"Cookie": f"{self.cookie}; csrftoken={mark}"}
        if method == "POST":
            headers |= {"X-CSRFToken": mark, "Content-Type": kind or "application/x-www-form-urlencoded"}
        status, found, _ = self.send(method, path, body, headers)
        return status, found.get("location", "")

    def signed(self, path: str, body: dict[str, Any], *, secret: str, workspace: str, delivery: str) -> Any:
        """The answer to a signed message. Raises Refused."""
        raw = json.dumps(body).encode()
        headers = signatures.signed_headers(
            secret, workspace=workspace, timestamp=int(time.time()), delivery_id=delivery, body=raw
        )
        status, _, answer = self.send("POST", path, raw, {**headers, "Content-Type": "application/json"})
        if status >= 400:
            raise Refused(status, json.loads(answer))
        return json.loads(answer)

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """(Status, headers with lower-case names, body) of the first answer that says something."""
        until = time.monotonic() + PATIENCE
        self._count("requests")
        while True:
            wait, why = 0.3, ""
            port = self.ports[next(self._turns) % len(self.ports)]
            wire = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_TO_ANSWER)
            try:
                wire.request(method, path, body or None, headers)
                answer = wire.getresponse()
                found = {name.lower(): value for name, value in answer.getheaders()}
                content = answer.read()
                if answer.status < 500 and answer.status != 429:
                    return answer.status, found, content
                why = f"{answer.status} {content[:300]!r}"
                wait = float(found.get("retry-after", wait))
            except (OSError, http.client.HTTPException) as error:
                why = repr(error)
            finally:
                wire.close()
            self._count("sent again")
            if time.monotonic() > until:
                raise TimeoutError(f"{method} {path}: no answer within {PATIENCE:g} s, last: {why}")
            time.sleep(wait)

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1


def form(name: str, files: dict[str, bytes]) -> tuple[bytes, str]:
    """(Body, content type) of an upload."""
    border = uuid.uuid4().hex
    parts = [
        f'--{border}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
        f"Content-Type: text/csv\r\n\r\n".encode()
        + data
        + b"\r\n"
        for file, data in files.items()
    ]
    return b"".join(parts) + f"--{border}--\r\n".encode(), f"multipart/form-data; boundary={border}"
