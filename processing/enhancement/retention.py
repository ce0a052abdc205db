"""How long runs are kept."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from . import importing
from .models import EnhancementHistory

logger = logging.getLogger(__name__)


def prune_enhancements() -> dict[str, int]:
    """Forget runs that ended long ago (ENHANCEMENT_KEEP_DAYS), with what was found, sent and answered."""
    before = timezone.now() - timedelta(days=settings.ENHANCEMENT["KEEP_DAYS"])
    old = EnhancementHistory.objects.filter(status__in=("completed", "failed"), finished_at__lt=before)
    count = old.count()
    old.delete()
    imports = importing.prune(before)
    logger.info("cleanup: pruned %s enhancements and %s imports", count, imports)
    return {"pruned_enhancements": count}
