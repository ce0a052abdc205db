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


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
def test_the_examples_of_the_guide_run(people, live_server, redis, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.S)
    assert len(blocks) >= 5
    program = tmp_path / "guide.py"
    program.write_text("\n".join(blocks))
    token = AuthToken.objects.create(people.alice, expiry=timedelta(hours=1))[1]

    with worker():
        ran = subprocess.run(
            [sys.executable, str(program)],
            env={**os.environ, "TICKETGEN_URL": live_server.url, "TICKETGEN_TOKEN": token},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert ran.returncode == 0, ran.stderr
