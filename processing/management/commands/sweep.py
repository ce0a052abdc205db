"""``manage.py sweep``: one pass of the sweep and the outbox relay, for a cron of your own."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand

from processing.engine.relay import relay_outbox
from processing.engine.sweep import sweep
from processing.rewriting.service import take_up_proposals


class Command(BaseCommand):
    help = "Take up the work of dead workers, enqueue what was lost, send unsent messages; print the counts as JSON."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(json.dumps({**sweep(), **take_up_proposals(), **relay_outbox()}))
