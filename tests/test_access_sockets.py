"""Who may open which socket. Walks all of them; one without a rule here fails."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator

from tests.assessments import make_batch
from tests.factories import make_specified_session
from tests.people import People, make_people
from tests.test_access import ROLES, Bound, Public
from ticketgen.asgi import application, websocket_urlpatterns

pytestmark = pytest.mark.django_db(transaction=True)

SOCKETS: dict[str, Public | Bound] = {
    "assessment": Bound(CONNECT="view"),
    "progress": Bound(CONNECT="view"),
    "session": Bound(CONNECT="view"),
    "unknown": Public(),
}


NOBODYS = "00000000-0000-4000-8000-000000000000"


def socket_routes() -> list[Any]:
    return [pytest.param(each, id=each.name) for each in websocket_urlpatterns]


@pytest.mark.parametrize("route", socket_routes())
def test_every_socket_has_a_rule(route):
    assert route.name in SOCKETS, (
        f"The socket {route.name!r} ({route.pattern}) has no rule. Say in SOCKETS above who may open it."
    )


def socket_path(route: Any, ids: dict[str, object]) -> str:
    return "/" + re.sub(r"<\w+:(\w+)>", lambda found: str(ids[found[1]]), str(route.pattern))


def make_world() -> tuple[People, dict[str, object]]:
    """People, and the ids of what sockets are about, all of it in the workspace of some of them."""
    people = make_people()
    batch = make_batch(people.workspace, 3, and_start=False)
    return people, {"session_id": make_specified_session(people.workspace).pk, "assessment_id": batch.pk}


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
    people, ids = await database_sync_to_async(make_world)()
    communicator = await connect(socket_path(route, ids), people, who)

    assert await close_code(communicator) == code


@pytest.mark.parametrize("route", BOUND_SOCKETS)
async def test_a_socket_to_nothing_is_closed_just_as_one_to_a_strangers_session(route, redis):
    people, ids = await database_sync_to_async(make_world)()
    communicator = await connect(socket_path(route, dict.fromkeys(ids, NOBODYS)), people, "alice")

    assert await close_code(communicator) == 4404


@pytest.mark.parametrize("route", BOUND_SOCKETS)
@pytest.mark.parametrize("who", sorted(ROLES["view"]))
async def test_a_socket_stays_open_for_members(route, who, redis):
    people, ids = await database_sync_to_async(make_world)()
    communicator = await connect(socket_path(route, ids), people, who)

    assert (await communicator.connect())[0]
    while not await communicator.receive_nothing(timeout=0.2):
        assert (await communicator.receive_output())["type"] == "websocket.send"
    await communicator.disconnect()


@pytest.mark.parametrize(
    "path", ["/", "/ws/nothing", "/ws/sessions/not-an-id/", "/api/processing/progress/", "/ws/%00"]
)
async def test_an_unknown_socket_path_is_closed_cleanly(path, redis):
    assert await close_code(await connect(path)) == 4404


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
async def test_a_socket_from_another_site_is_refused(origin, redis):
    people, ids = await database_sync_to_async(make_world)()
    communicator = await connect(f"/ws/sessions/{ids['session_id']}/", people, "alice", origin=origin)

    accepted, _ = await communicator.connect()
    assert not accepted
