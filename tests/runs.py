"""What has been kept of every whole run, whatever died on the way, and what tests of dying things share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db.models import Count
from django.utils import timezone

from processing.generation.service import latest_task
from processing.models import LLMCall, OutboxEvent, SessionTask, WorkItem
from sessions_app.models import Session
from tests.fakes.model_server import RunningServer

CONCURRENCY = 8


def model_at(server: RunningServer) -> dict[str, str]:
    """Environment of a worker that asks this server, a few calls at a time. All workers together may make more, as
    calls of the dead count as in flight for some seconds.
    """
    return {
        "COMPATIBLE_BASE_URL": f"{server.url}/v1",
        "COMPATIBLE_MODEL": "fake",
        "COMPATIBLE_CONCURRENCY": "64",
        "ENGINE_CONCURRENCY": str(CONCURRENCY),
    }


def let_leases_run_out() -> None:
    """As if 90 seconds had passed."""
    past = timezone.now() - timedelta(seconds=1)
    WorkItem.objects.filter(status="running").update(lease_until=past)
    SessionTask.objects.update(lease_until=past)


def finished(session: Session) -> Callable[[], bool]:
    return lambda: latest_task(session).is_finished


def held(session: Session) -> int:
    """Items that a drainer has claimed and not finished."""
    return WorkItem.objects.filter(task__session=session, status="running").count()


def require_a_whole_run(session: Session, entities: int) -> None:
    """One ticket per entity, all counted, messages without a gap and one last word, nobody expected to do more."""
    task = latest_task(session)
    assert task.status == "completed", task.error
    assert session.tickets.count() == entities
    assert session.tickets.values("key").distinct().count() == entities
    assert (task.total, task.done, task.failed) == (entities, entities, 0)
    assert set(task.items.values_list("status", flat=True)) == {"done"}
    sequence = list(OutboxEvent.objects.filter(task_id=task.pk).order_by("seq").values_list("seq", "is_terminal"))
    assert [seq for seq, _ in sequence] == list(range(1, len(sequence) + 1))
    assert [terminal for _, terminal in sequence].count(True) == 1
    assert sequence[-1][1]
    assert not SessionTask.objects.unfinished().filter(session=session).exists()


def require_each_answer_once(entities: int) -> None:
    """The ledger has one answer per entity: none was asked for again after it had been written down."""
    answers = LLMCall.objects.filter(outcome="ok")
    assert answers.count() == entities
    assert not answers.values("entity_key").annotate(times=Count("pk")).filter(times__gt=1).exists()
