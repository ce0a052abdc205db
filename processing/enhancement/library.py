"""Bringing in what is searched: solved tickets, articles, hosts. From a CSV file or as objects; any number of times.

A row is known by its external id within the workspace: a new one is added, a changed one changed, the same one left.
Rows that cannot be used are listed with their line and the reason; the others are kept.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any, Final, Protocol, TypedDict

from django.db import transaction
from django.db.models import QuerySet

from sessions_app.errors import InvalidUpload
from sessions_app.models import AuditEvent, Workspace

from .models import Asset, AssetMark, KnowledgeArticle, ResolvedTicket
from .search import take_up
from .texts import marks_of, network_of

AT_ONCE: Final = 2_000
"""Rows per transaction."""
MOST_ROWS: Final = 200_000
MOST_PROBLEMS: Final = 200
LONGEST_TEXT: Final = 100_000
LONGEST_CELL: Final = 1_000_000
LONGEST_LINE: Final = 4_000_000
"""Of the file: a row has several cells, and a cell may go on in the next line."""
LONGEST_SHOWN: Final = 80
MANY: Final = 1_000
"""New rows after which the database is told to take them up."""

Kind = type[ResolvedTicket] | type[KnowledgeArticle] | type[Asset]
KINDS: Final[dict[str, Kind]] = {"tickets": ResolvedTicket, "articles": KnowledgeArticle, "assets": Asset}
LABELS: Final = {"tickets": "Solved tickets", "articles": "Articles", "assets": "Hosts and networks"}
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "tickets": (
        "external_id",
        "title",
        "description",
        "resolution",
        "category",
        "priority",
        "assignee",
        "resolved_at",
        "url",
    ),
    "articles": ("external_id", "title", "body", "updated_at", "url"),
    "assets": ("external_id", "name", "names", "networks", "kind", "location", "owner", "notes", "url"),
}
"""Kind -> the columns it takes; the first two are needed."""
ALIASES: Final = {
    "id": "external_id",
    "key": "external_id",
    "number": "external_id",
    "ticket id": "external_id",
    "request id": "external_id",
    "article id": "external_id",
    "asset id": "external_id",
    "subject": "title",
    "summary": "title",
    "problem": "description",
    "solution": "resolution",
    "text": "body",
    "content": "body",
    "technician": "assignee",
    "assigned to": "assignee",
    "closed at": "resolved_at",
    "resolved": "resolved_at",
    "updated": "updated_at",
    "hostname": "names",
    "host": "names",
    "hostnames": "names",
    "ip": "networks",
    "ip address": "networks",
    "ip addresses": "networks",
    "addresses": "networks",
    "network": "networks",
    "type": "kind",
    "site": "location",
    "comment": "notes",
    "link": "url",
}


class Problem(TypedDict):
    """``line`` is the line of the file (the header is 1), or the number of the object (from 1); ``value`` is what
    stands there, shortened; ``message`` says what is expected.
    """

    line: int
    column: str
    value: str
    message: str


@dataclass(slots=True)
class Report:
    """What became of the rows."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    problems: list[Problem] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return self.created + self.changed + self.unchanged + self.refused

    def refuse(self, line: int, column: str, value: Any, message: str) -> None:
        self.refused += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(line=line, column=column, value=_shown(value), message=message))


def _shown(value: Any) -> str:
    text = "" if value is None else str(value)[:1_000]
    plain = " ".join(text.replace("\0", "").encode("utf-8", "replace").decode().split())
    return plain if len(plain) <= LONGEST_SHOWN else f"{plain[:LONGEST_SHOWN]} …"


class Turns(Protocol):
    """Who brings something in: is told of each portion in its transaction, and may stop after it."""

    def settle(self, report: Report) -> None: ...

    def goes_on(self) -> bool: ...


class InOneGo:
    """Nobody waits for news, and nothing stops it."""

    def settle(self, report: Report) -> None:
        """Nothing to note."""

    def goes_on(self) -> bool:
        return True


class Unusable(ValueError):
    """A row cannot be used; ``column`` says where."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def import_csv(
    workspace: Workspace, kind: str, file: IO[bytes], *, by: Any = None, turns: Turns | None = None
) -> Report:
    """Bring in a CSV file with a header. Raises InvalidUpload where it is none, or lacks a column that is needed."""
    report = Report()
    bring_in_csv(workspace, kind, file, report, turns or InOneGo())
    _finished(workspace, kind, report, by)
    return report


def bring_in_csv(workspace: Workspace, kind: str, file: IO[bytes], report: Report, turns: Turns) -> bool:
    """Go on behind the rows that ``report`` counts; False if ``turns`` stopped it before the end."""
    with _opened(kind, file, report) as rows:
        return _bring_in(workspace, kind, rows, report, turns)


def check_csv(kind: str, file: IO[bytes]) -> None:
    """Look at the header only. Raises InvalidUpload."""
    with _opened(kind, file, Report()):
        pass


@contextmanager
def _opened(kind: str, file: IO[bytes], report: Report) -> Iterator[Iterator[tuple[int, dict[str, str]]]]:
    """The rows of a CSV file with their lines, by the names of COLUMNS. Raises InvalidUpload, also while it is read."""
    text = io.TextIOWrapper(file, encoding=_encoding(file), errors="replace", newline="")
    first = text.readline(LONGEST_CELL)
    delimiter = max(",;\t|", key=first.count)
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(itertools.chain([first], _lines(text)), delimiter=delimiter)
    try:
        names = _header(kind, next(reader, []), report)
        yield ((reader.line_num, dict(zip(names, cells, strict=False))) for cells in reader if any(cells))
    except csv.Error as error:
        raise InvalidUpload(
            f"The file is not CSV at line {reader.line_num:,} ({error}). What came before it is kept.",
            details={"line": reader.line_num},
        ) from None
    finally:
        text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Line by line, none of them longer than what fits into memory. Raises csv.Error."""
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise csv.Error(f"a line has more than {LONGEST_LINE:,} characters")
        yield line


def import_objects(workspace: Workspace, kind: str, rows: Iterable[Mapping[str, Any]], *, by: Any = None) -> Report:
    """Bring in objects with the names of COLUMNS."""
    report = Report()
    _bring_in(workspace, kind, enumerate(rows, 1), report, InOneGo())
    _finished(workspace, kind, report, by)
    return report


def _encoding(file: IO[bytes]) -> str:
    """UTF-8 if its beginning is, else what old spreadsheets write."""
    beginning = file.read(256 * 1024)
    file.seek(0)
    if b"\0" in beginning:
        raise InvalidUpload("This is not a text file. Save the spreadsheet as CSV.")
    try:
        beginning.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(beginning) - 4:
            return "cp1252"
    return "utf-8-sig"


def _header(kind: str, cells: list[str], report: Report) -> list[str]:
    names = []
    for cell in cells:
        plain = " ".join(cell.replace("_", " ").casefold().split())
        name = plain.replace(" ", "_")
        name = name if name in COLUMNS[kind] else ALIASES.get(plain, "")
        name = name if name in COLUMNS[kind] and name not in names else ""
        if not name and cell.strip():
            report.ignored_columns.append(cell.strip()[:60])
        names.append(name)
    for needed in COLUMNS[kind][:2]:
        if needed not in names:
            raise InvalidUpload(
                f"There is no column “{needed}”. The first line has to name the columns: {', '.join(COLUMNS[kind])}."
            )
    return names


def _bring_in(
    workspace: Workspace, kind: str, rows: Iterable[tuple[int, Mapping[str, Any]]], report: Report, turns: Turns
) -> bool:
    """In portions, a transaction each; False if ``turns`` stopped it. Rows that are settled already are only read, as
    later ones may have their ids.
    """
    limited = itertools.islice(rows, MOST_ROWS + 1)
    lines: dict[str, int] = {}
    for line, row in itertools.islice(limited, report.rows):
        with suppress(Unusable):
            lines.setdefault(_values(kind, row)["external_id"], line)
    while chunk := list(itertools.islice(limited, AT_ONCE)):
        if report.rows + len(chunk) > MOST_ROWS:
            raise InvalidUpload(f"More than {MOST_ROWS:,} rows are too many at once. What came before them is kept.")
        usable = _usable(kind, chunk, lines, report)
        with transaction.atomic():
            _keep(workspace, KINDS[kind], usable, report)
            turns.settle(report)
        if not turns.goes_on():
            return False
    return True


def _usable(
    kind: str, chunk: Iterable[tuple[int, Mapping[str, Any]]], lines: dict[str, int], report: Report
) -> dict[str, dict[str, Any]]:
    """The values of rows by their ids; the others are refused. ``lines``: where ids stood first, which it completes."""
    usable: dict[str, dict[str, Any]] = {}
    for line, row in chunk:
        try:
            values = _values(kind, row)
        except Unusable as error:
            report.refuse(line, error.column, row.get(error.column), str(error))
            continue
        key = values["external_id"]
        if key in lines:
            report.refuse(line, "external_id", key, f"Another id: this one stands in line {lines[key]:,} already.")
            continue
        lines[key] = line
        usable[key] = values
    return usable


def _values(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's values by the model's fields. Raises Unusable."""
    model = KINDS[kind]
    values: dict[str, Any] = {}
    for name in COLUMNS[kind]:
        given = row.get(name)
        if name.endswith("_at"):
            values[name] = _moment(name, given)
            continue
        if isinstance(given, list) and name in ("names", "networks") and all(isinstance(each, str) for each in given):
            given = " ".join(given)
        if given is not None and (isinstance(given, bool) or not isinstance(given, str | int | float)):
            raise Unusable(name, "This has to be a text.")
        text = "" if given is None else str(given).replace("\0", "").strip()
        text = text.encode("utf-8", "replace").decode()
        most = getattr(model._meta.get_field(name), "max_length", None)
        if most and len(text) > most:
            raise Unusable(name, f"This has more than {most} characters.")
        values[name] = text if most else text[:LONGEST_TEXT]
    for needed in COLUMNS[kind][:2]:
        if not values[needed]:
            raise Unusable(needed, "This is empty.")
    if values["url"] and not values["url"].startswith(("http://", "https://")):
        raise Unusable("url", "This has to begin with https://.")
    if kind == "assets":
        _check_marks(values)
    return values


def _moment(name: str, given: Any) -> datetime | None:
    if given in (None, ""):
        return None
    try:
        found = given if isinstance(given, datetime) else datetime.fromisoformat(str(given).strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unusable(name, "This has to be a date such as 2026-11-23 or 2026-11-23T10:00:00Z.") from None


def _check_marks(values: dict[str, Any]) -> None:
    for each in _split(values["networks"]):
        if network_of(each) is None:
            raise Unusable("networks", f"“{each[:60]}” is neither an address nor a network.")
    if any(len(name) > 253 for name in _split(values["names"])):
        raise Unusable("names", "A host's name has at most 253 characters.")


def _split(text: str) -> list[str]:
    """Parts with spaces, commas, semicolons or lines between them."""
    return text.replace(",", " ").replace(";", " ").split()


def _keep(workspace: Workspace, model: Any, usable: Mapping[str, dict[str, Any]], report: Report) -> None:
    if not usable:
        return
    names = [name for name in next(iter(usable.values())) if name != "external_id"]
    known = _known(model, workspace, list(usable)).values("external_id", *names)
    present = {row["external_id"]: row for row in known}
    differing = {
        key: values
        for key, values in usable.items()
        if key not in present or any(present[key][name] != values[name] for name in names)
    }
    model._default_manager.bulk_create(
        [model(workspace=workspace, **values) for values in differing.values()],
        update_conflicts=True,
        unique_fields=["workspace", "external_id"],
        update_fields=[*names, "imported_at"],
    )
    if model is Asset:
        _mark(workspace, list(differing))
    created = len(differing.keys() - present.keys())
    report.created += created
    report.changed += len(differing) - created
    report.unchanged += len(usable) - len(differing)


def _known(model: Any, workspace: Workspace, keys: list[str]) -> QuerySet[Any]:
    """Those that are there, in no order: for the sake of one, SQLite would go through the whole library."""
    found: QuerySet[Any] = model._default_manager.filter(workspace=workspace, external_id__in=keys)
    return found.order_by()


def _mark(workspace: Workspace, keys: list[str]) -> None:
    """What these assets are found by, anew."""
    rows = list(_known(Asset, workspace, keys))
    AssetMark.objects.filter(asset__in=[row.pk for row in rows]).delete()
    AssetMark.objects.bulk_create(
        AssetMark(asset=row, workspace=workspace, kind=kind, text=text, first=first)
        for row in rows
        for kind, text, first in _marks(row)
    )


def _marks(row: Asset) -> Iterator[tuple[str, str, str]]:
    hosts = [name.rstrip(".").casefold() for name in _split(row.names)]
    if " " not in row.name:
        hosts.append(row.name.rstrip(".").casefold())
    hosts += [host.partition(".")[0] for host in hosts]
    yield from (("name", host, "") for host in dict.fromkeys(hosts) if 2 < len(host) <= 253)
    yield from marks_of(filter(None, map(network_of, _split(row.networks))))


def _finished(workspace: Workspace, kind: str, report: Report, by: Any) -> None:
    details = {"kind": kind, "created": report.created, "changed": report.changed, "refused": report.refused}
    AuditEvent.record("library.imported", workspace, by=by, details=details)
    take_up_many(kind, report)


def take_up_many(kind: str, report: Report) -> None:
    """Where so many rows are new that searches would suffer."""
    if report.created + report.changed >= MANY:
        take_up(KINDS[kind])
