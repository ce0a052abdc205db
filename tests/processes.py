"""Real worker processes on the test's database and Redis, and waiting for what they do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.db import connection
from redis import Redis

from ticketgen.embedded_redis import die_with_parent, free_port, local_url, redis_command, wait_until_it_answers

ROOT = Path(__file__).resolve().parents[1]


def wait_for(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Return as soon as the condition holds; fail the test with ``what`` if it never does."""
    deadline, pause = time.monotonic() + seconds, 0.005
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(pause)
        pause = min(0.06, pause * 1.3)  # to ask is work too, which what is waited for has to stand behind


def product_environment(**more: str) -> dict[str, str]:
    """The environment of a process of the product that shares this test's database and Redis."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        login = f"{database['USER']}:{database['PASSWORD']}@" if database["USER"] else ""
        url = f"postgres://{login}{database['HOST']}:{database['PORT']}/{database['NAME']}"
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "ticketgen.settings",
        "DATABASE_URL": url,
        "REDIS_URL": settings.REDIS_URL,
        "TICKETGEN_VAR_DIR": str(settings.VAR_DIR),
        "PYTHONPATH": str(ROOT),
        "WORKER_NICE": "0",  # or it would wait for all other tests
        **more,
    }


def launch(*command: str, log: Path, **environment: str) -> subprocess.Popen[bytes]:
    """A process of the product in a session of its own. Linux ends it with the thread that calls this."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=product_environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - it makes one system call and takes no lock
        )


def launch_worker(**environment: str) -> subprocess.Popen[bytes]:
    """``manage.py rqworker`` in a session of its own."""
    command = (sys.executable, "manage.py", "rqworker", "--verbosity", "0")
    return launch(*command, log=Path(settings.VAR_DIR) / "worker.log", **environment)


@contextmanager
def worker(**environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """The same; whatever is left of it is killed at the end."""
    process = launch_worker(**environment)
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL the worker and its work-horse at once, as the end of a machine would."""
    for pid in (*horses_of(process), process.pid):
        kill_pid(pid)
    process.wait(10)


def horses_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Process ids of the worker's children; none once it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    return []


def kill_pid(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class OwnRedis:
    """A Redis beside the test's, to be frozen, killed and started again on its port. It keeps nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.url = local_url(self.port)
        self.client = Redis.from_url(self.url)

    def start(self) -> None:
        log = self.folder / "redis.log"
        self.process = process = subprocess.Popen(
            redis_command(self.port, self.folder, log),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - as above
        )
        wait_until_it_answers(self.url, lambda: process.poll() is None, log)

    def freeze(self) -> None:
        """It takes connections and commands, and answers none of them."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait(10)
        (self.folder / "dump.rdb").unlink(missing_ok=True)
