"""A link lets one person in, once, for a week; its token is kept nowhere."""

import re
from contextlib import suppress
from datetime import timedelta
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from sessions_app.actions.workspaces import accept, invite, remove_member
from sessions_app.errors import WrongState
from sessions_app.models import AuditEvent, Invitation, Membership
from tests.people import make_people
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(people):
    return invite(people.workspace, "reviewer", by=people.alice)[1]


def join(people, who, token):
    return people.browser(who).post("/workspaces/join/", {"invitation": token}, follow=True)


def role_of(people, who):
    return people.workspace.role_of(getattr(people, who))


def test_by_page_a_link_is_made_shown_once_opened_and_taken(people):
    alice, charlie = people.browser("alice"), people.browser("charlie")
    answer = alice.post(f"/workspaces/{people.workspace.pk}/invitations/", {"role": "viewer"})
    link = re.search(r'value="(http://testserver/workspaces/join/\?invitation=[^"]+)"', answer.content.decode())[1]
    assert answer.headers["Cache-Control"] == "no-store"
    assert link not in alice.get("/workspaces/").content.decode()

    page = charlie.get(link)
    assert "invites you" in page.content.decode()
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert role_of(people, "charlie") == ""
    charlie.post("/workspaces/join/", {"invitation": parse_qs(urlsplit(link).query)["invitation"][0]})

    assert role_of(people, "charlie") == "viewer"
    assert Invitation.objects.get().used_by == people.charlie
    assert list(AuditEvent.objects.filter(action__startswith="member.").values_list("action", flat=True))[:2] == [
        "member.joined",
        "member.invited",
    ]


def test_the_token_is_kept_nowhere(people, token):
    kept = Invitation.objects.get()
    assert token not in str(Invitation.objects.values())
    assert token not in str(AuditEvent.objects.values())
    assert len(kept.digest) == 64


def test_whoever_is_not_signed_in_signs_in_first_and_comes_back(people, token):
    answer = people.browser("nobody").get(f"/workspaces/join/?invitation={token}")

    assert answer.status_code == 302
    assert token in answer.headers["Location"]
    assert answer.headers["Location"].startswith("/accounts/login/")


def test_it_works_once(people, token):
    join(people, "charlie", token)
    remove_member(Membership.objects.get(workspace=people.workspace, user=people.charlie), by=people.alice)

    assert "Ask for a new one" in join(people, "charlie", token).content.decode()
    assert role_of(people, "charlie") == ""


@pytest.mark.parametrize("token", ["", "nonsense", "\ud800", "x" * 10_000, "%00"])
def test_what_is_no_invitation_opens_nothing(people, token):
    with pytest.raises(WrongState):
        accept(token, by=people.charlie)
    assert people.browser("charlie").get("/workspaces/join/", {"invitation": token[:50].encode("utf-8", "replace")})


def test_it_ends_by_its_time(people, token):
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert join(people, "charlie", token).status_code == 409
    assert role_of(people, "charlie") == ""


def test_it_can_be_withdrawn(people, token):
    made = Invitation.objects.get()
    people.browser("alice").post(f"/workspaces/{people.workspace.pk}/invitations/{made.pk}/withdraw/")

    assert join(people, "charlie", token).status_code == 409
    assert role_of(people, "charlie") == ""


def test_one_who_belongs_already_neither_changes_a_role_nor_uses_it_up(people):
    _, token = invite(people.workspace, "owner", by=people.alice)

    answer = join(people, "vera", token)

    assert "belong to Northfield already" in answer.content.decode()
    assert role_of(people, "vera") == "viewer"
    assert Invitation.objects.open().exists()


def test_an_invitation_of_one_who_was_removed_since_is_withdrawn_with_them(people):
    people.workspace.memberships.filter(user=people.bob).update(role="owner")
    _, token = invite(people.workspace, "owner", by=people.bob)

    remove_member(people.workspace.memberships.get(user=people.bob), by=people.alice)

    assert join(people, "charlie", token).status_code == 409


def test_no_role_that_there_is_not(people):
    answer = people.browser("alice").post(f"/workspaces/{people.workspace.pk}/invitations/", {"role": "god"})

    assert answer.status_code == 409
    assert not Invitation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_in():
    from django.contrib.auth import get_user_model

    people = make_people()
    _, token = invite(people.workspace, "viewer", by=people.alice)
    crowd = [get_user_model().objects.create_user(f"guest{number}") for number in range(6)]

    def try_it(user):
        with suppress(WrongState):
            accept(token, by=user)

    at_once(*(partial(try_it, user) for user in crowd))

    assert people.workspace.memberships.filter(user__in=crowd).count() == 1
