"""A table as it was read: header, rows with their place in the file, and nothing interpreted yet."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a table.

    ``number`` counts the records below the header from 1; ``line`` is the line of the file where the
    record starts (the first line is 1), which differs once a cell holds a line break. ``origin`` names
    the configuration object of a row that came from a configuration export.
    """

    number: int
    line: int
    cells: tuple[str, ...]
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Header and rows of one file, one worksheet or one kind of configuration object.

    ``cells`` of a row may be shorter or longer than ``headers``: a ragged row is reported later, not here.
    ``csv_type`` is set only where the source leaves no doubt (a configuration export).
    """

    headers: tuple[str, ...]
    rows: tuple[Row, ...]
    header_line: int = 1
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    csv_type: str = ""
    warnings: tuple["Finding", ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know about a file: a warning, or an error where ``blocks`` is true.

    ``row`` and ``line`` are 0 where the finding is about the whole file; ``filename`` is set where several files are
    read together.
    """

    code: str
    message: str
    row: int = 0
    line: int = 0
    column: str = ""
    value: str = ""
    expected: str = ""
    blocks: bool = False
    filename: str = ""


class UnreadableFile(Exception):
    """The file cannot be a specification. ``code`` is stable, the message says what to do instead."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
