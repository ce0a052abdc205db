"""CHECKLIST 51, 67, 68: nothing of ours leads a request elsewhere. (Trackers: processing/export/test_addresses.py.)"""

import io
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.management import CommandError, call_command

SECRET = "sk-canary-that-must-stay-here"


@contextmanager
def web(answer):
    """A server that notes what it is asked; ``answer``: (status, headers)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, dict(self.headers)))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers = answer
            self.send_response(status)
            for name, value in {"Content-Length": "2", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET

        def log_message(self, *_):
            pass

    asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.django_db
@pytest.mark.parametrize("provider", ["openai", "anthropic", "compatible"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_model_server_leads_us_nowhere_else(provider, status, settings, redis):
    with web((200, {})) as (inside, asked_inside), web((status, {"Location": f"{inside}/secrets"})) as (url, asked):
        settings.LLM_PROVIDERS = {provider: {"KEY": SECRET, "BASE_URL": f"{url}/v1", "MODEL": "m"}}
        told = io.StringIO()

        with pytest.raises(CommandError):
            call_command("check_llm", stdout=told)

    assert asked
    assert not asked_inside
    assert SECRET not in told.getvalue()


def test_a_test_that_wants_to_reach_a_network_is_stopped():
    with pytest.raises(ConnectionRefusedError, match=r"192\.0\.2\.1"), socket.socket() as wire:
        wire.connect(("192.0.2.1", 80))
