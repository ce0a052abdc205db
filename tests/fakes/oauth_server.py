"""GitHub's and Atlassian's side of a sign-in (OAuth 2.0), in a thread of the test. It misbehaves when it is told to."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

CLIENT_ID, CLIENT_SECRET = "id-of-the-app", "canary-secret-of-the-app"
MONA = {"login": "mona", "id": 42, "name": "Mona Lisa", "email": None, "bio": "kept nowhere"}
MIA = {"account_type": "atlassian", "account_id": "5b10", "email": "mia@example.org", "name": "Mia Krystof"}
AUTHORIZE, TOKEN = ("/login/oauth/authorize", "/authorize"), ("/login/oauth/access_token", "/oauth/token")


class OAuthServer:
    """What it says is in ``answers``, by path: (status, body), where a body that is no text is sent as JSON.

    ``mood`` is what the person at the provider does: ``allow``, ``deny``, ``forge`` (another state comes back), or
    ``ask``, which is a page to click on, on another host than the address that led there.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.mood = "allow"
        self.seen: list[str] = []
        self.asked: dict[str, dict[str, str]] = {}
        self.answers: dict[str, tuple[int, Any]] = {
            "/api/v3/user": (200, MONA),
            "/api/v3/user/emails": (200, []),
            "/me": (200, MIA),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def has_emails(self, *addresses: str, verified: object = True) -> None:
        rows = [{"email": each, "primary": not place, "verified": verified} for place, each in enumerate(addresses)]
        self.answers["/api/v3/user/emails"] = (200, rows)

    def decided(self, query: dict[str, str]) -> str:
        """Where the person goes, having decided about what was asked."""
        code = secrets.token_hex(8)
        self.asked[code] = query
        said = {"error": "access_denied"} if self.mood == "deny" else {"code": code}
        state = "forged" if self.mood == "forge" else query["state"]
        return f"{query['redirect_uri']}?{urlencode({**said, 'state': state})}"

    def token(self, form: dict[str, str]) -> dict[str, str]:
        """As GitHub says it. A code is good once, with the address and the verifier that it was asked with."""
        asked = self.asked.pop(form.get("code", ""), None)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return {"error": "incorrect_client_credentials"}
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri") or not _fits(asked, form):
            return {"error": "bad_verification_code"}
        return {"access_token": "canary-token", "token_type": "bearer", "refresh_token": "canary-refresh"}


def _fits(asked: dict[str, str], form: dict[str, str]) -> bool:
    if "code_challenge" not in asked:
        return True
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]


class _Handler(BaseHTTPRequestHandler):
    oauth: OAuthServer

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        self.oauth.seen.append(self.path)
        if path in AUTHORIZE and self.oauth.mood == "ask":
            self.redirect(f"http://localhost:{self.oauth.port}/ask?{urlencode(query)}")
        elif path in AUTHORIZE:
            self.redirect(self.oauth.decided(query))
        elif path == "/ask":
            link = escape(self.oauth.decided(query))
            icon = '<link rel="icon" href="data:,">'
            self.answer(200, f'<!doctype html><title>Fake</title>{icon}<h1>Fake</h1><a href="{link}">Allow</a>')
        elif self.headers.get("Authorization") not in ("token canary-token", "Bearer canary-token"):
            self.answer(401, {"message": "Bad credentials"})
        else:
            self.answer(*self.oauth.answers[path])

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.oauth.seen.append(self.path)
        self.answer(*self.oauth.answers.get(path, (200, self.oauth.token(form) if path in TOKEN else {})))

    def redirect(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.end_headers()

    def answer(self, status: int, body: Any) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if text.startswith("<!") else "application/json")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def oauth_server() -> Iterator[OAuthServer]:
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.oauth = OAuthServer(server.server_port)  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield handler.oauth  # type: ignore[attr-defined]
        server.shutdown()
