"""``make drill``: the whole stack at work while each process and each server is killed in turn; then every promise is
checked, and a table says which ones hold. It is also written to build/drill.json.

``python -m tests.drill --help`` says what can be chosen. The seed decides the order of the strokes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.postgres import Cluster, PostgresUnavailable

if TYPE_CHECKING:
    from .checks import Row
    from .strokes import Stroke

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """0 if every invariant holds."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # all blocks are left, and so all processes ended
    print(f"Seed {options.seed}: repeat this order of strokes with --seed {options.seed}", flush=True)
    with _folder(keep=options.keep) as folder, _postgres(wanted=not options.sqlite) as cluster:
        print(f"Everything runs on {'PostgreSQL' if cluster else 'SQLite'}.", flush=True)
        from .stack import Stack

        stack = Stack(folder, cluster)
        os.environ.update(stack.environment())
        stack.redis.start()
        try:
            import django

            django.setup()
            from .course import run

            strokes, rows = run(stack, options)
        finally:
            stack.kill()
            stack.redis.kill()
    _write(options.seed, "PostgreSQL" if cluster else "SQLite", strokes, rows)
    _print(rows)
    return 0 if all(row.holds for row in rows) else 1


def _options() -> argparse.Namespace:
    from .strokes import STROKES

    parser = argparse.ArgumentParser(prog="python -m tests.drill", description="Kill everything, and look.")
    parser.add_argument("--quick", action="store_true", help="every stroke once, with less work")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="the order of the strokes")
    parser.add_argument("--only", choices=list(STROKES), action="append", metavar="NAME", help=", ".join(STROKES))
    parser.add_argument("--sqlite", action="store_true", help="SQLite, also where there is a PostgreSQL")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs")
    return parser.parse_args()


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ticketgen-drill-"))
    folder.chmod(0o755)  # PostgreSQL's own user has to come through
    try:
        yield folder
    finally:
        if keep:
            print(f"Logs: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _postgres(*, wanted: bool) -> Iterator[Cluster | None]:
    """A cluster of the drill's own; None where there is no PostgreSQL, or it is not wanted."""
    if not wanted:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="ticketgen-drill-postgres-"))
    try:
        cluster = Cluster(folder, "max_connections=200")
        cluster.create()
    except PostgresUnavailable:
        shutil.rmtree(folder)
        yield None
        return
    try:
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)


def _write(seed: int, database: str, strokes: list[Stroke], rows: list[Row]) -> None:
    target = ROOT / "build" / "drill.json"
    target.parent.mkdir(exist_ok=True)
    told: dict[str, Any] = {
        "seed": seed,
        "database": database,
        "strokes": [asdict(stroke) for stroke in strokes],
        "rows": [asdict(row) for row in rows],
    }
    target.write_text(json.dumps(told, indent=1, ensure_ascii=False, default=str) + "\n")


def _print(rows: list[Row]) -> None:
    width = max(len(row.invariant) for row in rows)
    print(f"\n{'invariant':{width}}  {'expected':>14}  {'found':>14}  holds")
    for row in rows:
        said = f"{_short(row.expected):>14}  {_short(row.found):>14}  {'yes' if row.holds else 'NO'}"
        print(f"{row.invariant:{width}}  {said}")
        if row.note:
            print("\n".join(f"    {line}" for line in row.note.splitlines()))
    broken = sum(not row.holds for row in rows)
    print(f"\n{len(rows)} invariants, {broken} broken.", flush=True)


def _short(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    print(f"{time.monotonic() - began:.0f} s")
    sys.exit(code)
