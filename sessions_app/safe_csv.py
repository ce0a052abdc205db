"""CSV that opens right in Excel and that no spreadsheet evaluates."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

BOM: Final = "\ufeff"
_DANGEROUS: Final = re.compile(r"[\t\r\n\0]|[\s\u00ad\u200b-\u200f\u2060\ufeff]*[=+@\uff0b\uff0d\uff1d\uff20-]")


def formula_safe(text: str) -> str:
    """A cell with an apostrophe before what would start a formula (OWASP, CSV injection), full-width signs included."""
    return "'" + text if _DANGEROUS.match(text) else text


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
