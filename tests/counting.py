"""Which tests ``make coverage`` counts: enough of them to tell, as to count takes a processor twice the time.

Tests that go over ground which others have shown, in a browser or many times, are not counted; nor are most processes
that tests start, of which those that are killed could not tell anyway. What is reported is therefore reached at least.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coverage import Coverage

UNCOUNTED = (
    "tests/e2e/",
    "tests/safety/test_api_schema.py",
    "tests/safety/test_source_rules.py",
    "tests/safety/test_upload_bombs.py",
    "tests/test_access.py",
    "tests/test_access_granted.py",
    "tests/test_correlation.py",
    "tests/test_csrf_and_methods.py",
    "tests/processing/engine/test_database_restarts.py",
    "tests/processing/engine/test_fairness.py",
    "tests/processing/engine/test_killed.py",
    "tests/processing/engine/test_random_kills.py",
    "tests/processing/engine/test_redis_away.py",
    "tests/processing/export/test_export_killed.py",
    "tests/processing/generation/test_fact_check.py::test_the_offline_writer_earns_no_mark_on_real_specifications",
    "tests/processing/validation/test_validation_run.py::test_every_ticket_of_the_offline_writer_is_valid",
    "tests/sessions_app/test_hostile_files.py",
    "tests/sessions_app/test_import_fuzz.py",
    "tests/sessions_app/test_pages.py",
    "tests/sessions_app/test_real_specifications.py",
)
WITH_CHILDREN = (
    "tests/processing/engine/test_stopped.py",
    "tests/processing/enhancement/test_enhancing_killed.py",
    "tests/processing/export/test_export_command.py",
    "tests/processing/test_fakes.py",
    "tests/processing/test_generate_command.py",
    "tests/processing/test_workers.py",
    "tests/processing/validation/test_adf_command.py",
    "tests/ticketgen/test_modules.py",
    "tests/ticketgen/test_serve.py",
)
"""Tests of what only a process of its own does: those that they start are counted, too."""
INHERITED = "COVERAGE_PROCESS_CONFIG"
"""By this variable a process knows that it is counted, and hands it on to those that it starts."""


def count_in_tests_only() -> None:
    """To count while tests are collected takes a quarter of a minute, and tells only what has been imported."""
    if INHERITED in os.environ:
        from coverage import Coverage

        if current := Coverage.current():
            current.stop()
            _stopped.append(current)


@contextmanager
def counting(test: str) -> Iterator[None]:
    """What this test (its node id) reaches is counted, if it is one that is to be."""
    if INHERITED not in os.environ:
        yield
        return
    counted = [] if test.startswith(UNCOUNTED) else _stopped
    config = os.environ[INHERITED]
    if not test.startswith(WITH_CHILDREN):
        del os.environ[INHERITED]
    for each in counted:
        each.start()
    try:
        yield
    finally:
        for each in counted:
            each.stop()
        os.environ[INHERITED] = config


_stopped: list[Coverage] = []
"""That of this process, if it is counted."""
