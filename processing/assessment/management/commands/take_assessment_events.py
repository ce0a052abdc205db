"""``manage.py take_assessment_events``: requests and results from Redis streams, beside the signed callbacks."""

from __future__ import annotations

import json
import logging
import signal
import time
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, connection

from processing.assessment.streams import REFUSED, STREAMS, StreamReader

logger = logging.getLogger(__name__)
WAIT = 2.0


class Command(BaseCommand):
    """Ends after the entries in hand when it is told to (SIGTERM, SIGINT)."""

    help = (
        f"Takes assessment events from the Redis streams {' and '.join(STREAMS)}: fields workspace (its short name) "
        f"and body (the EventEnvelope as JSON). Any number may run. What cannot be taken goes to the list {REFUSED} "
        "with the reason and the entry's id."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="end when nothing is left")

    def handle(self, *args: Any, **options: Any) -> None:
        self.over = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        reader = StreamReader(redis.Redis.from_url(settings.REDIS_URL, socket_timeout=WAIT + 5))
        wait = 0.0 if options["once"] else WAIT
        while not self.over:
            if not self._patiently(reader, wait) and options["once"]:
                break
        self.stdout.write(json.dumps(reader.counts))

    def _end(self, *_: Any) -> None:
        self.over = True

    def _patiently(self, reader: StreamReader, wait: float) -> int:
        """A Redis or a database that is away is waited for; a Redis that was emptied has its groups made anew."""
        try:
            reader.make_groups()
            return reader.take(seconds=wait)
        except (redis.RedisError, DatabaseError, InterfaceError) as error:
            logger.warning("assessment events wait: %s", error)
            connection.close()
            time.sleep(1)
            return 1
