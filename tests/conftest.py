"""A real Redis for every test process, people to try things as, and workers to run jobs with."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_rq
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import TransactionTestCase
from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.counting import count_in_tests_only, counting
from tests.once import folder_of_run, once
from tests.people import People, make_people

SAME_EVERYWHERE = (
    "tests/test_access",
    "tests/test_csrf_and_methods.py",
    "tests/safety",
    "tests/ticketgen/test_dev.py",
    "tests/processing/test_export_files.py",
    "tests/processing/test_generate_command.py",
    "tests/processing/test_lookups.py",
    "tests/processing/engine/test_fairness.py",
    "tests/processing/engine/test_redis_away.py",
    "tests/processing/engine/test_stopped.py",
    "tests/processing/export/test_targets.py",
    "tests/sessions_app/test_pages.py",
    "tests/test_correlation.py",
)
"""They ask who may do what, what pages and files look like, or what becomes of Redis and of signals, by queries that
others try on every database, and take long; or they are about SQLite's plans.
"""
TOGETHER = (
    "tests/ticketgen/test_serve.py",
    "tests/ticketgen/test_settings.py",
    "tests/sessions_app/test_sso.py",
    "tests/processing/engine/test_database_restarts.py",
)
"""Files whose tests share something that takes long to make: one worker has all of them. Any other test goes to
whoever is free.
"""
SLOW = ("tests/processing/export/", "tests/processing/engine/")
OF_DATABASE = os.environ.get("TESTS_OF") == "database"
ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
UNCHANGING = {"django_content_type", "auth_permission", "django_migrations"}
LOOPBACK = ("127.", "::1", "localhost", "/", "\0")


count_in_tests_only()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected stays, and half of the time went into looking through it for garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _stays_at_home(connect: Callable[..., Any]) -> Callable[..., Any]:
    """No test reaches a network: what it needs it starts on this machine."""

    def connect_at_home(self: socket.socket, address: Any) -> Any:
        host = address[0] if isinstance(address, tuple) else address
        name = host.decode() if isinstance(host, bytes) else str(host)
        if name and not name.startswith(LOOPBACK):
            raise ConnectionRefusedError(f"a test wants to reach {name}")
        return connect(self, address)

    return connect_at_home


socket.socket.connect = _stays_at_home(socket.socket.connect)  # type: ignore[method-assign]
socket.socket.connect_ex = _stays_at_home(socket.socket.connect_ex)  # type: ignore[method-assign]


class Scheduling(LoadScopeScheduling):
    """Each test for itself, but for those of ``TOGETHER``. (pytest has no place any more for the groups of xdist.)"""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in TOGETHER else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """``TESTS_OF=database`` leaves out ``SAME_EVERYWHERE`` and the browser."""
    name = collection_path.as_posix().removeprefix(f"{ROOT.as_posix()}/")
    return True if OF_DATABASE and name.startswith((*SAME_EVERYWHERE, "tests/e2e")) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Those that wait for real processes come first, as the others fill the gaps; those with a browser last: its loop
    stays in the thread, where Django then refuses to touch the database.

    ``TESTS_OF=database`` leaves out what knows no database.
    """
    items.sort(key=lambda item: (item.get_closest_marker("e2e") is not None, not item.nodeid.startswith(SLOW)))
    if OF_DATABASE:
        left_out = [item for item in items if not _differs_by_database(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _differs_by_database(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    marked = item.get_closest_marker("django_db") or item.get_closest_marker("integration")
    return marked is not None or bool(fixtures & {"db", "transactional_db"})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    with counting(item.nodeid):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """In CI a skipped test is a failed one: there everything that a test may need has been installed.

    But for the real specifications, which lie beside the checkout of some and cannot be installed.
    """
    report = yield
    reason = str(report.longrepr)
    excused = not SHARED.is_dir() and ("shared/data" in reason or "empty parameter set" in reason)
    if report.skipped and os.environ.get("CI") and not excused:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


def _emptied(case: TransactionTestCase) -> None:
    """What Django does after a test that commits, in a seventh of the time: it empties every table, and fills those of
    content types and permissions anew. Here what has rows loses them, and these two, which no test changes, stay.
    """
    tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - UNCHANGING
    names = [connection.ops.quote_name(table) for table in sorted(tables)]
    with transaction.atomic(), connection.cursor() as cursor:  # what refers to what is looked at in the end
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in names))
        for (name,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {name}")


TransactionTestCase._fixture_teardown = _emptied  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[None]:
    """A database for each test process, in place of pytest-django's: only the first one that needs it migrates, which
    takes six seconds of a processor; it and the others take copies, as with Django's own parallel runner.
    """
    creation, shared = connection.creation, folder_of_run(tmp_path_factory, worker_id)
    if connection.vendor == "sqlite":  # a file, so that worker processes can open it too
        connection.settings_dict["TEST"]["NAME"] = str(shared / "test.sqlite3")

    def migrated() -> str:
        name = creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        connection.close()
        return name

    with django_db_blocker.unblock():
        connection.settings_dict["NAME"] = once(shared, "database", migrated)
        creation.clone_test_db(suffix=worker_id, verbosity=0)
        connection.settings_dict["NAME"] = creation.get_test_db_clone_settings(worker_id)["NAME"]
        settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"]
    yield
    with django_db_blocker.unblock():
        connection.close()
        name = str(connection.settings_dict["NAME"])
        if connection.vendor == "sqlite":
            Path(name).unlink(missing_ok=True)
        else:  # threads of tests may still be connected
            with connection._nodb_cursor() as cursor:
                cursor.execute(f"DROP DATABASE {connection.ops.quote_name(name)} WITH (FORCE)")


@pytest.fixture(scope="session", autouse=True)
def redis_server() -> Iterator[str]:
    """The Redis that tests.settings chose a port for."""
    from ticketgen import embedded_redis

    url = settings.REDIS_URL
    with embedded_redis.embedded_redis(Path(settings.VAR) / "redis", port=urlsplit(url).port):
        yield url


@pytest.fixture
def redis(redis_server: str) -> Iterator[Redis]:
    """An empty Redis."""
    with Redis.from_url(redis_server) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def people(db: None) -> People:
    return make_people()


@pytest.fixture
def run_jobs(redis: Redis) -> Callable[[], None]:
    """Run what is queued, and what that enqueues, with a real worker in this process."""

    def run() -> None:
        queues = [django_rq.get_queue(name) for name in settings.RQ_QUEUES]
        SimpleWorker(queues, connection=redis, serializer=JSONSerializer).work(burst=True, logging_level="ERROR")

    return run


@pytest.fixture
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the real specifications (../shared/data) are not beside this checkout")
    return SHARED
