"""Every row of a table gets a disposition and a reason: used + folded + filtered + dropped = rows in the file."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from .bundle_labels import entity_type_id
from .csv_types import CSV_TYPES, CsvType
from .tables import Finding, Row, Table
from .text import clean, is_formula, is_sheet_error, normal, normal_header, shortened


class Disposition(StrEnum):
    USED = "used"
    FOLDED = "folded"
    FILTERED = "filtered"
    DROPPED = "dropped"


Exclusions = Mapping[str, Sequence[str]]
"""Header -> values whose rows a person left out; compared by :func:`text.normal`, ``""`` stands for empty cells."""


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row with its cells by column of the tab (``cells``, non-empty only) and by unknown header (``extra``)."""

    number: int
    line: int
    origin: str
    raw: tuple[str, ...]
    cells: dict[str, str]
    extra: dict[str, str]
    disposition: Disposition
    reason: str = ""
    identity: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadTable:
    """The rows of a table with all that was noticed while reading them."""

    csv_type: str
    rows: tuple[ReadRow, ...]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def dispositions(self) -> dict[str, int]:
        counted = Counter(row.disposition.value for row in self.rows)
        return {each.value: counted.get(each.value, 0) for each in Disposition}

    @property
    def entity_count(self) -> int:
        return sum(row.disposition is Disposition.USED for row in self.rows)


AT_MOST: Final = 1_000
"""Findings of one kind; the rest is counted."""

OWN_COLUMN: Final = "ticketgen: "
"""Starts the headers that are added to downloads of rows; such columns are never read."""

_SAME: Final = "same {noun} as row {row}"


def read_rows(table: Table, csv_type: str, mapping: Sequence[str], exclusions: Exclusions | None = None) -> ReadTable:
    """Give each row its cells, its disposition and, unless it is used, the reason."""
    reader = _Reader(table, CSV_TYPES[csv_type], tuple(mapping), exclusions or {})
    rows = tuple(reader.read())
    return ReadTable(csv_type, rows, tuple(reader.findings(rows)))


class _Reader:
    """One pass over a table. Remembers which identities it has met."""

    def __init__(self, table: Table, kind: CsvType, mapping: tuple[str, ...], exclusions: Exclusions) -> None:
        self.table = table
        self.kind = kind
        self.mapping = mapping
        self.headers = [normal_header(header) for header in table.headers]
        self.exclusions = [
            (index, {normal(value) for value in exclusions[header]})
            for index, header in enumerate(table.headers)
            if header and exclusions.get(header)
        ]
        self.seen: dict[tuple[str, ...], ReadRow] = {}
        self.noticed: list[Finding] = []
        self.counted: Counter[str] = Counter()
        self.cleaned: dict[str, str] = {}
        self.names_are_usual = self._names_are_usual()

    def _names_are_usual(self) -> bool:
        """Most rows have a machine name, so that a row with nothing but a label is a section title."""
        if not self.kind.machine_name or self.kind.machine_name not in self.mapping:
            return False
        at = self.mapping.index(self.kind.machine_name)
        rows = [row for row in self.table.rows if any(normal(cell) for cell in row.cells)]
        return sum(at < len(row.cells) and bool(normal(row.cells[at])) for row in rows) * 2 > len(rows)

    def read(self) -> Iterator[ReadRow]:
        for row in self.table.rows:
            cells, extra = self._named_cells(row)
            disposition, reason, identity = self._judge(row, cells)
            read = ReadRow(row.number, row.line, row.origin, row.cells, cells, extra, disposition, reason, identity)
            if disposition is Disposition.USED:
                self.seen[identity] = read
                self._notice(read)
            yield read

    def _named_cells(self, row: Row) -> tuple[dict[str, str], dict[str, str]]:
        cells: dict[str, str] = {}
        extra: dict[str, str] = {}
        if len(row.cells) > len(self.mapping) and any(normal(cell) for cell in row.cells[len(self.mapping) :]):
            self._note(
                Finding(
                    "extra_cells",
                    f"The row has {len(row.cells)} cells, the header {len(self.mapping)}; "
                    "the extra ones are kept under “Column n”.",
                    row.number,
                    row.line,
                )
            )
        for index, raw in enumerate(row.cells):
            value = self._clean(raw)
            if not value or self._is_our_own(index):
                continue
            column = self.mapping[index] if index < len(self.mapping) else ""
            if column and column not in cells:
                cells[column] = value
            else:
                header = (self.table.headers[index] if index < len(self.mapping) else "") or f"Column {index + 1}"
                extra[header if header not in extra else f"{header} (column {index + 1})"] = value
        return cells, extra

    def _clean(self, raw: str) -> str:
        """The same words stand in many cells: each is cleaned once, and is one string for all of them."""
        value = self.cleaned.get(raw)
        if value is None:
            value = self.cleaned[raw] = clean(raw)
        return value

    def _is_our_own(self, index: int) -> bool:
        """Columns that a download of rows added; a corrected file may come back with them."""
        return index < len(self.table.headers) and self.table.headers[index].startswith(OWN_COLUMN)

    def _judge(self, row: Row, cells: dict[str, str]) -> tuple[Disposition, str, tuple[str, ...]]:
        if row.number == 0:
            return Disposition.DROPPED, "stands above the header row", ()
        reason = self._why_no_entity(row, cells)
        if reason:
            return Disposition.DROPPED, reason, ()
        for index, excluded in self.exclusions:
            value = row.cells[index] if index < len(row.cells) else ""
            if normal(value) in excluded:
                shown = f"“{shortened(value, 40)}”" if normal(value) else "empty"
                return Disposition.FILTERED, f"{self.table.headers[index]} is {shown}", ()
        return self._fold_or_use(row, cells)

    def _why_no_entity(self, row: Row, cells: dict[str, str]) -> str:
        filled = [cell for cell in row.cells if cell.strip()]
        if not filled:
            return "blank row"
        if not any(normal(cell) for cell in filled):
            return "only spreadsheet errors" if any(map(is_sheet_error, filled)) else "blank row"
        if self._repeats_header(row):
            return "header row repeated"
        label, machine_name = cells.get(self.kind.label, ""), cells.get(self.kind.machine_name, "")
        if (
            self.names_are_usual
            and len(cells) <= 1
            and not machine_name
            and sum(1 for cell in filled if normal(cell)) == 1
        ):
            return "section title"
        if not label and not machine_name:
            return f"names no {self.kind.noun}: {self._naming_columns()} empty"
        return ""

    def _naming_columns(self) -> str:
        names = [name for name in (self.kind.label, self.kind.machine_name) if name in self.mapping]
        return f"“{names[0]}” is" if len(names) == 1 else " and ".join(f"“{name}”" for name in names) + " are"

    def _repeats_header(self, row: Row) -> bool:
        pairs = [
            (header, normal_header(cell))
            for header, cell in zip(self.headers, row.cells, strict=False)
            if header and cell.strip()
        ]
        return len(pairs) >= 2 and sum(header == cell for header, cell in pairs) * 5 >= len(pairs) * 4

    def _fold_or_use(self, row: Row, cells: dict[str, str]) -> tuple[Disposition, str, tuple[str, ...]]:
        identity = identity_of(self.kind, cells)
        first = self.seen.get(identity)
        if first is None:
            return Disposition.USED, "", identity
        if first.cells == cells:
            return Disposition.FOLDED, _SAME.format(noun=self.kind.noun, row=first.number) + ", same cells", identity
        if self.kind.name == "view_displays" and "View ID" not in cells:
            return self._next_view_of_that_label(row, cells, identity)
        if self.kind.name != "workflow_transitions":
            self._notice_difference(row, cells, first)
        return Disposition.FOLDED, _SAME.format(noun=self.kind.noun, row=first.number), identity

    def _next_view_of_that_label(
        self, row: Row, cells: dict[str, str], identity: tuple[str, ...]
    ) -> tuple[Disposition, str, tuple[str, ...]]:
        """Two views may share a label (Acquia's own default has two called People), so their displays share it too."""
        for occurrence in range(2, 100):
            numbered = (*identity, str(occurrence))
            first = self.seen.get(numbered)
            if first is None:
                self._note(
                    Finding(
                        "ambiguous_view",
                        "Another display has the same view and machine name; they are kept apart, as two views may "
                        "share a label.",
                        row.number,
                        row.line,
                        "View",
                        cells.get("View", ""),
                        "a View ID column, which settles it",
                    )
                )
                return Disposition.USED, "", numbered
            if first.cells == cells:
                break
        return (
            Disposition.FOLDED,
            _SAME.format(noun=self.kind.noun, row=first.number if first else row.number),
            identity,
        )

    def _notice_difference(self, row: Row, cells: dict[str, str], first: ReadRow) -> None:
        column = next((name for name in (*first.cells, *cells) if first.cells.get(name) != cells.get(name)), "")
        self._note(
            Finding(
                "duplicate_differs",
                f"The {self.kind.noun} is in row {first.number} already, with other cells; both rows make one ticket.",
                row.number,
                row.line,
                column,
                shortened(cells.get(column, "")),
                shortened(first.cells.get(column, "")) or "empty",
            )
        )

    def _notice(self, read: ReadRow) -> None:
        kind = self.kind
        if kind.label not in read.cells:
            self._about(read, "label_missing", kind.label, "No label; the machine name is used.", "a label for people")
        for name in kind.required:
            if name not in read.cells and name not in (kind.label, kind.machine_name):
                self._about(
                    read, "cell_missing", name, f"No {name}: what this {kind.noun} belongs to is unknown.", f"a {name}"
                )
        machine_name = read.cells.get(kind.machine_name, "")
        if machine_name and not _is_drupal_name(machine_name, hyphens=kind.name == "menus"):
            self._about(
                read,
                "machine_name_unusual",
                kind.machine_name,
                "Drupal would not accept this machine name as it stands.",
                "lower-case letters, digits and underscores, at most 32",
            )
        for column, value in (*read.cells.items(), *read.extra.items()):
            if is_formula(value):
                self._about(
                    read,
                    "formula_cell",
                    column,
                    "A formula-like cell: it is kept as text and never evaluated.",
                    "text",
                )

    def _about(self, read: ReadRow, code: str, column: str, message: str, expected: str) -> None:
        value = read.cells.get(column, read.extra.get(column, ""))
        self._note(Finding(code, message, read.number, read.line, column, shortened(value), expected))

    def findings(self, rows: Sequence[ReadRow]) -> Iterator[Finding]:
        yield from self.table.warnings
        yield from self._about_headers()
        reasons = Counter(row.reason for row in rows if row.disposition is Disposition.DROPPED)
        for reason, code, words in (
            ("section title", "section_rows", "section rows skipped"),
            ("header row repeated", "repeated_headers", "repeated header rows skipped"),
            ("blank row", "blank_rows", "blank rows skipped"),
            ("only spreadsheet errors", "error_rows", "rows of spreadsheet errors skipped"),
            ("stands above the header row", "rows_above_header", "rows above the header skipped"),
        ):
            if reasons[reason]:
                yield Finding(code, f"{reasons[reason]} {words}.")
        for row in rows:
            if row.reason.startswith("names no"):
                about = f"The row {row.reason}."
                self._note(Finding("no_name", about, row.number, row.line, self.kind.label, "", "a name"))
        yield from self.noticed
        for code, count in self.counted.items():
            if count > AT_MOST:
                yield Finding(code, f"{count - AT_MOST:,} more like these.")

    def _note(self, finding: Finding) -> None:
        self.counted[finding.code] += 1
        if self.counted[finding.code] <= AT_MOST:
            self.noticed.append(finding)

    def _about_headers(self) -> Iterator[Finding]:
        counted = Counter(header for header in self.headers if header)
        for header, count in counted.items():
            if count > 1:
                shown = next(h for h in self.table.headers if normal_header(h) == header)
                yield Finding(
                    "duplicate_header",
                    f"The header “{shown}” stands {count} times (duplicate header); the first that holds text is used.",
                    0,
                    self.table.header_line,
                    shown,
                )
        unknown = [
            header
            for header, column in zip(self.table.headers, self.mapping, strict=True)
            if normal_header(header) and not column and not header.startswith(OWN_COLUMN)
        ]
        if unknown:
            names = ", ".join(f"“{shortened(name, 40)}”" for name in unknown[:8]) + (" …" if len(unknown) > 8 else "")
            yield Finding(
                "columns_not_mapped",
                f"Columns that this tab does not know are kept as they are: {names}.",
                0,
                self.table.header_line,
            )


def identity_of(kind: CsvType, cells: Mapping[str, str]) -> tuple[str, ...]:
    """What tells two entities of one tab apart, in normal form. The label stands in where the machine name is empty."""
    names: list[str] = []
    for column in kind.identity:
        value = normal(cells.get(column, ""))
        if column == kind.machine_name and not value:
            value = "label " + normal(cells.get(kind.label, ""))
        if column in {"Type", "Entity Type"}:
            value = entity_type_id(value)
        if column == kind.label and kind.machine_name in kind.identity and cells.get(kind.machine_name):
            value = ""
        names.append(value)
    if kind.name == "view_displays" and cells.get("View ID"):
        names[0] = "id " + normal(cells["View ID"])
    if kind.name == "fields":
        names.append(normal(cells.get("Type", "")))
    return tuple(names)


_NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


def _is_drupal_name(name: str, *, hyphens: bool) -> bool:
    """Drupal's own form makes menu names with hyphens; everything else has underscores."""
    return len(name) <= 32 and set(name) <= (_NAME_CHARACTERS | {"-"} if hyphens else _NAME_CHARACTERS)
