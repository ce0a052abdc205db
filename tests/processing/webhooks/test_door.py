"""The door for signed messages: who is let in, what happens once, what a stranger is told."""

import time

import pytest
from django.test import Client
from django.urls import path
from django.utils import timezone

from processing.models import WebhookDelivery, WebhookSecret
from processing.retention import DELIVERIES_KEPT, prune_deliveries
from processing.signatures import DELIVERY, SIGNATURE, TIMESTAMP, WORKSPACE
from processing.webhooks import Answer, WebhookInvalid, webhook
from sessions_app.models import AuditEvent
from tests.threads import at_once
from tests.webhooks import signed_post

calls: list[str] = []


@webhook("servicedesk")
def door(delivery):
    value = delivery.json()
    if value.get("break"):
        AuditEvent.record("half.done", delivery.workspace)
        raise WebhookInvalid("It broke.") if value["break"] == "app" else RuntimeError("a bug")
    calls.append(f"{delivery.workspace.slug} {value['n']}")
    return Answer(202, {"n": value["n"]})


urlpatterns = [path("door", door)]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def no_calls():
    calls.clear()


@pytest.fixture
def secret(people):
    return WebhookSecret.make(people.workspace, "servicedesk")[1]


def send(secret, body=None, **more):
    client = more.pop("client", None) or Client(raise_request_exception=False)
    return signed_post(
        client, "/door", {"n": 1} if body is None else body, secret=secret, **{"workspace": "northfield", **more}
    )


def test_a_signed_message_is_taken(secret, people):
    answer = send(secret, delivery_id="d-1")

    assert (answer.status_code, answer.json()) == (202, {"n": 1})
    assert calls == ["northfield 1"]
    kept = WebhookDelivery.objects.get()
    assert (kept.workspace, kept.delivery_id, kept.status, kept.answer) == (people.workspace, "d-1", 202, {"n": 1})
    assert WebhookSecret.objects.get().used_at is not None


def test_no_login_and_no_csrf_token_are_asked_for(secret):
    assert send(secret, client=Client(enforce_csrf_checks=True)).status_code == 202


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_only_post_is_taken(method, db):
    assert getattr(Client(), method)("/door").status_code == 405


def test_what_comes_again_has_one_effect_and_the_same_answer(secret):
    at = time.time()
    first = send(secret, delivery_id="d-1", at=at)
    again = [send(secret, delivery_id="d-1", at=at) for _ in range(9)]

    assert calls == ["northfield 1"]
    assert {answer.status_code for answer in again} == {first.status_code}
    assert again[0].json() == {"n": 1, "duplicate": True}


def test_a_captured_message_under_another_id_is_the_same_message(secret):
    at = time.time()
    send(secret, delivery_id="d-1", at=at)

    assert send(secret, delivery_id="d-2", at=at).json()["duplicate"] is True
    assert calls == ["northfield 1"]


def test_a_sender_who_tries_again_signs_anew_and_is_answered_as_before(secret):
    at = time.time()
    send(secret, delivery_id="d-1", at=at - 60)
    again = [send(secret, delivery_id="d-1", at=at + moment) for moment in (-30, 0, 0)]

    assert [answer.status_code for answer in again] == [202] * 3
    assert all(answer.json() == {"n": 1, "duplicate": True} for answer in again)
    assert calls == ["northfield 1"]


def test_a_captured_second_try_under_another_id_is_the_same_message(secret):
    at = time.time()
    send(secret, delivery_id="d-1", at=at - 60)
    send(secret, delivery_id="d-1", at=at)

    assert send(secret, delivery_id="d-2", at=at).json()["duplicate"] is True
    assert send(secret, {"n": 2}, delivery_id="d-2", at=at).json() == {"n": 2}
    assert calls == ["northfield 1", "northfield 2"]


def test_another_message_under_the_same_id_is_a_conflict(secret):
    send(secret, {"n": 1}, delivery_id="d-1")
    answer = send(secret, {"n": 2}, delivery_id="d-1")

    assert answer.status_code == 409
    assert answer.json()["code"] == "delivery_reused"
    assert calls == ["northfield 1"]


@pytest.mark.parametrize("offset", [-301, 301, -(10**6)])
def test_what_is_replayed_later_or_comes_from_the_future_is_refused(secret, offset):
    answer = send(secret, at=time.time() + offset)

    assert answer.status_code == 401
    assert "5 minutes" in answer.json()["detail"]
    assert not calls


def test_a_changed_body_is_refused(secret):
    answer = send(secret, **{SIGNATURE: "sha256=" + "0" * 64})

    assert answer.status_code == 401
    assert not calls
    assert not WebhookDelivery.objects.exists()


def test_an_unknown_workspace_a_wrong_secret_and_no_secret_look_the_same(secret, people):
    answers = [
        send("whsec_wrong"),
        send(secret, workspace="nowhere"),
        send(secret, workspace=people.charlies.slug),
    ]
    bodies = [{**answer.json(), "request_id": ""} for answer in answers]

    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert bodies[0] == bodies[1] == bodies[2]
    assert not calls


@pytest.mark.parametrize("missing", [WORKSPACE, TIMESTAMP, DELIVERY, SIGNATURE])
def test_a_missing_header_is_named(secret, missing):
    answer = send(secret, **{missing: ""})

    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert missing in answer.json()["detail"]


def test_a_secret_of_one_purpose_opens_no_other_door(people):
    _, other = WebhookSecret.make(people.workspace, "assessment")

    assert send(other).status_code == 401


def test_two_secrets_hold_at_once_and_a_revoked_one_does_not(people):
    first, old = WebhookSecret.make(people.workspace, "servicedesk")
    _, new = WebhookSecret.make(people.workspace, "servicedesk")
    assert [send(old).status_code, send(new, {"n": 2}).status_code] == [202, 202]

    first.revoke()

    assert [send(old, {"n": 3}).status_code, send(new, {"n": 4}).status_code] == [401, 202]
    first.refresh_from_db()
    assert not first.secret


def test_too_much_is_refused(secret, settings):
    settings.WEBHOOK_MAX_BYTES = 1024
    answer = send(secret, {"n": "x" * 2000})

    assert answer.status_code == 413
    assert not calls


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'"x"', b"\xff\xfe", b"[" * 100_000, b"NaN"])
def test_what_is_no_object_is_refused_clearly(secret, body):
    answer = send(secret, body)

    assert answer.status_code == 422
    assert answer.json()["code"] == "webhook_invalid"
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize("how", ["app", "bug"])
def test_a_handler_that_fails_has_done_nothing_and_may_be_asked_again(secret, how):
    at = time.time()
    answers = [send(secret, {"break": how}, delivery_id="d-1", at=at) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [422 if how == "app" else 500] * 2
    assert not AuditEvent.objects.filter(action="half.done").exists()
    assert not WebhookDelivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_ten_deliveries_at_the_same_moment_have_one_effect(secret):
    at = time.time()
    answers = at_once(*[lambda: send(secret, delivery_id="d-1", at=at)] * 10)

    assert [answer.status_code for answer in answers] == [202] * 10
    assert calls == ["northfield 1"]


def test_deliveries_are_forgotten_after_a_week(secret):
    send(secret, {"n": 1})
    send(secret, {"n": 2})
    old = WebhookDelivery.objects.first()
    WebhookDelivery.objects.filter(pk=old.pk).update(received_at=timezone.now() - DELIVERIES_KEPT)

    assert prune_deliveries() == {"pruned_deliveries": 1}
    assert WebhookDelivery.objects.count() == 1
