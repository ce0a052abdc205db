"""Workers that die at every point of an export: nothing is made twice, nothing is forgotten, no link turned round."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager

import pytest
from django.db import connection as database

from processing.engine import sweep
from processing.export.fakes.jira import FakeJira
from processing.export.fakes.server import Behaviour
from processing.export.jobs import export_session_job
from processing.export.service import ExportService, latest_export
from processing.models import ExportRecord
from tests.processes import kill, wait_for, worker
from tests.processing.export.trackers import (
    expected_links,
    let_leases_run_out,
    make_approved,
    make_connection,
    require_whole_export,
    running,
    start,
)


class Killed(BaseException):
    """The process is gone, and with it everything that was not committed."""


class Death:
    """Comes before the ``at``-th write to the database, or when it is called; then nothing is written any more."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.writes, self.dead = at, 0, False

    def __call__(self, execute, sql, params, many, context):
        if not sql.startswith("SELECT"):
            self.writes += 1
            self.dead = self.dead or self.writes == self.at
        if self.dead:
            raise Killed
        return execute(sql, params, many, context)


@contextmanager
def mortal(death):
    with database.execute_wrapper(death):
        yield


def work_until_over(session, death):
    """Deliver the job again and again, as the sweep would, to workers who live; answer what a person is asked."""
    task = latest_export(session)
    try:
        with mortal(death):
            export_session_job(str(session.pk), str(task.pk))
    except Killed:
        let_leases_run_out()
        export_session_job(str(session.pk), str(task.pk))
    task.refresh_from_db()
    return task


def answer_questions(session, jira):
    """A person looks into the tracker and says what is there. Returns how many there were."""
    asked = list(ExportRecord.objects.filter(session=session).questions())
    by_label = {label: key for key, issue in jira.issues.items() for label in issue.fields["labels"]}
    for record in asked:
        assert record.step == "issue"
        ExportService().settle_record(record, key=by_label.get(record.label, ""))
    return len(asked)


@pytest.fixture(autouse=True)
def quick(settings):
    settings.EXPORT = {"TIMEOUT": 5.0, "LOOKUP_SECONDS": 0.1, "LOOKUP_EVERY": 0.02}


LONG = "A long story. " * 3_000


def small(people):
    """Three tickets in a row, one of them too long for a description; an epic above."""
    session = make_approved(people.workspace, 3, links=lambda number: [number - 1] if number > 1 else [])
    session.tickets.filter(number=2).update(analysis=LONG)
    return session


@pytest.mark.django_db(transaction=True)
def test_a_worker_may_die_before_any_write_to_the_database(people, redis):
    """Also: after the tracker has done it and before that is written down."""
    deaths = 0
    for at in range(1, 500):
        with running(FakeJira()) as jira:
            session = small(people)
            start(session, make_connection(people.workspace, jira, name=f"The {at}th"))
            death = Death(at)
            task = work_until_over(session, death)

            assert task.status == "completed", (at, task.status, task.error, answer_questions(session, jira))
            require_whole_export(session, jira)
            assert jira.stats["attachments"] == 1, at
        if not death.dead:
            break
        deaths += 1
    assert deaths > 30


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", range(1, 7))
def test_a_worker_may_die_before_what_it_wrote_down_is_sent(people, redis, number):
    """The tracker does not have it; as nobody can know that, a person is asked about issues and about nothing else."""
    death = Death()

    def die(at, request):
        death.dead = death.dead or at == number
        return "dropped" if at == number else ""

    with running(FakeJira(Behaviour(script=die))) as jira:
        session = small(people)
        start(session, make_connection(people.workspace, jira))
        task = work_until_over(session, death)
        asked = answer_questions(session, jira)

        if asked:
            assert task.status == "completed_with_errors"
            export_session_job(str(session.pk), str(latest_export(session).pk))
        assert asked == (number <= 3)
        assert latest_export(session).status == "completed"
        require_whole_export(session, jira)
        assert jira.stats["attachments"] == 1


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
def test_two_hundred_tickets_through_lost_answers_late_searches_and_kill_9(people, redis):
    """Workers and their work-horses are killed in the middle of requests, before and after the tracker acted."""
    present = []

    def trouble(number, request):
        if number in (20, 90, 160, 230, 310) and present:
            kill(present.pop())
            return "lost" if number % 20 else "dropped"
        if request.path[-1] == "issueLink" and number % 11 == 0:
            return "lost"
        return {3: "lost", 7: "429", 13: "500-after"}.get(number % 17, "")

    environment = {"EXPORT_LOOKUP_SECONDS": "3", "EXPORT_LOOKUP_EVERY": "0.3", "RETRY_DELAY": "0.02"}
    behaviour = Behaviour(lag=1.0, retry_after=0.01, script=trouble)
    with running(FakeJira(behaviour)) as jira:
        session = make_approved(
            people.workspace,
            200,
            links=lambda number: [other for other in (number - 1, number // 2) if 0 < other < number][
                : 1 + (number > 3)
            ],
        )
        connection = make_connection(people.workspace, jira)
        start(session, connection)
        deaths = 0
        while not latest_export(session).is_finished:
            with worker(**environment) as process:
                present[:] = [process]
                wait_for(lambda: not present or latest_export(session).is_finished, "a death or the end", seconds=120)
            deaths += not present
            let_leases_run_out()
            sweep.sweep()

        assert deaths >= 4
        answer_questions(session, jira)
        while not latest_export(session).is_finished:
            with worker(**environment):
                wait_for(lambda: latest_export(session).is_finished, "the end", seconds=120)

        assert len(jira.issues) == 200
        assert Counter(issue.fields["summary"] for issue in jira.issues.values()).most_common(1)[0][1] == 1
        assert len(jira.links) == len(expected_links(session))
        require_whole_export(session, jira)
