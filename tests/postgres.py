"""A PostgreSQL of one's own, to be restarted and killed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ticketgen.embedded_redis import free_port


class PostgresUnavailable(Exception):
    """There is no PostgreSQL to start; the text says why."""


def postgres_programs() -> Path:
    """The folder of the newest PostgreSQL's programs. Raises PostgresUnavailable."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if not programs:
        raise PostgresUnavailable("PostgreSQL is not installed: there is no /usr/lib/postgresql/*/bin")
    if os.geteuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        raise PostgresUnavailable("there is no user postgres that root could run PostgreSQL as")
    return programs[-1]


class Cluster:
    """A PostgreSQL in a folder. It refuses to run as root, so root runs it as the user ``postgres``.

    ``options`` are settings of the server, as ``name=value``.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.programs, self.folder, self.port = postgres_programs(), folder, free_port()
        self.data = folder / "data"
        self.options = f"-p {self.port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off " + " ".join(
            f"-c {option}" for option in options
        )
        self.user = ["/usr/sbin/runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.user:
            shutil.chown(folder, "postgres")

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: str) -> None:
        command = [*self.user, str(self.programs / program), "--pgdata", str(self.data), *arguments]
        subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.DEVNULL)

    def create(self) -> None:
        self.run(
            "initdb", "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"
        )
        self.start()

    def start(self) -> None:
        self.run("pg_ctl", "start", "--silent", "--wait", "--log", str(self.folder / "log"), "--options", self.options)

    def restart(self, mode: str) -> None:
        self.run("pg_ctl", "restart", "--silent", "--wait", "--log", str(self.folder / "log"), "--mode", mode)

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "--silent", "--mode", "immediate")


@contextmanager
def own_cluster() -> Iterator[Cluster]:
    """One that runs, and is gone afterwards. Skips the test where there is no PostgreSQL."""
    try:
        postgres_programs()
    except PostgresUnavailable as missing:
        pytest.skip(str(missing))
    folder = Path(tempfile.mkdtemp(prefix="ticketgen-postgres-"))
    cluster = Cluster(folder)
    cluster.create()
    try:
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)
