"""404, 403, 400 and 500 as pages; problem+json below /api/."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import requires_csrf_token

from sessions_app import security
from sessions_app.correlation import correlation_id

_TEXTS = {
    400: ("The request could not be understood", "Go back and try again."),
    403: (
        "You may not do that",
        "Your role does not allow it, or the page was open for too long. Reload it and try again.",
    ),
    404: ("There is nothing here", "The address is wrong, or what was here is gone or belongs to another workspace."),
    500: (
        "Something went wrong on our side",
        "It was logged. Try again; if it happens again, tell an administrator the request id.",
    ),
}


_NO_SUCH_ADDRESS = "There is no such address. They end without a slash; all of them are in /api/schema/."


def _answer(request: HttpRequest, status: int, detail: str = "") -> HttpResponse:
    title, advice = _TEXTS[status]
    if request.path.startswith(("/api/", "/webhook/", "/callbacks/")):
        body = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail or f"{title}.",
            "code": {400: "bad_request", 403: "permission_denied", 404: "not_found", 500: "internal"}[status],
            "request_id": correlation_id.get(),
        }
        return JsonResponse(body, status=status, content_type="application/problem+json")
    context = {"title": title, "advice": detail or advice, "status": status, "request_id": correlation_id.get()}
    return render(request, "error.html", context, status=status)


@requires_csrf_token
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    many = f"At most {settings.UPLOAD_MAX_FILES} files are accepted at once. Send the others afterwards."
    return _answer(request, 400, many if isinstance(exception, TooManyFilesSent) else "")


@requires_csrf_token
def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    security.refused(request)
    return _answer(request, 403, str(exception))


@requires_csrf_token
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    is_of_the_api = request.path.startswith("/api/")
    return _answer(request, 404, _NO_SUCH_ADDRESS if is_of_the_api else "")


@requires_csrf_token
def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, 500)


@requires_csrf_token
def csrf_failure(request: HttpRequest, reason: str = "", **_: Any) -> HttpResponse:
    return _answer(
        request, 403, "The form was open for too long or cookies are off. Reload the page and send it again."
    )
