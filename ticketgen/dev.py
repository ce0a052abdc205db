"""The process runner behind `make run`: everything a person needs to try ticketgen, in one terminal.

    redis        unless REDIS_URL names one that runs
    setup        migrations, static files and the demo workspace; once, then it is gone
    web          Daphne: pages, API and sockets
    worker-1, -2 RQ: the jobs
    schedules    rqcron: what is due

A process that dies is started again, each time a little later. Ctrl-C ends all of them in order, a second Ctrl-C at
once. Nothing is left behind, even if the runner itself is killed.
"""

import http.client
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn, cast

import environ

from ticketgen.embedded_redis import (
    RedisUnavailable,
    die_with_parent,
    free_port,
    local_url,
    redis_command,
    require_answer,
    wait_until_it_answers,
)

ROOT = Path(__file__).resolve().parent.parent
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FIRST_WAIT, LONGEST_WAIT = 1, 30
SECONDS_TO_STOP = 15
SECONDS_TO_ANSWER = 60
MOST_AT_ONCE = 65_536


class CannotStart(Exception):
    """The runner cannot begin; the text is one line for the person at the terminal."""


class Child:
    """One process to look after. It leads a session of its own, so that only the runner hears the terminal's Ctrl-C."""

    def __init__(self, name: str, *command: str) -> None:
        self.name = name
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None
        self.unfinished_line = b""
        self.started_at = 0.0
        self.wait = FIRST_WAIT
        self.start_again_at: float | None = None

    def start(self, env: dict[str, str]) -> IO[bytes]:
        """Start it, and give the pipe that carries all it says."""
        self.started_at, self.start_again_at = time.monotonic(), None
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509  the runner has one thread
        )
        return cast("IO[bytes]", self.process.stdout)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def terminate(self) -> None:
        """Ask the process and not what it forked: an RQ worker lets its work-horse finish first."""
        if self.process:
            self.process.terminate()

    def kill(self) -> None:
        if self.process:
            kill_session(self.process.pid)
            self.process.wait()

    def plan_restart(self) -> None:
        now = time.monotonic()
        if now - self.started_at > LONGEST_WAIT:
            self.wait = FIRST_WAIT
        say(f"{self.name} {self.how_it_ended()}; it is started again in {self.wait} s.")
        self.start_again_at = now + self.wait
        self.wait = min(2 * self.wait, LONGEST_WAIT)

    def how_it_ended(self) -> str:
        code = self.process.returncode if self.process else None
        return f"was ended by {signal.Signals(-code).name}" if code and code < 0 else f"ended with exit code {code}"

    def pass_on(self, chunk: bytes) -> None:
        """Print the whole lines that have come, each with this child's name before it; no chunk means the end."""
        *lines, self.unfinished_line = (self.unfinished_line + (chunk or b"\n")).split(b"\n")
        for line in lines if chunk else filter(None, lines):
            say(f"{self.name:<9} | {line.decode(errors='replace')}")


class Guard:
    """A fork that outlives the runner by a moment and kills what is left of the children's sessions.

    Linux ends the children with the runner (`die_with_parent`), but not what they forked, such as a work-horse. The
    guard knows that the runner is gone when their pipe closes, so it works however the runner came to its end.
    """

    def __init__(self) -> None:
        read_end, write_end = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(write_end)
            self.wait_and_kill(read_end)
        os.close(read_end)
        self.pipe = os.fdopen(write_end, "w", buffering=1)

    def watch(self, sessions: Iterable[int]) -> None:
        with suppress(BrokenPipeError):
            print(*sessions, file=self.pipe)

    def dismiss(self) -> None:
        self.pipe.close()
        os.waitpid(self.pid, 0)

    @staticmethod
    def wait_and_kill(read_end: int) -> NoReturn:
        try:
            os.setsid()
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            sessions = ""
            for line in os.fdopen(read_end):
                sessions = line
            for session in sessions.split():
                kill_session(int(session))
        finally:
            os._exit(0)


class Supervisor:
    """Starts children in stages, prints what they say, restarts the dead, and ends the stages in reverse order."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.stages: list[list[Child]] = []
        self.outputs = selectors.DefaultSelector()
        self.guard = Guard()
        self.is_stopping = self.is_hurried = False
        for number in STOP_SIGNALS:
            signal.signal(number, self.hear)

    def hear(self, number: int, _frame: FrameType | None) -> None:
        self.is_hurried |= self.is_stopping and number == signal.SIGINT
        self.is_stopping = True

    @property
    def children(self) -> Iterator[Child]:
        return (child for stage in self.stages for child in stage)

    def start(self, *children: Child) -> None:
        self.stages.append(list(children))
        for child in children:
            self.launch(child)

    def launch(self, child: Child) -> None:
        output = child.start(self.env)
        self.outputs.register(output, selectors.EVENT_READ, (child, output))
        self.guard.watch(child.process.pid for child in self.children if child.process)

    def run_once(self, child: Child) -> bool:
        """Run a child to its end, and tell whether it did well and we may go on."""
        self.start(child)
        while child.is_alive() and not self.is_stopping:
            self.print_output()
        self.end([self.stages.pop()])
        return child.process is not None and child.process.returncode == 0 and not self.is_stopping

    def look_after(self) -> None:
        """Print for a moment, and start again whoever died; call it until `is_stopping`."""
        self.print_output()
        for child in self.children:
            if child.is_alive() or self.is_stopping:
                continue
            if child.start_again_at is None:
                child.kill()  # what it forked
                child.plan_restart()
            elif child.start_again_at <= time.monotonic():
                self.launch(child)

    def print_output(self, patience: float = 0.1) -> bool:
        """Print what the children said, waiting this long for a word; tell whether there was one."""
        ready = self.outputs.select(patience)
        for key, _ in ready:
            child, output = key.data
            chunk = os.read(key.fd, MOST_AT_ONCE)
            child.pass_on(chunk)
            if not chunk:
                self.outputs.unregister(output)
                output.close()
        return bool(ready)

    def stop(self) -> None:
        if self.is_stopping:
            say(f"Stopping; a running job has {SECONDS_TO_STOP} s to finish, and Ctrl-C again ends it at once.")
        self.is_stopping = True
        self.end(reversed(self.stages))
        self.guard.dismiss()

    def end(self, stages: Iterable[list[Child]]) -> None:
        for stage in stages:
            for child in stage:
                child.terminate()
            deadline = time.monotonic() + SECONDS_TO_STOP
            while any(child.is_alive() for child in stage) and time.monotonic() < deadline and not self.is_hurried:
                self.print_output()
            for child in stage:
                child.kill()
        while self.print_output(patience=0):
            pass


def main() -> int:
    environ.Env.read_env(ROOT / ".env")
    try:
        run(chosen_port())
    except (CannotStart, RedisUnavailable) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    return 0


def run(port: int) -> None:
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if env.get("REDIS_URL"):
        require_answer(env["REDIS_URL"])
    supervisor = Supervisor(env)
    try:
        if not env.get("REDIS_URL"):
            env["REDIS_URL"] = start_redis(supervisor)
        if not supervisor.run_once(Child("setup", sys.executable, "-m", "ticketgen.dev", "setup")):
            if supervisor.is_stopping:
                return
            raise CannotStart("The database and the demo could not be set up; the lines above say why.")
        supervisor.start(*product(port))
        wait_until_web_answers(supervisor, port)
        while not supervisor.is_stopping:
            supervisor.look_after()
    finally:
        supervisor.stop()


def chosen_port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not (text.isdecimal() and int(text) in range(1, 65_536)):
        raise CannotStart(f"PORT is {text}, which is not a port; try: make run PORT=8001")
    port = int(text)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as problem:
            raise CannotStart(f"Port {port} is taken ({problem.strerror}); try: make run PORT={port + 1}") from problem
    return port


def start_redis(supervisor: Supervisor) -> str:
    var = Path(os.environ.get("TICKETGEN_VAR_DIR") or ROOT / "var")
    port, log = free_port(), var / "log" / "redis.log"
    child = Child("redis", *redis_command(port, var / "redis", log))
    supervisor.start(child)
    wait_until_it_answers(local_url(port), child.is_alive, log)
    return local_url(port)


def product(port: int) -> list[Child]:
    manage = (sys.executable, "manage.py")
    daphne = (sys.executable, "-m", "ticketgen.serve", "-b", "127.0.0.1", "-p", str(port))
    worker = (*manage, "rqworker", "--verbosity", "0")
    return [
        Child("web", *daphne),
        Child("worker-1", *worker),
        Child("worker-2", *worker),
        Child("schedules", *manage, "rqcron", "ticketgen.schedules", "--logging-level", "WARNING"),
    ]


def wait_until_web_answers(supervisor: Supervisor, port: int) -> None:
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    while not supervisor.is_stopping and not web_answers(port):
        if time.monotonic() > deadline:
            say(f"The web server has not answered for {SECONDS_TO_ANSWER} s; the lines above may say why.")
            return
        supervisor.look_after()
    if not supervisor.is_stopping:
        say(f"Ready: http://127.0.0.1:{port}/  (sign in as demo / demo)")


def web_answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def set_up() -> None:
    """Bring the database, the static files and the demo workspace up to date, in one process to load Django once."""
    import django
    from django.core.management import call_command

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketgen.settings")
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    collect_static()
    call_command("seed_demo")


def collect_static() -> None:
    """Bring what STATIC_ROOT holds up to date."""
    from django.conf import settings
    from django.core.management import call_command

    collected = Path(f"{settings.STATIC_ROOT}.collected")
    sources = f"{settings.STORAGES['staticfiles']}\n{static_sources()}"
    if not (Path(settings.STATIC_ROOT).exists() and collected.exists() and collected.read_text() == sources):
        call_command("collectstatic", interactive=False, verbosity=0)
        collected.write_text(sources)


def static_sources() -> str:
    """Name every static file with its size and age: looking takes 10 ms, collecting what has not changed 2 s."""
    from django.contrib.staticfiles.finders import get_finders

    files = (Path(storage.path(name)) for finder in get_finders() for name, storage in finder.list([]))
    return "\n".join(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files)


def kill_session(leader: int) -> None:
    """Kill the leader and everything it forked, whatever process group that is in now."""
    killed: set[int] = set()
    while alive := set(session_members(leader)) - killed:
        for pid in alive:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        killed |= alive


def session_members(leader: int) -> Iterator[int]:
    if Path("/proc/self").exists():
        pids = [entry.name for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    else:
        pids = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True, check=False).stdout.split()
    for pid in map(int, pids):
        with suppress(OSError):
            if os.getsid(pid) == leader:
                yield pid


def say(line: str) -> None:
    with suppress(OSError):  # the terminal may be gone; the children are still to be ended
        os.write(sys.stdout.fileno(), f"{line}\n".encode())


if __name__ == "__main__":
    if sys.argv[1:] == ["setup"]:
        set_up()
    else:
        sys.exit(main())
