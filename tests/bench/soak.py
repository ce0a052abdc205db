"""The soak: everything at once for half an hour, with faults; memory and file descriptors have to stay flat.

``python -m tests.bench soak`` (SOAK_MINUTES=30; three with ``--quick``). A web process, two workers, the schedules, a
model server and a Jira that misbehave. Two authors take sessions from import to export and delete them, a help desk
sends tickets, onlookers come and go, and a work-horse is killed now and then.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import django_rq
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from knox.models import AuthToken

from processing.enhancement.models import HelpDesk as HelpDeskSettings
from processing.models import SessionTask, TrackerConnection, WebhookSecret
from sessions_app.models import Session
from tests.processes import wait_for
from ticketgen.embedded_redis import free_port

from .figures import QUICK, Figure, figure, workspace
from .soak_people import Author, HelpDesk, Onlooker, Person, World
from .stage import model_server, started, web_server, workers

MINUTES = "SOAK_MINUTES"
"""Environment variable: how long it takes."""
FULL, SHORT = 30.0, 3.0
AUTHORS, ONLOOKERS = 2, 2
SAMPLE_EVERY = 1.0
KILL_EVERY = 40.0
FOLD = 240
"""Points that a slope is taken from; each is the median of its stretch of the samples."""
GROWTH_ALLOWED = 10.0
"""Per cent."""
STREAM_LENGTH = 10_000
OURS = (b"ticketgen:", b"huleedu.")
"""Streams that grow up to their length; RQ has one, soon gone, for the result of each job."""
ENVIRONMENT = {
    "ENGINE_LEASE": "6",
    "ENGINE_HEARTBEAT": "2",
    "ENGINE_CONCURRENCY": "8",
    # Of RQ: an hour of results, or a week of failures, would still be growing when the soak is over.
    "KEEP_RESULT": "30",
    "KEEP_FAILED": "120",
    "RETRY_DELAY": "0.2",
    "EXPORT_TIMEOUT": "5",
    "EXPORT_LOOKUP_SECONDS": "5",
    "EXPORT_LOOKUP_EVERY": "1",
    **{f"{what}_PER_{whom}": "0" for what in ("UPLOADS", "RUNS", "QUESTIONS") for whom in ("USER", "WORKSPACE")},
}
JIRA_FAULTS = {"429": 0.02, "503": 0.02, "500": 0.02, "500-after": 0.02, "lost": 0.02, "dropped": 0.02}


@dataclass(slots=True)
class Course:
    """What was seen of one thing: moments (seconds from the start) and values."""

    moments: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, moment: float, value: float) -> None:
        self.moments.append(moment)
        self.values.append(value)

    def growth_percent(self) -> float:
        """By how much of its level it grew over the last two thirds; Theil-Sen, so that peaks do not count."""
        moments, values = self._settled()
        level = statistics.median(values)
        return 100 * slope(moments, values) * (moments[-1] - moments[0]) / level if level else 0.0

    def told(self) -> str:
        values = self.values[len(self.values) // 3 :]
        tenth = max(1, len(values) // 10)
        first, last = statistics.median(values[:tenth]), statistics.median(values[-tenth:])
        return f"{first:.4g} -> {last:.4g}, most {max(values):.4g}"

    def _settled(self) -> tuple[list[float], list[float]]:
        start = len(self.values) // 3
        stretch = max(1, (len(self.values) - start) // FOLD)
        pieces = range(start, len(self.values) - stretch + 1, stretch)
        return (
            [statistics.median(self.moments[at : at + stretch]) for at in pieces],
            [statistics.median(self.values[at : at + stretch]) for at in pieces],
        )


def slope(moments: Sequence[float], values: Sequence[float]) -> float:
    """The median of the slopes of all pairs (Theil and Sen)."""
    pairs = itertools.combinations(zip(moments, values, strict=True), 2)
    slopes = [(later[1] - earlier[1]) / (later[0] - earlier[0]) for earlier, later in pairs if later[0] > earlier[0]]
    return statistics.median(slopes) if slopes else 0.0


def soak() -> Iterator[Figure]:
    """The figures: growth of each process that lives long, of Redis, and what is left behind."""
    minutes = float(os.environ.get(MINUTES) or (SHORT if os.environ.get(QUICK) else FULL))
    temporary = Path(settings.VAR_DIR) / "tmp"
    temporary.mkdir(exist_ok=True)
    environment = {**ENVIRONMENT, "TMPDIR": str(temporary)}
    with ExitStack() as stack:
        stack.enter_context(model_server(0.1))
        jira = stack.enter_context(_jira())
        port, web = stack.enter_context(web_server(**environment))
        horses = stack.enter_context(workers(2, **environment))
        schedules = stack.enter_context(started(sys.executable, "manage.py", "rqcron", **environment)).pid
        world = _world(port, jira)
        processes = {"web": web, "worker 1": horses[0], "worker 2": horses[1], "schedules": schedules}
        courses = _live(world, processes, horses, 60 * minutes)
        left = _what_is_left(temporary)
        dead = [name for name, pid in processes.items() if not Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert not dead, f"dead before the end: {dead}"
    yield from _judged(world, courses, left, minutes)


def _judged(world: World, courses: dict[str, Course], left: dict[str, float], minutes: float) -> Iterator[Figure]:
    for name, course in courses.items():
        if name.endswith(("MB", "descriptors")):
            text = f"{minutes:g} min soak, {name}: growth after the warm-up, %"
            yield figure(text, course.growth_percent(), GROWTH_ALLOWED, note=course.told())
        elif name.startswith("stream"):  # trimmed by whole nodes of a hundred entries
            yield figure(f"soak, {name}: most", max(course.values), STREAM_LENGTH + 200, note=course.told())
        else:
            yield figure(f"soak, {name}: most", max(course.values), note=course.told())
    for name, value in left.items():
        yield figure(f"soak, left when all have gone: {name}", value, 0)
    done = ", ".join(f"{count} {what}" for what, count in sorted(world.done.items()))
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(world.statuses.items()))
    bad = len(world.surprises)
    note = f"{done}. Answers {statuses}." + "".join(f"\n    {line}" for line in world.surprises[:10])
    yield figure("soak, answers of 500 and more, and broken connections", bad, 0, note=note)


@contextmanager
def _jira() -> Iterator[int]:
    port = free_port()
    faults = [word for fault, rate in JIRA_FAULTS.items() for word in (f"--rate-{fault}", str(rate))]
    with started(sys.executable, "manage.py", "fake_jira", "--port", str(port), "--latency", "0.02", *faults):
        yield port


def _world(port: int, jira: int) -> World:
    home = workspace()
    user = get_user_model().objects.get(username="bench")
    user.is_staff = user.is_superuser = True  # so that /operation/ is looked at too
    user.save(update_fields=["is_staff", "is_superuser"])
    browser = Client()
    browser.force_login(user)
    _, token = AuthToken.objects.create(user)
    _, secret = WebhookSecret.make(home, "servicedesk")
    HelpDeskSettings.objects.update_or_create(workspace=home, defaults={"provider": "openai", "llm_model": "fake"})
    address = f"http://127.0.0.1:{jira}"
    connection = TrackerConnection(
        workspace=home, name="Soak", base_url=address, account="me@example.org", project="ABC", pace=0
    )
    connection.set_token("any token at all")
    connection.save()
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"
    return World(port, cookie, token, home.slug, secret, str(connection.pk))


def _live(world: World, processes: dict[str, int], horses: Sequence[int], seconds: float) -> dict[str, Course]:
    """Let everybody act for so long, and look at all that lives long each second."""
    everybody: list[Person] = [
        *(Author(world) for _ in range(AUTHORS)),
        *(Onlooker(world) for _ in range(ONLOOKERS)),
        HelpDesk(world),
    ]
    for person in everybody:
        person.start()
    killer = threading.Thread(target=_kill_now_and_then, args=(world, horses), daemon=True)
    killer.start()
    courses: dict[str, Course] = {}
    began = time.monotonic()
    while (at := time.monotonic() - began) < seconds:
        for name, value in _look(processes).items():
            courses.setdefault(name, Course()).add(at, value)
        time.sleep(SAMPLE_EVERY)
    world.over.set()
    for thread in (*everybody, killer):
        thread.join(300)
    return courses


def _kill_now_and_then(world: World, horses: Sequence[int]) -> None:
    """SIGKILL for whatever work-horse is at work; the sweep has to find out."""
    chance = random.Random(3)
    while not world.over.wait(KILL_EVERY * chance.uniform(0.5, 1.5)):
        parent = chance.choice(horses)
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
                world.done["work-horses killed"] += 1


def _look(processes: dict[str, int]) -> dict[str, float]:
    seen: dict[str, float] = {}
    for name, pid in processes.items():
        seen[f"{name}, MB"] = proportional_megabytes(pid)
        seen[f"{name}, descriptors"] = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names alone
    redis = django_rq.get_connection("llm")
    streams = {f"stream {key.decode()}": key for key in redis.scan_iter(_type="stream") if key.startswith(OURS)}
    seen |= {name: float(redis.xlen(key)) for name, key in streams.items()}
    in_streams = sum(redis.memory_usage(key, samples=0) or 0 for key in streams.values())  # 0: count all, guess none
    seen["Redis without its streams, MB"] = (redis.info("memory")["used_memory"] - in_streams) / 1024**2
    seen["keys in Redis"] = float(redis.dbsize())
    seen["jobs waiting"] = float(sum(django_rq.get_queue(name).count for name in settings.RQ_QUEUES))
    return seen


def proportional_megabytes(pid: int) -> float:
    """A process's share of memory (PSS): what it has with its forks counts for each a part. RSS where there is none."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _what_is_left(temporary: Path) -> dict[str, float]:
    """What should be gone a moment after the last person."""
    queues = [django_rq.get_queue(name) for name in settings.RQ_QUEUES]
    with suppress(AssertionError):
        wait_for(lambda: not sum(queue.count for queue in queues), "the queues are empty", 60)
    media = Path(settings.MEDIA_ROOT)
    return {
        "temporary files": float(_files(temporary)),
        "files of sessions": float(_files(media)),
        "sessions": float(Session.objects.count()),
        "unfinished tasks": float(SessionTask.objects.unfinished().count()),
        "jobs": float(sum(queue.count for queue in queues)),
    }


def _files(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))
