"""The process runner and its Redis, tried with real processes that are really killed."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ticketgen.embedded_redis import (
    RedisUnavailable,
    embedded_redis,
    free_port,
    redis_url,
    refusal,
    without_password,
)

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Run:
    """A Python program of ours, with all it says in a file."""

    def __init__(self, log: Path, *arguments: str, **env: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")}
        self.log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**inherited, "PYTHONUNBUFFERED": "1", **env},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def pids(self) -> list[int]:
        return [int(pid) for line in re.findall(r"pids (.*)\n", self.said) for pid in line.split()]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(*arguments: str, **env: str) -> Run:
        runs.append(Run(tmp_path / f"run-{len(runs)}.log", *arguments, **env))
        return runs[-1]

    yield start

    for each in runs:
        each.process.kill()
        each.process.wait()


class TestEmbeddedRedis:
    def test_it_answers_and_is_gone_afterwards(self, tmp_path: Path) -> None:
        with embedded_redis(tmp_path / "redis") as url:
            assert refusal(url) == ""

        assert "refused" in refusal(url)

    def test_it_is_gone_after_a_failure(self, tmp_path: Path) -> None:
        with pytest.raises(ZeroDivisionError), embedded_redis(tmp_path) as url:
            raise ZeroDivisionError

        assert "refused" in refusal(url)

    def test_it_is_gone_after_its_parent_was_killed(self, run: Callable[..., Run], tmp_path: Path) -> None:
        parent = run(
            "-c",
            "import pathlib, signal, sys; from ticketgen.embedded_redis import embedded_redis\n"
            "with embedded_redis(pathlib.Path(sys.argv[1])) as url: print(url); signal.pause()",
            str(tmp_path / "redis"),
        )
        wait_until(lambda: parent.said.endswith("\n"))
        url = parent.said.strip()
        assert refusal(url) == ""

        parent.process.kill()

        wait_until(lambda: refusal(url))

    def test_it_tells_why_it_did_not_start(self, tmp_path: Path) -> None:
        (tmp_path / "dump.rdb").write_bytes(b"REDIS9999 from the future")

        with (
            pytest.raises(
                RedisUnavailable, match=r"Redis did not start; .*redis\.log ends with: .*error loading the DB"
            ),
            embedded_redis(tmp_path),
        ):
            pass

    def test_a_redis_that_runs_is_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with embedded_redis(tmp_path) as running:
            monkeypatch.setenv("REDIS_URL", running)

            with redis_url() as url:
                assert url == running
            assert refusal(running) == ""

    def test_without_one_it_lasts_as_long_as_it_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("REDIS_URL", raising=False)

        with redis_url() as url:
            assert refusal(url) == ""

        assert "refused" in refusal(url)

    def test_a_redis_that_does_not_answer_is_named_without_its_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REDIS_URL", f"redis://ann:secret@127.0.0.1:{free_port()}/0")

        with pytest.raises(RedisUnavailable) as refused, redis_url():
            pass

        line = str(refused.value)
        assert re.fullmatch(r"REDIS_URL is redis://…@127\.0\.0\.1:\d+/0 but nothing answers there: .*refused", line)

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
            ("rediss://:p@ss@host:1/2", "rediss://…@host:1/2"),
            ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ],
    )
    def test_a_password_is_never_shown(self, url: str, shown: str) -> None:
        assert without_password(url) == shown


class TestClearLines:
    def test_a_taken_port(self, run: Callable[..., Run]) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]

            runner = run("-m", "ticketgen.dev", PORT=str(port))

            assert runner.process.wait(20) == 2
        assert runner.said == f"Port {port} is taken (Address already in use); try: make run PORT={port + 1}\n"

    def test_a_port_that_is_none(self, run: Callable[..., Run]) -> None:
        runner = run("-m", "ticketgen.dev", PORT="http")

        assert runner.process.wait(20) == 2
        assert runner.said == "PORT is http, which is not a port; try: make run PORT=8001\n"

    def test_a_redis_that_does_not_answer(self, run: Callable[..., Run]) -> None:
        url = f"redis://127.0.0.1:{free_port()}/0"

        runner = run("-m", "ticketgen.dev", PORT=str(free_port()), REDIS_URL=url)

        assert runner.process.wait(20) == 2
        assert runner.said.startswith(f"REDIS_URL is {url} but nothing answers there: ")
        assert runner.said.count("\n") == 1


# A worker with a work-horse as RQ forks it, in a process group of its own; and a runner that keeps it alive.
WORKER = """
import os, signal, sys
if "stubborn" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
horse = os.fork()
if horse == 0: os.setpgrp()
else: print("pids", os.getpid(), horse)
signal.pause()
"""
RUNNER = f"""
import os, sys
from ticketgen.dev import Child, Supervisor
supervisor = Supervisor(dict(os.environ))
supervisor.start(Child("worker", sys.executable, "-c", {WORKER!r}, *sys.argv[1:]))
while not supervisor.is_stopping: supervisor.look_after()
supervisor.stop()
"""


class TestSupervisor:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_it_ends_everything_when_asked(self, run: Callable[..., Run], number: signal.Signals) -> None:
        runner = run("-c", RUNNER)
        wait_until(runner.pids)

        runner.process.send_signal(number)

        assert runner.process.wait(20) == 0
        assert not any(map(is_running, runner.pids()))
        assert "Traceback" not in runner.said

    def test_a_second_interrupt_ends_a_stubborn_child_at_once(self, run: Callable[..., Run]) -> None:
        runner = run("-c", RUNNER, "stubborn")
        wait_until(runner.pids)
        runner.process.send_signal(signal.SIGINT)
        wait_until(lambda: "Stopping" in runner.said)

        runner.process.send_signal(signal.SIGINT)

        assert runner.process.wait(5) == 0
        assert not any(map(is_running, runner.pids()))

    def test_nothing_is_left_when_the_runner_itself_is_killed(self, run: Callable[..., Run]) -> None:
        runner = run("-c", RUNNER, "stubborn")
        wait_until(runner.pids)

        runner.process.kill()

        wait_until(lambda: not any(map(is_running, runner.pids())))

    def test_a_dead_child_is_started_again_and_its_forks_do_not_outlive_it(self, run: Callable[..., Run]) -> None:
        runner = run("-c", RUNNER)
        wait_until(runner.pids)
        worker, horse = runner.pids()

        os.kill(worker, signal.SIGKILL)

        wait_until(lambda: len(runner.pids()) == 4)
        assert "worker was ended by SIGKILL; it is started again in 1 s.\n" in runner.said
        assert not is_running(horse)
        assert all(map(is_running, runner.pids()[2:]))

    def test_every_line_carries_the_name_of_who_said_it(self, run: Callable[..., Run]) -> None:
        runner = run("-c", RUNNER)

        wait_until(runner.pids)

        assert runner.said.startswith("worker    | pids ")


@pytest.mark.integration
def test_the_whole_product_comes_up_and_goes_away(run: Callable[..., Run], tmp_path: Path) -> None:
    port = free_port()
    runner = run("-m", "ticketgen.dev", PORT=str(port), TICKETGEN_VAR_DIR=str(tmp_path / "var"))
    wait_until(lambda: f"Ready: http://127.0.0.1:{port}/" in runner.said or runner.process.poll() is not None, 90)
    assert runner.process.poll() is None, runner.said
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=10) as answer:
        assert answer.status == 200

    runner.process.send_signal(signal.SIGINT)

    assert runner.process.wait(40) == 0, runner.said
    assert "Traceback" not in runner.said
    assert not [folder for folder in Path("/proc").glob("[0-9]*") if works_on(port, folder)]


def works_on(port: int, process: Path) -> bool:
    try:
        return f"\0PORT={port}\0".encode() in b"\0" + (process / "environ").read_bytes() + b"\0"
    except OSError:
        return False
