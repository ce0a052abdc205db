"""Errors of the API as ``application/problem+json`` (RFC 9457), with the request id and what to do."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFilesSent
from django.core.exceptions import ValidationError as ModelError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.views import exception_handler

from sessions_app import security
from sessions_app.correlation import correlation_id
from sessions_app.errors import AppError, TooLarge

logger = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"

_ADVICE: Final = {
    "not_authenticated": "Send the header Authorization: Bearer tg_… with a token from the page “API tokens”.",
    "authentication_failed": "Make a new token on the page “API tokens”; this one is wrong, revoked or expired.",
    "unsupported_media_type": "Send JSON with the header Content-Type: application/json. (Files go as"
    " multipart/form-data.)",
}
"""What to do about refusals that are not ours, by their code."""


def as_problem(exception: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: expected errors become problems, bugs stay bugs (and become a calm 500)."""
    exception = _as_one_of_ours(exception)
    if isinstance(exception, AppError):
        status = getattr(exception, "status", exception.http_status)
        extra = {
            "category": str(exception.category),
            "recovery_actions": list(exception.recovery_actions),
            **exception.details,
        }
        seconds = getattr(exception, "retry_after", None)
        wait = {"Retry-After": str(math.ceil(seconds))} if seconds else None
        return _problem(status, exception.message, exception.code, extra, wait)
    response = exception_handler(exception, context)
    if response is None:
        return None
    if response.status_code in (401, 403):
        security.refused(context["request"], response.status_code)
    if isinstance(exception, exceptions.ValidationError):
        return _problem(400, "Some fields are not valid.", "invalid", {"errors": exception.detail}, response.headers)
    code = exception.get_codes() if isinstance(exception, exceptions.APIException) else _code_of(exception)
    detail = exception.detail if isinstance(exception, exceptions.APIException) else _sentence_of(exception, response)
    advice = {"recovery_actions": [_ADVICE[str(code)]]} if str(code) in _ADVICE else {}
    return _problem(response.status_code, str(detail), str(code), advice, response.headers)


def _as_one_of_ours(exception: Exception) -> Exception:
    """What Django says by its own exceptions, in the words of the API."""
    if isinstance(exception, RequestDataTooBig):
        return TooLarge("The request is larger than is accepted.")
    if isinstance(exception, TooManyFilesSent):
        return TooLarge(f"At most {settings.UPLOAD_MAX_FILES} files are accepted at once.")
    if isinstance(exception, ModelError):
        return exceptions.ValidationError(as_serializer_error(exception))
    return exception


def _sentence_of(exception: Exception, response: Response) -> str:
    """What a view said; what Django says of rows (“No Session matches the given query.”) is nobody's language."""
    said = str(exception)
    if isinstance(exception, Http404) and (not said or said.endswith("matches the given query.")):
        return "It is not there, or it belongs to a workspace that you are not in."
    return said or HTTPStatus(response.status_code).phrase


def _code_of(exception: Exception) -> str:
    if isinstance(exception, Http404):
        return "not_found"
    return "permission_denied" if isinstance(exception, PermissionDenied) else "error"


def _problem(status: int, detail: str, code: str, extra: dict[str, Any] | None = None, headers: Any = None) -> Response:
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": correlation_id.get(),
        **(extra or {}),
    }
    kept = {name: headers[name] for name in ("WWW-Authenticate", "Retry-After", "Allow") if headers and name in headers}
    return Response(body, status=status, headers=kept, content_type=PROBLEM_JSON)
