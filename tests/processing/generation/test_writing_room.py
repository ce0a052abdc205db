"""A drainer's room: what was paid for is found, also when more items are prepared before its turn comes."""

import pytest

from processing.engine import planning
from processing.generation.kind import WritingRoom
from processing.generation.service import ProcessingService
from processing.models import LLMCall, SessionTask
from tests.factories import make_specified_session

pytestmark = pytest.mark.django_db(transaction=True)


def test_answers_that_were_paid_for_outlast_the_next_preparation(people, redis):
    session = make_specified_session(people.workspace)
    task = SessionTask.objects.get(pk=ProcessingService().generate_tickets(session)["task_id"])
    planning.plan(task)
    task.refresh_from_db()
    first, second, *_ = task.items.all()
    room = WritingRoom(task)
    for item in (first, second):
        LLMCall.objects.create(
            workspace=session.workspace,
            provider="offline",
            input_hash=room.service.call_hash(item.input_hash, room.site, 0),
            response={"title": item.key},
            outcome=LLMCall.Outcome.OK,
        )

    room.prepare([first])
    room.prepare([second])

    assert room.paid_for(first).content == {"title": first.key}
    assert room.paid_for(second).content == {"title": second.key}
