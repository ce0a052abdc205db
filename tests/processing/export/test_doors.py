"""Connections and exports by page, by API and by command; and that a token never comes out again."""

from __future__ import annotations

import csv
import io
import json
import logging

import pytest
from django.core.management import call_command
from django.db import connection as database
from django.test import Client

from processing.export.fakes.jira import FakeJira
from processing.export.fakes.server import Behaviour
from processing.export.service import latest_export
from processing.models import ExportRecord, TrackerConnection
from sessions_app.models import AuditEvent
from tests.processing.export.trackers import (
    ACCOUNT,
    TOKEN,
    exported,
    make_approved,
    make_connection,
    require_whole_export,
    running,
    start,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(settings):
    settings.EXPORT = {"TIMEOUT": 5.0, "LOOKUP_SECONDS": 0.1, "LOOKUP_EVERY": 0.02}


@pytest.fixture
def jira():
    with running(FakeJira(account=ACCOUNT, token=TOKEN)) as tracker:
        yield tracker


def entered(tracker, prefix="new", **more):
    values = {
        "name": "Our Jira",
        "target": "jira",
        "base_url": tracker.url,
        "account": ACCOUNT,
        "new_token": TOKEN,
        "project": "ABC",
        "issue_type": "Task",
        "pace": "0",
        "relates": "on",
    }
    return {f"{prefix}-{name}": value for name, value in {**values, **more}.items()}


def page_of(people):
    return f"/workspaces/{people.workspace.pk}/connections/"


# Connections


def test_an_owner_adds_a_connection_checks_it_and_changes_it(people, jira):
    browser = people.browser("alice")
    assert browser.post(page_of(people) + "add/", entered(jira, labels="one, two", epics="on")).status_code == 302
    connection = TrackerConnection.objects.get()
    assert connection.options["labels"] == ["one", "two"]
    assert connection.options["epics"]
    assert connection.changed_by == people.alice

    checked = browser.post(f"{page_of(people)}{connection.pk}/check/", follow=True).content.decode()
    assert "Signed in as" in checked
    assert "Answers" in checked

    changed = entered(jira, str(connection.pk), name="Changed", new_token="")
    assert browser.post(f"{page_of(people)}{connection.pk}/", changed).status_code == 302
    connection.refresh_from_db()
    assert (connection.name, connection.token.reveal()) == ("Changed", TOKEN)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"project": "abc"}, "This has to be a key such as ABC."),
        ({"account": ""}, "Jira needs the e-mail address"),
        ({"base_url": "http://example.org"}, "asked by https only"),
        ({"base_url": "https://169.254.169.254"}, "not a public one"),
        ({"new_token": "two words"}, "does not look like a token"),
        ({"assignees": "nonsense"}, "has to look like"),
        ({"fields_json": "[]"}, "has to be an object"),
        ({"fields_json": "{"}, "This is not JSON."),
        ({"target": "github"}, "owner/repository"),
        ({"target": "github", "project": "a/.."}, "owner/repository"),
        ({"pace": "-1"}, "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_right_is_said_and_nothing_is_kept(people, jira, wrong, sentence):
    answer = people.browser("alice").post(page_of(people) + "add/", entered(jira, **wrong))

    assert answer.status_code == 422
    assert sentence in answer.content.decode().replace("&#x27;", "'")
    assert not TrackerConnection.objects.exists()


def test_a_name_is_taken_once_per_workspace(people, jira):
    browser = people.browser("alice")
    browser.post(page_of(people) + "add/", entered(jira))

    assert b"with this name already" in browser.post(page_of(people) + "add/", entered(jira)).content


def test_a_stored_token_is_not_sent_to_another_address(people, jira):
    """Else whoever becomes an owner could have the token of another one sent to a server of their own."""
    connection = make_connection(people.workspace, jira)
    elsewhere = entered(jira, str(connection.pk), base_url="http://localhost:9", new_token="")

    answer = people.browser("alice").post(f"{page_of(people)}{connection.pk}/", elsewhere)
    by_api = people.api("alice").patch(
        f"/api/workspaces/{people.workspace.slug}/connections/{connection.pk}", {"base_url": "http://localhost:9"}
    )

    assert answer.status_code == 422
    assert "Enter the token again" in answer.content.decode()
    assert by_api.status_code == 400
    connection.refresh_from_db()
    assert connection.base_url == jira.url


def test_connections_by_api(people, jira):
    api, path = people.api("alice"), f"/api/workspaces/{people.workspace.slug}/connections"
    values = {
        "name": "Our Jira",
        "target": "jira",
        "base_url": jira.url,
        "account": ACCOUNT,
        "project": "ABC",
        "pace": 0,
    }
    made = api.post(path, {**values, "token": TOKEN, "options": {"labels": ["a"], "fields": {"x": 1}}})
    assert made.status_code == 201, made.json()
    one = f"{path}/{made.json()['id']}"

    assert api.get(path).json()["results"][0]["has_token"]
    assert api.post(one + "/check").json()["is_healthy"]
    changed = api.patch(one, {"options": {"priority": "High"}}).json()
    assert changed["options"] == {
        "epics": False,
        "relates": True,
        "labels": ["a"],
        "components": [],
        "priority": "High",
        "assignees": {},
        "fields": {"x": 1},
    }
    assert api.patch(one, {"project": "no"}).json()["errors"] == {"project": ["This has to be a key such as ABC."]}
    assert people.api("bob").patch(one, {"name": "Bob's"}).status_code == 403
    assert people.api("charlie").get(one).status_code == 404
    assert api.delete(one).status_code == 204


def test_the_address_of_a_connection_needs_its_own_workspace(people, jira):
    connection = make_connection(people.charlies, jira)

    path = f"/api/workspaces/{people.workspace.slug}/connections/{connection.pk}"
    assert people.api("alice").get(path).status_code == 404
    assert people.api("alice").delete(path).status_code == 404


def test_a_token_is_encrypted_and_appears_nowhere(people, jira, run_jobs, caplog):
    caplog.set_level(logging.DEBUG)
    browser = people.browser("alice")
    browser.post(page_of(people) + "add/", entered(jira))
    connection = TrackerConnection.objects.get()
    session = make_approved(people.workspace, 1)
    exported(session, connection, run_jobs)
    connection.base_url = "http://127.0.0.1:9"
    connection.save()
    browser.post(f"{page_of(people)}{connection.pk}/check/")

    people.alice.is_staff = people.alice.is_superuser = True
    people.alice.save()
    seen = [
        browser.get(path).content.decode()
        for path in (
            page_of(people),
            f"/sessions/{session.pk}/tracker/",
            f"/api/workspaces/{people.workspace.slug}/connections",
            f"/admin/processing/trackerconnection/{connection.pk}/change/",
            "/admin/processing/trackerconnection/",
        )
    ]
    dump = io.StringIO()
    call_command("dumpdata", "processing", "sessions_app", stdout=dump)
    with database.cursor() as cursor:
        cursor.execute("SELECT token FROM processing_trackerconnection")
        ((stored,),) = cursor.fetchall()
    audit = str(list(AuditEvent.objects.values_list("details", flat=True)))
    for text in (*seen, dump.getvalue(), stored, audit, caplog.text, repr(connection.__dict__)):
        assert TOKEN not in text
    assert connection.token.reveal() == TOKEN


def test_a_connection_in_use_is_not_deleted(people, jira):
    connection = make_connection(people.workspace, jira)
    start(make_approved(people.workspace, 1), connection)

    answer = people.browser("alice").post(f"{page_of(people)}{connection.pk}/delete/", follow=True)

    assert b"is under way" in answer.content
    assert TrackerConnection.objects.filter(pk=connection.pk).exists()


# Exports


def test_an_export_by_page_from_the_dry_run_to_the_links(people, jira, run_jobs):
    session = make_approved(people.workspace, 2, links=lambda number: [1] if number == 2 else [])
    connection = make_connection(people.workspace, jira)
    browser, path = people.browser("bob"), f"/sessions/{session.pk}/tracker/"

    assert "2 of 2 tickets are approved" in browser.get(path).content.decode()
    dry = browser.get(f"{path}preview/{connection.pk}/").content.decode()
    assert "3 to send" in dry
    assert "T-2 is blocked by T-1" in dry
    assert jira.stats["writes"] == 0
    assert browser.post(path + "do/start/", {"connection": str(connection.pk)}).status_code == 302
    run_jobs()

    shown = browser.get(path).content.decode()
    assert f'href="{jira.url}/browse/ABC-1"' in shown
    assert "Everything is in the tracker." in browser.get(path + "?part=status").content.decode()
    require_whole_export(session, jira)


def test_a_person_settles_what_is_unknown_by_page(people, run_jobs):
    with running(FakeJira(Behaviour(lag=3600, script=lambda number, _: "lost" if number == 1 else ""))) as jira:
        session = make_approved(people.workspace, 1)
        exported(session, make_connection(people.workspace, jira), run_jobs)
        browser, path = people.browser("bob"), f"/sessions/{session.pk}/tracker/"
        record = ExportRecord.objects.get()
        assert "1 to settle" in browser.get(path).content.decode()

        wrong = browser.post(f"{path}records/{record.pk}/", {"decision": "exists", "key": "ABC-9"}, follow=True)
        assert b"does not have this" in wrong.content
        browser.post(f"{path}records/{record.pk}/", {"decision": "exists", "key": "ABC-1"})

        assert "to settle" not in browser.get(path).content.decode()
        require_whole_export(session, jira)


def test_an_export_by_api(people, jira, run_jobs):
    session = make_approved(people.workspace, 2, links=lambda number: [1] if number == 2 else [])
    connection = make_connection(people.workspace, jira)
    api, path = people.api("bob"), f"/api/sessions/{session.pk}/export"
    body = {"connection": str(connection.pk)}

    dry = api.post(path + "/dry-run", body).json()
    assert dry["counts"] == {"create": 3}
    assert dry["items"][0]["payload"]["fields"]["summary"] == "Create content type Kind 1"
    assert api.post(path, body).status_code == 202
    assert api.get(path + "/status").json()["status"] == "processing"
    run_jobs()

    status = api.get(path + "/status").json()
    assert (status["status"], status["done"], status["needs_decision"]) == ("completed", 3, 0)
    records = api.get(path + "/records?step=issue").json()["results"]
    assert [record["remote_key"] for record in records] == ["ABC-1", "ABC-2"]
    assert api.post(f"{path}/records/{records[0]['id']}/retry").status_code == 409
    rows = list(csv.reader(io.StringIO(api.get(path + "/report").content.decode("utf-8-sig"))))
    assert [row[3] for row in rows] == ["Key", "ABC-1", "ABC-2", ""]
    assert len(json.loads(api.get(path + "/report?format=json").content)) == 3
    assert api.get(path + "/report?format=exe").status_code == 404


def test_a_connection_of_others_cannot_be_used(people, jira):
    session = make_approved(people.workspace, 1)
    body = {"connection": str(make_connection(people.charlies, jira).pk)}

    assert people.api("bob").post(f"/api/sessions/{session.pk}/export", body).status_code == 404
    assert people.browser("bob").post(f"/sessions/{session.pk}/tracker/do/start/", body).status_code == 404
    assert latest_export(session) is None


def test_titles_and_words_of_a_tracker_are_shown_as_text(people, jira, run_jobs):
    session = make_approved(people.workspace, 1)
    session.tickets.update(title="<script>alert(1)</script>")
    jira._create = lambda fields: type("Reply", (), {"status": 400, "body": {"errorMessages": ["<b>x"]}, "headers": {}})
    exported(session, make_connection(people.workspace, jira), run_jobs)

    shown = Client.get(people.browser("bob"), f"/sessions/{session.pk}/tracker/").content.decode()

    assert "<script>alert(1)" not in shown
    assert "&lt;b&gt;x" in shown


def test_the_command_exports_and_says_what_it_would(people, jira, redis):
    session = make_approved(people.workspace, 2)
    make_connection(people.workspace, jira)
    out = io.StringIO()

    call_command("export", str(session.pk), "--connection", "The tracker", "--dry-run", stdout=out)
    assert json.loads(out.getvalue())["counts"] == {"create": 2}
    assert jira.stats["writes"] == 0
    call_command("export", str(session.pk), "--connection", "The tracker", stdout=out)

    require_whole_export(session, jira)
