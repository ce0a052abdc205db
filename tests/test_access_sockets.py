"""Who may open which socket. Walks all of them; one without a rule here fails."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator

from processing.routing import websocket_urlpatterns
from sessions_app.models import Session
from tests.factories import make_specified_session
from tests.people import People, make_people
from tests.test_access import ROLES, Bound, Public
from ticketgen.asgi import application

pytestmark = pytest.mark.django_db(transaction=True)

SOCKETS: dict[str, Public | Bound] = {
    "progress": Bound(CONNECT="view"),
    "session": Bound(CONNECT="view"),
    "unknown": Public(),
}


def socket_routes() -> list[Any]:
    return [pytest.param(each, id=each.name) for each in websocket_urlpatterns]


@pytest.mark.parametrize("route", socket_routes())
def test_every_socket_has_a_rule(route):
    assert route.name in SOCKETS, (
        f"The socket {route.name!r} ({route.pattern}) has no rule. Say in SOCKETS above who may open it."
    )


def socket_path(route: Any, session_id: object) -> str:
    return "/" + re.sub(r"<\w+:session_id>", str(session_id), str(route.pattern))


def make_people_and_session() -> tuple[People, Session]:
    people = make_people()
    return people, make_specified_session(people.workspace)


async def connect(
    path: str, people: People | None = None, who: str = "nobody", origin: str = "http://testserver"
) -> Any:
    headers = [(b"host", b"testserver"), (b"origin", origin.encode())] if origin else [(b"host", b"testserver")]
    if people and who != "nobody":
        browser = await database_sync_to_async(partial(people.browser, who))()
        headers.append((b"cookie", f"sessionid={browser.cookies['sessionid'].value}".encode()))
    return WebsocketCommunicator(application, path, headers=headers)


async def close_code(communicator: Any) -> int:
    """Accepted first (a close code reaches a browser only then), then closed with this."""
    accepted, _ = await communicator.connect()
    assert accepted
    message = await communicator.receive_output(timeout=2)
    assert message["type"] == "websocket.close"
    return int(message["code"])


BOUND_SOCKETS = [each for each in socket_routes() if isinstance(SOCKETS.get(each.values[0].name), Bound)]


@pytest.mark.parametrize("route", BOUND_SOCKETS)
@pytest.mark.parametrize(("who", "code"), [("nobody", 4401), ("charlie", 4404)])
async def test_a_socket_is_closed_to_those_outside(route, who, code, redis):
    people, session = await database_sync_to_async(make_people_and_session)()
    communicator = await connect(socket_path(route, session.pk), people, who)

    assert await close_code(communicator) == code


@pytest.mark.parametrize("route", BOUND_SOCKETS)
async def test_a_socket_to_nothing_is_closed_just_as_one_to_a_strangers_session(route, redis):
    people, _ = await database_sync_to_async(make_people_and_session)()
    communicator = await connect(socket_path(route, "00000000-0000-4000-8000-000000000000"), people, "alice")

    assert await close_code(communicator) == 4404


@pytest.mark.parametrize("route", BOUND_SOCKETS)
@pytest.mark.parametrize("who", sorted(ROLES["view"]))
async def test_a_socket_stays_open_for_members(route, who, redis):
    people, session = await database_sync_to_async(make_people_and_session)()
    communicator = await connect(socket_path(route, session.pk), people, who)

    assert (await communicator.connect())[0]
    assert await communicator.receive_nothing(timeout=0.2)
    await communicator.disconnect()


@pytest.mark.parametrize(
    "path", ["/", "/ws/nothing", "/ws/sessions/not-an-id/", "/api/processing/progress/", "/ws/%00"]
)
async def test_an_unknown_socket_path_is_closed_cleanly(path, redis):
    assert await close_code(await connect(path)) == 4404


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
async def test_a_socket_from_another_site_is_refused(origin, redis):
    people, session = await database_sync_to_async(make_people_and_session)()
    communicator = await connect(f"/ws/sessions/{session.pk}/", people, "alice", origin=origin)

    accepted, _ = await communicator.connect()
    assert not accepted
