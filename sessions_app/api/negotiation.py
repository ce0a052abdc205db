"""What an answer is written in."""

from __future__ import annotations

from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class AlwaysJson(DefaultContentNegotiation):
    """JSON, whatever ``Accept`` says: who asks a download for text/csv gets its file, or an error that can be read."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type
