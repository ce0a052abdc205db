"""What is forgotten of assessments that ended, and what is not."""

from datetime import timedelta

import pytest
from django.utils import timezone

from processing.assessment import service
from processing.assessment.models import AssessmentBatch, AssessmentEvent, EventDelivery, ScoringRun, WebhookTarget
from processing.assessment.retention import prune_assessments
from processing.models import LLMCall
from sessions_app.models import AuditEvent
from tests.assessments import make_batch

pytestmark = pytest.mark.django_db(transaction=True)
OFFLINE = [{"kind": "model", "provider": "offline", "model": ""}]


def test_old_events_and_answers_go_and_scores_costs_and_audit_stay(people, run_jobs):
    old, young = (make_batch(people.workspace, 4, judges=OFFLINE) for _ in range(2))
    run_jobs()
    waits = make_batch(people.workspace, 4)
    service.cancel(waits, by=people.bob)
    target = WebhookTarget.objects.create(workspace=people.workspace, url="https://a.example/", secret="s", hint="s")
    late = waits.events.get(event_type="cj_assessment.failed.v1")
    EventDelivery.objects.create(event=late, target=target, next_at=timezone.now())
    AssessmentEvent.objects.update(relayed_at=timezone.now())
    calls = LLMCall.objects.filter(task_id=old.pk)
    ledger = calls.count()
    calls.update(response={"winner": "first"})
    audit = AuditEvent.objects.count()
    long_ago = timezone.now() - timedelta(days=400)
    AssessmentBatch.objects.filter(pk__in=[old.pk, waits.pk]).update(finished_at=long_ago)
    AssessmentEvent.objects.exclude(batch=young).update(created_at=long_ago)
    winners = list(old.comparison_pairs.values_list("pk", "winner"))

    assert prune_assessments() == {"pruned_assessment_events": 1, "pruned_assessment_answers": 6}

    assert not old.events.exists()
    assert late in waits.events.all()  # a target still waits for it
    assert young.events.filter(is_terminal=True).count() == 1
    assert list(old.comparison_pairs.values_list("pk", "winner")) == winners
    assert set(old.comparison_pairs.values_list("reason", flat=True)) == {""}
    assert "" not in young.comparison_pairs.values_list("reason", flat=True)
    assert calls.count() == ledger
    assert not calls.exclude(response={}).exists()
    assert ScoringRun.objects.filter(batch=old).exists()
    assert AuditEvent.objects.count() == audit
    assert prune_assessments() == {"pruned_assessment_events": 0, "pruned_assessment_answers": 0}
