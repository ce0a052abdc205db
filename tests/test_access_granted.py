"""Who may is served, and what strangers are kept from (test_access.py) would change something."""

from __future__ import annotations

import pytest

from tests import test_access
from tests.test_access import ONLY_LOOK, ROLES, bound, fingerprint, paths, request

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("put_back")]

people, world, stored = test_access.people, test_access.world, test_access.stored
put_back = test_access.put_back


@pytest.mark.parametrize(
    ("address", "method", "who"),
    [
        pytest.param(*each.values, who, id=f"{each.id} {who}")
        for each in bound()
        if each.values[1] != "GET"
        for who in sorted(ROLES[each.values[0].rule.methods[each.values[1]]])
    ],
)
def test_those_who_may_are_served(address, method, who, people, world, redis):
    path = paths(address, world.values)[0]
    answer = request(people, who, address, method, path, world)
    states = (409,) if "cancel" in path or "pause" in path or "resume" in path else ()
    assert answer.status_code in (200, 201, 202, 204, 302, *states)
    assert "/accounts/login" not in answer.headers.get("Location", "")


@pytest.mark.parametrize(
    "address", [pytest.param(each.values[0], id=each.id) for each in bound() if each.values[1] == "GET"]
)
def test_those_who_may_look_are_served(address, people, world, redis):
    for who in sorted(ROLES[address.rule.methods["GET"]]):
        answer = request(people, who, address, "GET", paths(address, world.values)[0], world)
        assert answer.status_code in (200, 302), f"{who}: {answer.status_code}"
        assert "/accounts/login" not in answer.headers.get("Location", ""), who


@pytest.mark.parametrize(
    ("address", "method"),
    [
        each
        for each in bound()
        if each.values[1] != "GET" and "runs" not in each.values[0].name and each.values[0].name not in ONLY_LOOK
    ],
)
def test_what_strangers_are_kept_from_would_change_something(address, method, people, world):
    """The bodies above are worth refusing: sent by Alice they change a row or a file."""
    before = fingerprint()
    request(people, "alice", address, method, paths(address, world.values)[0], world)
    assert fingerprint() != before
