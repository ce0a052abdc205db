"""The tables that an export becomes: one per tab, with the header row that a person's own sheet would have."""

from collections.abc import Iterable
from typing import Final, TypeAlias

from sessions_app.parsing.tables import Row, Table, UnreadableFile

Cells: TypeAlias = dict[str, str]
Record: TypeAlias = tuple[str, Cells]
"""(name of the configuration object's file, cells by column name)"""

HEADERS: Final = {
    csv_type: tuple(line.split(","))
    for csv_type, line in {
        "bundles": "ID,Name,Machine name,X,Dev,QA,Description,Example(s),Mod.,Layout,Trns.,Migr.,Cmnt.,Meta.,Sched.,"
        "Type,URL alias pattern,Settings/notes",
        "fields": "ID,Bundle,Field label,Machine name,X,Dev,QA,Field group,Field type,Ref. bundle,Req'd,Vals.,"
        "Form widget,Trns.,Settings/notes,Help text,Bundle machine name",
        "view_modes": "ID,View Modes,Machine name,Entity Type,X,Dev,QA,Entities Used On,Notes,Format",
        "menus": "ID,Title,Machine name,X,Dev,QA,Description,Notes",
        "image_styles": "ID,Style name,Machine name,X,Dev,QA,Notes",
        "image_effects": "ID,Image style,Effect,Summary,X,Dev,QA,Notes",
        "responsive_image_styles": "ID,Responsive style,Machine Name,Breakpoint Group,Breakpoints Used,Fallback Style,"
        "Image Style Group(s),X,Dev,QA,Notes,Fallback machine name",
        "views": "ID,View name,Machine name,X,Dev,QA,Base table,Status,Description,Notes",
        "view_displays": "ID,View,Title,Machine name,X,Dev,QA,Display plugin,Notes,View ID",
        "migrations": "ID,Migration name,Machine name,X,Dev,QA,Source,Destination,Bundle,Dependencies,Notes",
        "workflows": "ID,Label,Machine name,X,Dev,QA,Type,Notes",
        "workflow_states": "ID,Workflow,Label,Machine name,X,Dev,QA,Notes",
        "workflow_transitions": "ID,Workflow,Label,Machine name,X,Dev,QA,From state,To state,Notes",
        "user_roles": "ID,Name,Machine name,X,Dev,QA,Notes",
    }.items()
}

MOST_ROWS: Final = 50_000
MOST_CHARACTERS: Final = 20_000_000
"""What one tab may hold. A small file can repeat a long label in every row; no site does."""

_TO_BUILD: Final = "a"
"""What stands in X: approved and ready to implement. An export says nothing else about a plan."""


def table(csv_type: str, records: Iterable[Record]) -> Table:
    """A table of the tab; without rows where the export has nothing of the kind."""
    headers = HEADERS[csv_type]
    rows: list[Row] = []
    characters = 0
    for number, (origin, cells) in enumerate(records, start=1):
        rows.append(Row(number, number, tuple(_filled(headers, cells)), origin))
        characters += sum(map(len, cells.values()))
        if number > MOST_ROWS or characters > MOST_CHARACTERS:
            raise UnreadableFile(
                "config_too_complex", "The export makes a longer list than the configuration of any site does."
            )
    return Table(headers, tuple(rows), encoding="utf-8", csv_type=csv_type)


def _filled(headers: tuple[str, ...], cells: Cells) -> list[str]:
    if unknown := cells.keys() - set(headers):
        raise KeyError(f"no such column: {sorted(unknown)}")
    return [_TO_BUILD if header == "X" else cells.get(header, "") for header in headers]


def yes_no(value: object) -> str:
    return "y" if value else "n"


def joined(words: Iterable[str]) -> str:
    """Several values in one cell, as the Spec Tool writes them, each of them once."""
    return ", ".join(dict.fromkeys(words))
