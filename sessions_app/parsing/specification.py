"""All files of a session read together: entities, dependencies, order, and what should be looked at.

``read_specification`` gives one ticket-to-be per entity; ``per_parent`` folds parts into their bundle, view, image
style, workflow or migration.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sessions_app import graph

from .checks import equal_names, storage_conflicts
from .csv_types import CSV_TYPES, GROUP_ORDER
from .entities import Entity, Sheet, collect
from .payload import CsvSource, EntityData, EntityPayload, Need
from .references import BLOCKS, RELATES, Dependency, resolve
from .tables import Finding

PER_ROW = "row"
PER_PARENT = "parent"

_BUNDLE_ORDER = ("taxonomy_term", "media", "block_content", "paragraph", "node")
_TAB_ORDER = {name: index for index, name in enumerate(CSV_TYPES)}


@dataclass(frozen=True, slots=True)
class Specification:
    """Entities with their keys, the dependencies between them and the findings about the whole."""

    entities: tuple[Entity, ...]
    dependencies: tuple[Dependency, ...]
    findings: tuple[Finding, ...]


class Backlog:
    """What will be tickets: ``keys`` in working order, ``dependencies`` between them, proposed cuts and cycles.

    Iterate over it for the entities themselves. They are made on the way, as a large specification has many.
    """

    def __init__(
        self, specification: Specification, owners: dict[str, str], dependencies: tuple[Dependency, ...]
    ) -> None:
        self._entities = {entity.key: entity for entity in specification.entities}
        ranked = sorted((entity for entity in specification.entities if owners[entity.key] == entity.key), key=_rank)
        order = graph.work_order([entity.key for entity in ranked], *_binding_and_hints(dependencies, ranked))
        self.keys, self.cut, self.cycles = order.nodes, order.cut, order.cycles
        self.dependencies = dependencies
        self._needs = _by_source(dependencies)
        self._parts: dict[str, list[Entity]] = defaultdict(list)
        for entity in specification.entities:
            if owners[entity.key] != entity.key:
                self._parts[owners[entity.key]].append(entity)
        self._needs_of_parts = _by_source(specification.dependencies) if self._parts else {}

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[EntityPayload]:
        return map(self.__getitem__, self.keys)

    def __getitem__(self, key: str) -> EntityPayload:
        """Raises KeyError if no ticket has this key."""
        parts = [
            _payload(part, self._named(self._needs_of_parts.get(part.key, ())), []) for part in self._parts.get(key, ())
        ]
        return _payload(self._entities[key], self._named(self._needs.get(key, ())), parts)

    def _named(self, dependencies: Iterable[Dependency]) -> list[Need]:
        return [_need(each, self._entities[each.target], self.cut) for each in dependencies]


def read_specification(sheets: Iterable[Sheet]) -> Specification:
    """Read accepted files together. Never refuses: what does not fit is a finding."""
    entities = collect(sheets)
    resolution = resolve(entities)
    findings = [*resolution.findings, *storage_conflicts(entities), *equal_names(entities)]
    return Specification(tuple(entities), tuple(resolution.dependencies), tuple(findings))


def backlog(specification: Specification, granularity: str = PER_ROW) -> Backlog:
    """Make the tickets-to-be of a specification and put them in order: groups first, then what is needed first."""
    owners = _owners(specification, granularity)
    dependencies = (
        _lifted(specification.dependencies, owners) if granularity == PER_PARENT else specification.dependencies
    )
    return Backlog(specification, owners, dependencies)


def cycle_findings(made: Backlog) -> list[Finding]:
    """One finding per cycle, with its members and the cuts that were proposed."""
    findings = []
    cuts_of: dict[str, list[str]] = defaultdict(list)
    for source, target in sorted(made.cut):
        cuts_of[source].append(f"{made[source]['data']['label']} → {made[target]['data']['label']}")
    for members in made.cycles:
        names = " → ".join(made[key]["data"]["label"] for key in members[:12]) + (" → …" if len(members) > 12 else "")
        cuts = [cut for key in members for cut in cuts_of[key]]
        first = made[members[0]]["csv_source"]
        findings.append(
            Finding(
                "dependency_cycle",
                f"A dependency cycle of {len(members)}: {names}. Proposed cut: {'; '.join(cuts[:5])}.",
                first["rows"][0],
                first["lines"][0],
                filename=first["filename"],
            )
        )
    return findings


def input_hash(payload: EntityPayload) -> str:
    """SHA-256 of everything in an entity that a ticket is written from; where its row stands does not matter."""
    return hashlib.sha256(json.dumps(_essence(payload), sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _essence(payload: EntityPayload) -> dict[str, object]:
    essence: dict[str, object] = {
        name: value for name, value in payload.items() if name not in {"csv_source", "children", "needs"}
    }
    essence["needs"] = sorted((need["key"], need["label"], need["kind"]) for need in payload["needs"])
    essence["children"] = [_essence(child) for child in payload["children"]]
    return essence


def _owners(specification: Specification, granularity: str) -> dict[str, str]:
    """Entity key -> key of the entity whose ticket it is part of (itself, or its parent)."""
    if granularity != PER_PARENT:
        return {entity.key: entity.key for entity in specification.entities}
    parents = {entity.key: entity.parent_key for entity in specification.entities}
    return {key: parent if parent in parents else key for key, parent in parents.items()}


def _lifted(dependencies: Iterable[Dependency], owners: dict[str, str]) -> tuple[Dependency, ...]:
    """Dependencies between parts become dependencies between their tickets.

    References of fields (D2) would tie bundles into knots at this grain, so they only relate (docs/architecture.md).
    """
    lifted: dict[tuple[str, str], Dependency] = {}
    for dependency in dependencies:
        source, target = owners[dependency.source], owners[dependency.target]
        kind = RELATES if dependency.rule == "D2" else dependency.kind
        known = lifted.get((source, target))
        if source != target and (known is None or (known.kind == RELATES and kind == BLOCKS)):
            lifted[source, target] = Dependency(source, target, kind, dependency.rule)
    return tuple(lifted.values())


def _rank(entity: Entity) -> tuple[int, ...]:
    """Group, tab, kind of bundle, plain fields before references, then the file's own order."""
    bundle_rank = _BUNDLE_ORDER.index(entity.entity_type) if entity.entity_type in _BUNDLE_ORDER else len(_BUNDLE_ORDER)
    return (
        GROUP_ORDER.index(entity.kind.group),
        _TAB_ORDER[entity.csv_type],
        bundle_rank if entity.csv_type == "bundles" else 0,
        int(bool(entity.cell("Ref. bundle"))) if entity.csv_type == "fields" else 0,
        entity.order,
    )


def _binding_and_hints(
    dependencies: Iterable[Dependency], ranked: list[Entity]
) -> tuple[list[graph.Edge], list[graph.Edge]]:
    """Blocking edges bind; the others are followed only within a group or towards an earlier one."""
    group = {entity.key: GROUP_ORDER.index(entity.kind.group) for entity in ranked}
    binding: list[graph.Edge] = []
    hints: list[graph.Edge] = []
    for dependency in dependencies:
        edge = (dependency.source, dependency.target)
        if dependency.kind == BLOCKS:
            binding.append(edge)
        elif group[dependency.target] <= group[dependency.source]:
            hints.append(edge)
    return binding, hints


def _by_source(dependencies: Iterable[Dependency]) -> dict[str, list[Dependency]]:
    needs: dict[str, list[Dependency]] = defaultdict(list)
    for dependency in dependencies:
        needs[dependency.source].append(dependency)
    return needs


def _need(dependency: Dependency, target: Entity, cut: frozenset[tuple[str, str]]) -> Need:
    need = Need(
        key=target.key,
        csv_type=target.csv_type,
        label=target.label,
        machine_name=target.machine_name,
        kind=dependency.kind,
        rule=dependency.rule,
    )
    if (dependency.source, dependency.target) in cut:
        need["cut"] = True
    return need


def _payload(entity: Entity, needs: list[Need], children: list[EntityPayload]) -> EntityPayload:
    return EntityPayload(
        key=entity.key,
        type=entity.csv_type,
        entity_group=entity.kind.group,
        data=EntityData(
            machine_name=entity.machine_name,
            label=entity.label,
            description=entity.cell("Description", "Help text", "Summary", "Notes", "Settings/notes"),
        ),
        entity_type=entity.entity_type,
        bundle=entity.bundle,
        parent_label=entity.parent_label,
        cells=entity.cells,
        extra=entity.extra,
        csv_source=CsvSource(filename=entity.filename, rows=entity.rows, lines=entity.lines),
        needs=needs,
        children=children,
    )
