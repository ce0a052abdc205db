"""What docs/api.md shows is what happens: its code is run, top to bottom, against the product."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from knox.models import AuthToken

from tests.processes import worker

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "api.md"


CLIENT = GUIDE.parent / "examples"

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def run(people, live_server, redis, tmp_path):
    """Runs a program of the guide as somebody with a token would."""
    token = AuthToken.objects.create(people.alice, expiry=timedelta(hours=1))[1]
    environment = {"TICKETGEN_URL": live_server.url, "TICKETGEN_TOKEN": token, "PYTHONPATH": str(CLIENT)}

    def run(*command):
        return subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), flags=re.S)


def test_the_examples_of_the_guide_run(run, tmp_path):
    assert len(blocks("python")) >= 6
    (tmp_path / "guide.py").write_text("\n".join(blocks("python")))
    (tmp_path / "guide.sh").write_text("set -e\n" + "\n".join(blocks("sh")))

    with worker():
        by_curl, by_python = run("sh", "guide.sh"), run(sys.executable, "guide.py")

    assert by_curl.returncode == 0, by_curl.stdout + by_curl.stderr
    assert "Create content type Article" in (tmp_path / "backlog.md").read_text()
    assert by_python.returncode == 0, by_python.stderr
    assert "Create the article" in (tmp_path / "backlog.csv").read_text()
