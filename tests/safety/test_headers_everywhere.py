"""CHECKLIST 21, 25, 45: headers of every answer of every address, whatever it answers."""

import pytest

from tests import test_access
from tests.test_access import ALL, Bound, Public, SignedIn, paths, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("put_back")]

WALKED = [each for each in ALL if isinstance(each.rule, Bound | SignedIn | Public) and "key" not in each.parameters]

people, world, stored = test_access.people, test_access.world, test_access.stored
put_back = test_access.put_back


@pytest.mark.parametrize("address", [pytest.param(each, id=each.name) for each in WALKED])
@pytest.mark.parametrize("who", ["alice", "nobody"])
def test_every_answer_of_every_address_is_armoured(address, who, people, world, redis):
    client = people.api(who) if address.is_api else people.browser(who)
    for path in paths(address, {**world.values, "uidb36": "1", "key": "x"}):
        for method in ("GET", "POST", "OPTIONS"):
            answer = send(client, method, path) if method != "OPTIONS" else client.options(path)
            headers = answer.headers
            assert answer.status_code < 500, f"{method} {path}"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["Referrer-Policy"] in ("same-origin", "no-referrer")
            assert headers["X-Request-Id"]
            if address.name != "docs":  # Swagger's page brings its own
                assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
                assert "'unsafe" not in headers["Content-Security-Policy"]
            if headers.get("Content-Type", "").startswith("text/"):
                assert "charset" in headers["Content-Type"]
            assert "Server" not in headers
            if "attachment" in headers.get("Content-Disposition", ""):
                assert "\n" not in headers["Content-Disposition"]
