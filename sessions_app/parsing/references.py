"""What needs what: the rules D1 to D13 from the columns of a specification to dependencies between its entities.

A ``blocks`` dependency must be built first; ``relates`` is a hint for people. A name that fits nothing is listed as
unresolved, a name that fits several is listed as ambiguous and points at all of them.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from .bundle_labels import Reference, entity_type_id, parse_references
from .entities import Entity, assign_keys, name_for_key
from .tables import Finding
from .text import normal, shortened, split_list

BLOCKS: Final = "blocks"
RELATES: Final = "relates"

WITHOUT_BUNDLES: Final = frozenset({"user", "file"})
"""Entity types whose fields belong to the type itself, so that no bundle row is missed."""

AT_MOST: Final = 20
"""A name leads to no more entities than this, and no more names of one cell are reported one by one: fifty thousand
rows that each fit fifty thousand others would never end.
"""


@dataclass(frozen=True, slots=True)
class Dependency:
    """``source`` needs ``target`` (keys of entities). ``rule`` is D1 to D13."""

    source: str
    target: str
    kind: str
    rule: str


@dataclass(slots=True)
class Resolution:
    """All dependencies between the entities, and the names that did not lead to exactly one of them."""

    dependencies: list[Dependency] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def resolve(entities: list[Entity]) -> Resolution:
    """Find parents, give every entity its key, and list all dependencies. Linear in the number of cells."""
    return _Resolver(entities).run()


class _Names:
    """Entities of one tab by label, by machine name and, for bundles, by (label, type)."""

    def __init__(self) -> None:
        self.by_machine_name: dict[str, list[Entity]] = defaultdict(list)
        self.by_label: dict[str, list[Entity]] = defaultdict(list)

    def add(self, entity: Entity) -> None:
        if entity.machine_name:
            self.by_machine_name[normal(entity.machine_name)].append(entity)
        if entity.label:
            self.by_label[normal(entity.label)].append(entity)

    def called(self, name: str) -> list[Entity]:
        """By label, else by machine name."""
        return (self.by_label.get(normal(name)) or self.by_machine_name.get(normal(name)) or [])[:AT_MOST]

    def named(self, name: str) -> list[Entity]:
        """By machine name, else by label."""
        return (self.by_machine_name.get(normal(name)) or self.by_label.get(normal(name)) or [])[:AT_MOST]

    def with_machine_name(self, name: str) -> list[Entity]:
        return self.by_machine_name.get(normal(name), [])[:AT_MOST]


_VARIANT = re.compile(r"^(?:[\s_-]*(?:\d+(?:\.\d+)?x|non-?webp|webp))+$", re.IGNORECASE)
_FILTERED_BY = re.compile(r"\bview[:\s]+[\"“'`]?(?P<name>[a-z0-9_]+)", re.IGNORECASE)
_FIELD_NAME = re.compile(r"(?<![a-z0-9])[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_VIEWS_SUFFIX = re.compile(r"_(?:value|target_id|tid|uri|end_value|format)(?:_\d+)?$")
"""Views names a filter after the column of the field's table: ``field_date_value``."""
_WORD = re.compile(r"\w+")


class _Resolver:
    def __init__(self, entities: list[Entity]) -> None:
        self.entities = entities
        self.tabs: dict[str, list[Entity]] = defaultdict(list)
        self.names: dict[str, _Names] = defaultdict(_Names)
        self.bundles: dict[tuple[str, str], list[Entity]] = defaultdict(list)
        self.states: dict[str, _Names] = defaultdict(_Names)
        self.found = Resolution()
        self.edges: dict[tuple[int, int], tuple[Entity, Entity, str, str]] = {}
        self.unresolved: dict[tuple[int, str], list[str]] = defaultdict(list)
        for entity in entities:
            self.tabs[entity.csv_type].append(entity)
            self.names[entity.csv_type].add(entity)
            if entity.csv_type == "bundles":
                for name in {normal(entity.label), normal(entity.machine_name)} - {""}:
                    self.bundles[name, entity.entity_type].append(entity)
        self.types = {entity.entity_type for entity in self.tabs["bundles"]}
        self.styles = self._style_variants()

    def run(self) -> Resolution:
        self._fields()
        self._displays()
        self._effects_and_mappings()
        self._states_and_transitions()
        assign_keys(entity for entity in self.entities if entity.kind.parent == "")
        for entity, parent in self._parents():
            entity.parent_key = parent.key
        assign_keys(self.entities)
        self._responsive_styles()
        self._view_modes()
        self._workflows()
        self._migrations()
        self._view_hints()
        self._storages()
        self._transition_roles()
        self._report_unresolved()
        self.found.dependencies = [Dependency(a.key, b.key, kind, rule) for a, b, kind, rule in self.edges.values()]
        return self.found

    def _parents(self) -> Iterator[tuple[Entity, Entity]]:
        """Each part with the first parent that its own column names."""
        met: set[int] = set()
        for entity, parent, _, rule in self.edges.values():
            if rule in _PARENT_RULES and entity.kind.parent == parent.csv_type and entity.order not in met:
                met.add(entity.order)
                yield entity, parent

    def _need(self, entity: Entity, targets: Iterable[Entity], rule: str, kind: str = BLOCKS) -> None:
        for target in targets:
            pair = (entity.order, target.order)
            known = self.edges.get(pair)
            if target is not entity and (known is None or (known[2] == RELATES and kind == BLOCKS)):
                self.edges[pair] = (entity, target, kind, rule)

    def _look_up(  # noqa: PLR0917
        self, entity: Entity, column: str, name: str, targets: list[Entity], rule: str, kind: str = BLOCKS
    ) -> None:
        """Record what a name led to: nothing, one, or several."""
        if not targets:
            self._unresolved(entity, column, name)
        elif len(targets) > 1:
            where = ", ".join(
                sorted({f"{target.label} ({target.cell('Type') or target.csv_type})" for target in targets})
            )
            self._found(
                entity,
                "ambiguous_reference",
                column,
                name,
                message=f"“{shortened(name, 80)}” fits several: {shortened(where)}.",
                expected="a name that fits one",
            )
        self._need(entity, targets, rule, kind)

    def _unresolved(self, entity: Entity, column: str, name: str) -> None:
        self.unresolved[entity.order, column].append(name)

    def _report_unresolved(self) -> None:
        by_order = {entity.order: entity for entity in self.entities}
        for (order, column), names in self.unresolved.items():
            entity = by_order[order]
            tab = _TARGET_NOUN.get((entity.csv_type, column), "row")
            expected = f"the name of a {tab} that exists"
            unique = list(dict.fromkeys(names))
            for name in unique[:AT_MOST]:
                message = (
                    f"Unresolved {tab} references: no {tab} called “{shortened(name, 80)}” is in the uploaded files."
                )
                self._found(entity, "unresolved_reference", column, name, message=message, expected=expected)
            if len(unique) > AT_MOST:
                message = f"Unresolved {tab} references: {len(unique) - AT_MOST:,} more names in this cell."
                self._found(entity, "unresolved_reference", column, unique[AT_MOST], message=message, expected=expected)

    def _found(self, entity: Entity, code: str, column: str, name: str, *, message: str, expected: str) -> None:
        self.found.findings.append(
            Finding(
                code,
                message,
                entity.rows[0],
                entity.lines[0],
                column,
                shortened(name),
                expected,
                filename=entity.filename,
            )
        )

    # D1, D2, D2b: fields

    def _fields(self) -> None:
        for entity in self.tabs["fields"]:
            self._field_bundle(entity)
            for name, targets in self._referenced(entity.cell("Ref. bundle")):
                self._look_up(entity, "Ref. bundle", name, targets, "D2")
            for mention in _FILTERED_BY.findall(entity.cell("Settings/notes")):
                self._need(entity, self.names["views"].with_machine_name(mention), "D2b", RELATES)

    def _field_bundle(self, entity: Entity) -> None:
        cell = entity.cell("Bundle")
        type_id = entity_type_id(entity.cell("Type"))
        targets: list[Entity] = []
        for name, found in self._referenced(cell, type_id, helper=entity.cell("Bundle machine name")):
            if not found and self._belongs_to_type(name, entity):
                continue
            self._look_up(entity, "Bundle", name, found, "D1")
            targets.extend(found)
        if targets:
            entity.entity_type = targets[0].entity_type
            entity.bundle = name_for_key(targets[0])
            entity.parent_label = targets[0].label

    def _belongs_to_type(self, name: str, entity: Entity) -> bool:
        """``User``, ``Comment``: fields on an entity type that has no bundle rows."""
        type_id = entity_type_id(name.rpartition("(")[0] or name)
        if type_id in WITHOUT_BUNDLES or entity.entity_type in WITHOUT_BUNDLES:
            entity.entity_type = entity.entity_type or type_id
            entity.bundle = entity.entity_type
            return True
        return False

    def _referenced(self, cell: str, type_id: str = "", helper: str = "") -> Iterator[tuple[str, list[Entity]]]:
        """(name as written, bundles that it fits) for each reference in a cell; prose such as "All" is passed over."""
        if not cell and helper:
            yield helper, self._bundles_called(Reference(helper, type_id, helper))
            return
        for reference in parse_references(cell, self.types):
            if reference.is_prose:
                continue
            typed = (
                reference
                if reference.entity_type or not type_id
                else Reference(reference.label, type_id, reference.text)
            )
            found = self._bundles_called(typed)
            if not found and helper:
                found = self._bundles_called(Reference(helper, typed.entity_type, helper))
            if found or "," not in reference.label:
                yield reference.text, found
                continue
            for part in split_list(reference.label):
                yield part, self._bundles_called(Reference(part, reference.entity_type, part))

    def _bundles_called(self, reference: Reference) -> list[Entity]:
        if reference.entity_type:
            return self.bundles.get((normal(reference.label), reference.entity_type), [])[:AT_MOST]
        return self.names["bundles"].named(reference.label)

    # D3, D4, D7, D8: parts of a parent

    def _displays(self) -> None:
        views = self.names["views"]
        for entity in self.tabs["view_displays"]:
            by_id = views.with_machine_name(entity.cell("View ID"))
            column = "View ID" if by_id else "View"
            targets = by_id or views.called(entity.cell("View"))
            if not by_id and entity.occurrence <= len(targets):
                first = targets[entity.occurrence - 1]
                targets = [first, *(target for target in targets if target is not first)]
            self._look_up(entity, column, entity.cell("View", "View ID"), targets, "D3")
            entity.parent_label = targets[0].label if targets else entity.cell("View")

    def _effects_and_mappings(self) -> None:
        for tab, column, parents, rule in (
            ("image_effects", "Image style", "image_styles", "D4"),
            ("migration_mappings", "Migration", "migrations", "D10"),
        ):
            for entity in self.tabs[tab]:
                targets = self.names[parents].called(entity.cell(column))
                self._look_up(entity, column, entity.cell(column), targets, rule)
                entity.parent_label = targets[0].label if targets else entity.cell(column)

    def _states_and_transitions(self) -> None:
        workflows = self.names["workflows"]
        for entity in self.tabs["workflow_states"]:
            self.states[normal(entity.cell("Workflow"))].add(entity)
            self._workflow_of(entity, workflows.called(entity.cell("Workflow")), "D7")
        for entity in self.tabs["workflow_transitions"]:
            self._workflow_of(entity, workflows.called(entity.cell("Workflow")), "D8")
            states = self.states[normal(entity.cell("Workflow"))]
            for part in entity.parts:
                for column in ("From state", "To state"):
                    for name in self._state_names(part.get(column, ""), states):
                        self._look_up(entity, column, name, states.called(name), "D8")

    def _workflow_of(self, entity: Entity, targets: list[Entity], rule: str) -> None:
        self._look_up(entity, "Workflow", entity.cell("Workflow"), targets, rule)
        entity.parent_label = targets[0].label if targets else entity.cell("Workflow")

    def _state_names(self, cell: str, states: _Names) -> list[str]:
        if not cell or states.called(cell):
            return [cell] if cell else []
        return [name for name in split_list(cell) if normal(name) not in {"", "all", "any"}]

    # D5: responsive image styles

    def _style_variants(self) -> dict[str, list[Entity]]:
        """A group name also means its variants: ``42x42`` -> ``42x42 1.5x``, ``42x42 Non-WebP``."""
        variants: dict[str, list[Entity]] = defaultdict(list)
        for style in self.tabs["image_styles"]:
            words = normal(style.label).split(" ")
            for cut in range(max(1, len(words) - 4), len(words)):
                if _VARIANT.match(" ".join(words[cut:])):
                    variants[" ".join(words[:cut])].append(style)
        return variants

    def _responsive_styles(self) -> None:
        styles = self.names["image_styles"]
        for entity in self.tabs["responsive_image_styles"]:
            fallback = entity.cell("Fallback machine name")
            targets = styles.named(fallback) if fallback else []
            name = entity.cell("Fallback Style") or fallback
            if not targets and name:
                targets = styles.called(name)
            if name:
                self._look_up(entity, "Fallback Style", name, targets, "D5")
            for group in self._style_names(entity.cell("Image Style Group(s)")):
                self._look_up_group(entity, group)

    def _look_up_group(self, entity: Entity, group: str) -> None:
        exact = self.names["image_styles"].called(group)
        variants = self.styles.get(normal(group), [])[:AT_MOST]
        if exact or variants:
            self._need(entity, [*exact, *variants], "D5")
        else:
            self._unresolved(entity, "Image Style Group(s)", group)

    def _style_names(self, cell: str) -> list[str]:
        known = self.names["image_styles"]
        if not cell:
            return []
        return [cell] if known.called(cell) else list(filter(normal, split_list(cell)))

    # D6, D9, D10: bundles named from elsewhere

    def _view_modes(self) -> None:
        for entity in self.tabs["view_modes"]:
            type_id = entity.entity_type
            for name, targets in self._referenced(entity.cell("Entities Used On"), type_id):
                known_type = any(kind == type_id for _, kind in self.bundles)
                if targets or known_type:
                    self._look_up(entity, "Entities Used On", name, targets, "D6")

    def _workflows(self) -> None:
        workflows = self.tabs["workflows"]
        for entity in workflows:
            named = list(self._bundles_in_prose(entity.cell("Notes")))
            if not named and len(workflows) == 1:
                named = [
                    bundle for bundle in self.tabs["bundles"] if normal(bundle.cell("Mod.")) in {"y", "yes", "x", "1"}
                ]
            self._need(entity, named, "D9")

    def _bundles_in_prose(self, text: str) -> Iterator[Entity]:
        for line in text.split("\n"):
            for _, targets in self._referenced(line.rpartition(":")[2]):
                yield from targets

    def _migrations(self) -> None:
        for entity in self.tabs["migrations"]:
            destination = f"{entity.cell('Destination')} {entity.cell('Source')}"
            type_match = re.search(r"entity(?:_revision|_complete)?:([a-z_]+)", destination)
            for name, targets in self._referenced(entity.cell("Bundle"), type_match[1] if type_match else ""):
                self._look_up(entity, "Bundle", name, targets, "D10")
            for name in filter(normal, split_list(entity.cell("Dependencies"))):
                self._look_up(entity, "Dependencies", name, self.names["migrations"].named(name), "D10")

    # D11, D12, D13: hints

    def _view_hints(self) -> None:
        fields = self.names["fields"]
        views = {view.key: view for view in self.tabs["views"]}
        for entity in (*self.tabs["views"], *self.tabs["view_displays"]):
            view = views.get(entity.parent_key, entity)
            text = normal(f"{entity.cell('Notes')} {entity.cell('Description')}")
            for word in dict.fromkeys(_FIELD_NAME.findall(text)):
                named = fields.with_machine_name(word) or fields.with_machine_name(_VIEWS_SUFFIX.sub("", word))
                self._need(view, named, "D11", RELATES)

    def _storages(self) -> None:
        """Fields of one storage relate to the row that creates it."""
        storages: dict[tuple[str, str], list[Entity]] = defaultdict(list)
        for entity in self.tabs["fields"]:
            if entity.machine_name and entity.entity_type:
                storages[entity.entity_type, normal(entity.machine_name)].append(entity)
        for shared in storages.values():
            creator = next((each for each in shared if normal(each.cell("Reused Field")) in {"n", "no"}), shared[0])
            for entity in shared:
                self._need(entity, [creator], "D12", RELATES)

    def _transition_roles(self) -> None:
        """Looks the words of the notes up among the roles, one, two … at a time, and not each role in each note."""
        roles: dict[tuple[str, ...], list[Entity]] = defaultdict(list)
        for role in self.tabs["user_roles"]:
            roles[tuple(_WORD.findall(normal(role.label)))].append(role)
        lengths = sorted({len(words) for words in roles} & set(range(1, 9)))
        for entity in self.tabs["workflow_transitions"]:
            words = _WORD.findall(normal(entity.cell("Notes")))
            for length in lengths:
                for at in range(len(words) - length + 1):
                    named = roles.get(tuple(words[at : at + length]), [])
                    self._need(entity, named[:AT_MOST], "D13", RELATES)


_PARENT_RULES: Final = frozenset({"D1", "D3", "D4", "D7", "D8", "D10"})

_TARGET_NOUN: Final = {
    ("fields", "Bundle"): "bundle",
    ("fields", "Ref. bundle"): "bundle",
    ("view_modes", "Entities Used On"): "bundle",
    ("migrations", "Bundle"): "bundle",
    ("migrations", "Dependencies"): "migration",
    ("migration_mappings", "Migration"): "migration",
    ("view_displays", "View"): "view",
    ("view_displays", "View ID"): "view",
    ("image_effects", "Image style"): "image style",
    ("responsive_image_styles", "Fallback Style"): "image style",
    ("responsive_image_styles", "Image Style Group(s)"): "image style",
    ("workflow_states", "Workflow"): "workflow",
    ("workflow_transitions", "Workflow"): "workflow",
    ("workflow_transitions", "From state"): "workflow state",
    ("workflow_transitions", "To state"): "workflow state",
}
