"""Rows for bundles: content types, media types, paragraph types, block types and vocabularies."""

from collections.abc import Iterator

from .bundle_names import BUNDLE_KINDS, BundleKey, BundleKind, BundleNames
from .migrations import migrated_bundle
from .objects import ConfigObject, ConfigObjects, by_weight, is_on, items, mapping, text, texts
from .tabs import Record, joined, yes_no
from .words import MEDIA_SOURCES, word
from .workflows import moderated_bundles


def bundle_records(objects: ConfigObjects, names: BundleNames) -> Iterator[Record]:
    traits = _Traits(objects)
    for kind in BUNDLE_KINDS.values():
        if kind.has_tab:
            for bundle in objects.of_kind(kind.kind):
                yield _record(bundle, kind, names, traits)


def _record(bundle: ConfigObject, kind: BundleKind, names: BundleNames, traits: "_Traits") -> Record:
    key = (kind.entity_type, bundle.id)
    scheduler = mapping(bundle.values, "third_party_settings", "scheduler")
    return bundle.origin, {
        "Name": names.label(*key),
        "Machine name": bundle.id,
        "Description": text(bundle.values, "description"),
        "Mod.": yes_no(key in traits.workflows),
        "Layout": yes_no(key in traits.with_layout),
        "Trns.": yes_no(key in traits.translated),
        "Migr.": yes_no(key in traits.migrated),
        "Cmnt.": yes_no((*key, "comment") in traits.field_types),
        "Meta.": yes_no((*key, "metatag") in traits.field_types),
        "Sched.": yes_no(is_on(scheduler, "publish_enable") or is_on(scheduler, "unpublish_enable")),
        "Type": kind.word,
        "URL alias pattern": traits.alias_pattern(key),
        "Settings/notes": "; ".join(_notes(bundle, kind, traits.workflows.get(key, []))),
    }


def _notes(bundle: ConfigObject, kind: BundleKind, workflows: list[str]) -> Iterator[str]:
    if kind.entity_type == "media" and (source := text(bundle.values, "source")):
        yield f"Media source: {word(MEDIA_SOURCES, source)}"
    if kind.entity_type == "node" and is_on(bundle.values, "new_revision"):
        yield "Create new revision by default"
    if menus := texts(bundle.values, "third_party_settings", "menu_ui", "available_menus"):
        yield f"Available menus: {joined(menus)}"
    if workflows:
        yield f"Workflow: {joined(workflows)}"


class _Traits:
    """What other objects say about bundles, looked up once for all of them."""

    def __init__(self, objects: ConfigObjects) -> None:
        self.workflows = _workflows_by_bundle(objects)
        self.with_layout = set(_bundles_with_layout(objects))
        self.translated = set(_translated_bundles(objects))
        self.migrated = {migrated_bundle(migration) for migration in objects.of_kind("migrate_plus.migration")}
        self.field_types = {
            (*_bundle_of(field.id), text(field.values, "field_type")) for field in objects.of_kind("field.field")
        }
        self._patterns = _alias_patterns(objects)

    def alias_pattern(self, key: BundleKey) -> str:
        return self._patterns.get(key) or self._patterns.get((key[0], "")) or "-"


def _bundle_of(object_id: str) -> BundleKey:
    """``node.article.default`` -> ``("node", "article")``"""
    entity_type, _, rest = object_id.partition(".")
    return entity_type, rest.partition(".")[0]


def _workflows_by_bundle(objects: ConfigObjects) -> dict[BundleKey, list[str]]:
    found: dict[BundleKey, list[str]] = {}
    for workflow in objects.of_kind("workflows.workflow"):
        for key in moderated_bundles(workflow):
            found.setdefault(key, []).append(text(workflow.values, "label") or workflow.id)
    return found


def _bundles_with_layout(objects: ConfigObjects) -> Iterator[BundleKey]:
    for display in objects.of_kind("core.entity_view_display"):
        if is_on(display.values, "third_party_settings", "layout_builder", "enabled"):
            yield _bundle_of(display.id)


def _translated_bundles(objects: ConfigObjects) -> Iterator[BundleKey]:
    for settings in objects.of_kind("language.content_settings"):
        if is_on(settings.values, "third_party_settings", "content_translation", "enabled"):
            yield _bundle_of(settings.id)


def _alias_patterns(objects: ConfigObjects) -> dict[BundleKey, str]:
    """Patterns by bundle, those for every bundle under an empty name. Pathauto takes the lightest that fits."""
    patterns: dict[BundleKey, str] = {}
    for _, values in by_weight((found.id, found.values) for found in objects.of_kind("pathauto.pattern")):
        entity_type = text(values, "type").removeprefix("canonical_entities:")
        criteria = [bundle for item in items(values, "selection_criteria") for bundle in texts(item, "bundles")]
        for bundle in criteria or [""]:
            patterns.setdefault((entity_type, bundle), text(values, "pattern"))
    return patterns
