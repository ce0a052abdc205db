"""The economy mode: the same run by batches. Submitted, waited for, resumed, cancelled; nothing is paid for twice."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.utils import timezone

from processing.engine.jobs import drain_job
from processing.engine.sweep import sweep
from processing.errors import ProcessingError
from processing.generation.estimate import estimate
from processing.generation.service import ProcessingService, latest_task
from processing.models import LLMCall, OutboxEvent, ProviderBatch, SessionError, SessionTask, WorkItem
from tests.factories import make_specified_session
from tests.fakes.model_server import model_server
from tests.processes import kill, wait_for, worker

pytestmark = pytest.mark.django_db(transaction=True)

ENTITIES = 12
MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-6"}


@pytest.fixture
def server():
    with model_server() as running:
        yield running


both = pytest.mark.parametrize("provider", ["openai", "anthropic"], indirect=True)
"""Where the two interfaces differ. Elsewhere one of them is enough."""


@pytest.fixture
def provider(request, server, settings):
    name = getattr(request, "param", "openai")
    address = f"{server.url}/v1" if name == "openai" else server.url
    settings.LLM_PROVIDERS = {name: {"KEY": "sk-1", "BASE_URL": address, "MODEL": MODELS[name]}}
    settings.ENGINE = {**settings.ENGINE, "RETRY_DELAY": 0.0, "BATCH_POLL": 0}
    return name


@pytest.fixture
def session(people, redis, provider):
    return specified(people, provider)


def specified(people, provider, entities=ENTITIES, **fields):
    chosen = {"llm_provider_choice": provider, "economy": True, **fields}
    return make_specified_session(people.workspace, 2, entities - 2, **chosen)


def start(session, run_jobs):
    ProcessingService().generate_tickets(session)
    run_jobs()
    return latest_task(session)


@pytest.fixture
def go_on(run_jobs):
    """As if half a minute had passed (or long enough for those who died)."""

    def turn(session):
        past = timezone.now() - timedelta(seconds=1)
        ProviderBatch.objects.filter(held_until__isnull=False).update(held_until=past)
        WorkItem.objects.filter(not_before__isnull=False).update(not_before=past)
        WorkItem.objects.filter(status="running").update(lease_until=past)
        SessionTask.objects.filter(lease_until__isnull=False).update(lease_until=past)
        sweep()
        run_jobs()
        return latest_task(session)

    return turn


def until_finished(session, go_on):
    for _ in range(8):
        if latest_task(session).is_finished:
            break
        go_on(session)
    return latest_task(session)


def require_a_whole_run(session, entities=ENTITIES):
    task = latest_task(session)
    assert task.status == "completed"
    assert session.tickets.values("key").distinct().count() == session.tickets.count() == entities
    assert OutboxEvent.objects.filter(task_id=task.pk, is_terminal=True).count() == 1
    assert not ProviderBatch.objects.open().exists()
    return task


def tickets_of(session):
    return list(
        session.tickets.order_by("number").values_list("number", "key", "title", "user_story", "analysis", "facts")
    )


@both
def test_the_same_tickets_come_out_at_half_the_price(people, session, provider, server, run_jobs, go_on):
    other = specified(people, provider, economy=False, site_name="Southfield University")
    direct = start(other, run_jobs)
    assert (server.calls, server.server.stats["batches"]) == (ENTITIES, 0)

    start(session, run_jobs)
    task = go_on(session)

    require_a_whole_run(session)
    assert (server.calls, server.server.stats["batches"]) == (ENTITIES, 1)
    assert tickets_of(session) == tickets_of(other)
    assert set(session.tickets.values_list("provider", "llm_model")) == {(provider, MODELS[provider])}
    assert task.cost == pytest.approx(direct.cost / 2, abs=Decimal("0.000002"))
    assert task.cost > 0
    calls = LLMCall.objects.filter(task_id=task.pk)
    assert set(calls.values_list("economy", "outcome", "step")) == {(True, "ok", "first")}


@both
def test_a_run_waits_for_its_provider_and_says_so(session, provider, server, run_jobs, go_on):
    server.behave(batch_seconds=3600.0)
    task = start(session, run_jobs)
    assert task.status == "running"
    assert "Waiting for the provider" in task.current_stage

    server.server.batches.progress = 0.5
    task = go_on(session)
    assert task.status == "running"
    assert ("6 of 12 answered" in task.current_stage) is (provider == "openai")

    server.server.batches.progress = 1.0
    go_on(session)
    require_a_whole_run(session)
    assert server.server.stats["batches"] == 1


def test_a_large_run_is_several_batches(session, server, run_jobs, go_on, settings):
    settings.ENGINE = {**settings.ENGINE, "BATCH_ITEMS": 5}
    start(session, run_jobs)
    go_on(session)

    require_a_whole_run(session)
    assert sorted(ProviderBatch.objects.values_list("size", flat=True)) == [2, 5, 5]


def test_a_batch_is_no_larger_than_the_provider_takes(session, server, run_jobs, go_on, settings):
    settings.ENGINE = {**settings.ENGINE, "BATCH_BYTES": 20_000}
    start(session, run_jobs)
    go_on(session)

    require_a_whole_run(session)
    assert server.server.stats["batches"] > 1


def test_what_the_ledger_knows_is_not_asked_again(session, server, run_jobs, go_on):
    start(session, run_jobs)
    go_on(session)
    session.tickets.all().delete()

    start(session, run_jobs)
    require_a_whole_run(session)
    assert server.server.stats["batch_requests"] == ENTITIES


# Resumed


@both
def test_a_batch_whose_submission_was_not_answered_is_found_again(session, server, run_jobs, go_on):
    server.behave(batch_fault="lost")
    task = start(session, run_jobs)
    assert task.status == "running"
    assert ProviderBatch.objects.get().status == "submitting"

    go_on(session)
    require_a_whole_run(session)
    assert server.server.stats["batches"] == 1


def worker_of(provider, server):
    address = f"{server.url}/v1" if provider == "openai" else server.url
    access = {"API_KEY": "sk-1", "BASE_URL": address, "MODEL": MODELS[provider]}
    named = {f"{provider.upper()}_{name}": value for name, value in access.items()}
    return worker(ENGINE_BATCH_POLL="0", **named)


@both
@pytest.mark.integration
def test_a_worker_killed_between_submitting_and_noting_it_costs_nothing(session, provider, server, go_on):
    server.behave(batch_fault="hang")
    ProcessingService().generate_tickets(session)
    with worker_of(provider, server) as alive:
        wait_for(lambda: server.server.batches.batches, "the batch at the provider")
        kill(alive)
    assert ProviderBatch.objects.get().remote_id == ""

    go_on(session)
    require_a_whole_run(session)
    assert server.server.stats["batches"] == 1


@pytest.mark.integration
def test_a_worker_killed_between_the_end_and_collecting_costs_nothing(session, provider, server, go_on):
    server.behave(batch_fault="stall")
    ProcessingService().generate_tickets(session)
    with worker_of(provider, server) as alive:
        wait_for(lambda: sweep() and server.server.stats["stall"], "the reading of results")
        kill(alive)
    assert not session.tickets.exists()

    go_on(session)
    require_a_whole_run(session)
    assert server.server.stats["batches"] == 1
    assert LLMCall.objects.count() == ENTITIES


@both
def test_results_that_break_off_are_read_again_and_kept_once(people, redis, provider, server, run_jobs, go_on):
    session = specified(people, provider, entities=180)
    server.behave(batch_fault="cut", batch_seconds=3600.0)
    start(session, run_jobs)
    server.server.batches.progress = 1.0
    go_on(session)
    assert 0 < session.tickets.count() < 180

    go_on(session)
    task = require_a_whole_run(session, entities=180)
    assert LLMCall.objects.filter(outcome="ok").count() == 180
    paid = LLMCall.objects.aggregate(sum=Sum("cost"))["sum"]
    assert task.cost == pytest.approx(Decimal(paid), abs=Decimal("0.0001"))  # each row is rounded


@both
def test_one_odd_line_among_the_results_costs_no_other(session, server, run_jobs, go_on):
    server.behave(batch_seconds=3600.0)
    start(session, run_jobs)
    [batch] = server.server.batches.batches.values()
    (first, status, body), (second, *_), *others = batch.results
    stranger = (f"{first.partition('-')[0]}-{'9' * 40}", status, body)
    batch.results = [stranger, (first, 200, [5]), (second, 200, {"usage": 5}), *others]
    server.server.batches.progress = 1.0

    go_on(session)
    assert session.tickets.count() == ENTITIES - 2

    until_finished(session, go_on)
    require_a_whole_run(session)


def test_a_job_that_is_delivered_again_changes_nothing(session, server, run_jobs, go_on):
    server.behave(batch_seconds=3600.0)
    task = start(session, run_jobs)
    drain_job(str(task.pk))
    assert server.server.stats["batches"] == 1

    server.server.batches.progress = 1.0
    go_on(session)
    drain_job(str(task.pk))
    require_a_whole_run(session)
    assert LLMCall.objects.count() == ENTITIES


def test_however_long_nobody_looked_an_open_batch_keeps_its_items(session, server, run_jobs, go_on):
    server.behave(batch_seconds=3600.0)
    start(session, run_jobs)
    WorkItem.objects.update(lease_until=timezone.now() - timedelta(hours=5))

    assert sweep()["items_taken_back"] == 0
    go_on(session)
    assert server.server.stats["batches"] == 1
    assert set(WorkItem.objects.values_list("attempts_left", flat=True)) == {3}


# Stopped by people


@both
def test_a_cancelled_run_cancels_its_batch_and_keeps_what_was_answered(session, server, run_jobs, go_on):
    server.behave(batch_seconds=3600.0)
    start(session, run_jobs)
    server.server.batches.progress = 0.5
    ProcessingService().cancel_processing(session)
    run_jobs()
    task = go_on(session)

    assert (task.status, session.tickets.count()) == ("cancelled", 0)
    assert server.server.stats["batches_cancelled"] == 1
    assert ProviderBatch.objects.get().status == "cancelled"
    assert LLMCall.objects.filter(outcome="ok").count() == ENTITIES / 2
    assert OutboxEvent.objects.filter(task_id=task.pk, is_terminal=True).count() == 1

    server.behave()
    server.server.batches.progress = None
    ProcessingService().retry_processing(session)
    run_jobs()
    go_on(session)
    require_a_whole_run(session)
    assert server.server.stats["batch_requests"] == ENTITIES + ENTITIES / 2


def test_a_new_run_waits_until_the_batch_of_the_cancelled_one_is_read(session, server, run_jobs, go_on):
    server.behave(batch_seconds=3600.0)
    start(session, run_jobs)
    server.server.batches.progress = 1.0
    ProviderBatch.objects.update(held_until=timezone.now() + timedelta(hours=1))  # somebody is at it
    ProcessingService().cancel_processing(session)
    ProcessingService().retry_processing(session)
    run_jobs()
    assert server.server.stats["batches"] == 1

    go_on(session)
    go_on(session)
    require_a_whole_run(session)
    assert server.server.stats["batch_requests"] == ENTITIES


def test_a_paused_run_submits_nothing_and_still_takes_what_comes(session, server, run_jobs, go_on, settings):
    settings.ENGINE = {**settings.ENGINE, "BREAKER": 10_000}
    server.behave(batch_seconds=3600.0, batch_fault="expired", rate=0.5)
    start(session, run_jobs)
    ProcessingService().pause_processing(session)
    server.server.batches.progress = 1.0
    task = go_on(session)
    task = go_on(session)

    assert task.status == "paused"
    assert session.tickets.count() == task.done == LLMCall.objects.filter(outcome="ok").count()
    assert server.server.stats["batches"] == 1

    server.behave()
    ProcessingService().resume_processing(session)
    run_jobs()
    go_on(session)
    require_a_whole_run(session)


# Trouble


@both
def test_errors_in_a_part_of_a_batch_are_asked_again(session, server, run_jobs, go_on, settings):
    settings.ENGINE = {**settings.ENGINE, "BREAKER": 10_000}
    server.behave(fault="500", rate=0.5)
    start(session, run_jobs)
    server.behave()
    until_finished(session, go_on)

    require_a_whole_run(session)
    assert LLMCall.objects.filter(outcome="error").count() == server.server.stats["batch_requests"] - ENTITIES


def test_an_item_costs_four_calls_at_most(session, server, run_jobs, go_on, settings):
    settings.ENGINE = {**settings.ENGINE, "BREAKER": 10_000}
    server.behave(fault="500")
    start(session, run_jobs)
    task = until_finished(session, go_on)

    assert (task.status, task.failed) == ("completed_with_errors", ENTITIES)
    assert server.server.stats["batch_requests"] == 4 * ENTITIES


def test_five_equal_failures_in_a_row_pause_the_run(session, server, run_jobs, go_on):
    server.behave(fault="refuse")
    start(session, run_jobs)
    task = go_on(session)

    assert task.status == "paused"
    assert "equal failures" in task.pause_reason


def test_an_answer_that_does_not_fit_is_repaired_by_the_next_batch(session, server, run_jobs, go_on, settings):
    settings.ENGINE = {**settings.ENGINE, "BREAKER": 10_000}
    server.behave(fault="missing")
    start(session, run_jobs)
    server.behave()
    until_finished(session, go_on)

    require_a_whole_run(session)
    assert "Your answer cannot be used" in server.server.prompts[-1]
    outcomes = LLMCall.objects.values_list("step", "outcome").distinct()
    assert set(outcomes) == {("first", "invalid"), ("repair", "ok")}


def test_an_answer_is_repaired_once(session, server, run_jobs, go_on, settings):
    settings.ENGINE = {**settings.ENGINE, "BREAKER": 10_000}
    server.behave(fault="missing")
    start(session, run_jobs)
    task = until_finished(session, go_on)

    assert task.failed == ENTITIES
    assert server.server.stats["batch_requests"] == 2 * ENTITIES


@both
@pytest.mark.parametrize("ending", ["expired", "gone"])
def test_a_batch_that_ends_without_answers_is_asked_again(session, server, run_jobs, go_on, ending):
    server.behave(batch_seconds=3600.0, batch_fault="expired")
    start(session, run_jobs)
    server.server.batches.progress = 1.0
    if ending == "gone":
        server.server.batches.batches.clear()
    server.behave()
    go_on(session)
    until_finished(session, go_on)

    require_a_whole_run(session)
    assert LLMCall.objects.count() == ENTITIES
    assert not SessionError.objects.exists()


@both
def test_a_batch_that_is_refused_pauses_the_run_and_says_why(session, server, run_jobs, go_on):
    server.behave(batch_fault="refused")
    start(session, run_jobs)
    task = go_on(session)

    assert task.status == "paused"
    assert "refused" in task.pause_reason
    assert set(WorkItem.objects.values_list("status", "attempts_left")) == {("pending", 4)}

    server.behave()
    ProcessingService().resume_processing(session)
    go_on(session)
    require_a_whole_run(session)


def test_a_key_that_is_refused_ends_the_run(session, server, run_jobs, go_on):
    server.behave(fault="401")
    start(session, run_jobs)
    task = go_on(session)

    assert task.status == "failed"
    assert task.error["category"] == "admin_required"
    assert OutboxEvent.objects.filter(task_id=task.pk, is_terminal=True).count() == 1


@both
def test_a_full_queue_is_waited_for_and_in_the_end_a_person_is_asked(session, server, run_jobs, go_on):
    server.behave(batch_fault="full")
    start(session, run_jobs)
    task = go_on(session)
    assert task.status == "running"
    assert set(WorkItem.objects.values_list("attempts_left", flat=True)) <= {3, 4}

    for _ in range(10):
        task = go_on(session)
    assert task.status == "paused"
    assert "5 equal failures" in task.pause_reason
    assert set(WorkItem.objects.values_list("status", "attempts_left")) == {("pending", 4)}
    assert not LLMCall.objects.exists()


@both
def test_batches_that_are_not_accepted_end_the_run(session, server, run_jobs, go_on):
    server.behave(batch_fault="denied")
    task = start(session, run_jobs)

    assert task.status == "failed"
    assert "does not accept the key" in task.error["message"]
    assert not LLMCall.objects.exists()
    assert not ProviderBatch.objects.open().exists()


def test_batches_that_are_not_accepted_go_to_the_fallback(people, redis, provider, server, run_jobs):
    session = specified(people, provider, fallbacks=[{"provider": "offline", "model": ""}])
    server.behave(batch_fault="denied")
    start(session, run_jobs)

    require_a_whole_run(session)
    assert set(session.tickets.values_list("provider", flat=True)) == {"offline"}


def test_a_provider_that_is_away_for_a_while_is_waited_for(session, provider, server, run_jobs, go_on, settings):
    server.behave(batch_seconds=3600.0)
    start(session, run_jobs)
    reachable = settings.LLM_PROVIDERS
    settings.LLM_PROVIDERS = {provider: {**reachable[provider], "BASE_URL": "http://127.0.0.1:9"}}
    task = go_on(session)
    assert task.status == "running"
    assert "(The model" in task.current_stage

    settings.LLM_PROVIDERS = reachable
    server.server.batches.progress = 1.0
    go_on(session)
    require_a_whole_run(session)


def test_what_the_model_refuses_goes_to_the_fallback(people, redis, provider, server, run_jobs, go_on, settings):
    session = specified(people, provider, fallbacks=[{"provider": "offline", "model": ""}])
    server.behave(fault="refuse")
    start(session, run_jobs)
    go_on(session)

    require_a_whole_run(session)
    assert set(session.tickets.values_list("provider", flat=True)) == {"offline"}
    assert "refused" in session.tickets.first().fallback_reason


def test_a_limit_of_money_holds_for_batches(people, redis, provider, server, run_jobs, go_on):
    session = specified(people, provider, budget=Decimal("0.02"))
    ProcessingService().generate_tickets(session)
    reserve = latest_task(session).call_reserve
    SessionTask.objects.update(budget=(reserve * 5).quantize(Decimal("0.01"), "ROUND_UP"))
    most = int(latest_task(session).budget / reserve)
    server.behave(batch_seconds=3600.0)
    run_jobs()
    assert server.server.stats["batch_requests"] == min(most, ENTITIES)

    assert go_on(session).status == "running"
    assert server.server.stats["batch_requests"] == min(most, ENTITIES)


def test_a_provider_without_batches_is_refused_before_anything_starts(people, redis, server, settings):
    settings.LLM_PROVIDERS = {"compatible": {"BASE_URL": f"{server.url}/v1", "MODEL": "fake"}}
    session = specified(people, "compatible")

    with pytest.raises(ProcessingError, match="no economy mode") as caught:
        ProcessingService().generate_tickets(session)

    assert caught.value.category == "user_fixable"
    assert latest_task(session) is None
    assert estimate(session)["problem"] == caught.value.message


def test_the_offline_writer_needs_no_economy(people, redis, run_jobs):
    session = specified(people, "offline")
    start(session, run_jobs)

    require_a_whole_run(session)
