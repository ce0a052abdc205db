"""``manage.py drain_enhancement_queue``: jobs from a raw Redis list, for producers that know no webhooks."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, connection

from processing.enhancement import figures
from processing.enhancement.models.history import Origin
from processing.enhancement.payload import InvalidJob, raw_field
from processing.enhancement.service import EnhancementService, JobRefused
from processing.errors import ProcessingError
from sessions_app.models import Workspace

MOST_REFUSED = 10_000
LONGEST = 256 * 1024


class Command(BaseCommand):
    """Each entry stays in ``…:taken`` until its run is committed, so that no death loses one."""

    help = (
        "Takes jobs (JSON, LPUSHed) from the Redis list enhancement:queue and records them as a webhook would. Invalid "
        "ones are recorded as failed; those of no workspace go to enhancement:queue:refused with the reason."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--list", default="enhancement:queue", help="name of the Redis list")
        parser.add_argument("--once", action="store_true", help="end when the list is empty")

    def handle(self, *args: Any, **options: Any) -> None:
        self.name, self.over, self.counts = options["list"], False, {"accepted": 0, "duplicates": 0, "refused": 0}
        self.redis = redis.Redis.from_url(settings.REDIS_URL)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        self._put_back_what_was_left()
        while not self.over:
            if not self._patiently(self._one, wait=not options["once"]):
                break
        self.stdout.write(json.dumps(self.counts))

    def _end(self, *_: Any) -> None:
        self.over = True

    @property
    def taken(self) -> str:
        return f"{self.name}:taken"

    def _put_back_what_was_left(self) -> None:
        """Of a drainer that died. Only one drainer works on a list."""
        while self.redis.lmove(self.taken, self.name, "LEFT", "RIGHT"):
            pass

    def _patiently(self, step: Callable[[bool], bool], *, wait: bool) -> bool:
        """True as long as there is more to do; a Redis or a database that is away is waited for."""
        try:
            return step(wait)
        except (redis.RedisError, DatabaseError, InterfaceError) as error:
            figures.logger.warning("the list %s waits: %s", self.name, error)
            connection.close()
            time.sleep(1)
            return True

    def _one(self, wait: bool) -> bool:  # noqa: FBT001 - a step of one loop
        entry: Any = (
            self.redis.blmove(self.name, self.taken, 1, "RIGHT", "LEFT")
            if wait
            else self.redis.lmove(self.name, self.taken, "RIGHT", "LEFT")
        )
        if entry is None:
            return wait
        self._record(entry)
        self.redis.lrem(self.taken, 1, entry)
        return True

    def _record(self, entry: bytes) -> None:
        try:
            if len(entry) > LONGEST:
                raise JobRefused(InvalidJob([{"field": "payload", "message": "This is too long."}]))
            workspace = Workspace.objects.filter(slug=raw_field(entry, "tenant_id")).first()
            if workspace is None:
                raise JobRefused(InvalidJob([{"field": "tenant_id", "message": "There is no such workspace."}]))
            _, is_new = EnhancementService().accept(workspace, entry, Origin.QUEUE)
            self.counts["accepted" if is_new else "duplicates"] += 1
        except ProcessingError as error:
            self.counts["refused"] += 1
            if "enhancement_id" not in error.details:  # else it is recorded with its workspace
                figures.count("failed", None, 0.0)
                self._set_aside(entry, error.message)

    def _set_aside(self, entry: bytes, reason: str) -> None:
        kept = json.dumps({"reason": reason, "entry": entry[:10_000].decode(errors="replace")})
        self.redis.lpush(f"{self.name}:refused", kept)
        self.redis.ltrim(f"{self.name}:refused", 0, MOST_REFUSED - 1)
