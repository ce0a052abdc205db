"""Which tab is it? Headers decide; the file name breaks ties; a person may overrule both."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from .csv_types import CSV_TYPES, Column, CsvType
from .tables import Table
from .text import normal, normal_header

MARKING: Final = 4.0
ORDINARY: Final = 1.0
ALIAS: Final = 0.8
MISSING_REQUIRED: Final = -6.0
FILE_NAME: Final = 2.5
SURE: Final = 2.0
"""A lead of this much over the second-best tab counts as high confidence."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a table was taken for.

    ``mapping`` has one entry per header: the tab's column name, or ``""`` for a column that the tab does not know.
    ``confidence`` is high, medium or low; ``missing`` names required columns that no header fits, with the closest
    header.
    """

    csv_type: str
    mapping: tuple[str, ...]
    confidence: str
    missing: tuple[tuple[str, str], ...] = ()

    @property
    def usable(self) -> bool:
        return bool(self.csv_type) and not self.missing


@cache
def _known_headers() -> frozenset[str]:
    return frozenset(
        normal_header(spelling)
        for kind in CSV_TYPES.values()
        for column in kind.columns
        for spelling in (column.name, *column.aliases)
    )


def header_score(cells: Sequence[str]) -> int:
    """How many different known column names stand in this record."""
    return len({normal_header(cell) for cell in cells if cell.strip()} & _known_headers())


def is_header_row(cells: Sequence[str]) -> bool:
    """Known column names make up at least half of the record's text, and there are two of them (or there is but one
    cell).
    """
    filled = sum(1 for cell in cells if normal(cell))
    score = header_score(cells)
    return score >= min(2, filled) and score * 2 >= filled and score > 0


def recognise(table: Table, filename: str, *, csv_type: str = "") -> Recognition:
    """Choose the tab and map its columns. ``csv_type`` is a person's choice or a configuration export's certainty."""
    chosen = csv_type or table.csv_type
    if chosen:
        kind = CSV_TYPES[chosen]
        mapping = map_columns(table, kind)
        return Recognition(chosen, mapping, "high", _missing(table.headers, mapping, kind))
    ranked = sorted(
        ((_score(table, kind, filename), kind.name) for kind in CSV_TYPES.values() if kind.name != "custom"),
        key=lambda pair: -pair[0],
    )
    (best, name), (second, _) = ranked[0], ranked[1]
    kind = CSV_TYPES[name]
    mapping = map_columns(table, kind)
    missing = _missing(table.headers, mapping, kind)
    marked = _has_mark(mapping, kind)
    if not marked and not _named_by_file(filename, kind):
        return _unmarked(table, kind, mapping, missing)
    if missing and not _is_plausible(mapping, kind):
        return Recognition("", tuple("" for _ in table.headers), "low")
    confidence = "high" if best - second >= SURE and not missing else "medium"
    return Recognition(name, mapping, confidence, missing)


def _unmarked(
    table: Table, kind: CsvType, mapping: tuple[str, ...], missing: tuple[tuple[str, str], ...]
) -> Recognition:
    """Headers that several tabs share: a full match of a small tab will do, a name makes it custom, nothing refuses
    it.
    """
    if not missing and len([column for column in mapping if column]) >= 5:
        return Recognition(kind.name, mapping, "medium")
    if _lists_core_roles(table):
        return Recognition("user_roles", map_columns(table, CSV_TYPES["user_roles"]), "medium")
    custom = CSV_TYPES["custom"]
    names = {"Name", "Machine name"}
    as_custom = map_columns(table, custom)
    if names & set(as_custom):
        return Recognition("custom", as_custom, "low")
    return Recognition("", tuple("" for _ in table.headers), "low")


def _lists_core_roles(table: Table) -> bool:
    """Every Drupal site has the roles anonymous and authenticated; nothing else has both names."""
    cells = {normal(cell) for row in table.rows[:50] for cell in row.cells[:4]}
    return {"anonymous", "authenticated"} <= cells


def map_columns(table: Table, kind: CsvType) -> tuple[str, ...]:
    """For each header the column of the tab that it stands for, or ``""``.

    Columns with the fewest candidates choose first, so that ``entity type, …, type`` finds both. Of equal headers
    the first wins, unless it is empty throughout and a later one is not.
    """
    candidates = {column.name: _candidates(table.headers, column) for column in kind.columns}
    mapping = [""] * len(table.headers)
    taken: set[int] = set()
    for column in sorted(kind.columns, key=lambda column: len(candidates[column.name])):
        free = [index for index in candidates[column.name] if index not in taken]
        if free:
            index = _fullest(table, free)
            mapping[index] = column.name
            taken.add(index)
    return tuple(mapping)


def _candidates(headers: Sequence[str], column: Column) -> list[int]:
    """Indexes of headers that may be this column: exact names first, then aliases."""
    exact = normal_header(column.name)
    aliases = {normal_header(alias) for alias in column.aliases}
    normalised = [normal_header(header) for header in headers]
    return [i for i, header in enumerate(normalised) if header == exact] + [
        i for i, header in enumerate(normalised) if header in aliases
    ]


def _fullest(table: Table, indexes: list[int]) -> int:
    """The first of the columns whose cells are not all empty."""
    if len(indexes) > 1:
        sample = table.rows[:200]
        for index in indexes:
            if any(index < len(row.cells) and normal(row.cells[index]) for row in sample):
                return index
    return indexes[0]


def _score(table: Table, kind: CsvType, filename: str) -> float:
    mapping = map_columns(table, kind)
    by_name = {column.name: column for column in kind.columns}
    score = 0.0
    for header, name in zip(table.headers, mapping, strict=True):
        if name:
            weight = MARKING if by_name[name].marks_type else ORDINARY
            score += weight if normal_header(header) == normal_header(name) else weight * ALIAS
        elif normal_header(header):
            score -= 0.5
    mapped = set(mapping) - {""}
    score += MISSING_REQUIRED * len(set(kind.required) - mapped)
    score += 2.0 * len(mapped) / len(kind.columns)
    return score + (FILE_NAME if _named_by_file(filename, kind) else 0.0)


def _named_by_file(filename: str, kind: CsvType) -> bool:
    """Does the file name end in the tab's name? ``UWEC_Views Displays (3).csv`` is not ``views``."""
    stem = re.sub(r"([a-z])([A-Z])", r"\1 \2", filename.rpartition(".")[0] or filename)
    words = normal_header(re.sub(r"[\d()-]+", " ", stem))
    return any(words == name or words.endswith(" " + name) for name in map(normal_header, kind.file_names))


def _has_mark(mapping: Sequence[str], kind: CsvType) -> bool:
    marks = {column.name for column in kind.columns if column.marks_type}
    return bool(marks & set(mapping))


def _is_plausible(mapping: Sequence[str], kind: CsvType) -> bool:
    """Enough of the tab is there to say "this is it, and a column is missing" instead of "I do not know this"."""
    mapped = set(mapping) - {""}
    marks = sum(column.marks_type for column in kind.columns if column.name in mapped)
    return len(mapped) >= 3 and (marks >= 2 or len(mapped) >= len(kind.columns) // 3)


def _missing(headers: Sequence[str], mapping: Sequence[str], kind: CsvType) -> tuple[tuple[str, str], ...]:
    mapped = set(mapping)
    unmapped = [header for header, name in zip(headers, mapping, strict=True) if not name and header]
    return tuple((name, _closest(name, unmapped)) for name in kind.required if name not in mapped)


def _closest(name: str, headers: list[str]) -> str:
    found = difflib.get_close_matches(
        normal_header(name), [normal_header(header) for header in headers], n=1, cutoff=0.3
    )
    return next((header for header in headers if found and normal_header(header) == found[0]), "")
