"""What Drupal calls things: admin paths and configuration names per entity type, plugin ids of fields and effects.

Paths are those of Drupal 10.3 and 11. A new entity type, field type or image effect is one line here.
"""

import re
from dataclasses import dataclass
from typing import Final

from . import cells


@dataclass(frozen=True, slots=True)
class EntityKind:
    """Where Drupal keeps the bundles of one entity type. ``{b}`` stands for the bundle's machine name.

    ``manage`` is the prefix of the tabs (fields, form-display, display); ``create`` is where a user makes one.
    """

    noun: str
    config: str
    add: str
    manage: str
    create: str = ""
    modules: tuple[str, ...] = ()
    content: str = "content"
    one: str = "item"


KINDS: Final[dict[str, EntityKind]] = {
    "node": EntityKind(
        "content type",
        "node.type.{b}",
        "/admin/structure/types/add",
        "/admin/structure/types/manage/{b}",
        "/node/add/{b}",
        (),
        "nodes",
        "content item",
    ),
    "taxonomy_term": EntityKind(
        "vocabulary",
        "taxonomy.vocabulary.{b}",
        "/admin/structure/taxonomy/add",
        "/admin/structure/taxonomy/manage/{b}",
        "/admin/structure/taxonomy/manage/{b}/add",
        ("taxonomy",),
        "terms",
        "term",
    ),
    "media": EntityKind(
        "media type",
        "media.type.{b}",
        "/admin/structure/media/add",
        "/admin/structure/media/manage/{b}",
        "/media/add/{b}",
        ("media",),
        "media items",
        "media item",
    ),
    "paragraph": EntityKind(
        "paragraph type",
        "paragraphs.paragraphs_type.{b}",
        "/admin/structure/paragraphs_type/add",
        "/admin/structure/paragraphs_type/{b}",
        "",
        ("paragraphs", "entity_reference_revisions"),
        "paragraphs",
        "paragraph",
    ),
    "block_content": EntityKind(
        "block type",
        "block_content.type.{b}",
        "/admin/structure/block-content/add",
        "/admin/structure/block-content/manage/{b}",
        "/block/add/{b}",
        ("block_content",),
        "content blocks",
        "content block",
    ),
    "comment": EntityKind(
        "comment type",
        "comment.type.{b}",
        "/admin/structure/comment/types/add",
        "/admin/structure/comment/manage/{b}",
        "",
        ("comment",),
        "comments",
        "comment",
    ),
    "user": EntityKind(
        "user account",
        "user.settings",
        "",
        "/admin/config/people/accounts",
        "/admin/people/create",
        (),
        "user accounts",
        "user account",
    ),
}

UNKNOWN_KIND: Final = EntityKind("bundle", "", "", "")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle as far as the cells tell it: every path or name is empty where a part of it is unknown."""

    entity_type: str
    machine_name: str
    label: str = ""

    @property
    def kind(self) -> EntityKind:
        return KINDS.get(self.entity_type, UNKNOWN_KIND)

    @property
    def name(self) -> str:
        return "user" if self.entity_type == "user" else cells.usable(self.machine_name)

    def _filled(self, pattern: str) -> str:
        return pattern.format(b=self.name) if pattern and ("{b}" not in pattern or self.name) else ""

    @property
    def config(self) -> str:
        return self._filled(self.kind.config)

    @property
    def create_path(self) -> str:
        return self._filled(self.kind.create)

    def tab(self, name: str = "") -> str:
        prefix = self._filled(self.kind.manage)
        return f"{prefix}/{name}".rstrip("/") if prefix else ""

    def object(self, pattern: str, *rest: str) -> str:
        """``field.field`` + entity type + bundle + the rest, or nothing if a part is unknown."""
        known = bool(self.entity_type and self.entity_type != "custom" and self.name and all(rest))
        return ".".join([pattern, self.entity_type, self.name, *rest]) if known else ""


@dataclass(frozen=True, slots=True)
class FieldType:
    """A field type: its plugin id, the module it comes from, and what a person does with such a field."""

    plugin: str
    module: str
    wish: str
    good: str
    bad: str = ""


_REFERENCE: Final = ("choose", "Choose one of the offered items, save, and check that it is shown.")
_TYPED: Final = "Enter a short value, save, and check that the page shows it unchanged."
_NOT_A_NUMBER: Final = "Enter letters: the form must refuse them."

FIELD_TYPES: Final[dict[str, FieldType]] = {
    kind.plugin: kind
    for kind in (
        FieldType("string", "", "enter", _TYPED, "Enter `<b>test</b>`: it must appear as typed, not as bold text."),
        FieldType(
            "string_long", "", "write", "Enter two paragraphs, save, and check that the line breaks are kept.",
            "Enter `<b>test</b>`: it must appear as typed, not as bold text."),
        FieldType("text", "text", "enter", "Enter a short text, choose a text format, save, and check the output."),
        FieldType(
            "text_long", "text", "write", "Write text with a link and a list, save, and check that both are shown.",
            "Check that only the text formats meant for this role are offered."),
        FieldType(
            "text_with_summary", "text", "write", "Write a text and a separate summary, save, and check both.",
            "Leave the summary empty and save: the form must accept it."),
        FieldType("integer", "", "enter", "Enter a whole number, save, and check the number shown.", _NOT_A_NUMBER),
        FieldType("decimal", "", "enter", "Enter a number with decimals, save, and check the digits.", _NOT_A_NUMBER),
        FieldType("float", "", "enter", "Enter a number with decimals, save, and check the digits.", _NOT_A_NUMBER),
        FieldType("list_string", "options", "choose", "Choose each allowed value in turn and save."),
        FieldType("list_integer", "options", "choose", "Choose each allowed value in turn and save."),
        FieldType("list_float", "options", "choose", "Choose each allowed value in turn and save."),
        FieldType("boolean", "", "switch", "Save once switched on and once switched off, and check both results."),
        FieldType(
            "datetime", "datetime", "set", "Choose a date, save, and check the date shown in the site's time zone."),
        FieldType(
            "daterange", "datetime_range", "set", "Set a start and an end, save, and check both.",
            "Set an end before the start: the form must refuse it."),
        FieldType("smartdate", "smart_date", "set", "Set a start and an end, save, and check both."),
        FieldType("timestamp", "", "set", "Set a date and time, save, and check what is shown."),
        FieldType("email", "", "enter", "Enter a valid e-mail address, save, and check it.", "Enter `not-an-address`: "
                  "the form must refuse it."),
        FieldType(
            "link", "link", "add", "Add an internal and an external address in turn, save, and follow each link.",
            "Enter the words `not a link`: the form must refuse them."),
        FieldType("telephone", "telephone", "enter", "Enter a telephone number, save, and check it."),
        FieldType("address", "address", "enter", "Choose a country, fill in the address, save, and check its format."),
        FieldType("entity_reference", "", *_REFERENCE),
        FieldType(
            "entity_reference_revisions", "entity_reference_revisions", "add",
            "Add one item, fill it in, save, reopen, and check that its content is kept."),
        FieldType("dynamic_entity_reference", "dynamic_entity_reference", *_REFERENCE),
        FieldType(
            "file", "file", "upload", "Upload an allowed file, save, and open it from the page.",
            "Upload a file with an extension that is not allowed: the form must refuse it."),
        FieldType(
            "image", "image", "upload", "Upload an image, enter its alternative text, save, and check the picture.",
            "Upload a text file renamed to `.jpg`: the form must refuse it."),
        FieldType("comment", "comment", "allow", "Open the saved page and post a comment."),
        FieldType("metatag", "metatag", "set", "Override one tag, save, and find it in the page source."),
        FieldType("layout_section", "layout_builder", "arrange", "Open the Layout tab, move a block, and save."),
        FieldType("color_field_type", "color_field", "choose", "Choose a colour, save, and check it."),
        FieldType("geofield", "geofield", "set", "Enter a position, save, and check it."),
        FieldType("webform", "webform", "choose", "Choose a form, save, and check that the page shows it."),
        FieldType("viewsreference", "viewsreference", "choose", "Choose a view, save, and check that it is shown."),
        FieldType("video_embed_field", "video_embed_field", "add", "Enter the address of a video, save, and play it."),
        FieldType("block_field", "block_field", "choose", "Choose a block, save, and check that it is shown."),
    )
}  # fmt: skip

_WORDS: Final = {
    "text plain": "string",
    "short text": "string",
    "text plain short": "string",
    "string": "string",
    "text plain long": "string_long",
    "long text": "string_long",
    "text formatted": "text",
    "formatted short text": "text",
    "text formatted long": "text_long",
    "text formatted long with summary": "text_with_summary",
    "long text with summary": "text_with_summary",
    "number integer": "integer",
    "integer": "integer",
    "whole number": "integer",
    "number decimal": "decimal",
    "decimal": "decimal",
    "number float": "float",
    "float": "float",
    "list text": "list_string",
    "list integer": "list_integer",
    "list float": "list_float",
    "boolean": "boolean",
    "date": "datetime",
    "datetime": "datetime",
    "date time": "datetime",
    "date range": "daterange",
    "datetime range": "daterange",
    "date time range": "daterange",
    "smart date": "smartdate",
    "smart date range": "smartdate",
    "timestamp": "timestamp",
    "email": "email",
    "e mail": "email",
    "link": "link",
    "telephone": "telephone",
    "telephone number": "telephone",
    "address": "address",
    "entity reference": "entity_reference",
    "reference": "entity_reference",
    "content": "entity_reference",
    "media": "entity_reference",
    "taxonomy term": "entity_reference",
    "user": "entity_reference",
    "entity reference revisions": "entity_reference_revisions",
    "entity reference revisions paragraphs": "entity_reference_revisions",
    "paragraph": "entity_reference_revisions",
    "paragraphs": "entity_reference_revisions",
    "dynamic entity reference": "dynamic_entity_reference",
    "file": "file",
    "image": "image",
    "comments": "comment",
    "comment": "comment",
    "metatags": "metatag",
    "meta tags": "metatag",
    "layout section": "layout_section",
    "color": "color_field_type",
    "geofield": "geofield",
    "webform": "webform",
    "views reference": "viewsreference",
    "video embed": "video_embed_field",
    "block plugin": "block_field",
}
_WORD: Final = re.compile(r"[a-z]+")
_BY_WORDS: Final = {frozenset(words.split()): plugin for words, plugin in _WORDS.items()}
_PLUGIN_ID: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")


def field_plugin(words: str) -> str:
    """The plugin id behind a field type, in Spec Tool words, core's newer labels or as an id; else nothing."""
    text = words.strip()[:100]
    if text in FIELD_TYPES or _PLUGIN_ID.fullmatch(text):
        return text
    return _BY_WORDS.get(frozenset(_WORD.findall(text.casefold())), "")


EFFECTS: Final = {
    "scale": "image_scale",
    "scale and crop": "image_scale_and_crop",
    "crop": "image_crop",
    "resize": "image_resize",
    "rotate": "image_rotate",
    "desaturate": "image_desaturate",
    "convert": "image_convert",
    "convert to avif": "image_convert_avif",
    "manual crop": "crop_crop",
    "focal point scale and crop": "focal_point_scale_and_crop",
    "focal point crop": "focal_point_crop",
}
EFFECT_MODULES: Final = {
    "crop_crop": "crop",
    "focal_point_scale_and_crop": "focal_point",
    "focal_point_crop": "focal_point",
}

BASE_FIELDS: Final = {
    "node": {"title", "uid", "status", "created", "changed", "promote", "sticky", "langcode", "path"},
    "taxonomy_term": {"name", "description", "parent", "weight", "status", "langcode", "path"},
    "media": {"name", "uid", "status", "created", "changed", "thumbnail", "langcode", "path"},
    "block_content": {"info", "status", "reusable", "langcode"},
    "comment": {"subject", "uid", "name", "mail", "homepage", "created", "status"},
    "paragraph": {"status", "created", "langcode"},
    "user": {"name", "mail", "pass", "roles", "timezone", "status", "langcode"},
}

CORE_MENUS: Final = frozenset({"account", "admin", "footer", "main", "tools"})
CORE_ROLES: Final = frozenset({"anonymous", "authenticated"})
