"""How long events, their deliveries and raw answers of assessments are kept. Scores, counts and audit stay."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from processing.models import LLMCall

from .models import AssessmentBatch, AssessmentEvent, ComparisonPair, EventDelivery
from .models.batches import TERMINAL

logger = logging.getLogger(__name__)


def prune_assessments() -> dict[str, int]:
    """Forget events that everybody was told (ASSESSMENT_EVENT_DAYS), and what judges said in words of assessments that
    ended long ago (ASSESSMENT_ANSWER_DAYS): reasons, votes in both orders, models' answers in the ledger. Who won, what
    it cost and the scores are kept until the assessment is deleted.
    """
    now = timezone.now()
    counts = {
        "pruned_assessment_events": _events(now - timedelta(days=settings.ASSESSMENT["EVENT_DAYS"])),
        "pruned_assessment_answers": _answers(now - timedelta(days=settings.ASSESSMENT["ANSWER_DAYS"])),
    }
    logger.info("cleanup: %s", counts)
    return counts


def _events(before: object) -> int:
    """Not those that still wait: for Redis, or for a target."""
    waiting = EventDelivery.objects.filter(state=EventDelivery.State.PENDING).values("event_id")
    old = AssessmentEvent.objects.filter(
        created_at__lt=before, relayed_at__isnull=False, batch__state__in=TERMINAL
    ).exclude(pk__in=waiting)
    _, deleted = old.delete()
    return deleted.get("assessment.AssessmentEvent", 0)


def _answers(before: object) -> int:
    ended = AssessmentBatch.objects.filter(state__in=TERMINAL, finished_at__lt=before).values("pk")
    LLMCall.objects.filter(task_id__in=ended).exclude(response={}).update(response={})
    talkative = ~Q(reason="") | ~Q(votes=[]) | ~Q(error_detail={})
    return ComparisonPair.objects.filter(talkative, batch_id__in=ended).update(reason="", votes=[], error_detail={})
