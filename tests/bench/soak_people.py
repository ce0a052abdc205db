"""People of the soak: each makes a session, takes it all the way to the tracker, deletes it, and begins anew.

Everything goes over HTTP and sockets to the web process, as from outside. What an answer has to be is asserted nowhere:
statuses are counted, and the soak judges them.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import os
import random
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from processing import signatures
from tests.factories import bundles, fields

MODEL_FAULTS: Final = ("", "429", "500", "529", "cut", "broken", "empty", "refuse", "truncate", "missing", "long")
"""What goes wrong with a fifth of the calls of a run, one run after another; "" is a run without faults."""
UNFINISHED: Final = ("processing", "paused")
PATIENCE: Final = 180.0
"""Seconds until a person gives a run up, cancels it and goes on."""
THOUGHT: Final = 0.2
"""Seconds between two clicks."""


@dataclass(slots=True)
class World:
    """Where everybody acts, until ``over`` is set, and what they count together."""

    port: int
    cookie: str
    token: str
    slug: str
    secret: str
    connection_id: str
    over: threading.Event = field(default_factory=threading.Event)
    statuses: Counter[int] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)
    rounds: itertools.count[int] = field(default_factory=itertools.count)

    def heard(self, status: int, what: str, answer: bytes) -> None:
        self.statuses[status] += 1
        if status >= 500:
            self.surprises.append(f"{status} {what}: {answer[:300].decode(errors='replace')}")


class Person(threading.Thread):
    """One of them. A connection that breaks is opened again."""

    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self.world = world
        self.chance = random.Random(next(world.rounds))
        self.wire = http.client.HTTPConnection("127.0.0.1", world.port, timeout=60)

    def run(self) -> None:
        while not self.world.over.is_set():
            try:
                self.one_round()
            except Exception as problem:
                self.world.surprises.append(repr(problem))
                time.sleep(1)
        self.wire.close()

    def one_round(self) -> None:
        raise NotImplementedError

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """JSON of the answer to an API call, or the text of a page."""
        api = path.startswith("/api/")
        said = {"Authorization": f"Bearer {self.world.token}"} if api else {"Cookie": self.world.cookie}
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        self.wire.request(method, path, raw, {"Content-Type": "application/json", **said, **headers})
        answer = self.wire.getresponse()
        came = answer.read()
        self.world.heard(answer.status, f"{method} {path}", came)
        self.world.over.wait(THOUGHT * self.chance.random())
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return json.loads(came or b"null") if is_json else came.decode(errors="replace")


class Author(Person):
    """From import to export, one session after another."""

    def one_round(self) -> None:
        number = next(self.world.rounds)
        fault = MODEL_FAULTS[number % len(MODEL_FAULTS)]
        model = f"fake:latency=0.1,fault={fault},rate=0.2" if fault else "fake:latency=0.1"
        wish = {"site_name": f"Site {number}", "llm_provider_choice": "openai", "llm_model": model}
        made = self.ask("POST", "/api/sessions", wish)
        self.here, self.page = f"/api/sessions/{made['id']}", f"/sessions/{made['id']}"
        try:
            self._bring_in()
            self._generate(made["id"])
            self._review()
            self._validate()
            self._send()
            for name in ("markdown", "csv"):
                self.ask("GET", f"{self.here}/export/file?format={name}")
        finally:
            self.ask("DELETE", self.here)
        self.world.done["sessions from import to export"] += 1

    def _bring_in(self) -> None:
        kinds = self.chance.randint(2, 5)
        for name, table in (("Bundles", bundles(kinds)), ("Fields", fields(self.chance.randint(5, 40), kinds))):
            pasted = {"pasted": table.decode(), "name": f"{name}.csv"}
            self.ask("POST", f"{self.here}/files", {**pasted, "dry_run": True})
            self.ask("POST", f"{self.here}/files", pasted)
        self.ask("GET", f"{self.page}/")

    def _generate(self, session_id: str) -> None:
        self.ask("POST", f"{self.here}/process")
        with suppress(OSError):
            watch(self.world, session_id, seconds=self.chance.uniform(0.5, 6))
        self.ask("GET", f"{self.page}/run/")
        if self.chance.random() < 0.2:
            self.ask("POST", f"{self.here}/process/pause")
            self.ask("POST", f"{self.here}/process/resume")
        if self._wait("process") in ("completed_with_errors", "failed"):
            self.ask("POST", f"{self.here}/process/retry")
            self._wait("process")

    def _wait(self, what: str) -> str:
        """The word that a run ended with."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            status = str(self.ask("GET", f"{self.here}/{what}/status")["status"])
            if status == "paused":
                self.ask("POST", f"{self.here}/{what}/resume")
            elif status not in UNFINISHED:
                self.world.done[f"{what}: {status}"] += 1
                return status
            time.sleep(0.3)
        self.world.done[f"{what}: given up"] += 1
        self.ask("POST", f"{self.here}/{what}/cancel")
        return "cancelled"

    def _review(self) -> None:
        for query in ("", "?q=field_1", "?status=draft"):
            self.ask("GET", f"{self.page}/tickets/{query}")
        for row in self.ask("GET", f"{self.here}/tickets")["results"][:3]:
            ticket = self.ask("GET", f"{self.here}/tickets/{row['id']}")
            self.ask("GET", f"{self.page}/tickets/{row['id']}/")
            text = {"version": ticket["version"], "analysis": ticket["analysis"] + "\n\nRead and **found good**."}
            self.ask("PATCH", f"{self.here}/tickets/{row['id']}", text)
            self.ask("POST", f"{self.here}/tickets/{row['id']}/comments", {"text": "Done."})
        self.ask("POST", f"{self.here}/tickets/bulk", {"action": "approve", "filters": {}})
        self.ask("GET", f"{self.page}/order/")

    def _validate(self) -> None:
        self.ask("POST", f"{self.here}/validate")
        self._wait("validate")

    def _send(self) -> None:
        wish = {"connection": self.world.connection_id}
        self.ask("POST", f"{self.here}/export/dry-run", wish)
        self.ask("POST", f"{self.here}/export", wish)
        self._wait("export")
        self.ask("GET", f"{self.page}/tracker/")


class HelpDesk(Person):
    """Sends signed tickets, now and then one with a wrong signature."""

    def one_round(self) -> None:
        number = next(self.world.rounds)
        body = {
            "job_id": f"soak-{number}",
            "ticket_id": f"{number}",
            "title": "The printer is on fire",
            "description": f"It stands in room {number % 50} and has the address 10.0.0.{number % 250}.",
            "priority": "high",
            "tenant_id": self.world.slug,
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        raw = json.dumps(body).encode()
        signed = signatures.signed_headers(
            "not the secret" if self.chance.random() < 0.1 else self.world.secret,
            workspace=self.world.slug,
            timestamp=int(time.time()),
            delivery_id=f"soak-{number}",
            body=raw,
        )
        self.ask("POST", "/webhook/servicedesk", raw, **signed)
        self.ask("GET", "/help-desk/")
        self.world.done["webhooks"] += 1
        self.world.over.wait(0.5)


class Onlooker(Person):
    """Opens the list and sockets on whatever there is, and goes away in every manner."""

    def one_round(self) -> None:
        self.ask("GET", "/")
        self.ask("GET", "/operation/")
        sessions = self.ask("GET", "/api/sessions")["results"]
        for session in sessions[:3]:
            with suppress(OSError):
                watch(self.world, session["id"], seconds=self.chance.random(), politely=self.chance.random() < 0.5)
        self.world.over.wait(0.2)


def watch(world: World, session_id: str, *, seconds: float, politely: bool = True) -> None:
    """A socket for at most so long; who is not polite is simply gone, as a telephone in a tunnel."""
    host = f"127.0.0.1:{world.port}"
    with socket.create_connection(("127.0.0.1", world.port), timeout=10) as wire:
        key = base64.b64encode(os.urandom(16)).decode()
        wire.sendall(
            f"GET /ws/sessions/{session_id}/ HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\nCookie: {world.cookie}\r\n\r\n".encode()
        )
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            wire.settimeout(left)
            try:
                if not wire.recv(65_536):
                    break
            except TimeoutError:
                break
        if politely:
            wire.sendall(b"\x88\x82\0\0\0\0\x03\xe8")
    world.done["sockets"] += 1
