"""What an operator wants to find in the log when somebody tries doors: who and what. (Log lines carry the time and the
request id, and what a stranger put into a name stays on one line.)
"""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest

from sessions_app.models import AuditEvent

logger = logging.getLogger(__name__)


def refused(request: Any, status: int = 403) -> None:
    """Somebody asked for what they may not do, or showed a token that is none."""
    user = getattr(request, "user", None)
    name = user.get_username() if user is not None and user.is_authenticated else ""
    logger.warning("refused %s: %s %s by %s", status, request.method, request.path, name or "nobody")


def sign_in_failed(
    sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **_: object
) -> None:
    """Receives Django's signal; the password is not among what it gives."""
    name = str(credentials.get("username") or credentials.get("email") or "")[:150]
    logger.warning("sign-in failed for %s", name)


def signed_in(sender: object, user: Any, **_: object) -> None:
    logger.info("signed in: %s", user.get_username())


def signed_out(sender: object, user: Any = None, **_: object) -> None:
    if user is not None:
        logger.info("signed out: %s", user.get_username())


def second_step_added(sender: object, user: Any, authenticator: Any, **_: object) -> None:
    _second_step("mfa.added", user, authenticator)


def second_step_removed(sender: object, user: Any, authenticator: Any, **_: object) -> None:
    _second_step("mfa.removed", user, authenticator)


def second_step_reset(sender: object, user: Any, authenticator: Any, **_: object) -> None:
    _second_step("mfa.reset", user, authenticator)


def _second_step(action: str, user: Any, authenticator: Any) -> None:
    AuditEvent.record(action, user, by=user, details={"type": authenticator.type})
