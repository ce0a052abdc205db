"""What takes long to make and is the same for all test processes of a run: the first one makes it, the others wait."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest


def folder_of_run(factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Where the processes of a run meet."""
    own = factory.getbasetemp()
    return own if worker_id == "master" else own.parent


def once(folder: Path, name: str, make: Callable[[], str]) -> str:
    """What ``make`` told the first that came here. Where it fails, the next one tries."""
    with (folder / name).open("a+") as told:
        fcntl.flock(told, fcntl.LOCK_EX)
        told.seek(0)
        known = told.read()
        if not known:
            known = make()
            told.write(known)
        return known
