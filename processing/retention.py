"""What machines leave behind, and for how long it is kept (UTC schedules in ticketgen/schedules.py)."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.utils import timezone

from processing.models import OutboxEvent, SetAside, WebhookDelivery

logger = logging.getLogger(__name__)

PROGRESS_KEPT: Final = timedelta(days=1)
LAST_WORD_KEPT: Final = timedelta(days=7)
DELIVERIES_KEPT: Final = timedelta(days=7)
"""Far longer than a signature holds; senders try again for days."""


def prune_messages() -> dict[str, int]:
    """Forget messages that were sent: progress after a day, last words after a week; and money set aside by the dead.

    A browser that asks for older ones is told to start from the present state (consumers.py).
    """
    now = timezone.now()
    sent = OutboxEvent.objects.filter(sent_at__isnull=False)
    pruned, _ = sent.filter(is_terminal=False, created_at__lt=now - PROGRESS_KEPT).delete()
    SetAside.objects.filter(until__lt=now).delete()
    words, _ = sent.filter(created_at__lt=now - LAST_WORD_KEPT).delete()
    logger.info("cleanup: pruned %s messages", pruned + words)
    return {"pruned_messages": pruned + words}


def prune_deliveries() -> dict[str, int]:
    """Forget signed messages that nobody can send again any more."""
    old = WebhookDelivery.objects.filter(received_at__lt=timezone.now() - DELIVERIES_KEPT)
    pruned, _ = old.delete()
    logger.info("cleanup: pruned %s deliveries", pruned)
    return {"pruned_deliveries": pruned}
