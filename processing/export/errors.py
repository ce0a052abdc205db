"""What can go wrong between us and a tracker. The one question that matters: may it have acted?"""

from __future__ import annotations

from typing import Any

from processing.errors import ProcessingError
from sessions_app.errors import Category


class ExportError(ProcessingError):
    """An export cannot start, go on or do one of its steps."""

    code = "export_error"


class ExportBlocked(ExportError):
    """Something has to be put right before anything is sent; ``details["blocked"]`` lists it."""

    code = "export_blocked"


class TrackerError(ExportError):
    """A tracker did not do what it was asked to."""

    code = "tracker_error"


class NotSent(TrackerError):
    """Nothing has left us, so it may be tried again."""

    code = "tracker_unreachable"

    def __init__(self, message: str, category: Category | str = Category.TEMPORARY, **details: Any) -> None:
        super().__init__(message, category, **details)


class SlowDown(NotSent):
    """The tracker refused because we are too fast or it is too busy; it did nothing. ``seconds``: what it asked for."""

    code = "tracker_rate_limit"

    def __init__(self, seconds: float, message: str = "The tracker asks to slow down.") -> None:
        super().__init__(message)
        self.seconds = seconds


class Lost(TrackerError):
    """The request went out and no whole answer came back: the tracker may have acted, or not."""

    code = "tracker_answer_lost"

    def __init__(self, message: str = "The tracker's answer was lost.", **details: Any) -> None:
        super().__init__(message, Category.TEMPORARY, **details)


class Refused(TrackerError):
    """The tracker said no and did nothing. ``stops_run``: so it will to everything (authentication, project)."""

    code = "tracker_refused"

    def __init__(
        self, message: str, category: Category | str = Category.USER_FIXABLE, *, stops_run: bool = False, **details: Any
    ) -> None:
        super().__init__(message, category, **details)
        self.stops_run = stops_run


class Gone(Refused):
    """The issue (or project) that was meant is not there, or not for this account."""

    code = "tracker_not_found"
