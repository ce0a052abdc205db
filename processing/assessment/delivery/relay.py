"""From the outbox to Redis streams and to the targets of webhooks. At least once: readers know an event by its id.

One stream per type, named as the seed's topics (``huleedu.cj_assessment.completed.v1``), with the envelope as ``body``.
What Redis does not take now is sent by the next turn (every 5 s).
"""

from __future__ import annotations

import json
import logging
from typing import Final

import redis
from django.utils import timezone

from processing.assessment.events import TOPIC
from processing.assessment.models import AssessmentEvent
from processing.engine.relay import be_silent, connection, is_silent

from .webhooks import deliver_due

logger = logging.getLogger(__name__)

STREAM_LENGTH: Final = 10_000
AT_ONCE: Final = 200


def relay_events_job() -> dict[str, int]:
    """The schedule's entry, and what is enqueued when an event was written."""
    return {"relayed_events": relay(), "deliveries": deliver_due()}


def relay() -> int:
    """Send what is unsent, oldest first; returns how many."""
    sent = 0
    while not is_silent():
        events = list(AssessmentEvent.objects.filter(relayed_at__isnull=True).order_by("created_at")[:AT_ONCE])
        if not events:
            break
        try:
            pipe = connection().pipeline(transaction=False)
            for event in events:
                body = json.dumps(event.payload, ensure_ascii=False)
                fields = {"event_id": str(event.pk), "event_type": event.event_type, "body": body}
                pipe.xadd(TOPIC.format(event.event_type), fields, maxlen=STREAM_LENGTH, approximate=True)  # type: ignore[arg-type]
            pipe.execute()
        except redis.RedisError as error:
            logger.warning("assessment events not sent, will be sent later: %s", error)
            be_silent()
            break
        AssessmentEvent.objects.filter(pk__in=[event.pk for event in events]).update(relayed_at=timezone.now())
        sent += len(events)
    return sent
