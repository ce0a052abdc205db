"""CHECKLIST 46, 61: what an operator finds in the log when somebody tries doors; and a disk that takes nothing."""

import logging

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from sessions_app.models import UploadedFile
from tests.factories import bundles, make_session
from ticketgen.logging import JsonFormatter, LineFormatter

pytestmark = pytest.mark.django_db


def lines(caplog):
    return [LineFormatter().format(record) for record in caplog.records if record.name == "sessions_app.security"]


def test_a_failed_sign_in_is_logged_with_the_name_and_without_the_password(people, caplog):
    people.browser("nobody").post("/accounts/login/", {"login": "alice", "password": "wrong-canary-password"})

    assert "sign-in failed for alice" in "".join(lines(caplog))
    assert "canary" not in caplog.text


def test_a_name_cannot_write_lines_of_its_own(people, caplog):
    name = "alice\n12:00:00 warning forged: all is well\r\n\u2028\x1b[2J"
    people.browser("nobody").post("/accounts/login/", {"login": name, "password": "x"})

    [line] = [line for line in lines(caplog) if "sign-in failed" in line]
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    [record] = [record for record in caplog.records if record.name == "sessions_app.security"]
    assert len(JsonFormatter().format(record).splitlines()) == 1


def test_a_refusal_is_logged_with_who_and_what(people, caplog):
    session = make_session(people.workspace)

    people.browser("vera").get(f"/sessions/{session.pk}/edit/")
    people.api("vera").patch(f"/api/sessions/{session.pk}", {"site_name": "x"})
    people.api("nobody").get("/api/sessions")

    assert [line.partition("refused ")[2].partition(" [")[0] for line in lines(caplog)] == [
        f"403: GET /sessions/{session.pk}/edit/ by vera",
        f"403: PATCH /api/sessions/{session.pk} by vera",
        "401: GET /api/sessions by nobody",
    ]
    assert caplog.records[0].levelno == logging.WARNING


def test_coming_and_going_is_logged(people, caplog):
    caplog.set_level(logging.INFO, "sessions_app.security")
    browser = people.browser("nobody")
    browser.post("/accounts/login/", {"login": "alice", "password": "secret-alice"})
    browser.post("/accounts/logout/")

    said = "".join(lines(caplog))
    assert "signed in: alice" in said
    assert "signed out: alice" in said


def test_a_disk_that_takes_nothing_is_said_and_nothing_is_kept(people, settings):
    session = make_session(people.workspace)
    settings.MEDIA_ROOT = "/dev/null/media"

    answer = people.browser("alice").post(
        f"/sessions/{session.pk}/upload/", {"files": SimpleUploadedFile("Bundles.csv", bundles(1))}
    )

    assert answer.status_code == 507
    assert "cannot be stored" in answer.content.decode()
    assert not UploadedFile.objects.exists()
