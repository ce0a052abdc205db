"""The tabs of the Drupal Spec Tool: their columns, what a row is called, and where its ticket belongs.

Column names are those of the sheet's own header row; ``aliases`` are the spellings seen in older
versions of the template, in Behat tables and in hand-made sheets. A new tab is one entry here.
"""

from dataclasses import dataclass
from typing import Final

GROUP_ORDER: Final = ("Content", "Media", "Views", "Migration", "Workflow", "User Roles", "Custom")
"""The order in which groups are generated and listed (A-031)."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a tab. ``marks_type`` says that few other tabs have it, so it weighs more in recognition."""

    name: str
    aliases: tuple[str, ...] = ()
    marks_type: bool = False


@dataclass(frozen=True, slots=True)
class CsvType:
    """One tab of the Spec Tool.

    ``required``: without these columns no entity can be made. ``label``/``machine_name``: the columns that
    name an entity for people and for Drupal. ``identity``: the columns that together tell two entities apart,
    in the order in which the key is built. ``parent``: the tab whose entity takes this one in at the granularity
    "one ticket per parent". ``noun``: what a person calls one of them.
    """

    name: str
    noun: str
    group: str
    columns: tuple[Column, ...]
    required: tuple[str, ...]
    label: str
    machine_name: str
    identity: tuple[str, ...]
    file_names: tuple[str, ...]
    parent: str = ""

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


_ID = Column("ID")
_X = Column("X", ("Status X", "Ready"))
_DEV = Column("Dev")
_QA = Column("QA")
_PLAN = (_X, _DEV, _QA)
_NOTES = Column("Notes", ("Note",))
_MACHINE_NAME = Column("Machine name", ("Machine-name", "ID name"))
_DESCRIPTION = Column("Description")


CSV_TYPES: Final[dict[str, CsvType]] = {
    kind.name: kind
    for kind in (
        CsvType(
            name="bundles",
            noun="bundle",
            group="Content",
            columns=(
                _ID,
                Column("Name", ("Bundle name",)),
                _MACHINE_NAME,
                *_PLAN,
                _DESCRIPTION,
                Column("Example(s)", ("Examples", "Example"), marks_type=True),
                Column("Mod.", ("Moderated", "Moderation"), marks_type=True),
                Column("Layout", ("Layout builder",), marks_type=True),
                Column("Trns.", ("Translatable",)),
                Column("Migr.", ("Migrated", "Migration"), marks_type=True),
                Column("Cmnt.", ("Comments",), marks_type=True),
                Column("Meta.", ("Meta", "Metatags"), marks_type=True),
                Column("Sched.", ("Scheduled", "Scheduling"), marks_type=True),
                Column("Srch.", ("Search", "Searchable"), marks_type=True),
                Column("Type", ("Entity type",), marks_type=True),
                Column("URL alias pattern", ("URL alias", "Path pattern"), marks_type=True),
                Column("Settings/notes", ("Settings", "Notes")),
            ),
            required=("Name",),
            label="Name",
            machine_name="Machine name",
            identity=("Type", "Machine name"),
            file_names=("bundles", "bundle", "content types", "entity types"),
        ),
        CsvType(
            name="fields",
            noun="field",
            group="Content",
            columns=(
                _ID,
                Column("Type", ("Entity type",)),
                Column("Bundle", ("Bundles",), marks_type=True),
                Column("Field label", ("Label",), marks_type=True),
                Column("Machine name", ("Field machine name", "Field name")),
                Column("Reused Field", ("Reused",), marks_type=True),
                *_PLAN,
                Column("Field group", ("Group",), marks_type=True),
                Column("Field type", ("Field Typ", "type"), marks_type=True),
                Column("Ref. bundle", ("Reference bundle", "Target bundle", "Target bundles"), marks_type=True),
                Column("Req'd", ("Req", "Required", "Reqd"), marks_type=True),
                Column("Vals.", ("Cardinality", "Values", "Number of values"), marks_type=True),
                Column("Form widget", ("Widget",), marks_type=True),
                Column("Trns.", ("Translatable",)),
                Column("Settings/notes", ("Settings", "Notes")),
                Column("Help text", ("Help", "Description"), marks_type=True),
                Column("Bundle machine name", marks_type=True),
            ),
            required=("Bundle", "Field label", "Machine name"),
            label="Field label",
            machine_name="Machine name",
            identity=("Bundle", "Machine name"),
            file_names=("fields", "field"),
            parent="bundles",
        ),
        CsvType(
            name="view_modes",
            noun="view mode",
            group="Content",
            columns=(
                _ID,
                Column("View Modes", ("View mode",), marks_type=True),
                _MACHINE_NAME,
                Column("Entity Type", ("Type",)),
                *_PLAN,
                Column("Entities Used On", ("Used on", "Bundles"), marks_type=True),
                _NOTES,
                Column("Format", marks_type=True),
            ),
            required=("View Modes",),
            label="View Modes",
            machine_name="Machine name",
            identity=("Entity Type", "Machine name", "View Modes"),
            file_names=("view modes", "custom view modes", "viewmodes"),
        ),
        CsvType(
            name="menus",
            noun="menu",
            group="Content",
            columns=(
                _ID,
                Column("Title", ("Name", "Label", "Menu")),
                _MACHINE_NAME,
                *_PLAN,
                _DESCRIPTION,
                _NOTES,
            ),
            required=("Title",),
            label="Title",
            machine_name="Machine name",
            identity=("Machine name",),
            file_names=("menus", "menu"),
        ),
        CsvType(
            name="image_styles",
            noun="image style",
            group="Media",
            columns=(_ID, Column("Style name", ("Image style name",), marks_type=True), _MACHINE_NAME, *_PLAN, _NOTES),
            required=("Style name",),
            label="Style name",
            machine_name="Machine name",
            identity=("Machine name",),
            file_names=("image styles", "images styles", "imagestyles", "image style"),
        ),
        CsvType(
            name="image_effects",
            noun="image effect",
            group="Media",
            columns=(
                _ID,
                Column("Image style", ("Style", "Style name"), marks_type=True),
                Column("Effect", marks_type=True),
                Column("Summary", marks_type=True),
                *_PLAN,
                _NOTES,
            ),
            required=("Image style", "Effect"),
            label="Effect",
            machine_name="",
            identity=("Image style", "Effect", "Summary"),
            file_names=("image effects", "imageeffects", "effects"),
            parent="image_styles",
        ),
        CsvType(
            name="responsive_image_styles",
            noun="responsive image style",
            group="Media",
            columns=(
                _ID,
                Column("Responsive style", ("Responsive image style",), marks_type=True),
                Column("Machine Name"),
                Column("Breakpoint Group", marks_type=True),
                Column("Breakpoints Used", ("Breakpoints",), marks_type=True),
                Column("Fallback Style", ("Fallback image style",), marks_type=True),
                Column("Image Style Group(s)", ("Image style groups", "Image styles"), marks_type=True),
                *_PLAN,
                _NOTES,
                Column("Fallback machine name", marks_type=True),
            ),
            required=("Responsive style",),
            label="Responsive style",
            machine_name="Machine Name",
            identity=("Machine Name",),
            file_names=("responsive image styles", "responsiveimagestyles", "responsive"),
        ),
        CsvType(
            name="views",
            noun="view",
            group="Views",
            columns=(
                _ID,
                Column("View name", ("Name",)),
                _MACHINE_NAME,
                *_PLAN,
                Column("Base table", ("Show",), marks_type=True),
                Column("Status", marks_type=True),
                _DESCRIPTION,
                _NOTES,
            ),
            required=("View name",),
            label="View name",
            machine_name="Machine name",
            identity=("Machine name",),
            file_names=("views", "view"),
        ),
        CsvType(
            name="view_displays",
            noun="view display",
            group="Views",
            columns=(
                _ID,
                Column("View", marks_type=True),
                Column("Title", ("Display name", "Display title")),
                _MACHINE_NAME,
                *_PLAN,
                Column("Display plugin", ("Display type",), marks_type=True),
                _NOTES,
                Column("View ID", ("View machine name",), marks_type=True),
            ),
            required=("View", "Title"),
            label="Title",
            machine_name="Machine name",
            identity=("View", "Machine name"),
            file_names=("views displays", "view displays", "viewsdisplays", "displays"),
            parent="views",
        ),
        CsvType(
            name="migrations",
            noun="migration",
            group="Migration",
            columns=(
                _ID,
                Column("Migration name", ("Migration",), marks_type=True),
                _MACHINE_NAME,
                *_PLAN,
                Column("Source", ("Source plugin",), marks_type=True),
                Column("Destination", ("Destination plugin",), marks_type=True),
                Column("Bundle"),
                Column("Dependencies", ("Depends on", "Requires"), marks_type=True),
                Column("Status"),
                _DESCRIPTION,
                _NOTES,
            ),
            required=("Migration name",),
            label="Migration name",
            machine_name="Machine name",
            identity=("Machine name",),
            file_names=("migrations", "migration"),
        ),
        CsvType(
            name="migration_mappings",
            noun="migration mapping",
            group="Migration",
            columns=(
                _ID,
                Column("Migration", ("Migration name",), marks_type=True),
                Column("Source field", ("Source",), marks_type=True),
                Column("Destination field", ("Destination",), marks_type=True),
                Column("Process", ("Process plugin", "Transformation"), marks_type=True),
                *_PLAN,
                _NOTES,
            ),
            required=("Migration", "Destination field"),
            label="Destination field",
            machine_name="",
            identity=("Migration", "Source field", "Destination field"),
            file_names=("migration mappings", "migrationmappings", "mappings"),
            parent="migrations",
        ),
        CsvType(
            name="workflows",
            noun="workflow",
            group="Workflow",
            columns=(_ID, Column("Label", ("Workflow name",)), _MACHINE_NAME, *_PLAN, Column("Type"), _NOTES),
            required=("Label",),
            label="Label",
            machine_name="Machine name",
            identity=("Machine name",),
            file_names=("workflows", "workflow"),
        ),
        CsvType(
            name="workflow_states",
            noun="workflow state",
            group="Workflow",
            columns=(
                _ID,
                Column("Workflow", marks_type=True),
                Column("Label", ("State", "State name")),
                _MACHINE_NAME,
                *_PLAN,
                _NOTES,
            ),
            required=("Workflow", "Label"),
            label="Label",
            machine_name="Machine name",
            identity=("Workflow", "Machine name"),
            file_names=("workflow states", "workflowstates", "moderation states", "states"),
            parent="workflows",
        ),
        CsvType(
            name="workflow_transitions",
            noun="workflow transition",
            group="Workflow",
            columns=(
                _ID,
                Column("Workflow", marks_type=True),
                Column("Label", ("Transition",)),
                _MACHINE_NAME,
                *_PLAN,
                Column("From state", ("From", "From states"), marks_type=True),
                Column("To state", ("To",), marks_type=True),
                _NOTES,
            ),
            required=("Workflow", "Label", "To state"),
            label="Label",
            machine_name="Machine name",
            identity=("Workflow", "Machine name"),
            file_names=("workflow transitions", "workflowtransitions", "moderation state transitions", "transitions"),
            parent="workflows",
        ),
        CsvType(
            name="user_roles",
            noun="user role",
            group="User Roles",
            columns=(_ID, Column("Name", ("Role", "Role name", "Label")), _MACHINE_NAME, *_PLAN, _NOTES),
            required=("Name",),
            label="Name",
            machine_name="Machine name",
            identity=("Machine name",),
            file_names=("user roles", "userroles", "roles"),
        ),
        CsvType(
            name="custom",
            noun="custom entity",
            group="Custom",
            columns=(_ID, Column("Name", ("Title", "Label")), _MACHINE_NAME, *_PLAN, _DESCRIPTION, _NOTES),
            required=(),
            label="Name",
            machine_name="Machine name",
            identity=("Machine name", "Name"),
            file_names=("custom",),
        ),
    )
}

CSV_TYPE_TO_GROUP: Final = {name: kind.group for name, kind in CSV_TYPES.items()}


ENTITY_TYPES: Final = {
    "content type": ("node", "Content type"),
    "vocabulary": ("taxonomy_term", "Vocabulary"),
    "media type": ("media", "Media type"),
    "paragraph type": ("paragraph", "Paragraph type"),
    "custom block type": ("block_content", "Custom block type"),
    "block type": ("block_content", "Custom block type"),
    "comment type": ("comment", "Comment type"),
    "custom entity type": ("custom", "Custom entity type"),
    "user": ("user", "User"),
    "user account": ("user", "User"),
    "node": ("node", "Content type"),
    "content": ("node", "Content type"),
    "taxonomy": ("taxonomy_term", "Vocabulary"),
    "taxonomy term": ("taxonomy_term", "Vocabulary"),
    "taxonomy vocabulary": ("taxonomy_term", "Vocabulary"),
    "taxonomy_term": ("taxonomy_term", "Vocabulary"),
    "media": ("media", "Media type"),
    "paragraph": ("paragraph", "Paragraph type"),
    "paragraphs type": ("paragraph", "Paragraph type"),
    "block": ("block_content", "Custom block type"),
    "block_content": ("block_content", "Custom block type"),
    "content block": ("block_content", "Custom block type"),
    "custom block": ("block_content", "Custom block type"),
    "comment": ("comment", "Comment type"),
}
"""Spec Tool words for a bundle's type -> (Drupal entity type id, the word used on tickets)."""
