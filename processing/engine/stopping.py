"""Has this process been asked to stop? A work-horse is told by a signal; whoever works for long asks here."""

from __future__ import annotations

import signal

_requested = False


def listen() -> None:
    """Take SIGTERM as a request from now on, not as the end."""
    signal.signal(signal.SIGTERM, lambda number, frame: request())


def request() -> None:
    global _requested  # noqa: PLW0603 - a fact about the process; a lock could deadlock inside a signal handler
    _requested = True


def requested() -> bool:
    return _requested
