"""All files of a session read together: entities, dependencies, order, and what should be looked at.

``read_specification`` gives one ticket-to-be per entity; ``per_parent`` folds parts into their bundle, view, image
style, workflow or migration.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
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


@dataclass(frozen=True, slots=True)
class Backlog:
    """What will be tickets: ``items`` in working order, ``dependencies`` between their keys, proposed cuts and
    cycles.
    """

    items: tuple[EntityPayload, ...]
    dependencies: tuple[Dependency, ...]
    cut: frozenset[tuple[str, str]]
    cycles: tuple[tuple[str, ...], ...]


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
    ranked = sorted((entity for entity in specification.entities if owners[entity.key] == entity.key), key=_rank)
    keys = [entity.key for entity in ranked]
    order = graph.work_order(keys, *_binding_and_hints(dependencies, ranked))
    by_key = {entity.key: entity for entity in specification.entities}
    needs = _needs(dependencies, by_key)
    own_needs = _needs(specification.dependencies, by_key)
    children: dict[str, list[EntityPayload]] = defaultdict(list)
    for entity in specification.entities:
        if owners[entity.key] != entity.key:
            children[owners[entity.key]].append(_payload(entity, own_needs[entity.key], []))
    items = tuple(_payload(by_key[key], needs[key], children[key]) for key in order.nodes)
    return Backlog(items, tuple(dependencies), order.cut, order.cycles)


def cycle_findings(made: Backlog) -> list[Finding]:
    """One finding per cycle, with its members and the cuts that were proposed."""
    by_key = {item["key"]: item for item in made.items}
    findings = []
    cuts_of: dict[str, list[str]] = defaultdict(list)
    for source, target in sorted(made.cut):
        cuts_of[source].append(f"{by_key[source]['data']['label']} → {by_key[target]['data']['label']}")
    for members in made.cycles:
        names = " → ".join(by_key[key]["data"]["label"] for key in members[:12]) + (" → …" if len(members) > 12 else "")
        cuts = [cut for key in members for cut in cuts_of[key]]
        first = by_key[members[0]]["csv_source"]
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


def _needs(dependencies: Iterable[Dependency], by_key: dict[str, Entity]) -> dict[str, list[Need]]:
    needs: dict[str, list[Need]] = defaultdict(list)
    for dependency in dependencies:
        target = by_key[dependency.target]
        needs[dependency.source].append(
            Need(
                key=target.key,
                csv_type=target.csv_type,
                label=target.label,
                machine_name=target.machine_name,
                kind=dependency.kind,
                rule=dependency.rule,
            )
        )
    return needs


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
