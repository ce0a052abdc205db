"""A run marks what its tickets say against the specification."""

import pytest

from processing.engine.kinds import Outcome
from processing.generation.kind import Generation, Written
from processing.generation.service import ProcessingService
from processing.models import SessionTask
from tests.factories import make_specified_session

pytestmark = pytest.mark.django_db(transaction=True)


def test_tickets_by_rule_carry_no_mark(people, run_jobs):
    session = make_specified_session(people.workspace, 3, 7)
    ProcessingService().generate_tickets(session)
    run_jobs()

    assert session.tickets.count() == 10
    assert not session.tickets.with_marks().exists()


def test_what_a_model_says_against_the_row_is_marked_on_its_ticket(people):
    session = make_specified_session(people.workspace, 1, 2, site_name="Kronborg Castle")
    task = SessionTask.objects.create(session=session, provider="offline")
    item = next(item for item in Generation().plan(task) if item.key == "fields:node.kind_0.field_1")
    item.save()
    content = {
        "title": "Add field Field 1 (field_1) to Kind 0",
        "user_story": "As an editor on Kronborg Castle, I want it.",
        "analysis": "Field type: Boolean. Create `field_one` for the role “Kronborg Castle editor”.",
        "verification": "1. Open `/node/add/kind_0`.",
    }

    written = Written(content, provider="compatible", model="fake", prompt_version="ticket-1")
    Generation().write(task, [Outcome(item, result=written)])

    ticket = session.tickets.with_marks().get()
    assert [(mark["section"], mark["kind"], mark["text"], mark["says"]) for mark in ticket.fact_marks] == [
        ("analysis", "type", "Boolean", "the field type is Text (plain)"),
        ("analysis", "machine_name", "field_one", "the specification has field_1"),
    ]
