"""From the outbox to Redis: one stream that web processes read, and the seeds' channel per session and task type.

Best effort: a message that Redis does not take stays in the outbox and is sent by the next ``relay_outbox`` (every
5 s).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from functools import cache
from typing import Final

import redis
from django.conf import settings
from django.utils import timezone
from redis.backoff import NoBackoff
from redis.retry import Retry

from processing.models import OutboxEvent

logger = logging.getLogger(__name__)

STREAM: Final = "ticketgen:progress"
STREAM_LENGTH: Final = 10_000
"""What a web process that falls behind can catch up on from Redis; beyond that the database has it all."""
SILENCE: Final = 5.0
"""Seconds in which a process sends and asks nothing after Redis has not answered: work must not wait for it."""

_silent_until = 0.0


@cache
def connection() -> redis.Redis:
    """This process's connection for short commands; never waits long. The one repetition is for a connection that
    Redis has closed in the meantime, not for a Redis that hangs.
    """
    again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, retry=again)


def is_silent() -> bool:
    """Redis has not answered a moment ago; what can be left out is left out."""
    return time.monotonic() < _silent_until


def be_silent() -> None:
    global _silent_until  # noqa: PLW0603 - a fact about this process's way to Redis
    _silent_until = time.monotonic() + SILENCE


def send(events: Sequence[OutboxEvent]) -> bool:
    """Put events on the stream and on their channels; False (and they stay unsent) if Redis does not answer."""
    if is_silent():
        return False
    try:
        pipe = connection().pipeline(transaction=False)
        for event in events:
            body = json.dumps(event.payload, ensure_ascii=False)
            pipe.xadd(STREAM, {"session": str(event.session_id), "body": body}, maxlen=STREAM_LENGTH, approximate=True)
            pipe.publish(event.channel, body)
        pipe.execute()
    except redis.RedisError as error:
        logger.warning("progress not sent, will be sent later: %s", error)
        be_silent()
        return False
    OutboxEvent.objects.filter(pk__in=[event.pk for event in events]).update(sent_at=timezone.now())
    return True


def relay_outbox(at_most: int = 500) -> dict[str, int]:
    """Send what is still unsent, oldest first."""
    events = list(OutboxEvent.objects.unsent().order_by("id")[:at_most])
    sent = bool(events) and send(events)
    return {"relayed_messages": len(events) if sent else 0}
