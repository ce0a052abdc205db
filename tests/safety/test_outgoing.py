"""CHECKLIST 51, 67, 68: nothing of ours leads a request elsewhere. (Trackers: processing/export/test_addresses.py.)"""

import io
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.management import CommandError, call_command

from processing.llm.service import LLMService
from processing.models import ProviderSettings

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


@contextmanager
def listening():
    """A port of this machine, and how often somebody came."""
    came = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            while True:
                try:
                    wire, _ = server.accept()
                except OSError:
                    return
                came.append(wire.getpeername())
                wire.close()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.django_db
def test_a_name_of_a_model_server_that_means_another_address_by_now_is_not_called(people, settings, redis, monkeypatch):
    """DNS rebinding: public when it is checked, this machine when it is connected to. (Trackers resolve once.)"""
    settings.PRODUCTION = True
    resolve, asked = socket.getaddrinfo, []

    def rebound(host, port, *rest, **options):
        if host != "models.example":
            return resolve(host, port, *rest, **options)
        is_check = threading.current_thread() is threading.main_thread()
        asked.append(is_check)
        address = "93.184.216.34" if is_check else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    with listening() as (port, came):
        address = f"https://models.example:{port}/v1"
        ProviderSettings.objects.create(workspace=people.workspace, provider="compatible", base_url=address)
        health = LLMService(workspace=people.workspace).validate_connectivity("compatible", fresh=True)

        assert health["status"] == "unhealthy"
        assert set(asked) == {True, False}, "it was looked up for the check and for the connection"
        assert not came

        settings.LLM_ALLOWED_HOSTS = ["models.example"]
        LLMService(workspace=people.workspace).validate_connectivity("compatible", fresh=True)
        assert came, "an administrator may allow it"


def test_a_test_that_wants_to_reach_a_network_is_stopped():
    with pytest.raises(ConnectionRefusedError, match=r"192\.0\.2\.1"), socket.socket() as wire:
        wire.connect(("192.0.2.1", 80))
