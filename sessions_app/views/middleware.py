"""Expected errors as pages."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from sessions_app.correlation import correlation_id
from sessions_app.errors import AppError, TooManyRequests


class AppErrorMiddleware:
    """An AppError that a page raises becomes a page that says what happened and what to do. (The API has its own
    handler.)
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, AppError):
            return None
        status = getattr(exception, "status", exception.http_status)
        context = {"error": exception, "back": _back(request), "request_id": correlation_id.get()}
        response = render(request, "problem.html", context, status=status)
        if isinstance(exception, TooManyRequests):
            response["Retry-After"] = str(exception.retry_after)
        return response


def _back(request: HttpRequest) -> str:
    """The page that the person came from, if it is one of ours."""
    came_from = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure())
    return came_from if ours else ""
