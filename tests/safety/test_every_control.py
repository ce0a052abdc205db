"""The table of docs/safety.md is whole, and every test that it names is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTROLS = 68
ROW = re.compile(r"\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|")
NAME = re.compile(r"`([^`]+)`")


def rows():
    """(number, what, [modules that hold it], [tests]) of each line."""
    for line in (ROOT / "docs" / "safety.md").read_text().splitlines():
        if found := ROW.fullmatch(line):
            number, what, held, tests = found.groups()
            yield int(number), what.strip(), NAME.findall(held), NAME.findall(tests)


@cache
def functions(path):
    """Names of the tests of a file, read and not imported."""
    tree = ast.parse((ROOT / "tests" / path).read_text())
    defined = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name for node in defined}


def test_every_control_has_its_line():
    assert [number for number, *_ in rows()] == list(range(1, CONTROLS + 1))


@pytest.mark.parametrize(("number", "what", "held", "tests"), list(rows()), ids=lambda value: str(value)[:30])
def test_what_a_line_names_is_there(number, what, held, tests):
    assert what
    assert held
    assert tests
    for path in held:
        assert (ROOT / path).exists(), path
    for test in tests:
        path, _, name = test.partition("::")
        assert name.startswith("test_")
        assert name in functions(path), test
