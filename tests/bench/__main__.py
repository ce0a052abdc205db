"""``make bench``: the figures of the product, measured in one run, as a table and as build/bench.json.

``python -m tests.bench [NAME…] [--quick]`` takes some of them, or all with small sizes. Each figure is {name, ours,
peers, ideal, ratio, bar, holds, note}; docs/performance.md says how to read and repeat them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FIGURES = {
    "imports": "tests.bench.pages.imports",
    "lists": "tests.bench.pages.lists",
    "requests": "tests.bench.serving.requests",
    "starts": "tests.bench.serving.starts",
    "model-bound": "tests.bench.generation.model_bound",
    "machine-bound": "tests.bench.generation.machine_bound",
    "memory": "tests.bench.memory.flat",
    "one-session": "tests.bench.sockets.one_session",
    "many-sessions": "tests.bench.sockets.many_sessions",
    "fact-check": "tests.bench.fact_check.fact_check",
    "adf": "tests.bench.adf.adf",
    "crash": "tests.bench.crash.cost",
    "assessment-monitor": "tests.bench.assessment.monitor",
    "assessment-callbacks": "tests.bench.assessment.callbacks",
    "assessment-fits": "tests.bench.assessment.fits",
    "context": "tests.bench.enhancement.search",
    "webhooks": "tests.bench.enhancement.webhooks",
}
"""Name -> a function that yields figures. A new one is a line here."""
BY_NAME_ALONE = {"soak": "tests.bench.soak.soak"}
"""Figures that take so long that they are only taken when asked for."""


def main() -> int:
    """Take figures on a throw-away database and Redis; 0 if every bar holds."""
    options = _options()
    from ticketgen.embedded_redis import embedded_redis, free_port

    _allow_many_files()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # all blocks are left, and so all processes ended
    with (
        tempfile.TemporaryDirectory(prefix="ticketgen-bench-", ignore_cleanup_errors=True) as folder,
        embedded_redis(Path(folder) / "redis") as url,
    ):
        port = free_port()
        os.environ.update(
            BENCH_QUICK="1" if options.quick else "",
            BENCH_MODEL_PORT=str(port),
            OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1",
            OPENAI_API_KEY="none",
            DJANGO_SETTINGS_MODULE="ticketgen.settings",
            TICKETGEN_VAR_DIR=folder,
            DATABASE_URL=os.environ.get("DATABASE_URL") or f"sqlite:///{folder}/db.sqlite3",
            REDIS_URL=url,
            ALLOWED_HOSTS="testserver,127.0.0.1",
            LOG_LEVEL="WARNING",
        )
        import django

        django.setup()
        from django.core.management import call_command
        from django.utils.module_loading import import_string

        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        results = []
        _print_head()
        try:
            for name in options.names or FIGURES:
                for figure in import_string({**FIGURES, **BY_NAME_ALONE}[name])():
                    results.append(figure)
                    _print(figure)
        except AssertionError:
            for log in Path(folder).glob("*.log"):
                lines = log.read_text(errors="replace").splitlines(keepends=True)
                sys.stderr.writelines([line for line in lines if '] "' not in line][-100:])  # not the access log
            raise
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return 0 if all(result["holds"] for result in results) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure ticketgen.")
    parser.add_argument(
        "names",
        nargs="*",
        choices=[*FIGURES, *BY_NAME_ALONE, []],
        metavar="NAME",
        help=", ".join([*FIGURES, *BY_NAME_ALONE]),
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the size: does it work at all?")
    return parser.parse_args()


def _allow_many_files() -> None:
    """Thousands of sockets need thousands of file descriptors, here and in the children."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _print_head() -> None:
    print(f"{'figure':82} {'ours':>10} {'peers':24} {'ideal':>9} {'ratio':>8} {'bar':>15}  holds", flush=True)


def _print(figure: dict[str, Any]) -> None:
    peers = ", ".join(f"{name} {value}" for name, value in figure["peers"].items())
    ideal = "" if figure["ideal"] is None else figure["ideal"]
    holds = "yes" if figure["holds"] else "NO"
    numbers = f"{figure['ours']:>10} {peers:24} {ideal:>9} {figure['ratio']:>8} {figure['bar']:>15}"
    print(f"{figure['name']:82} {numbers}  {holds}", flush=True)
    if figure["note"]:
        print(f"    {figure['note']}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
