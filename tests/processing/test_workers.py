"""What a worker is before its first job: out of the way of pages, and in possession of all that jobs import."""

import os
import re
import subprocess
import sys
from importlib import import_module

import django_rq
import pytest
from django.conf import settings
from rq import cron
from rq.registry import FailedJobRegistry

from processing.engine import heartbeat
from processing.engine.queue import enqueue
from tests.processes import ROOT, product_environment, wait_for, worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]

PATH = re.compile(r'"(processing(?:\.[a-z_]+)+)\.(?:[a-z_]+_job|enhance_ticket|send_note|import_library)"')
IMPORTS = """
import sys
import django
django.setup()
from importlib import import_module
from django.conf import settings
for module in settings.RQ_JOB_MODULES:
    import_module(module)
print(*(name for name in sys.argv[1:] if name not in sys.modules))
"""


def jobs() -> set[str]:
    """Modules of what is enqueued by its path, as the sources name it."""
    sources = (path.read_text() for path in (ROOT / "processing").rglob("*.py"))
    return {found for text in sources for found in PATH.findall(text)}


def test_no_work_horse_has_to_import_its_job():
    named = jobs()
    assert {"processing.generation.jobs", "processing.enhancement.jobs", "processing.assessment.scoring"} <= named
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, *sorted(named)],
        cwd=ROOT,
        env=product_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert done.stdout.split() == []


def test_workers_step_back_behind_pages(redis):
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    with worker(WORKER_NICE="3") as process:
        wait_for(heartbeat.last_seen, "the worker")
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, ours + 3)


def test_what_failed_is_kept_for_a_look_and_not_for_a_year(redis, run_jobs, settings):
    settings.KEEP_FAILED = 100
    enqueue("json.loads", "no JSON", queue="default")

    run_jobs()

    (failed,) = FailedJobRegistry(queue=django_rq.get_queue("default")).get_job_ids()
    assert 90 < redis.ttl(f"rq:job:{failed}") <= 100


def test_so_is_what_runs_by_the_clock():
    import_module("ticketgen.schedules")

    assert {job["failure_ttl"] for job in cron._job_data_registry} == {settings.KEEP_FAILED}
