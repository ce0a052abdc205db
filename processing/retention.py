"""What machines leave behind, and for how long it is kept (UTC schedules in ticketgen/schedules.py)."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from processing.bundles import forget_bundle, keep_bundle
from processing.models import MetricSample, OutboxEvent, SessionBundle, SetAside, WebhookDelivery
from sessions_app.actions.sessions import delete_session
from sessions_app.models import Session

logger = logging.getLogger(__name__)

PROGRESS_KEPT: Final = timedelta(days=1)
LAST_WORD_KEPT: Final = timedelta(days=7)
DELIVERIES_KEPT: Final = timedelta(days=7)
"""Far longer than a signature holds; senders try again for days."""


def cleanup_expired_sessions() -> dict[str, int]:
    """Remove sessions without activity for a week that are not completed and have nothing running (D-31). What they
    had is kept as a bundle; one that cannot be kept (a full disk) is not removed.
    """
    deleted = 0
    for session in Session.objects.expired(timezone.now()).select_related("workspace"):
        try:
            bundle = keep_bundle(session)
        except OSError as error:
            logger.error("session %s is not removed, as its bundle cannot be written: %s", session.pk, error)
            continue
        with transaction.atomic():
            still = Session.objects.select_for_update().filter(pk=session.pk, last_activity_at=session.last_activity_at)
            if still.exists() and Session.objects.expired(timezone.now()).filter(pk=session.pk).exists():
                delete_session(session, by=None)
                deleted += 1
                continue
        forget_bundle(bundle)  # somebody came back meanwhile
    logger.info("cleanup: deleted %s expired sessions", deleted)
    return {"deleted_sessions": deleted}


def cleanup_bundles() -> dict[str, int]:
    """Forget bundles of removed sessions after BUNDLE_DAYS."""
    old = SessionBundle.objects.filter(created_at__lt=timezone.now() - timedelta(days=settings.BUNDLE_DAYS))
    deleted = 0
    for bundle in old:
        forget_bundle(bundle)
        deleted += 1
    logger.info("cleanup: deleted %s bundles", deleted)
    return {"deleted_bundles": deleted}


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


def fold_figures() -> dict[str, int]:
    """Make one row of all that was added to each number of ``/metrics``."""
    return {"folded_figures": MetricSample.fold()}


def prune_deliveries() -> dict[str, int]:
    """Forget signed messages that nobody can send again any more."""
    old = WebhookDelivery.objects.filter(received_at__lt=timezone.now() - DELIVERIES_KEPT)
    pruned, _ = old.delete()
    logger.info("cleanup: pruned %s deliveries", pruned)
    return {"pruned_deliveries": pruned}
