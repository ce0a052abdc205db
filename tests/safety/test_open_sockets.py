"""CHECKLIST 5, 14, 15, 16: a socket is open only as long as its person may see what it tells, and bears no flood."""

import asyncio
import socket
import subprocess
import sys

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import timezone

from sessions_app import doors
from sessions_app.actions.workspaces import change_role, remove_member
from tests.factories import make_specified_session
from tests.processes import ROOT, kill, product_environment, wait_for
from tests.test_access_sockets import close_code, connect
from ticketgen.embedded_redis import free_port

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(people, redis):
    return make_specified_session(people.workspace)


class Open:
    """An open socket of Bob's, and the browser that it belongs to."""

    def __init__(self, people, session):
        self.people, self.session = people, session

    async def __aenter__(self):
        self.browser = Client()
        await sync_to_async(self.browser.login)(username="bob", password="secret-bob")
        self.socket = await connect(f"/ws/sessions/{self.session.pk}/")
        key = self.browser.cookies["sessionid"].value
        self.socket.scope["headers"].append((b"cookie", f"sessionid={key}".encode()))
        assert (await self.socket.connect(timeout=5))[0]
        assert await self.socket.receive_nothing(timeout=0.3)
        return self

    async def __aexit__(self, *_):
        await self.socket.disconnect()

    async def code(self):
        message = await self.socket.receive_output(timeout=5)
        assert message["type"] == "websocket.close"
        return message["code"]


async def test_a_socket_closes_when_its_person_signs_out(people, session):
    async with Open(people, session) as bob:
        await sync_to_async(bob.browser.post)("/accounts/logout/")

        assert await bob.code() == 4401


async def test_nobody_who_signs_out_waits_for_a_redis_that_hangs(people, settings, monkeypatch):
    monkeypatch.setattr(doors, "PATIENCE", 0.1)  # the client itself would wait for some 8 s
    browser = Client()
    await sync_to_async(browser.login)(username="bob", password="secret-bob")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        backend = settings.CHANNEL_LAYERS["default"]["BACKEND"]
        settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [address]}}}

        answer = await asyncio.wait_for(sync_to_async(browser.post)("/accounts/logout/"), timeout=4)

    assert answer.status_code == 302


async def test_a_socket_closes_when_the_password_is_changed_elsewhere(people, session):
    async with Open(people, session) as bob:
        elsewhere = Client()
        await sync_to_async(elsewhere.login)(username="bob", password="secret-bob")
        passwords = {"oldpassword": "secret-bob", "password1": "Another-1-secret", "password2": "Another-1-secret"}
        answer = await sync_to_async(elsewhere.post)("/accounts/password/change/", passwords)

        assert answer.status_code == 302
        assert await bob.code() == 4401


async def test_a_socket_closes_when_its_person_is_taken_out_of_the_workspace(people, session):
    async with Open(people, session) as bob:
        membership = await people.workspace.memberships.select_related("workspace", "user").aget(user=people.bob)
        await sync_to_async(remove_member)(membership, by=people.alice)

        assert await bob.code() == 4404


async def test_a_smaller_role_that_may_still_look_keeps_the_socket(people, session):
    async with Open(people, session) as bob:
        membership = await people.workspace.memberships.select_related("workspace", "user").aget(user=people.bob)
        await sync_to_async(change_role)(membership, "viewer", by=people.alice)

        assert await bob.socket.receive_nothing(timeout=1)


@pytest.mark.parametrize("what", ["the login runs out", "the person is locked out", "the login is gone"])
async def test_without_any_word_a_socket_closes_at_the_next_round(what, people, session, monkeypatch):
    monkeypatch.setattr("processing.engine.doorkeeper.EVERY", 0.2)
    async with Open(people, session) as bob:
        await sync_to_async(take_away)(what, bob)

        assert await bob.code() == 4401


def take_away(what, bob):
    from django.contrib.sessions.models import Session as Login

    if what == "the login runs out":
        Login.objects.update(expire_date=timezone.now())
    elif what == "the login is gone":
        Login.objects.all().delete()
    else:
        bob.people.bob.is_active = False
        bob.people.bob.save(update_fields=["is_active"])


async def test_nobody_else_is_shown_out(people, session):
    async with Open(people, session) as bob:
        alice = await sync_to_async(people.browser)("alice")
        await sync_to_async(alice.post)("/accounts/logout/")

        assert await bob.socket.receive_nothing(timeout=1)


async def test_a_message_that_is_too_long_ends_the_socket(people, session):
    async with Open(people, session) as bob:
        await bob.socket.send_to(text_data="x" * 70_000)

        assert await bob.code() == 1009


async def test_a_client_that_never_stops_talking_is_let_go(people, session):
    async with Open(people, session) as bob:
        for _ in range(60):
            await bob.socket.send_to(text_data="hello")
        assert await bob.socket.receive_nothing(timeout=0.3)
        await bob.socket.send_to(text_data="hello")

        assert await bob.code() == 4429


async def test_a_person_has_only_so_many_sockets(people, session, settings):
    settings.SOCKETS_PER_USER = 2
    async with Open(people, session), Open(people, session) as second:
        third = await connect(f"/ws/sessions/{session.pk}/", people, "bob")
        assert await close_code(third) == 4429
        other = await connect(f"/ws/sessions/{session.pk}/", people, "rita")
        assert (await other.connect())[0]
        await other.disconnect()
        await second.socket.disconnect()
        await asyncio.sleep(0)
        fourth = await connect(f"/ws/sessions/{session.pk}/", people, "bob")
        assert (await fourth.connect())[0]
        assert await fourth.receive_nothing(timeout=0.3)
        await fourth.disconnect()


@pytest.mark.integration
def test_who_does_not_read_or_is_gone_is_dropped_and_a_huge_message_too(people, session):
    """On the wire, against the server as it is deployed, with short pings."""
    port = free_port()
    command = [sys.executable, "-m", "ticketgen.serve", "-b", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        [*command, "--ping-interval", "1", "--ping-timeout", "1"],
        cwd=ROOT,
        env=product_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: answers(port), "the web server")
        browser = people.browser("bob")
        cookie = browser.cookies["sessionid"].value
        silent, flooding = (opened(port, session.pk, cookie) for _ in range(2))
        flooding.sendall(b"\x81\xff" + (5 * 1024 * 1024).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 65_536)

        assert ended(flooding)
        assert ended(silent)
    finally:
        kill(process)


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def opened(port, session_id, cookie):
    wire = socket.create_connection(("127.0.0.1", port), timeout=15)
    wire.sendall(
        f"GET /ws/sessions/{session_id}/ HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nCookie: sessionid={cookie}\r\n\r\n".encode()
    )
    assert b" 101 " in wire.recv(4096)
    return wire


def ended(wire):
    """Never answers a ping; reads only to learn when the server has hung up."""
    try:
        while wire.recv(4096):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True
