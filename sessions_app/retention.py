"""What is kept for how long (UTC schedules in ticketgen/schedules.py). Each returns and logs its count in the seeds'
form.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.utils import timezone
from knox.models import AuthToken

from sessions_app import staging
from sessions_app.models import AuditEvent, IdempotencyKey

logger = logging.getLogger(__name__)

AUDIT_DAYS: Final = 90
TOKEN_GRACE_DAYS: Final = 30
KEYS_KEPT: Final = timedelta(days=1)


def cleanup_audit_logs() -> dict[str, int]:
    """Remove audit rows after 90 days."""
    deleted, _ = AuditEvent.objects.filter(at__lt=timezone.now() - timedelta(days=AUDIT_DAYS)).delete()
    logger.info("cleanup: deleted %s audit log entries", deleted)
    return {"deleted_audit_logs": deleted}


def cleanup_expired_tokens() -> dict[str, int]:
    """Remove API tokens that expired more than 30 days ago."""
    deleted, _ = AuthToken.objects.filter(expiry__lt=timezone.now() - timedelta(days=TOKEN_GRACE_DAYS)).delete()
    logger.info("cleanup: deleted %s tokens", deleted)
    return {"deleted_tokens": deleted}


def cleanup_idempotency_keys() -> dict[str, int]:
    """Forget after a day which requests were answered how."""
    deleted, _ = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEYS_KEPT).delete()
    logger.info("cleanup: deleted %s idempotency keys", deleted)
    return {"deleted_idempotency_keys": deleted}


def prune_uploads() -> dict[str, int]:
    """Forget uploads that were never confirmed."""
    pruned = staging.prune()
    logger.info("cleanup: pruned %s unconfirmed uploads", pruned)
    return {"pruned_uploads": pruned}
