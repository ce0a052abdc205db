"""Who may no longer be in: said at once to the web processes when somebody signs out, gets another password, or loses
a place or a role in a workspace.

It is a hint and carries no rights: who hears it looks into the database (processing/engine/doorkeeper.py), and does so
from time to time without any.
"""

from __future__ import annotations

import logging
from functools import cache, partial
from typing import Any, Final

import redis
from django.conf import settings
from django.db import transaction

logger = logging.getLogger(__name__)

STREAM: Final = "ticketgen:doors"
STREAM_LENGTH: Final = 1_000


@cache
def _connection() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


def look_again(user_id: object) -> None:
    """Ask, once this transaction is committed, whether this person's open sockets may stay open."""
    transaction.on_commit(partial(_send, str(user_id)), robust=True)


def _send(user_id: str) -> None:
    try:
        _connection().xadd(STREAM, {"user": user_id}, maxlen=STREAM_LENGTH, approximate=True)
    except redis.RedisError as error:
        logger.warning("open sockets are looked at later: %s", error)


def login_ended(sender: object, instance: Any, **_: object) -> None:
    """Receives the end of a login that somebody saw on the list of theirs."""
    look_again(instance.user_id)


def somebody_changed(sender: object, user: Any = None, **_: object) -> None:
    """Receives Django's and allauth's signals about signing out and passwords."""
    if user is not None:
        look_again(user.pk)
