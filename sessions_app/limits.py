"""How often a person, and a workspace, may do what costs (settings.LIMITS, per hour).

Counted in the cache by the hour. Without the cache everything passes: the limits guard against floods, they are no
quota that anybody pays for.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.db.models import Sum
from django.http import HttpRequest
from redis.exceptions import RedisError

from sessions_app.errors import TooLarge, TooManyRequests
from sessions_app.models import UploadedFile, Workspace

logger = logging.getLogger(__name__)

WINDOW: Final = 3600
COUNTED: Final = {
    "sessions:upload": "uploads",
    "sessions:import-confirm": "uploads",
    "enhancement:import": "uploads",
    "api-enhancement:resolved-tickets": "uploads",
    "api-enhancement:knowledge": "uploads",
    "api-enhancement:assets": "uploads",
    "api:files": "uploads",
    "api-enhancement:library-imports": "uploads",
    "api-runs:process": "runs",
    "api-runs:process-retry": "runs",
    "api-runs:validate": "runs",
    "api-runs:export": "runs",
    "api-runs:export-dry-run": "runs",
    "runs:act": "runs",
    "readiness:validate": "runs",
    "exports:act": "runs",
    "assessments:new": "runs",
    "assessments:session": "runs",
    "assessments:act": "runs",
    "api-assessments:list": "runs",
    "api-assessments:start": "runs",
    "api-assessments:resume": "runs",
    "api-runs:regenerate": "questions",
    "api-runs:proposal-revise": "questions",
    "proposals:ask": "questions",
    "proposals:decide": "questions",
    "enhancement:retry": "questions",
    "enhancement:from-ticket": "questions",
    "api-enhancement:enhancements": "questions",
    "api-enhancement:retry": "questions",
}
"""Which address counts as what, when it is posted to."""
NOT_COUNTED: Final = ("cancel", "pause", "accept", "discard")
"""Verbs that stop something or ask nobody: they are always open."""


def count(request: HttpRequest, workspace: Workspace) -> None:
    """Count this request of a person in a workspace, once. Raises TooManyRequests beyond a limit."""
    match = request.resolver_match
    if match is None or request.method != "POST" or getattr(request, "is_counted", False):
        return
    what = COUNTED.get(match.view_name)
    if what is None or match.kwargs.get("verb") in NOT_COUNTED:
        return
    request.is_counted = True  # type: ignore[attr-defined] # pages and the API look a session up more than once
    per_user, per_workspace = settings.LIMITS[what]
    _count_one(what, f"user:{request.user.pk}", per_user, "You have")
    _count_one(what, f"workspace:{workspace.pk}", per_workspace, "This workspace has")


def _count_one(what: str, who: str, most: int, subject: str) -> None:
    if not most:
        return
    now = int(time.time())
    key = f"limit:{what}:{who}:{now // WINDOW}"
    try:
        cache.add(key, 0, timeout=2 * WINDOW)
        number = cache.incr(key)
    except (RedisError, ValueError) as error:  # ValueError: it ran out between the two
        logger.warning("not counted: %s", error)
        return
    if number > most:
        left = WINDOW - now % WINDOW
        raise TooManyRequests(
            f"{subject} reached the limit of {most:,} {what} an hour. It starts anew in {left // 60 + 1} minutes.",
            retry_after=left,
        )


def require_room(workspace: Workspace, size: int) -> None:
    """Raises TooLarge if the uploads of a workspace together would pass WORKSPACE_MAX_BYTES."""
    most = settings.WORKSPACE_MAX_BYTES
    held = UploadedFile.objects.filter(session__workspace=workspace).aggregate(total=Sum("size"))["total"] or 0
    if most and held + size > most:
        raise TooLarge(
            f"The workspace holds {held / 1024 / 1024:,.1f} MB of uploads; with this it would pass the"
            f" {most / 1024 / 1024:,.1f} MB that it may hold.",
            recovery_actions=("Delete sessions or files that are no longer needed.",),
        )
