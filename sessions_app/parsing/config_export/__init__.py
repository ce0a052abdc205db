"""Drupal's configuration export (``config.tar.gz``) as the tables that a person would have written.

The way through: ``archive`` (bytes to files, within limits) -> ``documents`` (YAML to values) -> ``objects`` (by name)
-> one module per subject that makes rows -> ``tabs`` (a Table for each tab). A new tab is one module, its header row in
``tabs`` and one line in ``_tables``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sessions_app.parsing.tables import Finding, Table, UnreadableFile

from .archive import IGNORE, READ, ArchiveLimits, Member, read_archive
from .bundle_names import BUNDLE_KINDS, BundleNames
from .bundles import bundle_records
from .documents import Budget, Mapping, UnreadableDocument, read_document
from .fields import field_records
from .findings import Skipped
from .images import image_effect_records, image_style_records, responsive_style_records
from .menus import menu_records
from .migrations import migration_records
from .objects import ConfigObjects, kind_of
from .roles import user_role_records
from .tabs import table
from .view_modes import view_mode_records
from .views import view_display_records, view_records
from .workflows import workflow_records, workflow_state_records, workflow_transition_records

__all__ = ["DEFAULT_LIMITS", "ArchiveLimits", "ConfigExport", "read_config_export"]

_KINDS: Final = frozenset(kind.kind for kind in BUNDLE_KINDS.values()) | {
    "core.entity_form_display",
    "core.entity_view_display",
    "core.entity_view_mode",
    "crop.type",
    "field.field",
    "field.storage",
    "image.style",
    "language.content_settings",
    "migrate_plus.migration",
    "pathauto.pattern",
    "responsive_image.styles",
    "system.menu",
    "user.role",
    "views.view",
    "workflows.workflow",
}
"""Only these kinds of object are unpacked and parsed."""

DEFAULT_LIMITS: Final = ArchiveLimits()


@dataclass(frozen=True, slots=True)
class ConfigExport:
    """One table per tab that the export has something for, in the order of the groups, and what was left out."""

    tables: tuple[Table, ...]
    warnings: tuple[Finding, ...]


def read_config_export(data: bytes, limits: ArchiveLimits = DEFAULT_LIMITS) -> ConfigExport:
    """Read a ``config.tar.gz``. Files count by their base name, so the folders that they lie in do not matter.

    Raises UnreadableFile for anything that is not such an archive, is beyond the limits or holds nothing to build.
    """
    archive = read_archive(data, limits, _screen)
    skipped = Skipped()
    objects = ConfigObjects(_parsed(archive.members, skipped))
    tables = tuple(found for found in _tables(objects, skipped) if found.rows)
    warnings = (*archive.warnings, *skipped.findings())
    if not tables:
        raise UnreadableFile("config_without_entities", _nothing_found(warnings))
    return ConfigExport(tables, warnings)


def _screen(path: str) -> str:
    """Translations lie in ``language/<code>/`` and bear the names of the objects that they translate."""
    *folders, name = path.split("/")
    stem, _, extension = name.rpartition(".")
    kind = kind_of(stem)
    if extension != "yml" or kind not in _KINDS or stem in {kind, f"{kind}."}:
        return IGNORE
    return "config_translations" if folders[-2:-1] == ["language"] else READ


def _parsed(members: tuple[Member, ...], skipped: Skipped) -> dict[str, Mapping]:
    """Values by object name. Of two copies the first counts; that is worth a word only where they differ."""
    read: dict[str, bytes] = {}
    objects: dict[str, Mapping] = {}
    budget = Budget()
    for member in members:
        name = member.path.rpartition("/")[2].removesuffix(".yml")
        if name in read:
            if read[name] != member.data:
                skipped.add("config_duplicates", f"{name}.yml")
            continue
        read[name] = member.data
        try:
            objects[name] = read_document(member.data, budget)
        except UnreadableDocument as reason:
            skipped.add("config_unreadable", f"{name}.yml ({reason})")
    return objects


def _tables(objects: ConfigObjects, skipped: Skipped) -> Iterator[Table]:
    names = BundleNames(objects)
    yield table("bundles", bundle_records(objects, names))
    yield table("fields", field_records(objects, names, skipped))
    yield table("view_modes", view_mode_records(objects, names))
    yield table("menus", menu_records(objects))
    yield table("image_styles", image_style_records(objects))
    yield table("image_effects", image_effect_records(objects))
    yield table("responsive_image_styles", responsive_style_records(objects))
    yield table("views", view_records(objects))
    yield table("view_displays", view_display_records(objects))
    yield table("migrations", migration_records(objects, names))
    yield table("workflows", workflow_records(objects, names))
    yield table("workflow_states", workflow_state_records(objects))
    yield table("workflow_transitions", workflow_transition_records(objects))
    yield table("user_roles", user_role_records(objects))


def _nothing_found(warnings: tuple[Finding, ...]) -> str:
    reasons = "".join(f" {warning.message}" for warning in warnings)
    return (
        "The archive holds no configuration of a kind that tickets are written for (content types, fields, views, "
        f"image styles, workflows, roles, …). Upload Drupal's full configuration export.{reasons}"
    )
