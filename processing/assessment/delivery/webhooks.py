"""Signed webhooks: each event to each target of its workspace, tried again with growing waits, and every try noted.

Signed as what comes in is (processing/signatures.py): HMAC-SHA256 over time and raw body. The address is resolved and
checked before each try, redirects are not followed, and nothing waits for a target for longer than ten seconds.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import F
from django.utils import timezone

from processing.assessment.models import EventDelivery
from processing.errors import ProcessingError
from processing.export import wire
from processing.signatures import signed_headers

logger = logging.getLogger(__name__)

SECONDS: Final = 10.0
WAITS: Final = (10, 60, 300, 1_800, 7_200, 21_600, 43_200)
"""Seconds between tries: eight tries in about a day."""
UNDER_WAY: Final = timedelta(seconds=60)
"""A try holds its delivery for so long; a worker that dies gives it back by that."""
AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Attempt:
    """``error`` is empty if it was taken."""

    status: int | None = None
    error: str = ""


def deliver_due(at_most: int = 200) -> int:
    """Try what is due, some side by side; returns how many tries were made."""
    claimed = [delivery for delivery in _due(at_most) if _claim(delivery)]
    if not claimed:
        return 0
    letters = [_letter(delivery) for delivery in claimed]  # reads the database, which the threads then need not
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        attempts = list(pool.map(_send, letters))
    for delivery, attempt in zip(claimed, attempts, strict=True):
        _note(delivery, attempt)
    return len(claimed)


def _due(at_most: int) -> list[EventDelivery]:
    due = EventDelivery.objects.due(timezone.now()).filter(target__is_active=True)
    return list(due.select_related("event", "target__workspace").order_by("next_at")[:at_most])


def _claim(delivery: EventDelivery) -> bool:
    mine = EventDelivery.objects.filter(pk=delivery.pk, state=EventDelivery.State.PENDING, next_at=delivery.next_at)
    return bool(mine.update(next_at=timezone.now() + UNDER_WAY, attempts=F("attempts") + 1))


@dataclass(frozen=True, slots=True)
class _Letter:
    url: str
    secret: str
    workspace: str
    delivery_id: uuid.UUID
    body: bytes


def _letter(delivery: EventDelivery) -> _Letter:
    try:
        secret = delivery.target.secret.reveal()
    except ProcessingError:
        secret = ""
    body = json.dumps(delivery.event.payload, ensure_ascii=False).encode()
    return _Letter(delivery.target.url, secret, delivery.target.workspace.slug, delivery.pk, body)


def _send(letter: _Letter) -> Attempt:
    """One try. Never raises for what a network can do, and never touches the database."""
    if not letter.secret:
        return Attempt(error="The target's secret cannot be read; make the target anew.")
    headers = signed_headers(
        letter.secret,
        workspace=letter.workspace,
        timestamp=int(time.time()),
        delivery_id=str(letter.delivery_id),
        body=letter.body,
    )
    headers["Content-Type"] = "application/json"
    try:
        answer = wire.call("POST", letter.url, headers, body=letter.body, seconds=SECONDS)
    except ProcessingError as error:
        return Attempt(error=error.message.replace("tracker", "receiver"))
    if 200 <= answer.status < 300:
        return Attempt(answer.status)
    return Attempt(answer.status, f"The receiver answered {answer.status}.")


def _note(delivery: EventDelivery, attempt: Attempt) -> None:
    made = delivery.attempts + 1
    now = timezone.now()
    fields: dict[str, object] = {"status_code": attempt.status, "error": attempt.error[:300]}
    if not attempt.error:
        fields |= {"state": EventDelivery.State.DELIVERED, "delivered_at": now}
    elif made > len(WAITS):
        fields |= {"state": EventDelivery.State.FAILED}
    else:
        fields |= {"next_at": now + timedelta(seconds=WAITS[made - 1])}
    EventDelivery.objects.filter(pk=delivery.pk, state=EventDelivery.State.PENDING).update(**fields)
    if attempt.error:
        logger.warning("assessment event not delivered (try %s): %s", made, attempt.error)


def send_again(delivery: EventDelivery) -> bool:
    """A person asks for another try now. False if it was delivered."""
    waiting = EventDelivery.objects.filter(pk=delivery.pk).exclude(state=EventDelivery.State.DELIVERED)
    return bool(waiting.update(state=EventDelivery.State.PENDING, next_at=timezone.now(), attempts=0))
