"""What a figure is, and what several modules need to take one. Units stand in the figures' names."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model

from sessions_app.actions.workspaces import create_workspace
from sessions_app.models import Session, Workspace
from tests.factories import bundles, fields, import_files, make_session

Figure = dict[str, Any]
QUICK = "BENCH_QUICK"
"""Environment variable: sizes a tenth of the real ones, to see that everything works. Such figures prove nothing."""


def figure(
    name: str,
    ours: float,
    bar: float | None = None,
    *,
    at_most: bool = True,
    ratio: float | None = None,
    ideal: float | None = None,
    peers: dict[str, Any] | None = None,
    holds: bool = True,
    note: str = "",
) -> Figure:
    """``bar`` judges the ratio where one is given, and ours where not; None: told, not judged.

    ``holds`` adds a condition of its own (nothing lost, all tickets there).
    """
    judged = ours if ratio is None else ratio
    if bar is not None:
        holds = holds and (judged <= bar if at_most else judged >= bar)
    return {
        "name": name,
        "ours": round(ours, 3),
        "peers": peers or {},
        "ideal": ideal if ideal is None else round(ideal, 3),
        "ratio": round(judged / bar if ratio is None and bar else judged, 3),
        "bar": "told"
        if bar is None
        else f"{'<=' if at_most else '>='} {bar:g}{' (ratio)' if ratio is not None else ''}",
        "holds": holds,
        "note": note,
    }


def size(full: int, *, at_least: int = 1) -> int:
    """How many of something this run uses."""
    return max(at_least, full // 10) if os.environ.get(QUICK) else full


def workspace() -> Workspace:
    found = Workspace.objects.filter(slug="bench").first()
    if found:
        return found
    user = get_user_model().objects.create_user("bench", "bench@example.org", "bench")
    return create_workspace("Bench", owner=user)


def specified_session(entities: int, **more: Any) -> Session:
    """A session whose specification names so many entities: one content type for every fifty fields.

    Each is of another site: what was asked before would be found in the ledger and not be asked again.
    """
    kinds = max(1, entities // 50)
    session = make_session(workspace(), **{"site_name": f"Site {time.monotonic_ns()}", **more})
    import_files(session, Bundles=bundles(kinds), Fields=fields(entities - kinds, kinds))
    return session


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else max(values, default=0.0)


def resident_megabytes(kind: str = "VmRSS", pid: int | str = "self") -> float:
    """A process's resident memory now, or (``VmHWM``) its peak; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    line = next((line for line in lines if line.startswith(kind)), "none 0")
    return int(line.split()[1]) / 1024


def cpu_seconds(pid: int) -> float:
    """What a process and those of its children that have ended have used so far, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")
