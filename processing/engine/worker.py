"""Our kind of RQ worker: a stop reaches the job at work, and a Redis that is away for a while ends neither of them."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import redis
from rq import Worker, worker_registration
from rq.exceptions import DeserializationError, StopRequested

from sessions_app import tracing
from sessions_app.correlation import correlation_id

from . import stopping

if TYPE_CHECKING:
    from redis.client import Pipeline
    from rq.executions import Execution
    from rq.job import Job
    from rq.queue import Queue

logger = logging.getLogger(__name__)

AWAY = (redis.ConnectionError, redis.TimeoutError)


class EngineWorker(Worker):
    """The first SIGTERM or SIGINT (warm shutdown) goes on to the work-horse as SIGTERM: a drainer then winds up, any
    other job ends in its own time. The second is RQ's: the work-horse is killed.

    What RQ notes in Redis about workers and jobs is not needed to go on, so it is left out while Redis is away.
    """

    max_connection_wait_time = 5.0

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Whatever a job logs carries an id: its own, until it knows whose click it goes back to."""
        correlation_id.set(job.id)
        try:
            with tracing.span(_name_of(job), "consumer", continues=job.meta, queue=queue.name, job_id=job.id) as span:
                succeeded = super().perform_job(job, queue, execution)
                if not succeeded:
                    span.failed("job_failed")
                return succeeded
        finally:
            tracing.flush()  # a work-horse ends without another word

    # A stop

    def handle_warm_shutdown_request(self) -> None:
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]
        self._pass_on_the_stop()

    def _pass_on_the_stop(self) -> None:
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        super().fork_work_horse(job, queue)
        if self._stop_requested:  # perhaps between the fork and the moment when its process id was noted
            self._pass_on_the_stop()

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()  # type: ignore[no-untyped-call]
        stopping.listen()
        if self._stop_requested:  # before the fork, or since then by the handler that came with it
            stopping.request()

    # Redis away

    def execute_job(self, job: Job, queue: Queue) -> None:
        try:
            super().execute_job(job, queue)
        except AWAY as error:
            logger.warning("the end of job %s cannot be noted, Redis is away: %s", job.id, error)
            self._wait_for_redis()

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
            return
        with _best_effort("heartbeat"):
            super().heartbeat(timeout)
            self._register_again()

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        with _best_effort("heartbeat"):
            super().maintain_heartbeats(job, execution)
            self._register_again()

    def set_shutdown_requested_date(self) -> None:
        with _best_effort("request to stop"):
            super().set_shutdown_requested_date()  # type: ignore[no-untyped-call]

    def _register_again(self) -> None:
        """A Redis that was emptied has forgotten its workers; runs count them to know how many may help."""
        with self.connection.pipeline() as pipeline:
            pipeline.hset(self.key, mapping=self.serialize())
            worker_registration.register(self, pipeline)
            pipeline.execute()

    def _wait_for_redis(self) -> None:
        while True:
            if self._stop_requested:
                raise StopRequested
            with suppress(*AWAY):
                self.connection.ping()
                return
            time.sleep(1)


def _name_of(job: Job) -> str:
    try:
        return job.func_name or "job"
    except DeserializationError:  # RQ fails it
        return "unreadable job"


@contextmanager
def _best_effort(what: str) -> Iterator[None]:
    try:
        yield
    except AWAY as error:
        logger.warning("%s of this worker not noted, Redis is away: %s", what, error)
