"""Expected errors as pages."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sessions_app.errors import AppError


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
        return render(
            request, "problem.html", {"error": exception, "back": request.headers.get("Referer", "")}, status=status
        )
