"""Accounts at GitHub and Atlassian let in who connected them, whom the operator trusts by address, and the invited."""

import http.client
import logging
import re
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialToken
from allauth.socialaccount.providers.atlassian.views import AtlassianOAuth2Adapter
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from django.contrib.sessions.models import Session as BrowserSession
from django.core.cache import cache
from django.test import Client

from sessions_app.actions.workspaces import accept, invite
from sessions_app.models import AuditEvent, Invitation, Membership
from tests.fakes.oauth_server import CLIENT_ID, CLIENT_SECRET, MIA, MONA, oauth_server
from tests.sessions_app.test_second_step import CONFIRM, LOGIN, SECOND_STEP, TURN_ON, code_of

pytestmark = pytest.mark.django_db

CONNECTED = "/accounts/connected/"
PASSWORD = {"login": "alice", "password": "secret-alice"}


@pytest.fixture(scope="module")
def running_server():
    with oauth_server() as server:
        yield server


@pytest.fixture(autouse=True)
def server(running_server, monkeypatch, settings, redis):
    """The world outside: both providers are set up, and their addresses lead to the fake."""
    cache.clear()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running_server.__init__(running_server.port)
    url = running_server.url
    for name, value in {
        "authorize_url": f"{url}/login/oauth/authorize",
        "access_token_url": f"{url}/login/oauth/access_token",
        "profile_url": f"{url}/api/v3/user",
        "emails_url": f"{url}/api/v3/user/emails",
    }.items():
        monkeypatch.setattr(GitHubOAuth2Adapter, name, value)
    for name, value in {
        "authorize_url": "/authorize",
        "access_token_url": "/oauth/token",
        "profile_url": "/me",
    }.items():
        monkeypatch.setattr(AtlassianOAuth2Adapter, name, url + value)
    app = {"client_id": CLIENT_ID, "secret": CLIENT_SECRET}
    settings.SOCIALACCOUNT_PROVIDERS = {
        name: {**provider, "APPS": [app]} for name, provider in settings.SOCIALACCOUNT_PROVIDERS.items()
    }
    return running_server


def leave(browser, provider="github", **query):
    """Press the button; the address at the provider that it leads to."""
    page = browser.post(f"/accounts/{provider}/login/?{urlencode(query)}").content.decode()
    return unescape(re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page)[1])


def decide(address):
    """What the provider sends the browser back with: path and query."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)
    connection.request("GET", f"{parts.path}?{parts.query}")
    back = urlsplit(connection.getresponse().headers["Location"])
    connection.close()
    return f"{back.path}?{back.query}"


def come(browser=None, provider="github", **query):
    """By the button to the provider and back; the answer to the browser."""
    browser = browser or Client()
    answer = browser.get(decide(leave(browser, provider, **query)))
    answer.browser = browser
    return answer


def is_in(browser):
    return browser.get("/").status_code == 200


def connected(user, provider="github", uid="42", **data):
    return SocialAccount.objects.create(user=user, provider=provider, uid=uid, extra_data=data)


def nothing_was_made(django_user_model, people):
    return django_user_model.objects.count() == 5 and not SocialAccount.objects.exists()


# Connecting


@pytest.mark.parametrize(
    ("provider", "uid", "name"), [("github", "42", "mona"), ("atlassian", "5b10", "mia@example.org")]
)
def test_connected_before_one_gets_in(people, server, provider, uid, name, caplog):
    caplog.set_level(logging.INFO, "sessions_app.security")
    browser = Client()
    browser.post(LOGIN, PASSWORD)
    answer = come(browser, provider, process="connect")
    assert answer.headers["Location"] == CONFIRM
    assert not SocialAccount.objects.exists(), "not before the password was shown once more"
    answer = browser.post(CONFIRM, {"password": "secret-alice"}, follow=True)
    assert "is connected" in answer.content.decode()
    assert name in answer.content.decode()
    assert (SocialAccount.objects.get().user, SocialAccount.objects.get().uid) == (people.alice, uid)

    answer = come(provider=provider, next="/workspaces/")

    assert answer.headers["Location"] == "/workspaces/"
    assert answer.browser.get("/workspaces/").context["user"] == people.alice
    assert f"signed in by {provider} account {name}: alice" in caplog.text
    assert AuditEvent.objects.get(action="sso.connected").details == {"account": f"{provider} account {name}"}


def test_little_is_kept_and_no_token(people, server):
    browser = Client()
    browser.post(LOGIN, PASSWORD)
    come(browser, process="connect")
    kept = [str(row.get_decoded()) for row in BrowserSession.objects.all()]
    assert any("mona" in each for each in kept), "it waits for the password"
    assert "canary" not in str(kept)
    browser.post(CONFIRM, {"password": "secret-alice"})

    assert SocialAccount.objects.get().extra_data == {"login": "mona", "name": "Mona Lisa"}
    assert not SocialToken.objects.exists()


def test_an_account_of_somebody_else_is_not_taken_over(people, server, settings):
    settings.SSO_SIGN_IN_BY_EMAIL = True
    connected(people.bob)
    browser = Client()
    browser.post(LOGIN, PASSWORD)
    browser.post(CONFIRM, {"password": "secret-alice"})

    answer = browser.get(come(browser, process="connect").headers["Location"])

    assert "belongs to somebody else" in answer.content.decode()
    assert SocialAccount.objects.get().user == people.bob


def test_connecting_goes_by_who_is_signed_in_and_not_by_address(people, server, settings):
    settings.SSO_SIGN_IN_BY_EMAIL = True
    server.has_emails("bob@example.org")
    browser = Client()
    browser.post(LOGIN, PASSWORD)
    browser.post(CONFIRM, {"password": "secret-alice"})

    come(browser, process="connect")

    assert SocialAccount.objects.get().user == people.alice


def test_nobody_connects_without_being_signed_in(people, server):
    assert come(process="connect").headers["Location"] == CONNECTED
    assert not SocialAccount.objects.exists()


def test_disconnecting_takes_the_password_and_is_remembered(people, server):
    account = connected(people.alice, login="mona")
    browser = Client()
    browser.post(LOGIN, PASSWORD)
    asked = browser.post(CONNECTED, {"account": account.pk}).headers["Location"]
    assert asked.startswith(CONFIRM)
    assert SocialAccount.objects.exists()

    browser.post(asked, {"password": "secret-alice", "next": CONNECTED})

    assert not SocialAccount.objects.exists()
    assert AuditEvent.objects.get(action="sso.disconnected").details == {"account": "github account mona"}
    assert come().status_code == 403


def test_nobody_disconnects_for_others(people, server):
    account = connected(people.bob)
    browser = people.browser("alice")

    assert "not one of the available choices" in browser.post(CONNECTED, {"account": account.pk}).content.decode()
    assert SocialAccount.objects.exists()


def test_the_last_way_in_stays(people, server, settings):
    people.alice.set_unusable_password()
    people.alice.save()
    first, second = connected(people.alice), connected(people.alice, "atlassian", "5b10")
    browser = come().browser
    browser.post(CONNECTED, {"account": second.pk})
    assert list(SocialAccount.objects.all()) == [first]

    answer = browser.post(CONNECTED, {"account": first.pk})

    assert "Set a password first" in answer.content.decode()
    assert list(SocialAccount.objects.all()) == [first]


def test_a_way_that_is_turned_off_is_none(people, server, settings):
    people.alice.set_unusable_password()
    people.alice.save()
    first, second = connected(people.alice), connected(people.alice, "atlassian", "5b10", email="mia@example.org")
    browser = come().browser
    settings.SOCIALACCOUNT_PROVIDERS["atlassian"]["APPS"] = []

    assert "Set a password first" in browser.post(CONNECTED, {"account": first.pk}).content.decode()
    page = browser.get(CONNECTED).content.decode()
    assert "mia@example.org" in page
    assert "Turned off here" in page
    browser.post(CONNECTED, {"account": second.pk})
    assert list(SocialAccount.objects.all()) == [first]


# Who is not known


def test_an_unknown_account_is_refused_and_nothing_is_made(people, server, django_user_model, caplog):
    answer = come()

    assert answer.status_code == 403
    assert "Nobody here has connected the GitHub account" in answer.content.decode()
    assert not is_in(answer.browser)
    assert nothing_was_made(django_user_model, people)
    assert "sign-in by github account mona refused: unknown" in caplog.text


def test_a_known_address_is_not_enough(people, server, django_user_model, settings):
    settings.ALLOW_SIGNUP = True
    server.has_emails("alice@example.org")

    answer = come()

    assert answer.status_code == 403
    assert "sign in with your password" in answer.content.decode()
    assert nothing_was_made(django_user_model, people)


def test_but_it_is_where_the_operator_trusts_it(people, server, settings):
    settings.SSO_SIGN_IN_BY_EMAIL = True
    server.has_emails("mona@example.com", "Alice@Example.org")

    answer = come()

    assert answer.browser.get("/workspaces/").context["user"] == people.alice
    assert not SocialAccount.objects.exists(), "each time the address decides anew"
    people.alice.refresh_from_db()
    assert people.alice.check_password("secret-alice")


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_address_that_the_provider_does_not_vouch_for_never_counts(people, server, settings, verified):
    settings.SSO_SIGN_IN_BY_EMAIL = True
    server.answers["/api/v3/user"] = (200, {**MONA, "email": "alice@example.org"})
    server.has_emails("alice@example.org", verified=verified)

    assert come().status_code == 403


@pytest.mark.parametrize(("verified", "status"), [(True, 302), (False, 403), ("yes", 403), (None, 403)])
def test_atlassian_has_to_say_so_too(people, server, settings, verified, status):
    settings.SSO_SIGN_IN_BY_EMAIL = True
    server.answers["/me"] = (200, {**MIA, "email": "alice@example.org", "email_verified": verified})

    assert come(provider="atlassian").status_code == status


def test_an_address_of_two_people_is_nobodys(people, server, settings):
    settings.SSO_SIGN_IN_BY_EMAIL = True
    server.has_emails("alice@example.org", "bob@example.org")

    assert come().status_code == 403


def test_an_address_that_somebody_only_claims_is_not_theirs(people, server, settings, django_user_model):
    """Or Vera could wait until Mona comes, and find her at work in an account whose password Vera knows."""
    settings.SSO_SIGN_IN_BY_EMAIL = True
    claimed = EmailAddress.objects.create(user=people.vera, email="mona@example.org", primary=True)
    people.vera.email = "mona@example.org"
    people.vera.save()
    server.has_emails("mona@example.org")
    assert come().status_code == 403

    claimed.verified = True
    claimed.save()
    assert is_in(come().browser)


@pytest.mark.parametrize("address", ["al\u0131ce@example.org", "alice@example.org\u212a", "\u212aalice@example.org"])
def test_letters_that_look_alike_are_not_alike(people, server, settings, address):
    settings.SSO_SIGN_IN_BY_EMAIL = True
    people.alice.email = address.lower().replace("\u0131", "i")
    people.alice.save()
    server.has_emails(address)

    assert come().status_code == 403


def test_only_addresses_of_allowed_domains_count(people, server, settings, django_user_model):
    settings.SSO_SIGN_IN_BY_EMAIL = settings.ALLOW_SIGNUP = True
    settings.SSO_ALLOWED_DOMAINS = ["example.net"]
    server.has_emails("alice@example.org")

    answer = come()

    assert answer.status_code == 403
    assert "example.net" in answer.content.decode()
    assert nothing_was_made(django_user_model, people)
    server.has_emails("alice@example.org", "mona@example.net")
    assert is_in(come().browser)
    assert django_user_model.objects.get(username="mona").email == "mona@example.net"


# New accounts


def test_a_new_account_where_people_may_make_them(people, server, settings, django_user_model):
    settings.ALLOW_SIGNUP = True
    server.has_emails("mona@example.org")

    answer = come(next="/workspaces/")

    assert answer.headers["Location"] == "/workspaces/"
    mona = django_user_model.objects.get(username="mona")
    assert (mona.email, mona.first_name, mona.has_usable_password()) == ("mona@example.org", "Mona", False)
    assert AuditEvent.objects.get(action="sso.account_made").user_name == "mona"
    assert is_in(come().browser)
    assert django_user_model.objects.count() == 6


def test_a_new_account_takes_no_name_and_no_unverified_address(people, server, settings, django_user_model):
    settings.ALLOW_SIGNUP = True
    server.answers["/api/v3/user"] = (200, {**MONA, "login": "alice", "email": "alice@example.org"})

    come()

    made = django_user_model.objects.get(socialaccount__uid="42")
    assert made.username not in {"alice", "Alice"}
    assert made.email == ""
    assert not EmailAddress.objects.exists()


def test_the_invited_come_in_by_it_once(people, server, django_user_model):
    _, token = invite(people.workspace, "reviewer", by=people.alice)
    link = f"/workspaces/join/?invitation={token}"
    browser = Client()
    button = re.search(r'action="(/accounts/github/login/[^"]+)"', browser.get(link, follow=True).content.decode())[1]
    wanted = parse_qs(urlsplit(unescape(button)).query)["next"][0]
    assert wanted == link

    answer = come(browser, next=wanted)

    page = browser.get(answer.headers["Location"])
    assert "You belong to Northfield now" in page.content.decode()
    assert Membership.objects.get(user__username="mona").role == "reviewer"
    assert Invitation.objects.get().used_by == page.context["user"]
    server.answers["/api/v3/user"] = (200, {**MONA, "id": 43, "login": "lisa"})
    assert come(next=wanted).status_code == 403
    assert django_user_model.objects.count() == 6


@pytest.mark.parametrize("how", ["unknown", "used", "expired", "elsewhere"])
def test_what_is_no_open_invitation_makes_no_account(people, server, django_user_model, how):
    made, token = invite(people.workspace, "reviewer", by=people.alice)
    if how == "used":
        accept(token, by=people.charlie)
    if how == "expired":
        Invitation.objects.update(expires_at=made.created_at)
    wanted = f"/workspaces/{'' if how == 'elsewhere' else 'join/'}?invitation={'x' if how == 'unknown' else token}"

    assert come(next=wanted).status_code == 403
    assert nothing_was_made(django_user_model, people)


def test_an_invitation_that_somebody_else_takes_meanwhile_leaves_no_account(
    people, server, django_user_model, monkeypatch
):
    _, token = invite(people.workspace, "reviewer", by=people.alice)
    from sessions_app import sso

    def late(token, *, by):
        accept(token, by=people.charlie)
        return accept(token, by=by)

    monkeypatch.setattr(sso, "accept", late)

    assert come(next=f"/workspaces/join/?invitation={token}").status_code == 409
    assert nothing_was_made(django_user_model, people)


# What goes wrong


def test_a_state_of_ones_own_making_is_refused(people, server):
    connected(people.alice)
    server.mood = "forge"

    answer = come()

    assert answer.status_code == 401
    assert not is_in(answer.browser)
    assert not any("access_token" in path for path in server.seen), "its code is not even tried"


def test_a_way_back_is_for_the_browser_that_left_and_for_once(people, server):
    """Or somebody could sign you in to an account of theirs, and read what you write there."""
    connected(people.alice)
    browser = Client()
    back = decide(leave(browser))

    assert Client().get(back).status_code == 401
    assert browser.get(back).status_code == 302
    assert browser.get(back).status_code == 401


def test_a_code_of_one_provider_does_not_open_the_other(people, server):
    connected(people.alice, "atlassian", "5b10")
    browser = Client()

    assert browser.get(decide(leave(browser)).replace("github", "atlassian")).status_code == 401


def test_cancelled(people, server):
    server.mood = "deny"
    answer = come()

    assert answer.headers["Location"] == "/accounts/connected/cancelled/"
    assert "Cancelled" in answer.browser.get(answer.headers["Location"]).content.decode()


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/login/oauth/access_token", (500, "oh no")),
        ("/login/oauth/access_token", (200, "{broken")),
        ("/login/oauth/access_token", (200, ["access_token"])),
        ("/login/oauth/access_token", (200, {"access_token": "canary-token", "expires_in": "soon"})),
        ("/login/oauth/access_token", (200, {"error": "incorrect_client_credentials", "was": CLIENT_SECRET})),
        ("/api/v3/user", (500, {})),
        ("/api/v3/user", (200, "{broken")),
        ("/api/v3/user", (200, [])),
        ("/api/v3/user", (200, {"login": "mona"})),
        ("/api/v3/user", (200, {**MONA, "id": None})),
        ("/api/v3/user", (200, {**MONA, "id": "42"})),
        ("/api/v3/user/emails", (200, {"message": "no"})),
        ("/api/v3/user/emails", (200, [{"email": {}}])),
        ("/api/v3/user/emails", (403, {})),
    ],
)
def test_answers_that_make_no_sense_let_nobody_in(people, server, path, answer, caplog):
    caplog.set_level(logging.DEBUG)
    connected(people.alice)
    connected(people.bob, uid="None")
    server.answers[path] = answer

    came = come()

    assert came.status_code == 401
    assert "That did not work" in came.content.decode()
    assert not is_in(came.browser)
    assert "sign-in by github failed: " in caplog.text
    assert "canary" not in caplog.text + came.content.decode()


def test_a_provider_that_is_away_is_said(people, server, monkeypatch):
    monkeypatch.setattr(GitHubOAuth2Adapter, "access_token_url", "http://127.0.0.1:9/")

    assert come().status_code == 401


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_it_leads_to_no_other_site(people, server, target):
    connected(people.alice)

    assert come(next=target).headers["Location"] == "/"


def test_an_address_cannot_ask_the_provider_for_more(people, server):
    asked = parse_qs(urlsplit(leave(Client(), scope="repo", auth_params="client_id=x&scope=repo")).query)

    assert (asked["scope"], asked["client_id"]) == (["user:email"], [CLIENT_ID])
    assert asked["code_challenge_method"] == ["S256"]


def test_the_second_step_is_still_asked_for(people, server):
    browser = Client()
    browser.post(LOGIN, PASSWORD)
    browser.post(CONFIRM, {"password": "secret-alice"})
    key = browser.get(TURN_ON).context["form"].secret
    browser.post(TURN_ON, {"code": code_of(key)})
    assert Authenticator.objects.exists()
    connected(people.alice)

    answer = come()

    assert answer.headers["Location"] == SECOND_STEP
    assert not is_in(answer.browser)
    answer.browser.post(SECOND_STEP, {"code": code_of(key, ahead=1)})
    assert is_in(answer.browser)


@pytest.mark.parametrize("by_address", [True, False])
def test_a_disabled_account_stays_shut(people, server, settings, by_address):
    people.alice.is_active = False
    people.alice.save()
    if by_address:
        settings.SSO_SIGN_IN_BY_EMAIL = True
        server.has_emails("alice@example.org")
    else:
        connected(people.alice)

    answer = come()

    assert answer.headers["Location"] == "/accounts/inactive/"
    assert not is_in(answer.browser)


# The pages


def test_going_there_takes_a_click_and_its_token(people, server):
    browser = Client(enforce_csrf_checks=True)
    page = browser.get("/accounts/github/login/?process=login")

    assert "Go to GitHub" in page.content.decode()
    assert "http-equiv" not in page.content.decode()
    assert "socialaccount_states" not in browser.session
    assert browser.post("/accounts/github/login/").status_code == 403
    token = browser.cookies["csrftoken"].value
    answer = browser.post("/accounts/github/login/", {"csrfmiddlewaretoken": token})
    assert answer.status_code == 200, "a redirect would be held against form-action"
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/accounts/github/login/", "/accounts/github/login/callback/"])
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_no_other_methods(people, server, path, method):
    assert getattr(Client(), method)(path).status_code == 405


def test_what_is_not_set_up_is_not_there(people, server, settings):
    settings.SOCIALACCOUNT_PROVIDERS["github"]["APPS"] = []
    page = Client().get(LOGIN).content.decode()

    assert "Sign in with Atlassian" in page
    assert "GitHub" not in page
    for path in ("/accounts/github/login/", "/accounts/github/login/callback/?code=x&state=y"):
        assert Client().get(path).status_code == 404
    assert Client().post("/accounts/github/login/").status_code == 404


def test_the_workshop_shows_connections_and_takes_them_away(people, server, django_user_model):
    account = connected(people.alice, login="mona")
    django_user_model.objects.create_superuser("olga", password="secret-olga")
    olga = Client()
    olga.force_login(django_user_model.objects.get(username="olga"))

    page = olga.get(f"/admin/socialaccount/socialaccount/{account.pk}/change/")
    assert "mona" in page.content.decode()
    assert page.context["has_change_permission"] is False
    assert olga.get("/admin/socialaccount/socialapp/").status_code == 404
    olga.post(f"/admin/socialaccount/socialaccount/{account.pk}/delete/", {"post": "yes"})
    assert come().status_code == 403
