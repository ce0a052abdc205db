"""How long work may lie after a death: two minutes, with the times that the product runs with."""

import json
import os
import subprocess
import sys
import uuid
from datetime import timedelta

import pytest
import rq.cron
from django.core.management import call_command
from django.utils import timezone

import ticketgen.schedules  # noqa: F401 - registers what runs by the clock
from processing.engine import claims, planning
from processing.engine.sweep import sweep
from processing.generation.service import ProcessingService, latest_task
from processing.models import WorkItem
from tests.factories import make_specified_session
from tests.processes import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

TWO_MINUTES = timedelta(minutes=2)
A_SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def defaults():
    """The engine's settings where the environment says nothing."""
    show = "import json; from django.conf import settings; print(json.dumps(settings.ENGINE))"
    silent = {name: value for name, value in os.environ.items() if not name.startswith("ENGINE_")}
    shown = subprocess.run(
        [sys.executable, "-c", show],
        cwd=ROOT,
        env={**silent, "DJANGO_SETTINGS_MODULE": "ticketgen.settings"},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(shown.stdout)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""

    class Clock:
        now = timezone.now()

        def forward(self, time):
            self.now += time

    clock = Clock()
    monkeypatch.setattr(timezone, "now", lambda: clock.now)
    return clock


@pytest.fixture
def session(people, redis, settings, defaults, clock):
    settings.ENGINE = defaults
    session = make_specified_session(people.workspace, 3, 7)
    ProcessingService().generate_tickets(session)
    redis.flushall()
    return session


def every_sweep_for(time, clock, phase):
    """Sweeps by the schedule, the first one ``phase`` seconds from now; each time what it put right."""
    (interval,) = [job["interval"] for job in rq.cron._job_data_registry if job["func"] is sweep]
    end = clock.now + time
    clock.forward(timedelta(seconds=phase))
    while clock.now <= end:
        yield sweep()
        clock.forward(timedelta(seconds=interval))


@pytest.mark.parametrize("phase", [0, 1, 15, 29])
def test_the_items_of_a_dead_drainer_are_waiting_again_within_two_minutes(session, clock, phase):
    task = latest_task(session)
    planning.plan(task)
    claims.claim(task, uuid.uuid4(), 4)

    put_right = [found["items_taken_back"] for found in every_sweep_for(TWO_MINUTES, clock, phase)]

    assert sum(put_right) == 4
    assert not WorkItem.objects.filter(status="running").exists()


@pytest.mark.parametrize("phase", [0, 1, 15, 29])
@pytest.mark.parametrize("planned", [False, True])
def test_a_run_whose_job_was_lost_is_enqueued_again_within_two_minutes(session, redis, run_jobs, clock, phase, planned):
    if planned:
        planning.plan(latest_task(session))
        redis.flushall()

    put_right = [found["tasks_enqueued"] for found in every_sweep_for(TWO_MINUTES, clock, phase)]
    assert sum(put_right) >= 1
    run_jobs()

    assert latest_task(session).status == "completed"
    assert session.tickets.count() == 10


def test_who_beats_in_time_keeps_what_he_holds(session, clock, defaults):
    task, owner = latest_task(session), uuid.uuid4()
    planning.plan(task)
    claims.claim(task, owner, 4)

    for _ in range(20):
        clock.forward(timedelta(seconds=defaults["HEARTBEAT"]))
        assert sweep()["items_taken_back"] == 0
        claims.renew(task, owner)

    assert WorkItem.objects.filter(status="running", lease_owner=owner).count() == 4


def test_an_item_whose_worker_died_each_time_fails_and_says_so(session, clock, run_jobs):
    task, owner = latest_task(session), uuid.uuid4()
    planning.plan(task)
    (item,) = claims.claim(task, owner, 1)
    WorkItem.objects.filter(pk=item.pk).update(attempts_left=0)

    assert sum(found["items_taken_back"] for found in every_sweep_for(TWO_MINUTES, clock, 15)) == 1
    run_jobs()

    item.refresh_from_db()
    task.refresh_from_db()
    error = session.errors.get()
    assert (item.status, task.status, task.done, task.failed) == ("failed", "completed_with_errors", 9, 1)
    assert (error.entity_key, error.error_category) == (item.key, "admin_required")
    assert "died each time" in error.user_message


def test_a_cron_of_ones_own_may_sweep_and_reads_what_was_done(session, clock, capsys):
    task = latest_task(session)
    planning.plan(task)
    claims.claim(task, uuid.uuid4(), 4)
    clock.forward(TWO_MINUTES)

    call_command("sweep")

    told = json.loads(capsys.readouterr().out)
    assert told["items_taken_back"] == 4
    assert {"proposals_enqueued", "relayed_messages"} <= set(told)
