"""Excel workbooks, read in a child process that cannot eat the machine.

A small .xlsx can unpack to gigabytes. The ZIP's own directory is checked first (entries, declared size, ratio); then
a child with a memory and a CPU limit parses it, so that a lying directory kills the child and nothing else.
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

from sessions_app.parsing.delimited import Limits, Record, table_from_records
from sessions_app.parsing.tables import Table, UnreadableFile
from sessions_app.parsing.text import normal

MAX_ENTRIES: Final = 2_000
MAX_UNPACKED: Final = 150 * 1024 * 1024
MAX_RATIO: Final = 150
MAX_TEXT: Final = 40_000_000
"""Characters in all cells. One shared string in a million cells is a small file."""
CHILD_MEMORY: Final = 768 * 1024 * 1024
CHILD_CPU_SECONDS: Final = 20
CHILD_SECONDS: Final = 40
TABLE_LIMITS: Final = Limits()


def read_workbook(data: bytes, limits: Limits = TABLE_LIMITS) -> list[Table]:
    """The tables of all worksheets that hold text. Raises UnreadableFile for bombs, damage and empty workbooks."""
    _check_directory(data)
    sheets = _parse_in_child(data, limits)
    tables = [
        table_from_records(records, sheet=name)
        for name, records in sheets
        if any(normal(cell) for _, cells in records for cell in cells)
    ]
    if not tables:
        raise UnreadableFile("empty_file", "The workbook holds no cell with text in it.")
    return tables


def _check_directory(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    if len(entries) > MAX_ENTRIES or unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * max(len(data), 20_000):
        raise UnreadableFile(
            "workbook_too_large",
            f"The workbook would unpack to {unpacked / 1024 / 1024:,.0f} MB in {len(entries):,} parts. "
            "Remove unused sheets, formats and pictures, or export each tab as CSV.",
        )


def _parse_in_child(data: bytes, limits: Limits) -> list[tuple[str, list[Record]]]:
    command = [
        sys.executable,
        "-m",
        "sessions_app.spreadsheets",
        str(limits.rows),
        str(limits.columns),
        str(limits.cells),
    ]
    try:
        done = subprocess.run(
            command,
            input=data,
            capture_output=True,
            timeout=CHILD_SECONDS,
            check=False,
            preexec_fn=_limit_child,
            cwd=Path(__file__).resolve().parents[1],
        )
    except subprocess.TimeoutExpired:
        raise UnreadableFile(
            "workbook_too_large", "Reading the workbook took too long. Export each tab as CSV."
        ) from None
    if done.returncode:
        raise UnreadableFile(
            "workbook_unreadable",
            "The workbook is damaged, protected or needs too much memory. Export each tab as CSV and upload that.",
        )
    answer = json.loads(done.stdout)
    if "refused" in answer:
        raise UnreadableFile("workbook_too_large", answer["refused"])
    return [(name, [(line, cells) for line, cells in records]) for name, records in answer["sheets"]]


def _limit_child() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (CHILD_MEMORY, CHILD_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CHILD_CPU_SECONDS, CHILD_CPU_SECONDS))


def _as_text(value: object) -> str:
    """A cell as the sheet shows it: whole numbers without ``.0``."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).replace("\0", "")


def _child(rows: int, columns: int, cells: int) -> dict[str, object]:
    """Runs in the child: workbook on standard input, JSON on standard output."""
    from python_calamine import CalamineWorkbook

    workbook = CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
    sheets = []
    left = cells
    text_left = MAX_TEXT
    for name in workbook.sheet_names:
        sheet = workbook.get_sheet_by_name(name)
        start = sheet.start[0] if sheet.start else 0
        if sheet.width > columns or sheet.height > rows:
            return {
                "refused": f"The sheet “{name}” has {sheet.height:,} rows and {sheet.width:,} columns; "
                f"at most {rows:,} and {columns:,} are read."
            }
        left -= sheet.width * sheet.height
        if left < 0:
            return {"refused": f"The workbook has more than {cells:,} cells. Remove unused sheets."}
        records: list[tuple[int, list[str]]] = [
            (start + number, [_as_text(value) for value in row])
            for number, row in enumerate(sheet.to_python(skip_empty_area=True), start=1)
        ]
        text_left -= sum(len(cell) for _, texts in records for cell in texts)
        if text_left < 0:
            return {"refused": f"The workbook has more than {MAX_TEXT:,} characters of text. Remove unused sheets."}
        sheets.append([name, records])
    return {"sheets": sheets}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_child(*map(int, sys.argv[1:4]))))
