"""The configuration table of a ticket: copied from the cells with file and row, never written by a model."""

from typing import TypedDict

from sessions_app.parsing.csv_types import CSV_TYPES
from sessions_app.parsing.payload import EntityPayload


class Fact(TypedDict):
    """One cell. ``part`` names the row's entity where a ticket takes in several (granularity "per parent")."""

    column: str
    value: str
    file: str
    row: int
    line: int
    part: str


PLANNING_COLUMNS = frozenset({"ID", "Dev", "QA"})
"""For the sheet's own bookkeeping; no configuration."""


def facts_of(payload: EntityPayload) -> list[Fact]:
    """All cells that say something in the order of the tab, then columns that the tab does not know, then the parts."""
    return [*_own(payload, ""), *(fact for child in payload["children"] for fact in _own(child, _part_name(child)))]


def _own(payload: EntityPayload, part: str) -> list[Fact]:
    source = payload["csv_source"]
    kind = CSV_TYPES.get(payload["type"])
    known = [name for name in (kind.column_names if kind else ()) if name in payload["cells"]]
    cells = [(name, payload["cells"][name]) for name in known if name not in PLANNING_COLUMNS]
    cells += list(payload["extra"].items())
    return [
        Fact(
            column=column,
            value=value,
            file=source["filename"],
            row=source["rows"][0],
            line=source["lines"][0],
            part=part,
        )
        for column, value in cells
    ]


def _part_name(child: EntityPayload) -> str:
    kind = CSV_TYPES.get(child["type"])
    return f"{kind.noun.capitalize() if kind else child['type']} {child['data']['label']}"
