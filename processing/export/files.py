"""The backlog as files: Markdown (one text or a ZIP), JSON, CSV, and CSV for Jira's importer.

A format is one writer and one line in ``FORMATS``.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from django.utils.text import slugify

from processing.generation.facts import Fact
from sessions_app.models import Session
from sessions_app.parsing.csv_types import CSV_TYPES
from sessions_app.safe_csv import safe_csv

from .backlog import ExportedTicket, exported_tickets, session_header
from .wiki import to_wiki

JIRA_SUMMARY: Final = 254
JIRA_DESCRIPTION: Final = 32_767


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a backlog. ``write`` yields bytes."""

    label: str
    extension: str
    content_type: str
    write: Callable[[Session], Iterator[bytes]]


def filename(session: Session, name: str) -> str:
    """``northfield-university-backlog.json``: ASCII, no path."""
    return f"{slugify(session.site_name)[:80] or 'site'}-backlog.{FORMATS[name].extension}"


# Markdown

_MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&!{}])")


def ticket_as_markdown(ticket: ExportedTicket, titles: dict[str, str] | None = None) -> str:
    """One ticket as Markdown. ``titles``: key -> "T-1 Title", to name what it depends on."""
    parts = [f"# {ticket['number']} {_escaped(ticket['title'])}", _heading_table(ticket)]
    for heading, name in (("User story", "user_story"), ("Analysis", "analysis"), ("Verification", "verification")):
        parts.append(f"## {heading}\n\n{ticket[name].strip()}")  # type: ignore[literal-required]
    parts.append("## Configuration\n\n" + facts_as_markdown(ticket["facts"]))  # type: ignore[arg-type]
    needs = [
        f"- {_escaped((titles or {}).get(need['key'], need['key']))} ({need['kind']})"
        for need in ticket["dependencies"]
    ]
    if needs:
        parts.append("## Depends on\n\n" + "\n".join(needs))
    return "\n\n".join(parts) + "\n"


def facts_as_markdown(facts: list[Fact]) -> str:
    """The configuration table: every cell as it stands, with file and row."""
    if not facts:
        return "_No cells._"
    with_parts = any(fact["part"] for fact in facts)
    head = ["Part", "Column", "Value", "Source"] if with_parts else ["Column", "Value", "Source"]
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    for fact in facts:
        cells = [fact["column"], fact["value"], f"{fact['file']}, row {fact['row']}"]
        lines.append(
            "| " + " | ".join(_table_cell(cell) for cell in ([fact["part"], *cells] if with_parts else cells)) + " |"
        )
    return "\n".join(lines)


def _heading_table(ticket: ExportedTicket) -> str:
    kind = CSV_TYPES.get(ticket["csv_type"])
    source = ticket["csv_source"]
    rows = ", ".join(str(row) for row in source.get("rows", [])[:20])
    return (
        f"{ticket['entity_group']} · {kind.noun if kind else ticket['csv_type']} · "
        f"`{' '.join(ticket['key'].replace('`', '').split())}` · "
        f"{_escaped(str(source.get('filename', '')))}, row {rows}"
    )


def _escaped(text: str) -> str:
    return _MARKDOWN_SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _table_cell(text: str) -> str:
    return "<br>".join(_MARKDOWN_SPECIAL.sub(r"\\\1", line) for line in text.splitlines()) or " "


def _titles(session: Session) -> dict[str, str]:
    """Of what the file holds: ``{key: "T-1 Title"}``."""
    named = session.tickets.in_backlog().values_list("key", "number", "title")
    return {key: f"T-{number} {title}" for key, number, title in named}


def _markdown(session: Session) -> Iterator[bytes]:
    titles = _titles(session)
    yield f"# Backlog of {_escaped(session.site_name)}\n\n{len(titles)} tickets in working order.\n".encode()
    for ticket in exported_tickets(session):
        yield b"\n---\n\n" + ticket_as_markdown(ticket, titles).encode("utf-8", "replace")


def _markdown_zip(session: Session) -> Iterator[bytes]:
    titles = _titles(session)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for ticket in exported_tickets(session):
            name = f"{ticket['position']:04d}-{slugify(ticket['title'])[:80] or 'ticket'}.md"
            archive.writestr(name, ticket_as_markdown(ticket, titles))
    yield packed.getvalue()


# JSON


def _json(session: Session) -> Iterator[bytes]:
    yield b'{"session": ' + json.dumps(session_header(session), ensure_ascii=False).encode() + b', "tickets": ['
    for number, ticket in enumerate(exported_tickets(session)):
        yield (b",\n" if number else b"\n") + json.dumps(ticket, ensure_ascii=False).encode("utf-8", "replace")
    yield b"\n]}\n"


# CSV

CSV_HEADER: Final = [
    "Number",
    "Key",
    "Type",
    "Group",
    "Title",
    "User story",
    "Analysis",
    "Verification",
    "Configuration",
    "Source",
    "Depends on",
    "Position",
    "Status",
]


def _csv(session: Session) -> Iterator[bytes]:
    numbers = dict(session.tickets.values_list("key", "number"))
    yield from safe_csv(CSV_HEADER, (_csv_row(ticket, numbers) for ticket in exported_tickets(session)))


def _csv_row(ticket: ExportedTicket, numbers: dict[str, int]) -> list[str]:
    facts = "\n".join(
        f"{fact['part'] + ': ' if fact['part'] else ''}{fact['column']}: {fact['value']}" for fact in ticket["facts"]
    )
    source = ticket["csv_source"]
    return [
        ticket["number"],
        ticket["key"],
        ticket["csv_type"],
        ticket["entity_group"],
        ticket["title"],
        ticket["user_story"],
        ticket["analysis"],
        ticket["verification"],
        facts,
        f"{source.get('filename', '')} row {', '.join(map(str, source.get('rows', [])))}",
        ", ".join(f"T-{numbers[key]}" for key in ticket["depends_on"]),
        str(ticket["position"]),
        ticket["status"],
    ]


def _jira_csv(session: Session) -> Iterator[bytes]:
    """For Jira's importer: one row an issue, blockers as repeated link columns, descriptions in wiki markup."""
    ids = {key: str(number) for key, number in session.tickets.in_backlog().values_list("key", "number")}
    blockers = {ticket["key"]: _blockers(ticket, ids) for ticket in exported_tickets(session)}
    links = max((len(found) for found in blockers.values()), default=0)
    header = [
        "Issue Id",
        "Issue Type",
        "Summary",
        "Description",
        "Labels",
        "Labels",
        *["Inward issue link (Blocks)"] * links,
    ]
    yield from safe_csv(
        header,
        (_jira_row(ticket, ids[ticket["key"]], blockers[ticket["key"]], links) for ticket in exported_tickets(session)),
    )


def _blockers(ticket: ExportedTicket, ids: dict[str, str]) -> list[str]:
    return [ids[need["key"]] for need in ticket["dependencies"] if need["kind"] == "blocks"]


def _jira_row(ticket: ExportedTicket, issue_id: str, blockers: list[str], links: int) -> list[str]:
    markdown = ticket_as_markdown(ticket).partition("\n\n")[2]
    description = to_wiki(markdown)
    if len(description) > JIRA_DESCRIPTION:
        note = "\n\n(Cut at Jira's limit. The whole text is in the Markdown export.)"
        description = description[: JIRA_DESCRIPTION - len(note)] + note
    labels = ["ticketgen", slugify(ticket["entity_group"])]
    padded = [*blockers, *[""] * (links - len(blockers))]
    return [
        issue_id,
        "Task",
        " ".join(ticket["title"].split())[:JIRA_SUMMARY],
        description,
        *labels,
        *padded,
    ]


FORMATS: Final[dict[str, Format]] = {
    "md": Format("Markdown, one file", "md", "text/markdown; charset=utf-8", _markdown),
    "md-zip": Format("Markdown, one file per ticket (ZIP)", "zip", "application/zip", _markdown_zip),
    "json": Format("JSON", "json", "application/json", _json),
    "csv": Format("CSV for spreadsheets", "csv", "text/csv; charset=utf-8", _csv),
    "jira-csv": Format("CSV for Jira's importer", "jira.csv", "text/csv; charset=utf-8", _jira_csv),
}
