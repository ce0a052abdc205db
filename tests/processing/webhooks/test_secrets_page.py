"""Secrets of webhooks on their page: made, shown once, rotated, revoked; and never seen again."""

import re

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.http import HttpResponse
from django.urls import include, path

from processing.models import WebhookSecret
from processing.models.encrypted import Secret
from processing.models.webhooks import Purpose
from sessions_app.errors import WrongState
from sessions_app.models import AuditEvent
from ticketgen import urls

urlpatterns = [
    path("webhook/servicedesk", lambda request: HttpResponse(), name="webhook-servicedesk"),
    path("", include(urls)),
]
handler404 = urls.handler404
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def page_of(people):
    return f"/workspaces/{people.workspace.pk}/webhooks/"


def made(people, who="alice"):
    return people.browser(who).post(f"{page_of(people)}servicedesk/make/")


def test_a_secret_is_shown_once_and_stored_encrypted(people):
    answer = made(people)

    [text] = re.findall(r'value="(whsec_[^"]+)"', answer.content.decode())
    assert answer.headers["Cache-Control"] == "no-store"
    row = WebhookSecret.objects.get()
    assert row.secret.reveal() == text
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM processing_webhooksecret")
        assert text not in cursor.fetchone()[0]
    later = people.browser("alice").get(page_of(people)).content.decode()
    assert text not in later
    assert text[-4:] in later
    assert text not in str(list(AuditEvent.objects.values()))


def test_a_third_secret_waits_until_one_is_revoked(people):
    made(people)
    made(people)
    made(people)
    assert WebhookSecret.objects.valid().count() == 2

    first = WebhookSecret.objects.order_by("made_at").first()
    people.browser("alice").post(f"{page_of(people)}{first.pk}/revoke/")
    made(people)

    assert WebhookSecret.objects.valid().count() == 2
    assert WebhookSecret.objects.count() == 3


def test_revoking_twice_says_so(people):
    secret, _ = WebhookSecret.make(people.workspace, Purpose.SERVICEDESK)
    secret.revoke()

    with pytest.raises(WrongState, match="already"):
        secret.revoke()


def test_the_database_holds_two_at_most(people):
    for _ in range(2):
        WebhookSecret.make(people.workspace, Purpose.SERVICEDESK)

    with pytest.raises(IntegrityError):
        WebhookSecret.objects.create(workspace=people.workspace, purpose="servicedesk", slot=1, secret=Secret.of("x"))


@pytest.mark.parametrize("who", ["vera", "rita", "bob"])
def test_members_look_and_do_not_touch(people, who):
    assert made(people, who).status_code == 403
    shown = people.browser(who).get(page_of(people)).content.decode()
    assert "/webhook/servicedesk" in shown
    assert "Make a secret" not in shown


def test_an_unknown_purpose_is_not_there(people):
    assert people.browser("alice").post(f"{page_of(people)}nothing/make/").status_code == 404


def test_rotating_the_encryption_key_takes_the_secrets_along(people, settings):
    secret, text = WebhookSecret.make(people.workspace, Purpose.SERVICEDESK)
    settings.FIELD_ENCRYPTION_KEYS = ["x" * 43 + "=", *settings.FIELD_ENCRYPTION_KEYS]
    call_command("rotate_keys")
    settings.FIELD_ENCRYPTION_KEYS = settings.FIELD_ENCRYPTION_KEYS[:1]

    secret.refresh_from_db()
    assert secret.secret.reveal() == text
