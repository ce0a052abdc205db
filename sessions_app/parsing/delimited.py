"""Text to a table: delimiter, header row and records, whatever the spreadsheet program made of them."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from .recognition import header_score, is_header_row
from .tables import Finding, Row, Table, UnreadableFile
from .text import normal, shortened

DELIMITERS: Final = (",", ";", "\t", "|")
DELIMITER_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
HEADER_WITHIN: Final = 25
"""The header is looked for in the first 25 records."""
VOTE_WITHIN: Final = 1_000_000
"""Characters from which the delimiter is found out."""

_SEP_HINT = re.compile(
    r"\ufeff?(?P<quote>\"?)sep=(?P<delimiter>[,;|\t])(?P=quote)[ ,;|\t]*(?:\r\n|\r|\n|$)", re.IGNORECASE
)
_LINE_END = re.compile(r"\r\n|\r|\n")
_PIPE_RULE = re.compile(r"^\s*\|[\s:|+-]+\|\s*$")
_PIPE_CELL = re.compile(r"(?<!\\)\|")

LONGEST_CELL: Final = 1_000_000
"""Characters; Python's csv module stops at 131,072 unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one table may hold. The upload page states them and the parser enforces them."""

    rows: int = 50_000
    columns: int = 1_000
    cells: int = 3_000_000
    cell_length: int = LONGEST_CELL


LIMITS: Final = Limits()
Record = tuple[int, list[str]]


def read_table(text: str, *, delimiter: str = "", limits: Limits = LIMITS) -> Table:
    """Read delimited text into a Table. ``delimiter`` is a person's choice; empty means: find out.

    Raises UnreadableFile where no table can be read, with the line at fault where there is one.
    """
    if not text.strip("\ufeff \t\r\n\x0b\x0c\u00a0"):
        raise UnreadableFile(
            "empty_file", "The file holds nothing but white space. Export the sheet again and upload that file."
        )
    if not delimiter and _is_pipe_table(text):
        return table_from_records(_limited(_pipe_records(text), limits), delimiter="|")
    text, first_line, hinted = _without_sep_hint(text)
    chosen = delimiter or hinted or _vote(text)
    findings: list[Finding] = []
    records = _records(text, chosen, first_line, limits, findings)
    table = table_from_records(records, delimiter=chosen, findings=findings)
    return replace(table, warnings=(*table.warnings, *_rows_in_cells(table)))


def _without_sep_hint(text: str) -> tuple[str, int, str]:
    """Excel's ``sep=;`` line: (text after it, number of its first line, delimiter)."""
    hint = _SEP_HINT.match(text)
    return (text[hint.end() :], 2, hint["delimiter"]) if hint else (text, 1, "")


def _vote(text: str) -> str:
    """The delimiter under which the best header row of the first records has the most known columns.

    csv.Sniffer is misled by quoted multi-line cells; known headers are not.
    """
    head = text[:VOTE_WITHIN]

    def strength(delimiter: str) -> tuple[int, int]:
        try:
            sample = [cells for _, cells in islice(_strict_records(head, delimiter, 1), HEADER_WITHIN)]
        except csv.Error:
            sample = [line.split(delimiter) for line in head[:20_000].splitlines()[:HEADER_WITHIN]]
        widest = max((len(cells) for cells in sample), default=0)
        return max((header_score(cells) for cells in sample), default=0), widest

    return max(DELIMITERS, key=strength)


def _strict_records(text: str, delimiter: str, first_line: int) -> Iterator[Record]:
    csv.field_size_limit(LONGEST_CELL + 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = first_line
    for cells in reader:
        yield line, cells
        line = first_line + reader.line_num


def _records(text: str, delimiter: str, first_line: int, limits: Limits, findings: list[Finding]) -> list[Record]:
    """All records, strictly; with sloppy quotes within a line leniently and with a warning; never a swallowed file."""
    try:
        return _limited(_strict_records(text, delimiter, first_line), limits)
    except csv.Error:
        loose: list[int] = []
        read = _limited(_lenient_records(text, delimiter, first_line, loose), limits)
    shown = ", ".join(map(str, loose[:10])) + (f" and {len(loose) - 10:,} more" if len(loose) > 10 else "")
    findings.append(
        Finding(
            "loose_quotes",
            f"Quotes do not follow the CSV rules in line {shown}; the cells were read as well as possible.",
            line=loose[0],
        )
    )
    return read


def _lenient_records(text: str, delimiter: str, first_line: int, loose: list[int]) -> Iterator[Record]:
    """Records with quotes inside quotes, whose lines are added to ``loose``.

    A quote that goes wrong after a line end has swallowed a row, wherever it was meant to close.
    """
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=delimiter)
    start = 0
    while True:
        line = first_line + start
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise UnreadableFile(
                "cell_too_long",
                f"A cell in the record at line {line} is longer than {LONGEST_CELL:,} characters. Shorten it, or close "
                'the quote (") that opens there.',
            ) from None
        if not _is_strict(lines[start : reader.line_num], delimiter):
            if _is_open(lines[start], delimiter):
                raise UnreadableFile(
                    "unclosed_quote",
                    f'The record that starts at line {line} opens a quote (") that is never closed where a cell ends, '
                    "which would swallow the rows after it. Close the quote there, or export the sheet again.",
                )
            loose.append(line)
        yield line, cells
        start = reader.line_num


def _is_strict(lines: list[str], delimiter: str) -> bool:
    if all('"' not in line for line in lines):
        return True
    try:
        return len(list(csv.reader(lines, delimiter=delimiter, strict=True))) == 1
    except csv.Error:
        return False


def _is_open(line: str, delimiter: str) -> bool:
    """Does the line end within quotes? Then one more line is swallowed."""
    rows: list[list[str]] = list(csv.reader([line.rstrip("\r\n") + "\n", "x\n"], delimiter=delimiter))
    return len(rows) == 1


def _rows_in_cells(table: Table) -> Iterator[Finding]:
    """Cells with whole rows in them: two stray quotes far apart make a cell of all that lies between."""
    columns = sum(bool(header) for header in table.headers)
    for row in table.rows:
        for index, cell in enumerate(row.cells):
            if "\n" not in cell and "\r" not in cell:
                continue
            inside = sum(line.count(table.delimiter) >= max(3, columns - 1) for line in _LINE_END.split(cell))
            if inside:
                yield Finding(
                    "rows_in_a_cell",
                    f'A cell holds what looks like {inside} more {"row" if inside == 1 else "rows"}. If a quote (") is '
                    "missing or too many near this line, correct it; otherwise all is well.",
                    row.number,
                    row.line,
                    table.headers[index] if index < len(table.headers) else "",
                    shortened(cell),
                )


def _is_pipe_table(text: str) -> bool:
    """A Gherkin or Markdown table: nearly every line begins and ends with a pipe."""
    lines: list[str] = [line.strip() for line in _LINE_END.split(text[:20_000]) if line.strip()]
    if len(text) > 20_000:
        lines = lines[:-1]
    piped = sum(line.startswith("|") and line.endswith("|") and len(line) > 1 for line in lines)
    return 2 <= piped >= 0.6 * len(lines)


def _pipe_records(text: str) -> Iterator[Record]:
    for number, line in enumerate(_LINE_END.split(text), start=1):
        bare = line.strip()
        if bare.startswith("|") and bare.endswith("|") and len(bare) > 1 and not _PIPE_RULE.match(bare):
            yield (
                number,
                [cell.replace("\\|", "|").replace("\\n", "\n").strip() for cell in _PIPE_CELL.split(bare[1:-1])],
            )


def _limited(records: Iterator[Record], limits: Limits) -> list[Record]:
    kept: list[Record] = []
    cell_count = 0
    for line, cells in records:
        if len(cells) > limits.columns:
            raise UnreadableFile(
                "too_many_columns", f"Line {line} has {len(cells):,} columns; at most {limits.columns:,} are read."
            )
        cell_count += len(cells)
        kept.append((line, cells))
        if len(kept) > limits.rows + HEADER_WITHIN:
            raise UnreadableFile(
                "too_many_rows", f"The table has more than {limits.rows:,} rows. Split it into several files."
            )
        if cell_count > limits.cells:
            raise UnreadableFile(
                "too_many_cells", f"The table has more than {limits.cells:,} cells. Remove unused columns or split it."
            )
    return kept


def table_from_records(
    records: list[Record], *, delimiter: str = "", sheet: str = "", findings: list[Finding] | None = None
) -> Table:
    """Find the header row and make a Table; records above the header become rows with number 0."""
    if not any(any(normal(cell) for cell in cells) for _, cells in records):
        raise UnreadableFile("empty_file", "The table holds no cell with text in it.")
    at = header_position([cells for _, cells in islice(records, HEADER_WITHIN)])
    header_line, headers = records[at]
    above = [Row(0, line, tuple(cells)) for line, cells in records[:at]]
    below = [Row(number, line, tuple(cells)) for number, (line, cells) in enumerate(records[at + 1 :], start=1)]
    return Table(
        headers=tuple(cell.strip() for cell in headers),
        rows=(*above, *below),
        header_line=header_line,
        delimiter=delimiter,
        sheet=sheet,
        warnings=tuple(findings or ()),
    )


def header_position(records: list[list[str]]) -> int:
    """Index of the header among the first records: the one with most known column names, else the first with text."""
    scores = [header_score(cells) for cells in records]
    best = max(range(len(records)), key=lambda index: (scores[index], -index))
    if is_header_row(records[best]):
        return best
    return next((index for index, cells in enumerate(records) if any(normal(cell) for cell in cells)), 0)
