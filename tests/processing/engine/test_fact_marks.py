"""A run marks what its tickets say against the specification."""

import pytest

from processing.generation.service import ProcessingService
from tests.factories import make_specified_session
from tests.fakes.model_server import model_server

pytestmark = pytest.mark.django_db(transaction=True)


def test_tickets_by_rule_carry_no_mark(people, run_jobs):
    session = make_specified_session(people.workspace, 3, 7)
    ProcessingService().generate_tickets(session)
    run_jobs()

    assert session.tickets.count() == 10
    assert not session.tickets.with_marks().exists()


def test_tickets_of_a_model_are_held_against_their_rows(people, redis, settings, run_jobs):
    with model_server() as server:
        settings.LLM_PROVIDERS = {"compatible": {"BASE_URL": f"{server.url}/v1", "MODEL": "fake"}}
        session = make_specified_session(people.workspace, 1, 2, llm_provider_choice="compatible")
        ProcessingService().generate_tickets(session)
        run_jobs()

    assert session.tickets.count() == 3
    for ticket in session.tickets.all():
        assert isinstance(ticket.fact_marks, list)
        for mark in ticket.fact_marks:
            assert getattr(ticket, mark["section"])[mark["start"] :].startswith(mark["text"])
