"""``manage.py rqworker``: django-rq's, with our worker, JSON for jobs, a heartbeat, and all imports before the fork."""

from __future__ import annotations

import gc
import os
import socket
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import connection
from django_rq.management.commands.rqworker import Command as RqWorker

from processing.engine.heartbeat import keep_beating
from processing.llm.registry import import_sdks

JSON = "rq.serializers.JSONSerializer"
WORKER = "processing.engine.worker.EngineWorker"
SHOWS_LIFE_WITHIN = 45
"""Seconds; every 30 an idle worker sees to it that Redis knows it, and a dead one is forgotten after 105."""


class Command(RqWorker):
    """Without queues it serves all of them."""

    requires_system_checks = ["settings"]  # ticketgen.checks: the others load every page, and none is served here

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)  # type: ignore[no-untyped-call]
        parser.set_defaults(serializer=JSON, worker_class=WORKER, worker_ttl=SHOWS_LIFE_WITHIN)

    def handle(self, *args: str, **options: Any) -> None:
        os.nice(settings.WORKER_NICE)
        for module in settings.RQ_JOB_MODULES:
            import_module(module)
        connection.ops.compiler("SQLCompiler")  # imports what queries are made with
        import_sdks()
        gc.collect()
        gc.freeze()  # nothing of all this goes away: work-horses need not look at it, nor copy the pages it stands on
        keep_beating(options.get("name") or f"{socket.gethostname()}.{os.getpid()}")
        super().handle(*(args or settings.RQ_QUEUES), **options)  # type: ignore[no-untyped-call]
