"""What may be called as a tracker, and what is made of answers that are not what they should be."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from contextlib import contextmanager

import pytest

from processing.export import wire
from processing.export.answers import require_done, seconds_to_hold
from processing.export.errors import Gone, Lost, NotSent, Refused, SlowDown
from processing.export.wire import Answer, call, require_allowed

PRIVATE = [
    "https://127.0.0.1/",
    "https://10.0.0.8/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://224.0.0.1/",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_refused(address, settings):
    settings.TRACKER_ALLOWED_HOSTS = []

    with pytest.raises(NotSent):
        require_allowed(address)


@pytest.mark.parametrize(
    "address",
    [
        "http://93.184.216.34/",
        "ftp://example.org/",
        "https://user:secret@93.184.216.34/",
        "https://93.184.216.34/?a=b",
        "https://93.184.216.34/#part",
        "https://93.184.216.34:0/",
        "https://93.184.216.34:x/",
        "https:///nothing",
        "nonsense",
        "https://93.184.216.34/ a",
        "https://93.184.216.34/\r\nX: y",
    ],
)
def test_an_address_that_looks_wrong_is_refused(address):
    with pytest.raises(NotSent):
        require_allowed(address)


def test_a_public_address_by_https_may_be_called_and_an_allowed_host_may_be_anywhere(settings):
    require_allowed("https://93.184.216.34/")
    settings.TRACKER_ALLOWED_HOSTS = ["127.0.0.1"]
    require_allowed("http://127.0.0.1:8090")


def test_a_name_that_means_another_address_the_second_time_is_not_looked_up_twice(settings, monkeypatch):
    """Whoever may change the name's meaning between the check and the call (DNS rebinding) gains nothing."""
    settings.TRACKER_ALLOWED_HOSTS = []
    asked = []

    def resolve(host, port, **options):
        asked.append(host)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    called = []

    def connect(where, timeout):
        called.append(where[0])
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(wire.socket, "create_connection", connect)
    with pytest.raises(NotSent):
        call("GET", "https://tracker.example/", {})

    assert (len(asked), called) == (1, ["93.184.216.34"])


@contextmanager
def answering(*pieces, pause=0.0):
    """A server that sends these pieces, whatever it is asked, and hangs up."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while self.rfile.readline().strip():
                pass
            for piece in pieces:
                try:
                    self.wfile.write(piece)
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(pause)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_a_redirect_is_not_followed():
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    with answering(moved) as url, pytest.raises(Refused, match="another address") as refused:
        require_done(call("POST", url, {}, body=b"{}"))

    assert refused.value.stops_run


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 50\r\n\r\n", b'{"key": "AB'),
        (b"nonsense\r\n\r\n",),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\n{,}",),
    ],
)
def test_an_answer_that_cannot_be_read_is_a_lost_one(pieces):
    with answering(*pieces) as url, pytest.raises(Lost):
        require_done(call("POST", url, {}, body=b"{}"))


def test_an_answer_that_drips_is_given_up_at_one_deadline():
    with (
        answering(b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 40, pause=0.05) as url,
        pytest.raises(Lost, match="in time"),
    ):
        call("POST", url, {}, body=b"{}", seconds=0.3)


def test_an_answer_that_never_ends_is_cut_off(monkeypatch):
    monkeypatch.setattr(wire, "LARGEST_ANSWER", 1_000)
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 5_000) as url, pytest.raises(Lost, match="too long"):
        call("GET", url, {})


def test_nobody_listening_means_that_nothing_was_sent():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(NotSent):
            call("POST", f"http://127.0.0.1:{free.getsockname()[1]}/", {}, body=b"{}")


def test_a_header_cannot_be_broken_out_of():
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as url, pytest.raises(NotSent):
        call("GET", url, {"Authorization": "Bearer x\r\nX-Evil: y"})


def answer(status, body=b"", **headers):
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (answer(429), SlowDown),
        (answer(503, retry_after="3"), SlowDown),
        (answer(503), Lost),
        (answer(403, retry_after="3"), SlowDown),
        (answer(403, x_ratelimit_remaining="0"), SlowDown),
        (answer(403), Refused),
        (answer(401), Refused),
        (answer(404), Gone),
        (answer(422), Refused),
        (answer(408), Lost),
        (answer(500), Lost),
        (answer(201, b"no json"), Lost),
    ],
)
def test_what_answers_mean(said, error):
    with pytest.raises(error) as raised:
        require_done(said)

    assert type(raised.value) is error


def test_how_long_a_tracker_wants_us_to_wait():
    assert seconds_to_hold(answer(429, retry_after="7")) == 7
    assert seconds_to_hold(answer(429, retry_after="99999999")) == 3600
    for nonsense in ("soon", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"):
        assert seconds_to_hold(answer(429, retry_after=nonsense)) == 5
    reset = str(time.time() + 100)
    assert 90 < seconds_to_hold(answer(429, x_ratelimit_remaining="0", x_ratelimit_reset=reset)) <= 100
    assert seconds_to_hold(answer(429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT")) == 0
    assert seconds_to_hold(answer(200, x_ratelimit_remaining="0")) is None


def test_words_of_a_tracker_are_one_short_line():
    said = answer(400, b'{"errorMessages": ["A\\nB\\u0000"], "errors": {"summary": "' + b"x" * 999 + b'"}}')

    with pytest.raises(Refused) as refused:
        require_done(said)

    assert refused.value.message.startswith("The tracker refuses it: A B summary: xxx")
    assert len(refused.value.message) < 350
