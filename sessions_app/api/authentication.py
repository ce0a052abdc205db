"""Who is asking: a Bearer token, or the session cookie with its CSRF token."""

from __future__ import annotations

from knox.auth import TokenAuthentication
from rest_framework.authentication import SessionAuthentication as DrfSessionAuthentication
from rest_framework.request import Request


class BearerAuthentication(TokenAuthentication):
    """``Authorization: Bearer tg_…``. First in the list, so that "not signed in" answers 401 and not 403."""


class SessionAuthentication(DrfSessionAuthentication):
    """The browser's session."""

    def authenticate_header(self, request: Request) -> str:
        return 'Session realm="ticketgen"'
