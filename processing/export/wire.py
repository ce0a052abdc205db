"""HTTP to trackers: one request per connection, to an address that was checked, with one deadline for all of it.

A connection is never used twice: on one that the other side has just closed a write would look lost that was not.
No redirects, no proxies, no cookies. Nothing of a request is logged.
"""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import ssl
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import SplitResult, urlencode, urlsplit

from django.conf import settings

from processing.addresses import IP, addresses_of, is_public
from sessions_app import correlation, tracing
from sessions_app.errors import Category

from .errors import Lost, NotSent

SECONDS: Final = 30.0
LARGEST_ANSWER: Final = 8 * 1024 * 1024
_PLAIN: Final = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")


@dataclass(frozen=True, slots=True)
class Answer:
    """``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body's value; {} if there is none. Raises Lost if it cannot be read."""
        if not self.body.strip():
            return {}
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise Lost("The tracker's answer cannot be read.") from None


def require_allowed(address: str) -> None:
    """Raises NotSent unless the address looks right and every address of its host may be called."""
    _checked(_split(address))


def call(
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    query: Mapping[str, str] | None = None,
    body: bytes | None = None,
    seconds: float | None = None,
    allowed_hosts: Collection[str] | None = None,
) -> Answer:
    """One request. Raises NotSent while nothing has left us, Lost afterwards.

    ``allowed_hosts`` may lie in the own network and be asked without https; by default those of trackers.
    """
    parts = _split(url)
    deadline = time.monotonic() + (seconds or settings.EXPORT["TIMEOUT"])
    with tracing.span(method, "client", http__request__method=method, server__address=parts.hostname) as span:
        wire = _connected(parts, _checked(parts, allowed_hosts), deadline)
        try:
            answer = _exchange(wire, _request(method, parts, headers, query, body), method)
        finally:
            wire.close()
        span.set(http__response__status_code=answer.status)
        return answer


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise _refused("This is not an address.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or port == 0:
        raise _refused("The address has to look like https://example.atlassian.net, without a name or a password.")
    if parts.query or parts.fragment or not _PLAIN.fullmatch(address) or " " in address:
        raise _refused("The address has to look like https://example.atlassian.net, and nothing behind it.")
    return parts


def _checked(parts: SplitResult, allowed_hosts: Collection[str] | None = None) -> list[IP]:
    """Where to connect to. What is called is what was checked: the name is not looked up a second time."""
    host = parts.hostname or ""
    allowed = host.lower() in (settings.TRACKER_ALLOWED_HOSTS if allowed_hosts is None else allowed_hosts)
    if parts.scheme != "https" and not allowed:
        raise _refused("A tracker is asked by https only: the token is sent along.")
    try:
        found = addresses_of(host, _port(parts))
    except (OSError, UnicodeError):
        raise NotSent("The host of the tracker cannot be found.") from None
    if not allowed and not all(map(is_public, found)):
        raise _refused(
            "The tracker's address is not a public one. An administrator can allow its host with TRACKER_ALLOWED_HOSTS."
        )
    return found


def _refused(message: str) -> NotSent:
    return NotSent(message, Category.USER_FIXABLE)


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


class _Wire:
    """A connected socket whose every wait ends at one deadline, however slowly the other side drips."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self.sock, self.deadline = sock, deadline

    def hurry(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)

    def sendall(self, data: bytes) -> None:
        self.hurry()
        self.sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """What ``http.client`` reads from."""
        return io.BufferedReader(_Reading(self))

    def close(self) -> None:
        self.sock.close()


class _Reading(io.RawIOBase):
    def __init__(self, wire: _Wire) -> None:
        super().__init__()
        self.wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.wire.hurry()
        return self.wire.sock.recv_into(buffer)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _connected(parts: SplitResult, addresses: list[IP], deadline: float) -> _Wire:
    for address in dict.fromkeys(addresses):
        sock: socket.socket | None = None
        try:
            left = max(0.1, deadline - time.monotonic())
            sock = socket.create_connection((str(address), _port(parts)), timeout=left)
            if parts.scheme == "https":
                sock = _tls().wrap_socket(sock, server_hostname=parts.hostname)
        except ssl.SSLCertVerificationError:
            _close(sock)
            raise NotSent("The tracker's certificate is not valid.", Category.ADMIN_REQUIRED) from None
        except OSError:
            _close(sock)
            continue
        return _Wire(sock, deadline)
    raise NotSent("The tracker cannot be reached.")


def _close(sock: socket.socket | None) -> None:
    if sock:
        sock.close()


def _request(
    method: str, parts: SplitResult, headers: Mapping[str, str], query: Mapping[str, str] | None, body: bytes | None
) -> bytes:
    """The request's bytes. A header that would break out of its line is refused."""
    target = (parts.path or "/") + (f"?{urlencode(query)}" if query else "")
    lines = {
        "Host": parts.netloc,
        "User-Agent": "ticketgen",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Connection": "close",
        **correlation.headers(),
        **headers,
    }
    if body is not None or method in ("POST", "PUT", "PATCH"):
        lines["Content-Length"] = str(len(body or b""))
    if not all(_PLAIN.fullmatch(value) for value in (*lines.values(), target)):
        raise _refused("The account, the token or the address has characters that cannot be sent.")
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("ascii") + (body or b"")


def _exchange(wire: _Wire, request: bytes, method: str) -> Answer:
    try:
        wire.sendall(request)
        response = http.client.HTTPResponse(wire, method=method)  # type: ignore[arg-type]
        with response:
            response.begin()
            body = response.read(LARGEST_ANSWER + 1)
            complete = len(body) <= LARGEST_ANSWER and (response.length in (None, 0))
            headers = {name.lower(): value for name, value in response.getheaders()}
            status = response.status
    except TimeoutError:
        raise Lost("The tracker did not answer in time.") from None
    except (OSError, http.client.HTTPException, ValueError):
        raise Lost("The connection to the tracker broke before its answer was here.") from None
    if not complete:
        raise Lost("The tracker's answer was too long or was cut off.")
    return Answer(status, headers, body)
