"""What starts with every process, whatever it is: web, worker, schedules, command."""

from __future__ import annotations

import logging

from django.apps import AppConfig
from django.conf import settings

logger = logging.getLogger(__name__)


class TicketgenConfig(AppConfig):
    name = "ticketgen"

    def ready(self) -> None:
        from . import checks, sentry  # noqa: F401 - the checks register themselves

        if settings.SENTRY_DSN:
            try:
                sentry.start()
            except ImportError as error:  # the check says what to do about it
                logger.error("errors are not sent to Sentry: %s", error)
