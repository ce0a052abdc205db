"""``manage.py rqworker``: django-rq's, with JSON for jobs, a heartbeat, and SDKs imported before the fork."""

from __future__ import annotations

import os
import socket
from typing import Any

from django.core.management.base import CommandParser
from django_rq.management.commands.rqworker import Command as RqWorker

from processing.engine.heartbeat import keep_beating

JSON = "rq.serializers.JSONSerializer"


class Command(RqWorker):
    """Without queues it serves all of them."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)  # type: ignore[no-untyped-call]
        parser.set_defaults(serializer=JSON)

    def handle(self, *args: str, **options: Any) -> None:
        import processing.generation.kind  # noqa: F401 - imported once, before work-horses are forked

        keep_beating(options.get("name") or f"{socket.gethostname()}.{os.getpid()}")
        super().handle(*(args or ("default", "llm", "export")), **options)  # type: ignore[no-untyped-call]
