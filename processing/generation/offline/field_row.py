"""A field row, read: what its cells say of bundle, type, number of values, widget and targets."""

from dataclasses import dataclass
from typing import Final

from sessions_app.parsing.payload import EntityPayload

from . import cells, prose
from .drupal import BASE_FIELDS, FIELD_TYPES, Bundle, FieldType, field_plugin

YES_NO: Final = {True: "yes", False: "no", None: ""}
_UNKNOWN: Final = FieldType("", "", "fill in", "Fill in the field, save, and check that the page shows it.")
_REFERENCES: Final = frozenset({"entity_reference", "entity_reference_revisions", "dynamic_entity_reference"})


@dataclass(frozen=True, slots=True)
class Field:
    """A field row as far as it can be read."""

    entity: EntityPayload
    bundle: Bundle
    noun: str
    label: str
    machine_name: str
    words: str
    plugin: str
    values: int
    widget: str
    notes: str
    reference: str
    targets: list[cells.Target]

    @property
    def type(self) -> FieldType:
        return FIELD_TYPES.get(self.plugin, _UNKNOWN)

    @property
    def name(self) -> str:
        return cells.usable(self.machine_name)

    @property
    def is_base(self) -> bool:
        """A field that the entity type brings itself: no storage of its own, only label and form."""
        return not self.machine_name or self.machine_name in BASE_FIELDS.get(self.bundle.entity_type, ())

    @property
    def is_hidden(self) -> bool:
        return "disabled" in self.widget.casefold()

    @property
    def is_list(self) -> bool:
        return self.plugin.startswith("list_")

    @property
    def refers(self) -> bool:
        return self.plugin in _REFERENCES

    @property
    def named(self) -> str:
        return prose.named(self.label, self.machine_name)

    @property
    def in_words(self) -> str:
        """Field type as the sheet has it, with Drupal's plugin id where that is another word."""
        shown = prose.inline(self.words, 80)
        return f"{shown} ({prose.code(self.plugin)})" if self.plugin and self.plugin != self.words else shown

    @property
    def required(self) -> bool | None:
        return cells.flag(self.entity, "Req'd")

    @property
    def translated(self) -> bool | None:
        return cells.flag(self.entity, "Trns.")

    @property
    def values_in_words(self) -> str:
        return {0: "", 1: "one", -1: "unlimited"}.get(self.values, f"up to {self.values}")

    @property
    def reused(self) -> bool:
        """The sheet says so, or another row of the same storage comes first (rule D12)."""
        shares_storage = any(need["rule"] == "D12" for need in self.entity["needs"])
        return cells.flag(self.entity, "Reused Field") is True or shares_storage

    @property
    def group(self) -> str:
        return cells.cell(self.entity, "Field group")

    @property
    def help_text(self) -> str:
        return cells.cell(self.entity, "Help text")

    @property
    def place(self) -> str:
        return f"{self.noun} {self.bundle.label}".strip()

    @property
    def where(self) -> str:
        return prose.inline(self.place, 100) or "its bundle"

    @property
    def is_layout(self) -> bool:
        """The field that Layout Builder makes itself."""
        return self.machine_name == "layout_builder__layout"


def read(entity: EntityPayload) -> Field:
    written = cells.raw(entity, "Bundle")
    found = cells.targets(written)
    label = entity["parent_label"] or (found[0].label if found else written)
    machine_name = entity["bundle"] or cells.cell(entity, "Bundle machine name")
    bundle = Bundle(cells.entity_type_of(entity), machine_name, label)
    noun = bundle.kind.noun if bundle.kind.config else (found[0].type_word.lower() if found else "")
    words = cells.cell(entity, "Field type")
    reference = cells.cell(entity, "Ref. bundle")
    return Field(
        entity=entity,
        bundle=bundle,
        noun=noun,
        label=entity["data"]["label"],
        machine_name=entity["data"]["machine_name"],
        words=words,
        plugin=field_plugin(words),
        values=cells.cardinality(entity),
        widget=cells.raw(entity, "Form widget"),
        notes=cells.cell(entity, "Settings/notes"),
        reference=reference,
        targets=cells.targets(reference),
    )
