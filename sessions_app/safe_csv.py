"""CSV that opens right in Excel and that no spreadsheet evaluates."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

BOM: Final = "\ufeff"
_DANGEROUS_START: Final = ("=", "+", "-", "@", "\t", "\r", "\0", "\n")


def formula_safe(text: str) -> str:
    """A cell with an apostrophe before what would start a formula (OWASP, CSV injection)."""
    dangerous = text.startswith(_DANGEROUS_START) or text.lstrip(" \u00a0\ufeff").startswith(_DANGEROUS_START)
    return "'" + text if dangerous else text


def safe_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Lines as bytes: UTF-8 with BOM, everything quoted, formulas disarmed, NUL removed."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    buffer.write(BOM)
    for row in chain([header], rows):
        writer.writerow([formula_safe(cell.replace("\0", "")) for cell in row])
        yield buffer.getvalue().encode("utf-8", "replace")
        buffer.seek(0)
        buffer.truncate()
