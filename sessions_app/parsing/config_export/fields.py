"""Rows for configurable fields. An override of a base field (title, status, …) is a setting, not a field: no row."""

from collections.abc import Iterator

from .bundle_names import BundleNames, has_tab
from .documents import Mapping, Value
from .findings import Skipped
from .objects import ConfigObject, ConfigObjects, is_on, items, mapping, term, text, texts, whole
from .tabs import Cells, Record, joined, yes_no
from .words import DISABLED_WIDGET, FIELD_TYPES, WIDGETS, word


def field_records(objects: ConfigObjects, names: BundleNames, skipped: Skipped) -> Iterator[Record]:
    """A row per field of a bundle that the specification has a tab for; the rest is counted in ``skipped``."""
    forms = _Forms(objects)
    for field in objects.of_kind("field.field"):
        entity_type, _, rest = field.id.partition(".")
        bundle, _, name = rest.partition(".")
        if name and has_tab(entity_type):
            storage = objects.named(f"field.storage.{entity_type}.{name}")
            cells = {
                "Bundle": names.token(entity_type, bundle),
                "Bundle machine name": bundle,
                "Machine name": name,
                **_own_cells(field, storage, names),
                **forms.cells(f"{entity_type}.{bundle}", name),
            }
            yield field.origin, cells
        elif name:
            skipped.add("config_other_entity_types", entity_type)


def _own_cells(field: ConfigObject, storage: Mapping, names: BundleNames) -> Cells:
    field_type = text(field.values, "field_type") or text(storage, "type")
    target, bundles = _reference(field, storage)
    return {
        "Field label": text(field.values, "label"),
        "Field type": word(FIELD_TYPES, field_type),
        "Ref. bundle": joined(names.token(target, bundle) for bundle in bundles),
        "Req'd": yes_no(is_on(field.values, "required")),
        "Vals.": _cardinality(storage),
        "Trns.": yes_no(is_on(field.values, "translatable") and term(storage, "translatable") != "false"),
        "Settings/notes": "; ".join(_notes(field, storage, names)),
        "Help text": text(field.values, "description"),
    }


def _cardinality(storage: Mapping) -> str:
    """``*`` is any number; a storage that the export lacks is taken for Drupal's default."""
    cardinality = whole(storage, "cardinality", default=1)
    return "*" if cardinality < 0 else str(cardinality)


class _Forms:
    """What the default edit form of a bundle says about its fields; each form is read once."""

    def __init__(self, objects: ConfigObjects) -> None:
        self._forms = {form.id: form.values for form in objects.of_kind("core.entity_form_display")}
        self._groups = {form_id: _labels_of_groups(form) for form_id, form in self._forms.items()}

    def cells(self, bundle: str, name: str) -> Cells:
        """Both empty where the export has no form at all, which says nothing about the widget."""
        form_id = f"{bundle}.default"
        if form_id not in self._forms:
            return {}
        plugin_id = text(self._forms[form_id], "content", name, "type")
        return {
            "Form widget": word(WIDGETS, plugin_id) if plugin_id else DISABLED_WIDGET,
            "Field group": self._groups[form_id].get(name, ""),
        }


def _labels_of_groups(form: Mapping) -> dict[str, str]:
    """Label of the group that a field stands in, by the field's name."""
    groups = mapping(form, "third_party_settings", "field_group").values()
    return {name: text(group, "label") for group in groups for name in texts(group, "children")}


def _reference(field: ConfigObject, storage: Mapping) -> tuple[str, list[str]]:
    """(target entity type, bundles that may be chosen). Without a choice of bundles the list is empty."""
    target = term(storage, "settings", "target_type") or term(field.values, "settings", "handler").partition(":")[2]
    if is_on(field.values, "settings", "handler_settings", "negate") or target in {"", "user", "file"}:
        return target, []
    return target, texts(field.values, "settings", "handler_settings", "target_bundles")


def _notes(field: ConfigObject, storage: Mapping, names: BundleNames) -> Iterator[str]:
    settings = mapping(field.values, "settings")
    if extensions := text(settings, "file_extensions"):
        yield f"Extensions: {extensions}"
    if allowed := _allowed_values(storage):
        yield f"Allowed values: {', '.join(allowed)}"
    if default := [value for item in items(field.values, "default_value") if (value := text(item, "value"))]:
        yield f"Default: {', '.join(default)}"
    yield from _reference_notes(field, storage, names)


def _allowed_values(storage: Mapping) -> list[str]:
    """Labels of a list field's options: Drupal wrote ``key: label`` once and writes value and label apart now."""
    return [
        option if isinstance(option, str) else text(option, "label") or text(option, "value")
        for option in items(storage, "settings", "allowed_values")
    ]


def _reference_notes(field: ConfigObject, storage: Mapping, names: BundleNames) -> Iterator[str]:
    """What a reference field says besides the bundles: a view that filters, every bundle, all but some."""
    settings = mapping(field.values, "settings")
    for view in _filtering_views(settings, mapping(storage, "settings", "entity_type_ids")):
        yield f"Filtered by view {view}"
    target, bundles = _reference(field, storage)
    is_reference = text(field.values, "field_type") in {"entity_reference", "entity_reference_revisions"}
    if not is_reference or not target or bundles or text(settings, "handler") == "views":
        return
    excluded = texts(settings, "handler_settings", "target_bundles")
    if is_on(settings, "handler_settings", "negate") and excluded:
        yield f"Reference: any {target} except {joined(names.token(target, bundle) for bundle in excluded)}"
    else:
        yield f"Reference: any {target}"


def _filtering_views(settings: Mapping, entity_types: Mapping) -> Iterator[str]:
    """Views that offer the choice: of the field itself, or of each entity type of a dynamic reference."""
    candidates: list[Value] = [settings, *(settings[key] for key in settings if key in entity_types)]
    for candidate in candidates:
        if text(candidate, "handler") == "views" and (view := text(candidate, "handler_settings", "view", "view_name")):
            yield view
