"""``python -m ticketgen.serve``: Daphne with a bound on request bodies, and an end that comes.

Daphne reads a body whole before the application hears of the request, so the bound has to stand here: a request
that says it is too large is refused before its body is read, one that lies about it once it has sent too much.

When it is stopped, Daphne drops the requests under way, and their threads, which wait for the loop that is gone, keep
the process for ever. Here they are answered first, and no thread is waited for after that.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
import time
import uuid
from typing import Any, Final

import daphne.http_protocol
from daphne.cli import CommandLineInterface
from daphne.server import Server
from twisted.internet.defer import Deferred

ANSWER = (
    "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
    "X-Request-Id: {id}\r\n\r\n"
    '{{"type": "about:blank", "title": "Content Too Large", "status": 413, "code": "too_large", '
    '"detail": "The request is larger than is accepted.", "request_id": "{id}"}}'
)

CONNECTIONS: Final = "20"
"""To PostgreSQL, at most. Each request has a thread of its own here, and would have a connection of its own."""
SECONDS_TO_ANSWER: Final = 10.0
"""That requests under way have when the server is stopped; less than a supervisor waits."""
SECONDS_TO_LET_GO: Final = 2.0
SECONDS_BETWEEN_SEARCHES: Final = 60.0
"""For garbage among all objects."""
YOUNG_ONLY: Final = (5_000, 20, 1_000_000_000)
"""Objects more than before, then searches of the generation below, after which each of the three is searched."""


logger = logging.getLogger(__name__)


class BoundedRequest(daphne.http_protocol.WebRequest):
    """Counts what comes in and hangs up when it is too much."""

    limit = 0
    received = 0
    refused = False

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        if length is not None and length > self.limit:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        self.received += len(data)
        if self.received > self.limit:
            self._refuse()
        if not self.refused:
            super().handleContentChunk(data)

    def process(self) -> Any:
        return None if self.refused else super().process()

    def _refuse(self) -> None:
        if not self.refused:
            self.refused = True
            transport: Any = self.channel.transport
            request_id = uuid.uuid4().hex
            logger.info("413 before the application: a body of more than %s bytes [%s]", self.limit, request_id)
            transport.write(ANSWER.format(id=request_id).encode())
            self.channel.loseConnection()


class PatientServer(Server):
    """Takes no new connections once it is stopped, lets sockets go, and answers what it was asked."""

    ports: list[Any]

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        self.ports = [*getattr(self, "ports", ()), port]
        if len(self.ports) == 1:
            threading.Thread(target=_keep_house, name="housekeeper", daemon=True).start()

    def kill_all_applications(self) -> Any:
        """Called before the loop ends, which waits for what this returns."""
        for port in getattr(self, "ports", ()):
            port.stopListening()
        return Deferred.fromFuture(asyncio.ensure_future(self._wind_up()))

    async def _wind_up(self) -> None:
        requests: list[asyncio.Future[Any]] = []
        sockets: list[asyncio.Future[Any]] = []
        for protocol, details in self.connections.items():
            application = details.get("application_instance")
            if application is not None and not application.done():
                is_request = isinstance(protocol, daphne.http_protocol.WebRequest)
                (requests if is_request else sockets).append(application)
        for socket in sockets:
            socket.cancel()
        if requests:
            await asyncio.wait(requests, timeout=SECONDS_TO_ANSWER)
        for request in requests:
            request.cancel()  # nothing happens to those that are done
        if left := [each for each in (*sockets, *requests) if not each.done()]:
            await asyncio.wait(left, timeout=SECONDS_TO_LET_GO)
        await asyncio.sleep(0.1)  # until the last answers are on the wire


def _keep_house() -> None:
    """What costs a moment, not while somebody waits for it: the SDKs of models, which the first who starts a run would
    wait for, and the search for garbage, which stops everything.

    With two thousand open sockets a search through all objects takes 0.3 s, and Python makes one after every few
    seconds of messages. Here it makes them among young objects only, and one through all (but for what has been there
    since the start) once a minute.
    """
    from processing.llm.registry import import_sdks

    import_sdks()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*YOUNG_ONLY)
    while True:
        time.sleep(SECONDS_BETWEEN_SEARCHES)
        gc.collect()


class PatientCommandLine(CommandLineInterface):
    server_class = PatientServer


def main() -> None:
    """Daphne's own command line; the application is ours unless another is named."""
    import sys

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketgen.settings")
    os.environ.setdefault("DATABASE_POOL", CONNECTIONS)
    from django.conf import settings

    BoundedRequest.limit = settings.UPLOAD_MAX_REQUEST_BYTES
    daphne.http_protocol.WebRequest = BoundedRequest  # type: ignore[misc] # the factory looks it up in its module
    PatientCommandLine().run([*sys.argv[1:], "ticketgen.asgi:application"])
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
