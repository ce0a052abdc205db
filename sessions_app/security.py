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


def signed_in_from_outside(sender: object, user: Any, sociallogin: Any = None, **_: object) -> None:
    """Receives allauth's signal about every sign-in; those by an outside account have a ``sociallogin``."""
    if sociallogin is not None:
        logger.info("signed in by %s: %s", outside(sociallogin.account), user.get_username())


def outside_sign_in_failed(provider: str, reason: str) -> None:
    """``reason`` may quote what the provider said, but no secret."""
    logger.warning("sign-in by %s failed: %s", provider, reason[:300])


def outside_account_refused(account: Any, reason: str) -> None:
    logger.warning("sign-in by %s refused: %s", outside(account), reason)


def outside_account_connected(sender: object, sociallogin: Any, **_: object) -> None:
    _outside_account("sso.connected", sociallogin.account)


def outside_account_disconnected(sender: object, socialaccount: Any, **_: object) -> None:
    _outside_account("sso.disconnected", socialaccount)


def _outside_account(action: str, account: Any) -> None:
    AuditEvent.record(action, account.user, by=account.user, details={"account": outside(account)})


def outside(account: Any) -> str:
    """For example ``github account mona``."""
    return f"{account.provider} account {str(account.get_provider_account())[:100]}"


def second_step_added(sender: object, user: Any, authenticator: Any, **_: object) -> None:
    _second_step("mfa.added", user, authenticator)


def second_step_removed(sender: object, user: Any, authenticator: Any, **_: object) -> None:
    _second_step("mfa.removed", user, authenticator)


def second_step_reset(sender: object, user: Any, authenticator: Any, **_: object) -> None:
    _second_step("mfa.reset", user, authenticator)


def _second_step(action: str, user: Any, authenticator: Any) -> None:
    AuditEvent.record(action, user, by=user, details={"type": authenticator.type})
