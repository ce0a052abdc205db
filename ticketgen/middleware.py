"""Request ids: taken over from a proxy if well-formed, else made here; on every answer and every log line."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from sessions_app.correlation import correlation_id

_WELL_FORMED = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


class RequestIdMiddleware:
    """Sets the correlation id for the request and answers with it as X-Request-Id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        token = correlation_id.set(given if _WELL_FORMED.match(given) else uuid.uuid4().hex)
        request.request_id = correlation_id.get()  # type: ignore[attr-defined]
        try:
            response = self.get_response(request)
            response["X-Request-Id"] = correlation_id.get()
            return response
        finally:
            correlation_id.reset(token)
