"""Scripts find out what their workspaces are called."""

import pytest

from sessions_app.models import Membership

pytestmark = pytest.mark.django_db


def test_they_are_listed_by_name_with_the_own_role(people):
    Membership.objects.create(workspace=people.charlies, user=people.vera, role="editor")

    answer = people.api("vera").get("/api/workspaces").json()

    assert answer["results"] == [
        {"slug": people.charlies.slug, "name": "Charlie's", "role": "editor"},
        {"slug": "northfield", "name": "Northfield", "role": "viewer"},
    ]
    assert answer["count"] == 2


def test_those_with_one_role_can_be_asked_for(people):
    assert people.api("alice").get("/api/workspaces?role=viewer").json()["count"] == 0
    assert people.api("alice").get("/api/workspaces?role=owner").json()["count"] == 1


def test_nobody_sees_those_of_others(people):
    names = [each["name"] for each in people.api("charlie").get("/api/workspaces").json()["results"]]

    assert names == ["Charlie's"]
