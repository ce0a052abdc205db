"""What is promised when workers die at it: nothing stays open, nothing is done twice (B-013, B-014, B-072)."""

import pytest
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone
from rq.timeouts import JobTimeoutException

from processing.enhancement.jobs import sweep_enhancements
from processing.enhancement.models import EnhancementAttempt, EnhancementHistory, WriteBack
from processing.enhancement.runner import Runner
from processing.enhancement.writeback.fake import FakeServiceDesk
from processing.models import MetricSample
from tests.fakes.model_server import model_server
from tests.processes import horses_of, kill, kill_pid, wait_for, worker
from tests.processing.enhancement.desks import accepted, make_desk, make_library

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]


@pytest.fixture
def server(redis):
    with model_server() as running:
        yield running


def model_at(server, **more):
    return {"COMPATIBLE_BASE_URL": f"{server.url}/v1", "COMPATIBLE_MODEL": "fake", **more}


def let_leases_run_out():
    """As if 90 seconds had passed."""
    past = timezone.now() - timezone.timedelta(seconds=1)
    EnhancementHistory.objects.filter(status="running").update(lease_until=past)


def statuses():
    return list(EnhancementHistory.objects.order_by("job_id").values_list("status", flat=True))


def finished():
    return not EnhancementHistory.objects.open().exists()


def counted(status):
    rows = MetricSample.objects.filter(name="enhancement_tasks", labels__contains=f'"{status}"')
    return sum(row.value for row in rows)


def test_a_killed_machine_leaves_nothing_open(people, server):
    make_library(people.workspace)
    make_desk(people.workspace, provider="compatible", llm_model="fake")
    server.behave(latency=30.0)
    for number in range(5):
        accepted(people.workspace, job_id=f"job-{number}", description=f"The duplex tray jams, case {number}.")
    with worker(**model_at(server)) as first:
        wait_for(lambda: server.calls == 5, "all five at the model")
        assert statuses() == ["running"] * 5
        kill(first)
    assert statuses() == ["running"] * 5

    server.behave(latency=0.0)
    let_leases_run_out()
    assert sweep_enhancements()["enhancements_taken_back"] == 5
    with worker(**model_at(server)):
        wait_for(finished, "the end of all five")

    assert statuses() == ["completed"] * 5
    for run in EnhancementHistory.objects.all():
        assert [each.outcome for each in run.attempt_rows.all()] == ["lost", "completed"]
        assert run.synthesis.claims
    assert counted("completed") == 5


def test_a_work_horse_that_dies_each_time_ends_as_failed(people, server):
    """D-38."""
    make_desk(people.workspace, provider="compatible", llm_model="fake")
    server.behave(latency=30.0)
    accepted(people.workspace)
    with worker(**model_at(server)) as alive:
        for number in range(1, 5):
            wait_for(lambda number=number: server.calls == number, f"attempt {number} at the model")
            for pid in horses_of(alive):
                kill_pid(pid)
            wait_for(lambda: not horses_of(alive), "the end of the work-horse")
            let_leases_run_out()
            sweep_enhancements()

    run = EnhancementHistory.objects.get()
    assert (run.status, run.error_code) == ("failed", "worker_lost")
    assert [each.outcome for each in run.attempt_rows.all()] == ["lost"] * 4
    assert counted("failed") == 1


def test_the_hard_limit_ends_what_hangs(people, server, settings):
    """B-014, B-072: the work-horse is ended, and the run is tried again until its attempts are spent."""
    make_desk(people.workspace, provider="compatible", llm_model="fake:fault=hang")
    settings.ENHANCEMENT = {**settings.ENHANCEMENT, "HARD_LIMIT": 2}
    limits = {"ENHANCEMENT_HARD_LIMIT": "2", "ENHANCEMENT_RETRY_DELAY": "0.01"}
    run = accepted(people.workspace)
    with worker(**model_at(server, **limits)):
        for number in range(1, 5):
            wait_for(lambda number=number: server.calls >= number, f"attempt {number} at the model")
            wait_for(lambda: EnhancementHistory.objects.exclude(status="running").exists(), "the limit", 30)
            run.refresh_from_db()
            if run.status == "pending":
                sweep_enhancements()

    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "hard_limit")
    assert run.attempts == 4


def test_an_alarm_in_the_middle_of_a_commit_leaves_nothing_open(people, server, settings, monkeypatch, caplog):
    """The hard limit may come at any line, also where a transaction is half over."""
    here = {"BASE_URL": f"{server.url}/v1", "MODEL": "fake"}
    settings.LLM_PROVIDERS = {
        **settings.LLM_PROVIDERS,
        "compatible": {**settings.LLM_PROVIDERS["compatible"], **here},
    }
    make_desk(people.workspace, provider="compatible", llm_model="fake")
    server.behave(latency=5.0)
    run = accepted(people.workspace)
    later = accepted(people.workspace, job_id="job-2")
    EnhancementHistory.objects.filter(pk=later.pk).update(not_before=timezone.now() + timezone.timedelta(seconds=1))
    wrapper = connections[DEFAULT_DB_ALIAS]
    commit = wrapper.commit

    def rings():
        if EnhancementHistory.objects.filter(status="running", pk=later.pk).exists():
            raise JobTimeoutException("now")
        commit()

    monkeypatch.setattr(wrapper, "commit", rings)
    with pytest.raises(JobTimeoutException):
        Runner().run(run.pk)

    assert connections[DEFAULT_DB_ALIAS] is not wrapper
    assert statuses() == ["pending", "pending"]
    assert set(EnhancementAttempt.objects.values_list("outcome", flat=True)) == {"lost"}
    assert "lost to another worker" in caplog.text  # who was let go says this
    assert "unexpectedly" not in caplog.text


def test_a_stopped_worker_gives_back_what_it_has_not_done(people, server):
    make_desk(people.workspace, provider="compatible", llm_model="fake")
    server.behave(latency=60.0)
    accepted(people.workspace)
    with worker(**model_at(server, ENGINE_GRACE="0")) as alive:
        wait_for(lambda: server.calls == 1, "the model was asked")
        alive.terminate()
        wait_for(lambda: statuses() == ["pending"], "it was given back")
        wait_for(lambda: alive.poll() is not None, "the end of the worker")

    server.behave(latency=0.0)
    sweep_enhancements()
    with worker(**model_at(server)):
        wait_for(finished, "the end")
    assert statuses() == ["completed"]


def test_a_worker_that_dies_while_it_writes_back_writes_once(people, server):
    desk = FakeServiceDesk()
    desk.start()
    hang = {"on": True}
    desk.behaviour.script = lambda number, request: "hang" if hang["on"] else ""
    try:
        make_desk(people.workspace, target="servicedesk", base_url=desk.url, token="k")
        accepted(people.workspace)
        with worker() as first:
            wait_for(lambda: desk.notes["4711"], "the note is there, and nobody was told")
            kill(first)
        assert WriteBack.objects.get().status == "in_flight"
        hang["on"] = False
        WriteBack.objects.update(lease_until=timezone.now() - timezone.timedelta(seconds=1))
        sweep_enhancements()
        with worker():
            wait_for(lambda: WriteBack.objects.get().status == "written", "it was found")
    finally:
        desk.close()

    assert len(desk.notes["4711"]) == 1
