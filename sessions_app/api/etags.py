"""``ETag``, ``If-None-Match`` and ``If-Match`` for one row as JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app.errors import AppError


class Changed(AppError):
    """What the request was meant for is no longer so; ``details`` holds the present ETag."""

    code = "precondition_failed"
    http_status = 412
    recovery_actions = ("Read it again, and change what is there now.",)


def etag_of(body: Any) -> str:
    """A strong tag of what would be sent."""
    return f'"{hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()[:32]}"'


def tagged(request: Request, body: Any) -> Response:
    """The body with its tag; 304 without it if the client has it already."""
    tag = etag_of(body)
    known = [each.strip().removeprefix("W/") for each in request.headers.get("If-None-Match", "").split(",")]
    if request.method in ("GET", "HEAD") and (tag in known or "*" in known):
        return Response(status=304, headers={"ETag": tag})
    return Response(body, headers={"ETag": tag})


def require_match(request: Request, body: Any) -> bool:
    """True if the request names what is there now (``If-Match``), False if it names nothing. Raises Changed."""
    wanted = [each.strip() for each in request.headers.get("If-Match", "").split(",") if each.strip()]
    if not wanted:
        return False
    tag = etag_of(body)
    if "*" not in wanted and tag not in wanted:  # a weak tag never matches here (RFC 9110, 13.1.1)
        raise Changed("This was changed since it was read.", details={"etag": tag})
    return True
