"""Entities by group, in the seeds' order (requirements A-030 to A-039)."""

from collections.abc import Iterable
from typing import Any

from sessions_app.parsing.csv_types import CSV_TYPE_TO_GROUP, GROUP_ORDER


def group_entities_by_type(files: Iterable[Any]) -> dict[str, list[dict[str, Any]]]:
    """Group name -> entities of all files of that group; groups without entities are left out.

    ``files``: anything with ``csv_type`` and ``parsed_content`` ({headers, rows}). An unknown type is Custom, never
    dropped.
    """
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name in GROUP_ORDER}
    for file in files:
        group = CSV_TYPE_TO_GROUP.get(file.csv_type, "Custom")
        for number, row in enumerate(file.parsed_content["rows"], start=1):
            source = {"filename": getattr(file, "filename", ""), "rows": [number]}
            groups[group].append({"type": file.csv_type, "entity_group": group, "data": row, "csv_source": source})
    return {name: entities for name, entities in groups.items() if entities}
