"""The shape in which an entity travels: into a work item, a prompt, the offline writer and a ticket.

Plain JSON values, so that it can be stored, hashed and sent as it is.
"""

from typing import Literal, NotRequired, TypedDict


class EntityData(TypedDict):
    """What names an entity (requirement A-027). ``machine_name`` is empty where the sheet has none or ``-``."""

    machine_name: str
    label: str
    description: str


class CsvSource(TypedDict):
    """Where an entity stands: file name, record numbers (1 = first below the header), their lines in the file."""

    filename: str
    rows: list[int]
    lines: list[int]


class Need(TypedDict):
    """One thing that an entity depends on. ``kind``: blocks or relates; ``rule``: D1 to D13 of docs/architecture.md.
    ``cut`` is there where following it would close a cycle, so that the order does not.
    """

    key: str
    csv_type: str
    label: str
    machine_name: str
    kind: str
    rule: str
    cut: NotRequired[Literal[True]]


class EntityPayload(TypedDict):
    """One entity of a specification with everything a writer may use.

    ``cells``: non-empty cells by the Spec Tool's column names (``csv_types``); an entity made of several rows
    (a transition with three "From state" rows) joins differing cells with ``; ``. ``extra``: non-empty cells of columns
    that the tab does not know, by their own header. ``entity_type``: Drupal's id of the entity type concerned
    (``node``, ``media``, ``paragraph``, ``taxonomy_term``, ``block_content``, …), empty where it makes no sense or is
    unknown. ``bundle``: machine name of the bundle that a field belongs to, empty if unknown. ``parent_label``: the
    bundle, view, image style, workflow or migration that this entity is a part of. ``children``: at the granularity
    "one ticket per parent", the entities that this ticket takes in.
    """

    key: str
    type: str
    entity_group: str
    data: EntityData
    entity_type: str
    bundle: str
    parent_label: str
    cells: dict[str, str]
    extra: dict[str, str]
    csv_source: CsvSource
    needs: list[Need]
    children: list["EntityPayload"]
