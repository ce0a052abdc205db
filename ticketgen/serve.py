"""``python -m ticketgen.serve``: Daphne with a bound on request bodies.

Daphne reads a body whole before the application hears of the request, so the bound has to stand here: a request
that says it is too large is refused before its body is read, one that lies about it once it has sent too much.
"""

from __future__ import annotations

import logging
import os
import uuid
from typing import Any

import daphne.http_protocol
from daphne.cli import CommandLineInterface

ANSWER = (
    "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
    "X-Request-Id: {id}\r\n\r\n"
    '{{"type": "about:blank", "title": "Content Too Large", "status": 413, "code": "too_large", '
    '"detail": "The request is larger than is accepted.", "request_id": "{id}"}}'
)


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


def main() -> None:
    """Daphne's own command line; the application is ours unless another is named."""
    import sys

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketgen.settings")
    from django.conf import settings

    BoundedRequest.limit = settings.UPLOAD_MAX_REQUEST_BYTES
    daphne.http_protocol.WebRequest = BoundedRequest  # type: ignore[misc] # the factory looks it up in its module
    CommandLineInterface().run([*sys.argv[1:], "ticketgen.asgi:application"])


if __name__ == "__main__":
    main()
