"""What RQ calls: plain functions of ids, safe to be delivered twice, behind one edge."""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError

from processing.errors import ProcessingError
from processing.models import SessionTask
from processing.models.tasks import TaskStatus
from sessions_app import tracing
from sessions_app.correlation import correlation_id
from sessions_app.errors import AppError, Category

from . import finish
from .batches import tend
from .drainer import Drainer
from .kinds import JOBS, SEQUENTIAL
from .queue import enqueue

logger = logging.getLogger(__name__)


def record_job_failure(task: SessionTask, error: AppError) -> bool:
    """Fail the task, keep a SessionError and send the last word, in one transaction (requirement A-100)."""
    return finish.fail(task, error)


@contextmanager
def job_edge(task: SessionTask) -> Iterator[None]:
    """The one place where a job's unexpected error becomes a state.

    A lost database is left to the sweep, which takes the task up again; anything else ends the task.
    """
    token = correlation_id.set(task.request_id or str(task.pk))
    logger.info("task %s (%s) is worked on", task.pk, task.task_type)
    try:
        with tracing.span(f"run {task.task_type}", task_id=str(task.pk), request_id=correlation_id.get()):
            yield
    except (DatabaseError, InterfaceError):
        logger.exception("task %s lost its database; the sweep will take it up", task.pk)
        raise
    except AppError as error:
        record_job_failure(task, error)
    except Exception as error:
        logger.exception("task %s stopped unexpectedly", task.pk)
        details = {"exception": repr(error)[:500], "traceback": "".join(traceback.format_exception(error))[-4000:]}
        message = "Something went wrong that was not foreseen. An administrator finds the details in the log."
        record_job_failure(task, ProcessingError(message, Category.ADMIN_REQUIRED, technical_details=details))
        raise
    finally:
        correlation_id.reset(token)


def drain_job(task_id: str) -> None:
    """Work on a running task for a slice of time; or look after the batches of one, running or not."""
    task = SessionTask.objects.select_related("session").filter(pk=uuid.UUID(task_id)).first()
    if task is None or (task.status != TaskStatus.RUNNING and not task.batches.open().exists()):
        logger.info("nothing to drain: task %s is %s", task_id, task.status if task else "gone")
        return
    if task.task_type in SEQUENTIAL:  # woken up by something that knows only drainers
        enqueue(JOBS[task.task_type], str(task.session_id), str(task.pk), queue="export")
        return
    with job_edge(task):
        work_on(task)


def work_on(task: SessionTask) -> None:
    """One turn, in the way that was chosen for the run."""
    if task.economy:
        tend(task)
    else:
        Drainer(task).run()
