"""The client of docs/examples against the running product, with workers, and with a wire that breaks where it hurts."""

import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from knox.models import AuthToken

from processing.models import SessionTask
from sessions_app.models import Session, Ticket
from tests.factories import bundles, make_session, make_specified_session, make_ticket
from tests.processes import worker

EXAMPLES = Path(__file__).resolve().parents[1] / "docs" / "examples"
sys.path.insert(0, str(EXAMPLES))

import ticketgen_client  # noqa: E402
from ticketgen_client import Client, Conflict, Problem, RunFailed, Unreachable  # noqa: E402

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def token(people, redis):
    return AuthToken.objects.create(people.alice, expiry=timedelta(hours=1))[1]


@pytest.fixture
def client(live_server, token):
    return Client(live_server.url, token, timeout=30)


@pytest.fixture
def waits(monkeypatch):
    """The clock that the client waits by: what it waited, in no time."""
    waited = []
    monkeypatch.setattr(ticketgen_client.time, "sleep", waited.append)
    return waited


@contextmanager
def breaking_wire(live_server, losing):
    """A wire to the server that lets the first ``losing`` requests through and cuts each one's answer off."""
    listening = socket.create_server(("127.0.0.1", 0))
    passed = []

    def carry():
        while True:
            try:
                near, _ = listening.accept()
            except OSError:
                return
            with near, socket.create_connection((live_server.thread.host, live_server.thread.port)) as far:
                request = read_message(near)
                passed.append(request)
                far.sendall(request.replace(b"Connection: keep-alive", b"Connection: close"))
                answer = b"".join(iter(lambda: far.recv(65536), b""))
                near.sendall(answer[: len(answer) // 2] if len(passed) <= losing else answer)

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", passed
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def read_message(wire):
    """One request with its body, whose length it says."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += wire.recv(65536)
    head = got.partition(b"\r\n\r\n")[0].lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    while len(got) < len(head) + 4 + length:
        got += wire.recv(65536)
    return got


def test_the_script_makes_a_backlog_of_a_specification(people, live_server, token, tmp_path):
    (tmp_path / "Bundles.csv").write_bytes(bundles(3))
    script = [sys.executable, str(EXAMPLES / "from_specification_to_backlog.py")]

    with worker():
        ran = subprocess.run(
            [*script, "Northfield", str(tmp_path / "Bundles.csv"), "--output", str(tmp_path / "backlog.md")],
            env={**os.environ, "TICKETGEN_URL": live_server.url, "TICKETGEN_TOKEN": token},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 of them become tickets" in ran.stdout
    assert "100.0 %" in ran.stdout
    assert Ticket.objects.filter(status="approved").count() == 3
    assert (tmp_path / "backlog.md").read_text().count("\n# T-") == 3


def test_the_script_says_what_was_refused_and_under_which_request(live_server, redis, tmp_path):
    (tmp_path / "Bundles.csv").write_bytes(bundles(1))

    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / "from_specification_to_backlog.py"), "Site", str(tmp_path / "Bundles.csv")],
        env={**os.environ, "TICKETGEN_URL": live_server.url, "TICKETGEN_TOKEN": "tg_wrong"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 1
    assert "[authentication_failed, request " in ran.stdout


@pytest.mark.parametrize("lost", [1, 2])
def test_work_whose_answer_was_lost_is_started_once(lost, people, live_server, token, waits):
    session = make_specified_session(people.workspace)

    with breaking_wire(live_server, losing=lost) as (address, passed):
        started = Client(address, token).process(str(session.pk))

    assert len(passed) == lost + 1
    assert SessionTask.objects.get().pk.hex == started["task_id"].replace("-", "")
    assert started["already_running"] is False


def test_a_session_and_its_files_are_made_once_over_a_wire_that_breaks(people, live_server, token, waits):
    with breaking_wire(live_server, losing=1) as (address, _):
        made = Client(address, token).create_session("Northfield")
    with breaking_wire(live_server, losing=1) as (address, _):
        report = Client(address, token).upload(made["id"], [('Bun"dles.csv', bundles(2))])

    session = Session.objects.get()
    assert (str(session.pk), session.files.count()) == (made["id"], 1)
    assert report["imported"][0]["entity_count"] == 2


def test_a_wire_that_stays_broken_is_said(live_server, token, waits):
    with breaking_wire(live_server, losing=99) as (address, passed), pytest.raises(Unreachable, match="/api/sessions"):
        Client(address, token, tries=3).create_session("Northfield")

    assert (len(passed), len(waits)) == (3, 2)
    assert Session.objects.count() == 1


def test_an_edit_whose_answer_was_lost_is_not_sent_again(people, live_server, client, token):
    ticket = make_ticket(make_session(people.workspace))
    read = client.ticket(str(ticket.session_id), str(ticket.pk))

    with breaking_wire(live_server, losing=1) as (address, passed), pytest.raises(Unreachable):
        Client(address, token).change_ticket(str(ticket.session_id), read, title="Once")

    ticket.refresh_from_db()
    assert (len(passed), ticket.title, ticket.version) == (1, "Once", 2)


def test_who_was_slower_is_told_and_reads_again(people, client):
    ticket = make_ticket(make_session(people.workspace))
    session = str(ticket.session_id)
    mine, theirs = (client.ticket(session, str(ticket.pk)) for _ in range(2))
    client.change_ticket(session, theirs, title="Theirs")

    with pytest.raises(Conflict) as refused:
        client.change_ticket(session, mine, title="Mine")

    assert (refused.value.status, refused.value.code) == (412, "precondition_failed")
    assert len(refused.value.request_id) >= 8
    assert refused.value.recovery_actions
    changed = client.change_ticket(session, client.ticket(session, str(ticket.pk)), title="Mine")
    assert (changed.value["title"], changed.value["version"]) == ("Mine", 3)


def test_what_cannot_be_done_now_is_a_conflict_with_its_reason(people, client):
    with pytest.raises(Conflict, match="no row that could become a ticket") as refused:
        client.process(str(make_session(people.workspace).pk))

    assert (refused.value.status, refused.value.category) == (409, "user_fixable")


def test_it_waits_as_long_as_the_server_says(people, client, settings, monkeypatch):
    settings.LIMITS = {**settings.LIMITS, "runs": (1, 0)}
    session = str(make_specified_session(people.workspace).pk)
    client.process(session)
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        settings.LIMITS = {**settings.LIMITS, "runs": (0, 0)}

    monkeypatch.setattr(ticketgen_client.time, "sleep", sleep)
    patient = Client(client.site, client._token, patience=3600)

    assert patient.process(session)["already_running"] is True
    assert len(waited) == 1
    assert 0 < waited[0] <= 3600


def test_a_wait_beyond_its_patience_is_the_callers_to_decide(people, client, settings, waits):
    settings.LIMITS = {**settings.LIMITS, "runs": (1, 0)}
    session = str(make_specified_session(people.workspace).pk)
    client.process(session)

    with pytest.raises(Problem) as refused:
        Client(client.site, client._token, patience=0).process(session)

    assert (refused.value.status, refused.value.code, waits) == (429, "too_many_requests", [])
    assert refused.value.retry_after > 0


def test_a_run_that_was_cancelled_does_not_look_like_an_end(people, client):
    session = str(make_specified_session(people.workspace).pk)
    client.process(session)
    client.cancel(session)

    with pytest.raises(RunFailed, match="cancelled"):
        client.wait(session)


def test_lists_are_walked_to_their_end(people, client, monkeypatch):
    session = make_session(people.workspace)
    for number in range(1, 8):
        make_ticket(session, number, position=number)
    monkeypatch.setattr("sessions_app.api.pagination.Pages.max_page_size", 3)

    assert [row["short_key"] for row in client.tickets(str(session.pk))] == [f"T-{number}" for number in range(1, 8)]
    assert [row["short_key"] for row in client.tickets(str(session.pk), q="T-2")] == ["T-2"]


def test_the_token_goes_to_no_other_server(people, live_server, token):
    """An answer that leads elsewhere is a refusal, not a way."""
    with socket.create_server(("127.0.0.1", 0)) as elsewhere, socket.create_server(("127.0.0.1", 0)) as false:
        away = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/"

        def lead_away():
            near, _ = false.accept()
            with near:
                read_message(near)
                near.sendall(f"HTTP/1.1 302 Found\r\nLocation: {away}\r\nContent-Length: 0\r\n\r\n".encode())

        thread = threading.Thread(target=lead_away)
        thread.start()
        with pytest.raises(Problem) as refused:
            next(Client(f"http://127.0.0.1:{false.getsockname()[1]}", token, tries=1).sessions())
        thread.join(5)
        elsewhere.settimeout(0.1)
        with pytest.raises(TimeoutError):
            elsewhere.accept()

    assert refused.value.status == 302


def test_addresses_without_a_scheme_are_refused():
    with pytest.raises(ValueError, match="https://"):
        Client("tickets.example.org", "tg_x")
