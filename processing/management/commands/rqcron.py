"""``manage.py rqcron``: django-rq's scheduler with our schedules and JSON for jobs."""

from __future__ import annotations

from functools import partial
from typing import Any

import rq.cron
from django.core.management.base import CommandError, CommandParser
from django_rq.management.commands.rqcron import Command as RqCron
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer


class Command(RqCron):
    """Run exactly one of these per deployment; two would enqueue everything twice (harmless, but wasteful)."""

    requires_system_checks = ["settings"]  # ticketgen.checks: the others load every page, and none is served here

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        for action in parser._actions:
            if action.dest == "config_path":
                action.nargs, action.default, action.required = "?", "ticketgen.schedules", False

    def handle(self, *args: Any, **options: Any) -> None:
        # CronJob.enqueue builds its queue without a serializer, so jobs would be pickled and our workers would refuse
        # them.
        rq.cron.Queue = partial(Queue, serializer=JSONSerializer)  # type: ignore[attr-defined,assignment]
        try:
            super().handle(*args, **options)
        except RedisError as error:
            raise CommandError(f"Redis is away, the schedules stop: {error}") from None
