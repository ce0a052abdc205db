"""What protects a browser: CSRF tokens, methods, headers, cookies, redirects; and what a stranger cannot claim."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from rest_framework.test import APIClient

from tests import test_access
from tests.test_access import BODIES, fingerprint, paths, send, unsafe

pytestmark = pytest.mark.django_db

PASSWORD = "secret-alice"


people = test_access.people
world = test_access.world


def strict_browser(people, name="alice"):
    return people.browser(name, enforce_csrf_checks=True)


# CSRF


@pytest.mark.parametrize(("address", "method"), unsafe())
def test_a_form_without_its_token_changes_nothing(address, method, people, world):
    before = fingerprint()
    data = BODIES.get((address.name, method), lambda _: {})(world)

    answer = send(strict_browser(people), method, paths(address, world.values)[0], data)

    assert answer.status_code == 403
    if address.is_api:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "permission_denied"
    else:
        assert "Reload the page" in answer.content.decode()
        assert answer.headers["X-Request-Id"] in answer.content.decode()
    assert fingerprint() == before


def test_a_form_with_its_token_goes_through(people, world):
    browser = strict_browser(people)
    browser.get("/sessions/new/")
    token = browser.cookies["csrftoken"].value

    answer = browser.post(
        f"/sessions/{world.session.pk}/edit/", {"site_name": "New name", "csrfmiddlewaretoken": token}
    )

    assert answer.status_code == 302
    world.session.refresh_from_db()
    assert world.session.site_name == "New name"


def test_the_api_takes_the_session_cookie_with_the_token_as_a_header(people, world):
    browser = strict_browser(people)
    browser.get("/sessions/new/")

    answer = browser.patch(
        f"/api/sessions/{world.session.pk}",
        {"site_name": "New name"},
        content_type="application/json",
        headers={"X-CSRFToken": browser.cookies["csrftoken"].value},
    )

    assert answer.status_code == 200


def test_a_bearer_token_needs_no_csrf_token(people, world):
    api = APIClient(enforce_csrf_checks=True)
    api.credentials(**people.api("alice")._credentials)

    assert api.patch(f"/api/sessions/{world.session.pk}", {"site_name": "New name"}).status_code == 200


def test_the_login_form_needs_its_token_too(people):
    answer = strict_browser(people, "nobody").post("/accounts/login/", {"login": "alice", "password": PASSWORD})

    assert answer.status_code == 403
    assert "sessionid" not in answer.cookies


def test_logging_out_takes_a_post(people):
    browser = people.browser("alice")
    browser.get("/accounts/logout/")
    assert browser.get("/").status_code == 200

    browser.post("/accounts/logout/")
    assert browser.get("/").status_code == 302


# Methods (what each address of a workspace takes is in test_access.py)


@pytest.mark.parametrize("path", ["/", "/workspaces/", "/sample.zip", "/sessions/new/", "/account/tokens/"])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_page_knows_no_other_methods(path, method, people):
    answer = send(people.browser("alice"), method, path)

    assert answer.status_code == 405
    assert method not in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_health_is_only_read(path, people):
    assert send(people.browser("nobody"), "POST", path).status_code == 405


def test_the_api_says_what_it_takes_instead(people, world):
    answer = people.api("alice").put(f"/api/sessions/{world.session.pk}", {})

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, PATCH, DELETE, HEAD, OPTIONS"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/api/sessions/", "/api/nothing"])
def test_an_address_that_the_api_does_not_have_is_told_from_a_row_that_is_not_there(path, people):
    answer = people.api("alice").get(path)

    assert answer.status_code == 404
    assert "without a slash" in answer.json()["detail"]
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


def test_a_form_where_json_is_wanted_is_told_what_to_send(people):
    answer = people.api("alice").post("/api/sessions", "site_name=x", content_type="application/x-www-form-urlencoded")

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "application/json" in answer.json()["recovery_actions"][0]


@pytest.mark.parametrize("wanted", ["text/csv", "application/problem+json", "image/png", "nonsense"])
def test_the_api_answers_in_json_whatever_one_wants(wanted, people):
    assert people.api("alice").get("/api/sessions", headers={"Accept": wanted}).json()["count"] == 1


def test_the_schema_comes_as_json_to_who_wants_that(people):
    answer = people.api("alice").get("/api/schema/", headers={"Accept": "application/json"})

    assert answer.json()["openapi"] == "3.1.0"


@pytest.mark.parametrize("path", ["/", "/api/sessions", "/workspaces/"])
def test_head_answers_as_get_does_without_a_body(path, people):
    browser = people.browser("alice")

    answer = browser.head(path)

    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["Content-Type"] == browser.get(path).headers["Content-Type"]


# Headers

PAGES = ["/", "/accounts/login/", "/workspaces/", "/nothing", "/api/sessions", "/api/nothing", "/health", "/sample.zip"]


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_carries_the_security_headers(path, people):
    headers = people.browser("alice").get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert len(headers["X-Request-Id"]) >= 8


@pytest.mark.parametrize("path", PAGES)
def test_the_content_policy_allows_nothing_from_elsewhere_and_nothing_inline(path, people):
    policy = dict(
        part.strip().split(" ", 1)
        for part in people.browser("alice").get(path).headers["Content-Security-Policy"].split(";")
    )

    assert policy["default-src"] == policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in str(policy)
    assert "http" not in str(policy)


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_pages_of_the_workshop_do_not_go_into_frames_either(name, people):
    assert people.browser(name).get("/admin/login/").headers["X-Frame-Options"] in {"DENY", "SAMEORIGIN"}


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/accounts/login/", "text/html; charset=utf-8"),
        ("/api/sessions", "application/json"),
        ("/api/nothing", "application/problem+json"),
        ("/health", "application/json"),
    ],
)
def test_answers_say_what_they_are(path, content_type, people):
    assert people.browser("alice").get(path).headers["Content-Type"] == content_type


def test_the_session_cookie_is_out_of_reach_of_scripts_and_of_other_sites(people):
    answer = people.browser("nobody").post("/accounts/login/", {"login": "alice", "password": PASSWORD})

    cookie = answer.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert cookie.value


def test_logging_in_changes_the_session_id(people):
    browser = people.browser("nobody")
    session = browser.session
    session["planted"] = "yes"
    session.save()
    planted = browser.cookies["sessionid"].value

    browser.post("/accounts/login/", {"login": "alice", "password": PASSWORD})

    assert browser.cookies["sessionid"].value != planted


def test_the_api_sets_no_cookie_for_a_token(people):
    assert not people.api("alice").get("/api/sessions").cookies


# Redirects


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "https:evil.example",
        "http:///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "///evil.example",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        " //evil.example",
        "\t//evil.example",
        "//evil.example\\@testserver/",
        "https://testserver@evil.example/",
        "/%0d%0aLocation:https://evil.example",
    ],
)
def test_login_leads_to_no_other_site(target, people):
    answer = people.browser("nobody").post("/accounts/login/", {"login": "alice", "password": PASSWORD, "next": target})

    assert answer.status_code == 302
    location = answer.headers["Location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert "\n" not in location


def test_login_leads_back_to_where_one_wanted_to_go(people, world):
    wanted = f"/sessions/{world.session.pk}/tickets/"
    asked = people.browser("nobody").get(wanted).headers["Location"]

    answer = people.browser("nobody").post(asked, {"login": "alice", "password": PASSWORD, "next": wanted})

    assert asked == f"/accounts/login/?next={wanted}"
    assert answer.headers["Location"] == wanted


# What a stranger claims


def test_a_forwarded_host_is_not_believed(people):
    answer = people.browser("nobody").get("/", headers={"X-Forwarded-Host": "evil.example"})

    assert "evil.example" not in str(answer.headers)
    assert not settings.USE_X_FORWARDED_HOST


def test_a_forwarded_protocol_is_not_believed(rf):
    assert not rf.get("/", headers={"X-Forwarded-Proto": "https"}).is_secure()


def test_an_unknown_host_is_refused(people):
    answer = people.browser("alice").get("/", headers={"Host": "evil.example"})

    assert answer.status_code == 400
    assert "evil.example" not in answer.content.decode()


def test_a_wellformed_request_id_is_taken_over_and_another_is_not(people):
    browser = people.browser("alice")

    assert browser.get("/", headers={"X-Request-Id": "from-proxy-123"}).headers["X-Request-Id"] == "from-proxy-123"
    for strange in ("short", "x" * 65, "a b c d e f g", "<script>alert(1)</script>", "näherungsweise"):
        assert browser.get("/", headers={"X-Request-Id": strange}).headers["X-Request-Id"] != strange


def test_a_forged_address_does_not_reset_the_count_of_failed_logins(people, settings, redis):
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "3/m/ip"}
    browser = Client()
    answers = [
        browser.post(
            "/accounts/login/",
            {"login": "alice", "password": f"wrong {number}"},
            headers={"X-Forwarded-For": f"10.0.0.{number}"},
        )
        for number in range(6)
    ]

    last = browser.post("/accounts/login/", {"login": "alice", "password": PASSWORD})

    assert "sessionid" not in last.cookies
    assert any("Too many" in answer.content.decode() for answer in answers[3:])
