"""What is forgotten of messages, and when."""

from datetime import timedelta

import pytest
from django.utils import timezone
from knox.models import AuthToken

from processing.models import OutboxEvent, SessionTask
from processing.retention import prune_messages
from sessions_app.retention import cleanup_expired_tokens
from tests.factories import make_session

pytestmark = pytest.mark.django_db


def test_progress_is_forgotten_after_a_day_and_a_last_word_after_a_week(people):
    task = SessionTask.objects.create(session=make_session(people.workspace))
    now = timezone.now()
    made = [
        (1, False, timedelta(hours=25), True),
        (2, False, timedelta(hours=25), False),  # not sent yet
        (3, False, timedelta(hours=23), True),
        (4, True, timedelta(days=6), True),
    ]
    for seq, is_terminal, age, sent in made:
        event = OutboxEvent.objects.create(
            session_id=task.session_id, task_id=task.pk, seq=seq, is_terminal=is_terminal, payload={}
        )
        OutboxEvent.objects.filter(pk=event.pk).update(created_at=now - age, sent_at=now if sent else None)

    assert prune_messages() == {"pruned_messages": 1}
    assert list(OutboxEvent.objects.order_by("seq").values_list("seq", flat=True)) == [2, 3, 4]

    OutboxEvent.objects.filter(seq=4).update(created_at=now - timedelta(days=8))
    assert prune_messages() == {"pruned_messages": 1}


def test_tokens_are_removed_a_month_after_they_expired(people):
    now = timezone.now()
    for days in (-31, -29, 1):
        token, _ = AuthToken.objects.create(people.alice)
        AuthToken.objects.filter(pk=token.pk).update(expiry=now + timedelta(days=days))

    assert cleanup_expired_tokens() == {"deleted_tokens": 1}
    assert {(expiry - now).days for expiry in AuthToken.objects.values_list("expiry", flat=True)} == {-29, 1}
