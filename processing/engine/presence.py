"""How many sockets each web process holds open: one key per process in Redis, renewed while there are any."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from typing import Final

import redis

from .relay import connection

logger = logging.getLogger(__name__)

EVERY: Final = 5.0
EXPIRES: Final = 20
_PREFIX, _SUFFIX = "web:", ":sockets"


async def keep_telling(number: Callable[[], int]) -> None:
    """Tell the number now and every 5 s, until cancelled; what was told last is forgotten after 20 s."""
    while True:
        await asyncio.to_thread(_tell, number())
        await asyncio.sleep(EVERY)


def _tell(number: int) -> None:
    try:
        connection().set(f"{_PREFIX}{socket.gethostname()}.{os.getpid()}{_SUFFIX}", number, ex=EXPIRES)
    except redis.RedisError as error:
        logger.debug("open sockets not told: %s", error)


def sockets() -> dict[str, int]:
    """Open sockets by web process, of those that have any; {} if Redis does not answer."""
    try:
        keys = sorted(connection().scan_iter(match=f"{_PREFIX}*{_SUFFIX}", count=500))
        told = connection().mget(keys) if keys else []
    except redis.RedisError:
        return {}
    names = [key.decode().removeprefix(_PREFIX).removesuffix(_SUFFIX) for key in keys]
    return {name: int(number) for name, number in zip(names, told, strict=True) if number}
