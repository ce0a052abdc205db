"""Rows for migrations of Migrate Plus, and the bundle that one fills."""

from collections.abc import Iterator
from typing import Final

from .bundle_names import BundleKey, BundleNames
from .documents import Value
from .objects import ConfigObject, ConfigObjects, at, mapping, text, texts
from .tabs import Record, joined

_ENTITY_DESTINATIONS: Final = ("entity", "entity_complete", "entity_reference_revisions", "entity_revision")
_BUNDLE_PROPERTIES: Final = ("type", "bundle", "vid")


def migration_records(objects: ConfigObjects, names: BundleNames) -> Iterator[Record]:
    present = {migration.id for migration in objects.of_kind("migrate_plus.migration")}
    for migration in objects.of_kind("migrate_plus.migration"):
        bundle = migrated_bundle(migration)
        yield (
            migration.origin,
            {
                "Migration name": text(migration.values, "label") or migration.id,
                "Machine name": migration.id,
                "Source": text(migration.values, "source", "plugin"),
                "Destination": text(migration.values, "destination", "plugin"),
                "Bundle": names.token(*bundle) if bundle else "",
                "Dependencies": joined(_dependencies(migration, present)),
                "Notes": "; ".join(_notes(migration)),
            },
        )


def _dependencies(migration: ConfigObject, present: set[str]) -> Iterator[str]:
    """Machine names, because labels repeat. An optional one runs first too, where the export has it."""
    yield from texts(migration.values, "migration_dependencies", "required")
    for optional in texts(migration.values, "migration_dependencies", "optional"):
        if optional in present:
            yield optional


def _notes(migration: ConfigObject) -> Iterator[str]:
    if group := text(migration.values, "migration_group"):
        yield f"Migration group: {group}"
    if process := mapping(migration.values, "process"):
        yield f"Destination fields: {', '.join(process)}"


def migrated_bundle(migration: ConfigObject) -> BundleKey | None:
    """The bundle that a migration fills, where it is a constant: a default bundle, or a fixed value in its process."""
    plugin, _, entity_type = text(migration.values, "destination", "plugin").partition(":")
    if plugin not in _ENTITY_DESTINATIONS:
        return None
    fixed = (_fixed_value(migration, name) for name in _BUNDLE_PROPERTIES)
    bundle = text(migration.values, "destination", "default_bundle") or next(filter(None, fixed), "")
    return (entity_type, bundle) if bundle else None


def _fixed_value(migration: ConfigObject, name: str) -> str:
    """``type: {plugin: default_value, default_value: article}``, the same in a list, or ``type: constants/bundle``."""
    step: Value = at(migration.values, "process", name)
    if isinstance(step, list) and len(step) == 1:
        step = step[0]
    if text(step, "plugin") == "default_value":
        return text(step, "default_value")
    source = text(step) or text(step, "source")
    return text(migration.values, "source", *source.split("/")) if source.startswith("constants/") else ""
