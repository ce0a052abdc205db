"""One entity per thing to build, from the rows of all files of a session, with a key that stays the same.

A key is ``csv_type:names``, built from Drupal's own names (``fields:node.article.field_image``), so that a row may
move, and a file may be split or renamed, without the entity becoming another one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .bundle_labels import entity_type_id, parse_references
from .csv_types import CSV_TYPES, CsvType
from .rows import Disposition, ReadRow
from .text import normal, slug


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one accepted file."""

    filename: str
    csv_type: str
    rows: Sequence[ReadRow]


@dataclass(slots=True)
class Entity:
    """One thing to build. ``parts`` are the cells of each of its rows, ``cells`` the same joined.

    ``order`` is its place in the specification; ``parent_key`` is set once references are resolved.
    """

    key: str
    csv_type: str
    label: str
    machine_name: str
    entity_type: str
    filename: str
    order: int
    cells: dict[str, str]
    extra: dict[str, str]
    rows: list[int]
    lines: list[int]
    parts: list[dict[str, str]]
    bundle: str = ""
    parent_key: str = ""
    parent_label: str = ""
    occurrence: int = 1
    other_files: list[str] = field(default_factory=list)

    @property
    def kind(self) -> CsvType:
        return CSV_TYPES[self.csv_type]

    def cell(self, *columns: str) -> str:
        """The first non-empty of these cells."""
        return next((self.cells[column] for column in columns if self.cells.get(column)), "")


def collect(sheets: Iterable[Sheet]) -> list[Entity]:
    """Entities in the order of the tabs and of their rows; rows of one identity, in whatever file, become one.

    Keys of fields and displays are provisional here (their bundle or view is not resolved yet).
    """
    by_identity: dict[tuple[str, ...], Entity] = {}
    merged: dict[tuple[str, ...], _Merged] = {}
    order = {name: index for index, name in enumerate(CSV_TYPES)}
    for sheet in sorted(sheets, key=lambda sheet: order[sheet.csv_type]):
        for row in sheet.rows:
            if row.disposition not in (Disposition.USED, Disposition.FOLDED):
                continue
            identity = (sheet.csv_type, *row.identity)
            entity = by_identity.get(identity)
            if entity is None:
                by_identity[identity] = _entity(sheet, row, len(by_identity))
            else:
                if identity not in merged:
                    merged[identity] = _Merged(entity)
                merged[identity].add(sheet, row)
    for rows in merged.values():
        rows.join()
    return list(by_identity.values())


def _entity(sheet: Sheet, row: ReadRow, order: int) -> Entity:
    kind = CSV_TYPES[sheet.csv_type]
    machine_name = row.cells.get(kind.machine_name, "") if kind.machine_name else ""
    label = row.cells.get(kind.label, "") or machine_name
    return Entity(
        key="",
        csv_type=sheet.csv_type,
        label=label,
        machine_name=machine_name,
        entity_type=_entity_type(kind, row),
        filename=sheet.filename,
        order=order,
        cells=row.cells,
        extra=row.extra,
        rows=[row.number],
        lines=[row.line],
        parts=[row.cells],
        occurrence=_occurrence(kind, row),
    )


def _occurrence(kind: CsvType, row: ReadRow) -> int:
    """Displays of a second view with the same label carry their number at the end of their identity."""
    return int(row.identity[-1]) if kind.name == "view_displays" and len(row.identity) > len(kind.identity) else 1


def _entity_type(kind: CsvType, row: ReadRow) -> str:
    match kind.name:
        case "bundles":
            return entity_type_id(row.cells.get("Type", ""))
        case "view_modes":
            return entity_type_id(row.cells.get("Entity Type", ""))
        case "fields":
            references = parse_references(row.cells.get("Bundle", ""))
            typed = next((reference.entity_type for reference in references if reference.entity_type), "")
            return typed or entity_type_id(row.cells.get("Type", ""))
    return ""


class _Merged:
    """Further rows of one entity: differing cells are joined with ``; ``, places are remembered. Linear in the rows."""

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.parts = {frozenset(part.items()) for part in entity.parts}
        self.cells = {column: dict.fromkeys(value.split("; ")) for column, value in entity.cells.items()}
        self.extra = {column: dict.fromkeys(value.split("; ")) for column, value in entity.extra.items()}

    def add(self, sheet: Sheet, row: ReadRow) -> None:
        entity = self.entity
        if sheet.filename == entity.filename:
            entity.rows.append(row.number)
            entity.lines.append(row.line)
        elif sheet.filename not in entity.other_files:
            entity.other_files.append(sheet.filename)
        part = frozenset(row.cells.items())
        if part not in self.parts:
            self.parts.add(part)
            entity.parts.append(row.cells)
        for target, source in ((self.cells, row.cells), (self.extra, row.extra)):
            for column, value in source.items():
                target.setdefault(column, {})[value] = None

    def join(self) -> None:
        self.entity.cells = {column: "; ".join(values) for column, values in self.cells.items()}
        self.entity.extra = {column: "; ".join(values) for column, values in self.extra.items()}


def name_for_key(entity: Entity) -> str:
    """Machine name if there is one, else a slug of the label."""
    return normal(entity.machine_name).replace(" ", "_")[:120] or slug(entity.label)


def assign_keys(entities: Iterable[Entity]) -> None:
    """Give every entity its final key; equal ones get ``~2``, ``~3``. Parents must have theirs first."""
    taken: dict[str, int] = {}
    given: set[str] = set()
    for entity in entities:
        base = f"{entity.csv_type}:{_names(entity)}"
        base = base if len(base) <= 200 else f"{entity.csv_type}:{slug(base, 150)}"
        number = taken.get(base, 0) + 1
        while (key := base if number == 1 else f"{base}~{number}") in given:
            number += 1
        taken[base] = number
        given.add(key)
        entity.key = key


def _names(entity: Entity) -> str:
    own = name_for_key(entity)
    match entity.csv_type:
        case "bundles" | "view_modes":
            return f"{entity.entity_type or 'unknown'}.{own}"
        case "fields":
            return f"{entity.entity_type or 'unknown'}.{entity.bundle or _unresolved_bundle(entity)}.{own}"
        case "view_displays" | "workflow_states" | "workflow_transitions":
            return f"{_parent_name(entity)}.{own}"
        case "image_effects":
            return f"{_parent_name(entity)}.{slug(' '.join((entity.label, entity.cell('Summary'))))}"
        case "migration_mappings":
            return f"{_parent_name(entity)}.{slug(' to '.join((entity.cell('Source field'), entity.label)))}"
    return own


def _unresolved_bundle(entity: Entity) -> str:
    """As the bundle will most likely be called once its row is uploaded, so that the key may stay."""
    references = parse_references(entity.cell("Bundle"))
    named = references[0].label if references else entity.cell("Type") or "no bundle"
    return slug(entity.cell("Bundle machine name") or named)


def _parent_name(entity: Entity) -> str:
    if entity.parent_key:
        return entity.parent_key.partition(":")[2]
    return slug(entity.cell("View ID", "View", "Workflow", "Image style", "Migration") or "none")
