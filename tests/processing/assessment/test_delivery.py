"""Events on their way out: signed, tried again, noted, and never to where they must not go."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.utils import timezone

from processing.assessment import service
from processing.assessment.delivery import webhooks
from processing.assessment.delivery.webhooks import WAITS, deliver_due, send_again
from processing.assessment.models import EventDelivery, WebhookTarget
from processing.signatures import headers_of, signer
from tests.assessments import make_batch

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver():
    """Answers with ``status``; keeps what came."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.got.append((dict(self.headers), body))
            self.send_response(self.server.status)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def target(people, receiver):
    url = f"http://127.0.0.1:{receiver.server_port}/events"
    return WebhookTarget.objects.create(workspace=people.workspace, url=url, secret="a-secret-of-a-receiver")


def cancelled(people):
    batch = make_batch(people.workspace, 3, and_start=False)
    service.cancel(batch)
    return batch


def due_now():
    EventDelivery.objects.filter(state="pending").update(next_at=timezone.now())


def test_an_event_is_delivered_once_and_signed(people, target, receiver):
    batch = cancelled(people)

    assert (deliver_due(), deliver_due()) == (1, 0)

    ((headers, body),) = receiver.got
    envelope = json.loads(body)
    assert (envelope["event_type"], envelope["data"]["status"]) == ("cj_assessment.failed.v1", "CANCELLED")
    assert envelope["data"]["cj_assessment_job_id"] == str(batch.pk)
    assert signer(headers_of(headers, time.time()), body, ["a-secret-of-a-receiver"]) == 0
    delivery = EventDelivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.status_code) == ("delivered", 1, 200)


def test_a_receiver_that_fails_is_tried_again_with_growing_waits(people, target, receiver):
    receiver.status = 503
    cancelled(people)
    waits = []
    for _ in range(len(WAITS)):
        before = timezone.now()
        deliver_due()
        delivery = EventDelivery.objects.get()
        waits.append(round((delivery.next_at - before).total_seconds()))
        assert (delivery.state, delivery.error) == ("pending", "The receiver answered 503.")
        due_now()
    deliver_due()

    assert [abs(wait - wanted) <= 1 for wait, wanted in zip(waits, WAITS, strict=True)] == [True] * len(WAITS)
    delivery = EventDelivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("failed", len(WAITS) + 1)
    receiver.status = 204
    assert send_again(delivery)
    deliver_due()
    assert EventDelivery.objects.get().state == "delivered"
    ids = {headers["X-Ticketgen-Delivery"] for headers, _ in receiver.got}
    assert ids == {str(delivery.pk)}


def test_a_redirect_is_not_followed(people, target, receiver):
    receiver.status = 302
    cancelled(people)

    deliver_due()

    assert EventDelivery.objects.get().error == "The receiver answered 302."


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/x",
        "https://10.0.0.7/x",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/",
        "http://example.org/",
    ],
)
def test_addresses_of_the_own_network_are_never_called(people, settings, url):
    settings.TRACKER_ALLOWED_HOSTS = []
    WebhookTarget.objects.create(workspace=people.workspace, url=url, secret="a-secret")
    cancelled(people)

    deliver_due()

    delivery = EventDelivery.objects.get()
    assert (delivery.state, delivery.status_code) == ("pending", None)
    assert "public" in delivery.error or "https" in delivery.error


def test_other_workspaces_hear_nothing(people, receiver):
    url = f"http://127.0.0.1:{receiver.server_port}/"
    WebhookTarget.objects.create(workspace=people.charlies, url=url, secret="a-secret")

    cancelled(people)

    assert deliver_due() == 0
    assert receiver.got == []


def test_a_try_is_claimed_by_one_worker(people, target):
    cancelled(people)
    delivery = EventDelivery.objects.get()

    assert [webhooks._claim(delivery), webhooks._claim(delivery)] == [True, False]


def test_an_owner_adds_a_target_and_sees_its_secret_once(people, redis):
    page = f"/workspaces/{people.workspace.pk}/assessment-events/"
    browser = people.browser("alice")

    answer = browser.post(page, {"url": "https://127.0.0.1/events"})

    target = WebhookTarget.objects.get()
    secret = target.secret.reveal()
    assert secret in answer.content.decode()
    assert secret not in browser.get(page).content.decode()
    assert browser.post(page, {"url": "https://127.0.0.1/events"}).status_code == 422
    assert browser.post(page, {"url": "https://10.0.0.1/events"}).status_code == 422
    assert browser.post(page, {"url": "ftp://x"}).status_code == 422
