"""Who may no longer be in: said at once to the web processes, by the channel layer, when somebody signs out, gets
another password, or loses a place or a role in a workspace.

It is a hint and carries no rights: who hears it looks into the database (processing/engine/doorkeeper.py), and does so
from time to time without any.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from channels.layers import BaseChannelLayer

logger = logging.getLogger(__name__)

GROUP: Final = "doors"
"""Of the channel layer: each web process with open sockets is in it."""
PATIENCE: Final = 1.0
"""Seconds."""


def layer() -> BaseChannelLayer:
    """The channel layer; there always is one (CHANNEL_LAYERS)."""
    return cast("BaseChannelLayer", get_channel_layer())


def look_again(user_id: object) -> None:
    """Ask, once this transaction is committed, whether this person's open sockets may stay open."""
    transaction.on_commit(partial(_send, str(user_id)), robust=True)


def _send(user_id: str) -> None:
    try:
        async_to_sync(_tell)(user_id)
    except (RedisError, OSError) as error:  # a time-out is one of the latter
        logger.warning("open sockets are looked at later: %s", str(error) or type(error).__name__)


async def _tell(user_id: str) -> None:
    """Nobody who signs out waits for a Redis that hangs."""
    async with asyncio.timeout(PATIENCE):
        await layer().group_send(GROUP, {"type": "doors.look", "user": user_id})


def login_ended(sender: object, instance: Any, **_: object) -> None:
    """Receives the end of a login that somebody saw on the list of theirs."""
    look_again(instance.user_id)


def somebody_changed(sender: object, user: Any = None, **_: object) -> None:
    """Receives Django's and allauth's signals about signing out and passwords."""
    if user is not None:
        look_again(user.pk)
