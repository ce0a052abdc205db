"""Commands that need nothing that runs already: a Redis and a database of their own for as long as they take.

Used where neither REDIS_URL nor DATABASE_URL is set; otherwise the configured installation is used.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ticketgen.embedded_redis import embedded_redis

COMMANDS = frozenset({"generate"})


@contextmanager
def standalone(command: str) -> Iterator[None]:
    """Give the command what it needs through the environment, before settings are read; it is gone afterwards."""
    if command not in COMMANDS or os.environ.get("REDIS_URL") or os.environ.get("DATABASE_URL"):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="ticketgen-") as folder, embedded_redis(Path(folder) / "redis") as url:
        os.environ.update(
            REDIS_URL=url,
            TICKETGEN_VAR_DIR=folder,
            DATABASE_URL=f"sqlite:///{folder}/db.sqlite3",
            DATABASE_IS_FOR_NOW="true",
        )
        yield
