"""Who tries what. Alice owns her workspace, Bob edits in it, Rita reviews, Vera looks; Charlie has one of his own and
no rights here; nobody is not signed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken
from rest_framework.test import APIClient

from sessions_app.actions.workspaces import add_member, create_workspace
from sessions_app.models import Workspace


@dataclass
class People:
    alice: User
    bob: User
    rita: User
    vera: User
    charlie: User
    workspace: Workspace
    charlies: Workspace

    def browser(self, name: str, **options: Any) -> Client:
        """A signed-in browser of one of them; ``nobody`` is not signed in."""
        client = Client(**options)
        if name != "nobody":
            client.force_login(getattr(self, name))
        return client

    def api(self, name: str) -> APIClient:
        """An API client with one's Bearer token; ``nobody`` has none."""
        client = APIClient()
        if name != "nobody":
            _, token = AuthToken.objects.create(getattr(self, name))
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        return client


def make_people() -> People:
    users = {
        name: get_user_model().objects.create_user(name, f"{name}@example.org", "secret-" + name) for name in NAMES
    }
    workspace = create_workspace("Northfield", owner=users["alice"])
    for name, role in (("bob", "editor"), ("rita", "reviewer"), ("vera", "viewer")):
        add_member(workspace, users[name], role, by=users["alice"])
    return People(**users, workspace=workspace, charlies=create_workspace("Charlie's", owner=users["charlie"]))


NAMES = ("alice", "bob", "rita", "vera", "charlie")
