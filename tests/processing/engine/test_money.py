"""Limits of money: kept by runs on a model server, whatever is in flight; raised, and gone on from."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from processing.engine import claims, money
from processing.errors import ProcessingError
from processing.generation.service import ProcessingService, latest_task
from processing.models import LLMCall, ProviderSettings, SessionError, SessionTask
from sessions_app.models import Session
from tests.factories import make_session, make_specified_session
from tests.fakes.model_server import model_server

pytestmark = pytest.mark.django_db(transaction=True)

ENTITIES = 30


@pytest.fixture
def server():
    with model_server() as running:
        yield running


@pytest.fixture
def session(people, redis, server, settings):
    """At 10 USD per million tokens out, and 600 tokens an answer, a ticket costs 0.006 USD and a bit."""
    settings.ENGINE = {**settings.ENGINE, "RETRY_DELAY": 0.01}
    ProviderSettings.objects.create(
        workspace=people.workspace,
        provider="compatible",
        base_url=f"{server.url}/v1",
        llm_model="fake",
        price_in=Decimal("0"),
        price_out=Decimal("10"),
    )
    return make_specified_session(people.workspace, 2, ENTITIES - 2, llm_provider_choice="compatible")


def generate(session, run_jobs):
    session.refresh_from_db()
    ProcessingService().generate_tickets(session)
    run_jobs()
    return latest_task(session)


def test_a_run_adds_up_what_its_calls_cost(session, run_jobs):
    task = generate(session, run_jobs)

    assert task.status == "completed"
    assert task.cost == sum(LLMCall.objects.values_list("cost", flat=True)) == ENTITIES * Decimal("0.006")
    assert money.spent_this_month(session.workspace) == task.cost


def test_a_run_pauses_before_it_passes_its_limit_and_goes_on_when_it_is_raised(session, server, run_jobs):
    Session.objects.update(budget="0.10")
    task = generate(session, run_jobs)

    assert task.status == "paused"
    assert "limit of this run" in task.pause_reason
    assert "0.10 USD" in task.pause_reason
    assert Decimal("0.05") < task.cost <= Decimal("0.10")
    assert session.tickets.count() == server.calls == task.cost / Decimal("0.006")
    assert not SessionError.objects.exists()

    ProcessingService().resume_processing(session, Decimal("1.00"))
    run_jobs()
    task.refresh_from_db()
    assert (task.status, server.calls) == ("completed", ENTITIES)


def test_resumed_without_more_money_it_pauses_again(session, server, run_jobs):
    Session.objects.update(budget="0.10")
    generate(session, run_jobs)
    asked = server.calls

    ProcessingService().resume_processing(session)
    run_jobs()

    assert latest_task(session).status == "paused"
    assert server.calls == asked


def test_a_month_of_all_runs_has_one_limit(session, people, server, run_jobs):
    type(people.workspace).objects.filter(pk=people.workspace.pk).update(monthly_budget="0.20")
    other = make_session(people.workspace)
    LLMCall.objects.create(
        workspace=people.workspace, provider="openai", input_hash="x", outcome="ok", cost=Decimal("0.15")
    )
    task = generate(session, run_jobs)

    assert task.status == "paused"
    assert "this month" in task.pause_reason
    assert money.spent_this_month(other.workspace) <= Decimal("0.20")


def test_a_month_ends_at_its_first_moment_in_utc():
    assert money.month_start(datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC)) == datetime(2026, 12, 1, tzinfo=UTC)
    assert money.month_start(datetime(2026, 11, 30, 23, 59, tzinfo=UTC)) == datetime(2026, 11, 1, tzinfo=UTC)


def test_calls_in_flight_count_for_everybody_who_claims(session):
    """Two drainers with money for ten calls get ten together."""
    Session.objects.update(budget="10")
    session.refresh_from_db()
    ProcessingService().generate_tickets(session)
    from processing.engine import planning

    task = latest_task(session)
    planning.plan(task)
    SessionTask.objects.update(call_reserve=Decimal("1"))
    task = task.fresh()

    import uuid

    first = claims.claim(task, uuid.uuid4(), 7)
    second = claims.claim(task, uuid.uuid4(), 7)
    third = claims.claim(task, uuid.uuid4(), 7)

    assert [len(first), len(second), len(third)] == [7, 3, 0]
    assert SessionTask.objects.get().status == "running"


def test_a_repair_is_a_call_that_has_to_be_paid_for(session, server, run_jobs):
    """With money for the first calls only, a repair pauses the run, and the item keeps its chance."""
    server.behave(fault="broken")
    reserve = Decimal("0.02")
    Session.objects.update(budget="0.10")
    task = generate(session, run_jobs)

    assert task.status == "paused"
    assert task.cost <= Decimal("0.10") + reserve
    assert server.calls * Decimal("0.006") == task.cost


def test_a_limit_that_could_not_be_kept_is_refused(session):
    ProviderSettings.objects.update(price_in=None, price_out=None)
    Session.objects.update(budget="5")
    session.refresh_from_db()

    with pytest.raises(ProcessingError, match="price of this model is unknown") as caught:
        ProcessingService().generate_tickets(session)
    assert caught.value.category == "user_fixable"
    assert latest_task(session) is None


def test_a_new_limit_is_in_the_audit(session, people, run_jobs):
    from sessions_app.models import AuditEvent

    Session.objects.update(budget="0.05")
    generate(session, run_jobs)
    people.api("bob").post(f"/api/sessions/{session.pk}/process/resume", {"budget": "9.50"})

    event = AuditEvent.objects.get(action="run.limit_changed")
    assert (event.user_name, event.details["to"]) == ("bob", "9.50")
    assert latest_task(session).budget == Decimal("9.50")


def test_a_limit_below_nothing_is_refused(session, people, run_jobs):
    Session.objects.update(budget="0.05")
    generate(session, run_jobs)

    assert people.api("bob").post(f"/api/sessions/{session.pk}/process/resume", {"budget": "-1"}).status_code == 400
    answer = people.browser("bob").post(f"/sessions/{session.pk}/run/resume/", {"budget": "a lot"}, follow=True)
    assert "amount in USD" in " ".join(map(str, answer.context["messages"]))
    assert latest_task(session).status == "paused"
