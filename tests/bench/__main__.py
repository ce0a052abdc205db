"""``make bench``: the figures of the product, measured in one run, as a table and as build/bench.json.

Each figure is {name, ours, peers, ideal, ratio, bar, holds}; docs/performance.md says how to read and repeat them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run all figures on a throw-away database and Redis; 0 if every bar holds."""
    from ticketgen.embedded_redis import embedded_redis

    with (
        tempfile.TemporaryDirectory(prefix="ticketgen-bench-") as folder,
        embedded_redis(Path(folder) / "redis") as url,
    ):
        os.environ.update(
            DJANGO_SETTINGS_MODULE="ticketgen.settings",
            TICKETGEN_VAR_DIR=folder,
            DATABASE_URL=os.environ.get("DATABASE_URL") or f"sqlite:///{folder}/db.sqlite3",
            REDIS_URL=url,
            ALLOWED_HOSTS="testserver",
            LOG_LEVEL="WARNING",
        )
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        from tests.bench import figures

        results = [figure for measure in figures.ALL for figure in measure()]
    _print(results)
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=1) + "\n")
    return 0 if all(result["holds"] for result in results) else 1


def _print(results: list[dict[str, object]]) -> None:
    print(f"{'figure':58} {'ours':>14} {'bar':>14}  holds")
    for result in results:
        print(
            f"{result['name']!s:58} {result['ours']!s:>14} {result['bar']!s:>14}  {'yes' if result['holds'] else 'NO'}"
        )


if __name__ == "__main__":
    sys.exit(main())
