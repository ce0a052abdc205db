"""Rows for view modes, each with the bundles that have a display of their own for it."""

from collections import defaultdict
from collections.abc import Iterator

from .bundle_names import BUNDLE_KINDS, BundleNames
from .objects import ConfigObjects, text
from .tabs import Record, joined

_PLAIN_WORDS = {"comment": "Comment", "user": "User"}


def view_mode_records(objects: ConfigObjects, names: BundleNames) -> Iterator[Record]:
    used_on = _bundles_by_mode(objects)
    for found in objects.of_kind("core.entity_view_mode"):
        entity_type, _, mode = found.id.partition(".")
        bundles = used_on.get((entity_type, mode), [])
        yield (
            found.origin,
            {
                "View Modes": text(found.values, "label") or mode,
                "Machine name": mode,
                "Entity Type": _entity_type_word(entity_type),
                "Entities Used On": joined(names.label(entity_type, bundle) for bundle in bundles),
            },
        )


def _entity_type_word(entity_type: str) -> str:
    kind = BUNDLE_KINDS.get(entity_type)
    return kind.word if kind and kind.has_tab else _PLAIN_WORDS.get(entity_type, entity_type)


def _bundles_by_mode(objects: ConfigObjects) -> dict[tuple[str, str], list[str]]:
    """Displays that are switched off do not use their view mode."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for display in objects.of_kind("core.entity_view_display"):
        entity_type, _, rest = display.id.partition(".")
        bundle, _, mode = rest.partition(".")
        if text(display.values, "status") != "false":
            found[entity_type, mode].append(bundle)
    return found
