"""How long a thread may hold the interpreter while others want it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SHORT: Final = 0.0005
"""Seconds. Python's own are ten times as long: calls, which let go of the interpreter at every packet, would wait for a
batch that is being written; and who holds SQLite's lock would wait for all others between its statements, and every
writer of every process with it.
"""


@contextmanager
def short_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SHORT)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
