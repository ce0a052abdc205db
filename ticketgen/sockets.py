"""Sockets carry a correlation id as requests do: the one that a proxy sent, or their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sessions_app.correlation import HEADER, correlation_id, taken_over

_NAME = HEADER.lower().encode()

Application = Callable[[Any, Any, Any], Awaitable[Any]]


class CorrelationMiddleware:
    """Sets the correlation id for all that happens on one socket."""

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        given = next((value for name, value in scope.get("headers", ()) if name == _NAME), b"")
        token = correlation_id.set(taken_over(given.decode("latin-1")))
        try:
            await self.inner(scope, receive, send)
        finally:
            correlation_id.reset(token)
