"""``manage.py adf FILE…``: Markdown as the Atlassian Document Format, with what is wrong with it. Looks nothing up."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from processing.validation.adf import converted
from processing.validation.schema import Problem, is_valid, placed, problems_of

LARGEST = 50_000_000


class Command(BaseCommand):
    help = (
        "Turn Markdown into ADF and check it as Jira does. One JSON object per file and line: file, valid, problems, "
        "adf. Exit status: 0 all are valid, 1 some are not or could not be read."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="+", help="Markdown files in UTF-8; - for standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        all_valid = True
        try:
            for name in options["file"]:
                report = report_on(name)
                all_valid = all_valid and report["valid"]
                # Escaped, so that it goes through any terminal and any odd file name.
                self.stdout.write(json.dumps(report))
        except BrokenPipeError:  # whoever reads has enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not all_valid:
            raise SystemExit(1)


def report_on(name: str) -> dict[str, Any]:
    """{file, valid, problems, adf} of one file; of one that cannot be read ``adf`` is null."""
    try:
        markdown = _read(name)
    except UnicodeDecodeError as error:
        return _unreadable(name, "not_utf8", f"The file is not in UTF-8: byte {error.start} cannot be read.")
    except OSError as error:
        return _unreadable(name, "not_readable", f"The file cannot be read: {error.strerror or error}.")
    except ValueError as error:
        return _unreadable(name, "not_readable", f"The file cannot be read: {error}.")
    conversion = converted(markdown)
    problems = placed(problems_of(conversion.adf), markdown, conversion.lines)
    return _report(name, problems, conversion.adf)


def _read(name: str) -> str:
    """Raises OSError, UnicodeDecodeError or ValueError."""
    if name == "-":
        data = sys.stdin.buffer.read(LARGEST + 1)
    else:
        with Path(name).open("rb") as file:
            data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"it has more than {LARGEST:,} bytes")
    return data.decode("utf-8-sig")


def _unreadable(name: str, kind: str, message: str) -> dict[str, Any]:
    return _report(name, [Problem(kind, "", message)], None)


def _report(name: str, problems: list[Problem], adf: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "file": name,
        "valid": is_valid(problems),
        "problems": [problem.as_json() for problem in problems],
        "adf": adf,
    }
