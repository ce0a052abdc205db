"""What cannot work in Drupal although every row looks fine by itself."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from .entities import Entity
from .tables import Finding
from .text import normal, shortened


def storage_conflicts(entities: Iterable[Entity]) -> Iterator[Finding]:
    """In Drupal one (entity type, machine name) has one field storage, so one field type and one cardinality."""
    storages: dict[tuple[str, str], list[Entity]] = defaultdict(list)
    for entity in entities:
        if entity.csv_type == "fields" and entity.machine_name and entity.entity_type:
            storages[entity.entity_type, normal(entity.machine_name)].append(entity)
    for shared in storages.values():
        first = shared[0]
        for column, noun in (("Field type", "field type"), ("Vals.", "number of values")):
            expected = first.cell(column)
            for other in shared[1:]:
                value = other.cell(column)
                if expected and value and normal(value) != normal(expected):
                    yield Finding(
                        "storage_conflict",
                        f"{first.machine_name} is one storage for all {first.entity_type} bundles, "
                        f"but its {noun} differs: “{shortened(expected, 60)}” in {first.filename} "
                        f"row {first.rows[0]}, “{shortened(value, 60)}” here.",
                        other.rows[0],
                        other.lines[0],
                        column,
                        shortened(value),
                        shortened(expected),
                        filename=other.filename,
                    )
                    break


def equal_names(entities: Iterable[Entity]) -> Iterator[Finding]:
    """Two bundles, views, styles … of one tab with one label: people and references cannot tell them apart."""
    labels: dict[tuple[str, str, str], list[Entity]] = defaultdict(list)
    for entity in entities:
        if not entity.kind.parent and entity.label:
            labels[entity.csv_type, entity.entity_type, normal(entity.label)].append(entity)
    for same in labels.values():
        for other in same[1:]:
            yield Finding(
                "label_shared",
                f"Another {other.kind.noun} has the label “{shortened(other.label, 60)}” too "
                f"({same[0].filename} row {same[0].rows[0]}).",
                other.rows[0],
                other.lines[0],
                other.kind.label,
                shortened(other.label),
                "a label of its own",
                filename=other.filename,
            )
