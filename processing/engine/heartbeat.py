"""Signs of life of workers: one key each, renewed every 30 s, gone after 90 s; and the seeds' two keys beside them."""

from __future__ import annotations

import logging
import threading
from typing import Final

import redis
from django.utils import timezone

from .relay import connection

__all__ = ["beat", "connection", "keep_beating", "last_seen", "workers"]

logger = logging.getLogger(__name__)

EVERY: Final = 30.0
EXPIRES: Final = 90
AFTER_FAILURE: Final = 5.0
LAST_HEARTBEAT: Final = "worker:last_heartbeat"
LAST_STARTUP: Final = "worker:last_startup"


def beat(worker: str) -> bool:
    """Say that ``worker`` is alive; a Redis that is away is no reason to stop, only to return False."""
    now = timezone.now().isoformat()
    try:
        pipe = connection().pipeline(transaction=False)
        pipe.set(f"worker:{worker}:heartbeat", now, ex=EXPIRES)
        pipe.set(LAST_HEARTBEAT, now, ex=EXPIRES)
        pipe.execute()
    except redis.RedisError as error:
        logger.warning("heartbeat not written: %s", error)
        return False
    return True


def keep_beating(worker: str) -> None:
    """Beat from a thread of this process until it ends."""
    stop = threading.Event()

    def run() -> None:
        while True:
            stop.wait(EVERY if beat(worker) else AFTER_FAILURE)

    try:
        connection().set(LAST_STARTUP, timezone.now().isoformat())
    except redis.RedisError as error:
        logger.warning("start not written: %s", error)
    threading.Thread(target=run, name="heartbeat", daemon=True).start()


def workers() -> dict[str, str]:
    """Living workers by name, each with the ISO time of its last heartbeat. Raises redis.RedisError."""
    keys = sorted(connection().scan_iter(match="worker:*:heartbeat", count=500))
    seen = connection().mget(keys) if keys else []
    return {
        _text(key).removeprefix("worker:").removesuffix(":heartbeat"): _text(value)
        for key, value in zip(keys, seen, strict=True)
        if value
    }


def last_seen() -> str | None:
    """ISO time of the newest heartbeat of any worker; None if none is alive or Redis is away."""
    try:
        seen = connection().get(LAST_HEARTBEAT)
    except redis.RedisError:
        return None
    return seen.decode() if isinstance(seen, bytes) else None


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
