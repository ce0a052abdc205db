"""What is killed, and how. Each stroke does its harm, waits where the harm takes its time, and says what it did."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from redis import RedisError

from ticketgen.dev import session_members

from .stack import LEASE, Part, Stack, kill_all

Blow = Callable[[Stack, random.Random], str]


@dataclass(frozen=True, slots=True)
class Stroke:
    """``began`` and ``ended`` in seconds since 1970: in between, and some seconds later, answers may have been lost."""

    name: str
    said: str
    began: float
    ended: float


def work_horse(stack: Stack, chance: random.Random) -> str:
    """SIGKILL to the child of a worker that is at a job."""
    until = time.monotonic() + 10
    while not (busy := [part for part in stack.some("worker") if part.horses()]):
        if time.monotonic() > until:
            return "no worker was at work"
        stack.look_after(0.02)
    part = chance.choice(busy)
    kill_all(part.horses())
    return f"the work-horse of {part.name}"


def machine(stack: Stack, chance: random.Random) -> str:
    """SIGKILL to a worker and its work-horse at once."""
    part = chance.choice(stack.some("worker"))
    kill_all([*part.horses(), part.pid])
    return f"{part.name} with its work-horse"


def worker_alone(stack: Stack, chance: random.Random) -> str:
    """SIGKILL to a worker; its work-horse goes on without it."""
    part = chance.choice(stack.some("worker"))
    kill_all([part.pid])
    return f"{part.name}, not its work-horse"


def zombie(stack: Stack, chance: random.Random) -> str:
    """A worker stands still for longer than its leases hold, and comes back."""
    part = chance.choice(stack.some("worker"))
    members = list(session_members(part.pid))
    _signal(members, signal.SIGSTOP)
    stack.look_after(LEASE + 3)
    _signal(members, signal.SIGCONT)
    return f"{part.name} stood still for {LEASE + 3} s"


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _to_one(kind: str, number: signal.Signals) -> Blow:
    def blow(stack: Stack, chance: random.Random) -> str:
        part: Part = chance.choice(stack.some(kind))
        part.signal(number)
        return part.name

    return blow


def redis_killed(stack: Stack, chance: random.Random) -> str:
    stack.redis.kill()
    stack.look_after(1.5)
    stack.redis.start()
    return "Redis was away for 1.5 s and came back empty"


def redis_frozen(stack: Stack, chance: random.Random) -> str:
    stack.redis.freeze()
    stack.look_after(4)
    stack.redis.thaw()
    return "Redis took no commands for 4 s"


def redis_flushed(stack: Stack, chance: random.Random) -> str:
    try:
        stack.redis.client.flushall()
    except RedisError as error:
        return f"Redis did not answer: {error}"
    return "FLUSHALL"


def postgres(stack: Stack, chance: random.Random) -> str:
    if stack.cluster is None:
        return "not done: everything runs on SQLite"
    stack.cluster.stop()
    stack.look_after(1)
    stack.cluster.start()
    return "PostgreSQL stopped at once, was away for a second and recovered"


KILL, TERM = signal.SIGKILL, signal.SIGTERM
STROKES: Final[dict[str, Blow]] = {
    "work-horse SIGKILL": work_horse,
    "worker and work-horse SIGKILL": machine,
    "worker SIGKILL": worker_alone,
    "worker SIGSTOP, SIGCONT": zombie,
    "worker SIGTERM": _to_one("worker", TERM),
    "web SIGKILL": _to_one("web", KILL),
    "web SIGTERM": _to_one("web", TERM),
    "schedules SIGKILL": _to_one("schedules", KILL),
    "model server SIGKILL": _to_one("model", KILL),
    "Jira SIGKILL": _to_one("jira", KILL),
    "GitHub SIGKILL": _to_one("github", KILL),
    "help desk SIGKILL": _to_one("desk", KILL),
    "Redis SIGKILL": redis_killed,
    "Redis SIGSTOP, SIGCONT": redis_frozen,
    "Redis FLUSHALL": redis_flushed,
    "PostgreSQL immediate stop": postgres,
}


def strike(name: str, stack: Stack, chance: random.Random) -> Stroke:
    began = time.time()
    said = STROKES[name](stack, chance)
    return Stroke(name, said, began, time.time())
