"""``make coverage``: what the tests reach of each package, and of every function that changes a state.

Reads the JSON that ``coverage json`` writes. A percentage counts lines and branches together.
"""

from __future__ import annotations

import ast
import itertools
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LEAST = {"processing": 95.0, "state changes": 95.0}
WRITES = ("save", "delete", "create", "bulk_create", "update_or_create", "get_or_create")
Counts = tuple[int, int]
"""(covered, all), of lines and branches."""


def main(report: Path) -> int:
    """Print the tables; 1 if something is below what it has to be."""
    files: dict[str, Any] = json.loads(report.read_text())["files"]
    packages = _by_package(files)
    changes = {
        f"{path}: {name}": figures
        for path, file in sorted(files.items())
        for name, figures in file["functions"].items()
        if name in state_changes((ROOT / path).read_text())
    }
    _print("package", dict(sorted(packages.items())))
    of_changes = _total(_counts(figures["summary"]) for figures in changes.values())
    print(f"\n{len(changes)} functions that change a state, those not reached whole:")
    for name, figures in changes.items():
        if figures["missing_lines"] or figures["missing_branches"]:
            print(f"  {name} {', '.join(_places(figures))}")
    reached = {"processing": packages["processing"], "state changes": of_changes}
    print()
    _print("what has to be reached", reached)
    short = [name for name, least in LEAST.items() if _percent(reached[name]) < least]
    for name in short:
        print(f"{name}: {_percent(reached[name]):.1f} %, and it has to be {LEAST[name]:g} %.")
    return 1 if short else 0


def _places(figures: dict[str, Any]) -> Iterator[str]:
    """Runs of lines that were never reached, and branches never taken from lines that were."""
    lines: list[int] = figures["missing_lines"]
    for _, run in itertools.groupby(enumerate(lines), lambda each: each[1] - each[0]):
        numbers = [line for _, line in run]
        yield str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
    for start, end in figures["missing_branches"]:
        if start not in lines:
            yield f"{start}->{end if end > 0 else 'end'}"


def state_changes(source: str) -> set[str]:
    """Names, as coverage has them (``Class.method``), of the functions that write rows: by ``update(status=…)`` on a
    query, by the model's own verbs for writing, or by a method of the same class that does.
    """
    found: set[str] = set()
    for owner, methods in _functions(ast.parse(source)):
        calls = {name: list(_calls(node)) for name, node in methods.items()}
        writing = {name for name, made in calls.items() if any(_writes(call) for call in made)}
        while more := {
            name for name, made in calls.items() if name not in writing and any(_own(call) in writing for call in made)
        }:
            writing |= more
        found |= {f"{owner}.{name}" if owner else name for name in writing}
    return found


def _functions(module: ast.Module) -> Iterator[tuple[str, dict[str, ast.AST]]]:
    """(class or "", name -> function), for the module and each of its classes."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    yield "", {node.name: node for node in module.body if isinstance(node, kinds)}
    for owner in module.body:
        if isinstance(owner, ast.ClassDef):
            yield owner.name, {node.name: node for node in owner.body if isinstance(node, kinds)}


def _calls(function: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(function) if isinstance(node, ast.Call))


def _writes(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    by_name = call.func.attr in WRITES
    return by_name or (call.func.attr == "update" and bool(call.keywords) and not call.args)


def _own(call: ast.Call) -> str:
    """The method in ``self.method(…)``."""
    func = call.func
    mine = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "self"
    return func.attr if mine else ""  # type: ignore[union-attr]


def _by_package(files: dict[str, Any]) -> dict[str, Counts]:
    sums: dict[str, list[Counts]] = defaultdict(list)
    for path, file in files.items():
        parts = Path(path).parent.parts
        for depth in range(1, min(len(parts), 2) + 1):
            sums["/".join(parts[:depth])].append(_counts(file["summary"]))
    return {name: _total(each) for name, each in sums.items()}


def _counts(summary: dict[str, int]) -> Counts:
    return (
        summary["covered_lines"] + summary.get("covered_branches", 0),
        summary["num_statements"] + summary.get("num_branches", 0),
    )


def _total(counts: Any) -> Counts:
    pairs = list(counts)
    return sum(covered for covered, _ in pairs), sum(every for _, every in pairs)


def _percent(counts: Counts) -> float:
    covered, every = counts
    return 100 * covered / every if every else 100.0


def _print(title: str, rows: dict[str, Counts]) -> None:
    print(f"{title:50} {'covered':>8} {'of':>7} {'%':>6}")
    for name, counts in rows.items():
        print(f"{name:50} {counts[0]:>8} {counts[1]:>7} {_percent(counts):>6.1f}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
