"""Request ids: taken over from a proxy if well-formed, else made here; on every answer and every log line."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from sessions_app import tracing
from sessions_app.correlation import HEADER, correlation_id, taken_over
from sessions_app.errors import TooLarge
from sessions_app.views.errors import bad_request

logger = logging.getLogger(__name__)

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class RequestIdMiddleware:
    """Sets the correlation id for the request and answers with it as X-Request-Id.

    What is asked to be done is logged with who asked: by its route, as addresses may hold secrets (a password's reset).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = correlation_id.set(taken_over(request.headers.get(HEADER, "")))
        started = time.monotonic()
        request.request_id = correlation_id.get()  # type: ignore[attr-defined]
        try:
            response = self.get_response(request)
            response[HEADER] = correlation_id.get()
            _tell(request, response, time.monotonic() - started)
            return response
        finally:
            correlation_id.reset(token)


def _tell(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    level = logging.DEBUG if request.method in _READING and response.status_code < 500 else logging.INFO
    if not logger.isEnabledFor(level):
        return
    match = request.resolver_match
    user = getattr(request, "user", None)
    who = f"user {user.pk}" if user is not None and user.pk else "nobody"
    route = f"/{match.route}" if match else "an unknown address"
    logger.log(level, "%s %s by %s: %s in %d ms", request.method, route, who, response.status_code, 1000 * seconds)


class TraceMiddleware:
    """One span per request, which goes on with the trace that a proxy or a program sent. Named by its route."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not tracing.is_on() or request.path.startswith(_WATCHED):
            return self.get_response(request)
        method = request.method if request.method in _METHODS else "_OTHER"
        with tracing.span(str(method), "server", continues=request.headers, http__request__method=method) as span:
            response = self.get_response(request)
            if match := request.resolver_match:
                span.rename(f"{method} /{match.route}")
                span.set(http__route=f"/{match.route}")
            span.set(http__response__status_code=response.status_code, request_id=correlation_id.get())
            if response.status_code >= 500:
                span.failed(str(response.status_code))
            return response


_METHODS = _READING | {"POST", "PUT", "PATCH", "DELETE"}
_WATCHED = ("/health", "/metrics")
_UPLOAD = re.compile(
    r"^/(?:api/sessions/[0-9a-f-]{36}/files|sessions/[0-9a-f-]{36}/upload/|workspaces/[0-9a-f-]{36}/library/import/"
    r"|assessments/new/|api/assessments|api/library-imports)$"
)


class BodyLimitMiddleware:
    """Refuses a body by its declared length before it is parsed: uploads may be large, everything else is small.

    (``ticketgen.serve`` bounds what is read off the wire at all.)
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        limit = settings.UPLOAD_MAX_REQUEST_BYTES if _UPLOAD.match(request.path) else settings.REQUEST_MAX_BYTES
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) <= limit:
            return self.get_response(request)
        error = TooLarge(f"The request is larger than the {limit // 1024 // 1024} MB that are accepted here.")
        if request.path.startswith(("/api/", "/webhook/", "/callbacks/")):
            body = {"type": "about:blank", "title": "Content Too Large", "status": 413, "detail": error.message}
            body |= {"code": error.code, "request_id": correlation_id.get()}
            return JsonResponse(body, status=413, content_type="application/problem+json")
        return render(request, "problem.html", {"error": error, "back": ""}, status=413)


class NulMiddleware:
    """Refuses NUL in an address, a query or a header: neither a database's text nor a codec's name may hold it.

    (Forms and serializers refuse it in bodies.)
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = (value for name, value in request.META.items() if name.startswith("HTTP_") or name in _FROM_OUTSIDE)
        if any("\0" in value for value in (request.path, *sent)) or "%00" in request.META.get("QUERY_STRING", ""):
            return bad_request(request, ValueError("NUL"))
        return self.get_response(request)


_FROM_OUTSIDE = {"QUERY_STRING", "CONTENT_TYPE"}
