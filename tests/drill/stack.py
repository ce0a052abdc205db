"""The whole product as compose.yaml runs it, and what it talks to, on loopback. What dies is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.postgres import Cluster
from tests.processes import ROOT, OwnRedis, horses_of, kill_pid, launch
from ticketgen.dev import kill_session, session_members, web_answers
from ticketgen.embedded_redis import free_port

RESTART_AFTER = 1.0
SECONDS_TO_START, SECONDS_TO_STOP = 180, 30
WEBS, WORKERS = 2, 3
TRACKERS = {"jira": "fake_jira", "github": "fake_github", "desk": "fake_servicedesk"}
TROUBLE = ("lost=0.03", "500-after=0.02", "dropped=0.02", "429=0.03", "503=0.02")
"""What happens to writes at the trackers even while nobody is killed: fault and share."""
LEASE, HEARTBEAT = 8, 2


class Part:
    """One process that has to be there. ``leaders`` are the ids of all that it has been."""

    def __init__(self, folder: Path, name: str, *command: str) -> None:
        self.name, self.command = name, command
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.leaders: list[int] = []
        self.died_at: float | None = None

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        self.process, self.died_at = launch(*self.command, log=self.log), None
        self.leaders.append(self.process.pid)

    def bury(self) -> None:
        """Take note of its end, or it stays in the list of processes."""
        if self.process:
            self.process.poll()

    def look_after(self) -> None:
        """Start it again a moment after its death. What it forked lives on: it has to cope with that as well."""
        if self.is_alive:
            return
        self.died_at = self.died_at or time.monotonic()
        if time.monotonic() - self.died_at >= RESTART_AFTER:
            self.start()

    def signal(self, number: int) -> None:
        if self.process:
            self.process.send_signal(number)

    def horses(self) -> list[int]:
        return horses_of(self.process) if self.process else []

    def members(self) -> list[int]:
        """The process and all that it forked, now and in its former lives."""
        return [pid for leader in self.leaders for pid in session_members(leader)]


class Stack:
    """``ports`` of all that listens. Use it from one thread, which has to live as long as the stack."""

    def __init__(self, folder: Path, cluster: Cluster | None) -> None:
        self.folder, self.cluster = folder, cluster
        self.redis = OwnRedis(folder)
        self.ports = {name: free_port() for name in ("model", *TRACKERS)}
        self.webs = [free_port() for _ in range(WEBS)]
        self.calls = folder / "calls.jsonl"
        self.parts: dict[str, Part] = {}

    def environment(self) -> dict[str, str]:
        """Settings of all processes, this one included: short leases, so that what the dead held is soon free."""
        return {
            "DJANGO_SETTINGS_MODULE": "ticketgen.settings",
            "TICKETGEN_VAR_DIR": str(self.folder),
            "DATABASE_URL": self.cluster.url if self.cluster else f"sqlite:///{self.folder}/db.sqlite3",
            "REDIS_URL": self.redis.url,
            "COMPATIBLE_BASE_URL": f"http://127.0.0.1:{self.ports['model']}/v1",
            "COMPATIBLE_MODEL": "fake",
            "ENGINE_LEASE": str(LEASE),
            "ENGINE_HEARTBEAT": str(HEARTBEAT),
            "ENGINE_CONCURRENCY": "8",
            "ENGINE_SLICE": "10",
            "ENGINE_GRACE": "5",
            "ENGINE_USER_RETRIES": "50",
            "RETRY_DELAY": "0.5",
            "ENHANCEMENT_RETRY_DELAY": "1",
            "EXPORT_TIMEOUT": "5",
            "EXPORT_LOOKUP_SECONDS": "8",
            "EXPORT_LOOKUP_EVERY": "1",
            "ASSESSMENT_GRACE": "5",
            "STATIC_ROOT": str(ROOT / "build" / "static"),  # the same for every drill
            "ALLOWED_HOSTS": "testserver,127.0.0.1",
            "LOG_LEVEL": "WARNING",
            **{f"{what}_PER_{whose}": "0" for what in ("UPLOADS", "RUNS") for whose in ("USER", "WORKSPACE")},
        }

    def memory(self, tracker: str) -> Path:
        """What this tracker has been told."""
        return self.folder / f"{tracker}.memory"

    def start(self) -> None:
        python, manage = sys.executable, (sys.executable, "manage.py")
        model = ("fake_llm", "--port", str(self.ports["model"]), "--latency", "0.4", "--notes", str(self.calls))
        self._add("model", *manage, *model)
        for name, command in TRACKERS.items():
            rates = [f"--rate-{each}" for each in TROUBLE]
            where = ("--port", str(self.ports[name]), "--memory", str(self.memory(name)), "--latency", "0.02")
            lag = () if name == "desk" else ("--lag", "1")
            self._add(name, *manage, command, *where, *lag, *rates)
        for number, port in enumerate(self.webs, 1):
            self._add(f"web-{number}", python, "-m", "ticketgen.serve", "-b", "127.0.0.1", "-p", str(port))
        for number in range(1, WORKERS + 1):
            self._add(f"worker-{number}", *manage, "rqworker", "--verbosity", "0")
        self._add("schedules", *manage, "rqcron", "ticketgen.schedules", "--logging-level", "WARNING")
        for part in self.parts.values():
            part.start()
        until = time.monotonic() + SECONDS_TO_START
        while not all(map(web_answers, self.webs)):
            assert time.monotonic() < until, "the web servers do not answer"
            self.look_after(0.2)

    def _add(self, name: str, *command: str) -> None:
        self.parts[name] = Part(self.folder, name, *command)

    def some(self, kind: str) -> list[Part]:
        """Parts by the first word of their names."""
        return [part for name, part in self.parts.items() if name.partition("-")[0] == kind]

    def look_after(self, seconds: float = 0.1) -> None:
        """Start again whoever died, for so long."""
        until = time.monotonic() + seconds
        while True:
            for part in self.parts.values():
                part.look_after()
            if time.monotonic() >= until:
                return
            time.sleep(0.05)

    def stop(self) -> list[str]:
        """SIGTERM to all; names and ids of the processes that are still there after their time, which are killed."""
        for part in self.parts.values():
            for pid in part.members():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            part.signal(signal.SIGTERM)
        until = time.monotonic() + SECONDS_TO_STOP
        while list(self._left()) and time.monotonic() < until:
            time.sleep(0.1)
        left = list(self._left())
        self.kill()
        return left

    def _left(self) -> Iterator[str]:
        for part in self.parts.values():
            part.bury()
            yield from (f"{part.name} ({pid})" for pid in part.members())

    def kill(self) -> None:
        for part in self.parts.values():
            for leader in part.leaders:
                kill_session(leader)
            if part.process:
                part.process.wait(10)


def kill_all(pids: list[int]) -> None:
    for pid in pids:
        kill_pid(pid)
