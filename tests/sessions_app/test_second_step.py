"""Two-step sign-in, and where one is signed in."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.test import Client

from processing.models.encrypted import Secret
from sessions_app.models import AuditEvent

pytestmark = pytest.mark.django_db

LOGIN, TURN_ON, TURN_OFF = "/accounts/login/", "/accounts/2fa/totp/activate/", "/accounts/2fa/totp/deactivate/"
CODES, SECOND_STEP = "/accounts/2fa/recovery-codes/", "/accounts/2fa/authenticate/"
CONFIRM = "/accounts/reauthenticate/"
PASSWORD = {"login": "alice", "password": "secret-alice"}


@pytest.fixture(autouse=True)
def no_limits_of_other_tests(redis):
    cache.clear()


def code_of(secret, ahead=0):
    """What an authenticator app shows now, or so many half minutes ahead."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + ahead))


def signed_in():
    browser = Client()
    assert browser.post(LOGIN, PASSWORD).status_code == 302
    return browser


def sure_of_herself():
    """Signed in, and asked for the password once more."""
    browser = signed_in()
    assert "Confirm" in browser.get(CONFIRM).content.decode()
    assert browser.post(CONFIRM, {"password": "secret-alice"}).status_code == 302
    return browser


@pytest.fixture
def alice(people, django_capture_on_commit_callbacks):
    """A browser of Alice's that has turned the second step on; ``alice.key`` is what her app knows."""
    browser = sure_of_herself()
    browser.key = browser.get(TURN_ON).context["form"].secret
    with django_capture_on_commit_callbacks(execute=True):
        answer = browser.post(TURN_ON, {"code": code_of(browser.key)})
    assert answer.headers["Location"] == CODES
    browser.codes = browser.get(CODES).context["unused_codes"]
    return browser


def test_a_wrong_code_does_not_turn_it_on(people):
    browser = sure_of_herself()
    key = browser.get(TURN_ON).context["form"].secret
    wrong = f"{(int(code_of(key)) + 1) % 10**6:06}"

    assert "Incorrect code" in browser.post(TURN_ON, {"code": wrong}).content.decode()
    assert not Authenticator.objects.exists()


def test_a_password_alone_is_not_enough(alice):
    browser = Client()
    answer = browser.post(LOGIN, PASSWORD)

    assert answer.headers["Location"] == SECOND_STEP
    assert browser.get("/").headers["Location"].startswith(LOGIN)
    assert "authenticator app" in browser.get(SECOND_STEP).content.decode()
    browser.post(SECOND_STEP, {"code": code_of(alice.key, ahead=1)})
    assert browser.get("/").status_code == 200


def test_nor_is_it_for_the_workshop(alice, people):
    people.alice.is_staff = people.alice.is_superuser = True
    people.alice.save()
    browser = Client()
    browser.post(f"{LOGIN}?next=/admin/", PASSWORD)

    assert browser.get("/admin/").status_code == 302


def test_a_recovery_code_lets_in_once(alice):
    assert len(alice.codes) == 10
    for expected in (200, 302):
        browser = Client()
        browser.post(LOGIN, PASSWORD)
        browser.post(SECOND_STEP, {"code": alice.codes[0]})
        assert browser.get("/").status_code == expected


def test_recovery_codes_are_shown_once(alice):
    again = alice.get(CODES).content.decode()

    assert not any(code in again for code in alice.codes)
    assert alice.get(CODES + "download/").status_code == 403


def test_codes_cannot_be_tried_without_end(alice):
    browser = Client()
    browser.post(LOGIN, PASSWORD)
    answers = [browser.post(SECOND_STEP, {"code": f"{number:06}"}).content.decode() for number in range(7)]

    assert "Too many" in answers[-1]


def test_what_is_kept_is_encrypted(alice):
    rows = {row.type: row.data for row in Authenticator.objects.all()}

    assert alice.key not in str(rows)
    assert Secret(rows["totp"]["secret"]).reveal() == alice.key
    assert not any(code in str(rows) for code in alice.codes)


def test_the_workshop_shows_no_secret_and_lets_an_administrator_take_it_away(alice, people, django_user_model):
    django_user_model.objects.create_superuser("olga", password="secret-olga")
    operator = Client()
    operator.force_login(django_user_model.objects.get(username="olga"))
    row = Authenticator.objects.get(type="totp")
    page = operator.get(f"/admin/mfa/authenticator/{row.pk}/change/").content.decode()

    assert "alice" in page
    assert row.data["secret"] not in page
    operator.post(f"/admin/mfa/authenticator/{row.pk}/delete/", {"post": "yes"})
    assert signed_in().get("/").status_code == 200


def test_it_is_turned_off_by_hand_and_remembered(alice):
    assert alice.post(TURN_OFF).status_code == 302

    assert signed_in().get("/").status_code == 200
    told = AuditEvent.objects.filter(action__startswith="mfa.").order_by("at")
    assert {(each.action, each.details["type"], each.user_name) for each in told} == {
        ("mfa.added", "totp", "alice"),
        ("mfa.added", "recovery_codes", "alice"),
        ("mfa.removed", "totp", "alice"),
        ("mfa.removed", "recovery_codes", "alice"),
    }


def test_whoever_changes_it_shows_the_password_again(people):
    """An open browser that was left alone is not enough."""
    for address in (TURN_ON, CODES + "generate/"):
        assert signed_in().get(address).headers["Location"].startswith(CONFIRM)


def test_one_sees_where_one_is_signed_in_and_ends_it(people, django_capture_on_commit_callbacks, redis):
    elsewhere = Client(HTTP_USER_AGENT="A browser in a café", REMOTE_ADDR="192.0.2.7")
    elsewhere.post(LOGIN, PASSWORD)
    here = signed_in()
    page = here.get("/accounts/sessions/").content.decode()
    assert "A browser in a café" in page
    assert "192.0.2.7" in page
    assert page.count("This one") == 1

    with redis.pubsub(ignore_subscribe_messages=True) as ear:
        ear.psubscribe("*doors")
        ear.get_message(timeout=5)  # that it is subscribed
        with django_capture_on_commit_callbacks(execute=True):
            here.post("/accounts/sessions/")
        assert ear.get_message(timeout=5), "open sockets of the other browser are looked at"

    assert elsewhere.get("/").headers["Location"].startswith(LOGIN)
    assert here.get("/").status_code == 200


def test_nobody_sees_the_logins_of_others(people):
    signed_in()
    bobs = Client()
    bobs.post(LOGIN, {"login": "bob", "password": "secret-bob"})

    assert [each.user for each in bobs.get("/accounts/sessions/").context["sessions"]] == [people.bob]
    bobs.post("/accounts/sessions/")
    assert UserSession.objects.filter(user=people.alice).exists()
