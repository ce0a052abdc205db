"""The product as a person meets it: a web server, a worker and a browser, on this test's database and Redis."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

from tests.once import folder_of_run, once
from tests.processes import ROOT, kill, launch_worker, product_environment, wait_for
from ticketgen.embedded_redis import free_port

BROWSERS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
"""The first has no window to draw, and takes two thirds of the time."""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    found = next((path for path in BROWSERS if path.exists()), None)
    if found is None:
        pytest.skip("there is no browser (Debian's package chromium-headless-shell, or chromium)")
    return {**browser_type_launch_args, "executable_path": str(found), "args": FLAGS}


class Site:
    """A running product that can be killed and started again on the same port."""

    def __init__(self, **environment: str) -> None:
        self.environment = environment
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (Path(settings.VAR_DIR) / "web.log").open("ab")
        command = [sys.executable, "-m", "ticketgen.serve", "-b", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=product_environment(**self.environment),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        wait_for(self.answers, "the web server", 30)

    def stop(self) -> None:
        if self.process:
            kill(self.process)
            self.process = None

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/health/live")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


@pytest.fixture(scope="session")
def static_files(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> None:
    """Collected as a deployment would, once for all test processes."""
    folder = folder_of_run(tmp_path_factory, worker_id)
    os.environ["STATIC_ROOT"] = str(folder / "static")
    command = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
    product = {**os.environ, "DJANGO_SETTINGS_MODULE": "ticketgen.settings", "TICKETGEN_VAR_DIR": str(settings.VAR_DIR)}

    def collected() -> str:
        subprocess.run(command, cwd=ROOT, env=product, check=True, timeout=120)
        return "yes"

    once(folder, "collected", collected)


class Kept:
    """A site and a worker that go on from test to test, as long as these want the same environment: to start both
    takes longer than most tests.
    """

    def __init__(self) -> None:
        self.site = Site()
        self.worker: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}

    def be_up(self) -> Site:
        environment = product_environment(PYTEST_CURRENT_TEST="")
        if environment != self.environment:
            self.end()
            self.environment = environment
        if self.worker is None or self.worker.poll() is not None:
            self.worker = launch_worker()
        if self.site.process is None or self.site.process.poll() is not None:
            self.site.start()
        return self.site

    def end(self) -> None:
        self.site.stop()
        if self.worker:
            kill(self.worker)
            self.worker = None


@pytest.fixture(scope="session")
def kept(redis_server: str, django_db_setup: None, static_files: None) -> Iterator[Kept]:
    kept = Kept()
    yield kept
    kept.end()


@pytest.fixture
def site(transactional_db: None, redis: Any, kept: Kept) -> Site:
    """Web server and one worker, with the demo user and nothing else."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"]):
        call_command("seed_demo")
    return kept.be_up()
