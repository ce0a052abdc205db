"""What a bundle is called in every table that names one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from .objects import ConfigObjects, text

BundleKey: TypeAlias = tuple[str, str]
"""(entity type, bundle)"""


@dataclass(frozen=True, slots=True)
class BundleKind:
    """Where the bundles of an entity type are configured and what the Spec Tool calls them.

    ``has_tab``: the bundles and their fields are rows of a specification; the others are only named in it.
    """

    entity_type: str
    kind: str
    word: str
    has_tab: bool = False


BUNDLE_KINDS: Final = {
    kind.entity_type: kind
    for kind in (
        BundleKind("block_content", "block_content.type", "Custom block type", has_tab=True),
        BundleKind("media", "media.type", "Media type", has_tab=True),
        BundleKind("node", "node.type", "Content type", has_tab=True),
        BundleKind("paragraph", "paragraphs.paragraphs_type", "Paragraph type", has_tab=True),
        BundleKind("taxonomy_term", "taxonomy.vocabulary", "Vocabulary", has_tab=True),
        BundleKind("comment", "comment.type", "Comment type"),
        BundleKind("group", "group.type", "Group type"),
        BundleKind("group_content", "group.content_type", "Group content type"),
        BundleKind("group_relationship", "group.relationship_type", "Group relationship type"),
        BundleKind("profile", "profile.type", "Profile type"),
    )
}


def has_tab(entity_type: str) -> bool:
    return entity_type in BUNDLE_KINDS and BUNDLE_KINDS[entity_type].has_tab


class BundleNames:
    """Labels of bundles, and the ``Label (Type)`` by which other tables refer to them."""

    def __init__(self, objects: ConfigObjects) -> None:
        self._labels = {
            (kind.entity_type, found.id): text(found.values, "label") or text(found.values, "name") or found.id
            for kind in BUNDLE_KINDS.values()
            for found in objects.of_kind(kind.kind)
        }

    def label(self, entity_type: str, bundle: str) -> str:
        """The bundle's label; a bundle that the export lacks goes by its machine name."""
        return self._labels.get((entity_type, bundle), bundle)

    def token(self, entity_type: str, bundle: str) -> str:
        kind = BUNDLE_KINDS.get(entity_type)
        return f"{self.label(entity_type, bundle)} ({kind.word if kind else entity_type})"

    def tokens(self, keys: Iterable[BundleKey]) -> list[str]:
        return [self.token(*key) for key in keys]
