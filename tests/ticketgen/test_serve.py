"""Bodies that are too large are refused on the wire, before they cost anything; who stops the server gets an end."""

import http.client
import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from knox.models import AuthToken

from processing.export.fakes.jira import FakeJira
from processing.export.fakes.server import Behaviour
from processing.models import TrackerConnection
from tests.e2e.conftest import Site
from tests.postgres import own_cluster
from tests.processes import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def web(django_db_setup, django_db_blocker, redis_server):
    with django_db_blocker.unblock():
        site = Site()
        site.start()
    yield site
    site.stop()


def resident(site) -> float:
    """Megabytes that the server holds now."""
    status = Path(f"/proc/{site.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def send(site, head: bytes, chunks) -> bytes:
    """Send a request until the server hangs up; return what it answered."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as wire:
        try:
            wire.sendall(head)
            for chunk in chunks:
                wire.sendall(chunk)
        except OSError:
            pass
        answer = b""
        try:
            while part := wire.recv(65536):
                answer += part
        except OSError:
            pass
    return answer


HEAD = b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(web):
    before = resident(web)
    started = time.monotonic()

    answer = send(web, HEAD + b"Content-Length: 104857600\r\n\r\n", [b"x" * MEGABYTE])

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413")
    assert f"X-Request-Id: {json.loads(body)['request_id']}".encode() in head
    assert time.monotonic() - started < 5
    assert resident(web) - before < 10


def test_a_body_that_does_not_say_its_size_is_cut_off(web):
    before = resident(web)
    chunk = b"100000\r\n" + b"x" * MEGABYTE + b"\r\n"

    answer = send(web, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", [chunk] * 100)

    assert b"413" in answer[:20] or answer == b""
    assert resident(web) - before < 80
    assert web.answers()


def test_a_body_over_the_limit_of_its_address_is_a_problem(web):
    answer = send(web, HEAD + b"Connection: close\r\nContent-Length: 5242880\r\n\r\n", [b"x" * 5 * MEGABYTE])

    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"too_large"' in answer


def test_an_ordinary_request_passes(web):
    answer = send(web, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", [])

    assert answer.startswith(b"HTTP/1.1 200")


@pytest.fixture
def slow_jira():
    jira = FakeJira(Behaviour(latency=1.0))
    jira.start()
    yield jira
    jira.close()


def test_requests_under_way_are_answered_before_a_stopped_server_ends(people, redis, slow_jira):
    tracker = TrackerConnection(workspace=people.workspace, name="Jira", base_url=slow_jira.url, project="ABC")
    tracker.account = "me@example.org"
    tracker.set_token("a token")
    tracker.save()
    _, token = AuthToken.objects.create(people.alice)
    site = Site()
    site.start()

    def check(_):
        wire = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
        path = f"/api/workspaces/northfield/connections/{tracker.pk}/check"
        wire.request("POST", path, b"{}", {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        return wire.getresponse().status

    try:
        with ThreadPoolExecutor(4) as browsers:
            answers = browsers.map(check, range(4))
            wait_for(lambda: slow_jira.stats["reads"] >= 4, "all requests are under way")
            site.process.send_signal(signal.SIGTERM)
            assert list(answers) == [200] * 4
        assert site.process.wait(15) == 0
    finally:
        site.stop()


def test_a_crowd_shares_the_connections_to_postgresql(redis_server):
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()"
    with own_cluster() as cluster:
        site = Site(DATABASE_URL=cluster.url, DATABASE_POOL="3")
        try:
            site.start()
            with psycopg.connect(cluster.url, autocommit=True) as watcher, ThreadPoolExecutor(40) as crowd:
                asked = [crowd.submit(get, site, "/health/ready") for _ in range(400)]
                seen = []
                while not all(each.done() for each in asked):
                    seen.append(watcher.execute(others).fetchone()[0])
        finally:
            site.stop()

    assert {json.loads(each.result())["database"] for each in asked} == {"healthy"}
    assert 0 < max(seen) <= 3


def get(site, path):
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.request("GET", path)
    try:
        return connection.getresponse().read()
    finally:
        connection.close()
