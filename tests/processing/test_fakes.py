"""The servers that stand in for others, as people start them: they say where they listen, answer, and end on demand."""

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.processes import ROOT, product_environment
from ticketgen.embedded_redis import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def answer_of(address):
    with urllib.request.urlopen(address, timeout=5) as answer:
        return json.load(answer)


@pytest.mark.parametrize(
    ("command", "path", "last_words"),
    [
        (["fake_llm", "--latency", "0"], "/stats", "Ended."),
        (["fake_tracker", "--require", "customfield_1=Team", "--memory", "{memory}"], "/stats", "Ended with 0 issues."),
        (["fake_github", "--token", "let-in"], "/stats", "Ended with 0 issues."),
        (["fake_servicedesk", "--memory", "{memory}"], "/stats", "Ended with 0 notes."),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_it_says_where_it_listens_answers_and_ends_when_it_is_asked(tmp_path, command, path, last_words):
    port = free_port()
    name, *options = (each.format(memory=tmp_path / "memory.json") for each in command)
    with subprocess.Popen(
        [sys.executable, "manage.py", name, "--port", str(port), *options],
        cwd=ROOT,
        env=product_environment(PYTHONUNBUFFERED=""),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        address = f"http://127.0.0.1:{port}"
        assert address in process.stdout.readline()

        told = answer_of(address + path)
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()

    assert isinstance(told, dict)
    assert last_words in said
    assert process.returncode == 0
