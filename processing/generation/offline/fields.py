"""Fields: what to make where, and how the special ones differ that are not made in the field form."""

from typing import Final

from sessions_app.parsing.payload import EntityPayload

from . import cells, field_review, prose
from .draft import Draft, SiteContext, Story, place, present
from .drupal import Bundle
from .field_row import YES_NO, Field, read

_HEADS: Final = ("Field type", "Values", "Required", "Widget", "Target")


def write_field(entity: EntityPayload, site: SiteContext) -> Draft:
    field = read(entity)
    storage = _storage(field)
    return Draft(
        noun="field",
        label=field.label,
        machine_name=field.machine_name,
        verb="Add",
        place=place(field.noun, field.bundle.label, field.bundle.machine_name),
        story=_story(field),
        scenario=field_review.scenario(field),
        intro=_intro(field),
        settings=_settings(field),
        steps=_steps(field),
        modules=_modules(field),
        edit=_edit(field),
        objects=present(storage, field.bundle.object("field.field", field.name) if storage else _override(field)),
        touched=present(
            field.bundle.object("core.entity_form_display", "default"),
            field.bundle.object("core.entity_view_display", "default"),
        ),
        checks=field_review.checks(field),
        decisions=field_review.decisions(field),
        frozen="Field type and storage cannot be changed while the field holds data: such a difference needs a new "
        "field and a move "
        "of the data. Lowering the number of values is refused while more are stored.",
        removal=_removal(field),
        loss="The values of this field are deleted from every item and from its revisions at the next cron run.",
        heads=_HEADS,
        row=(
            field.in_words,
            field.values_in_words or prose.inline(cells.raw(entity, "Vals."), 20),
            YES_NO[field.required],
            prose.inline(field.widget, 60),
            prose.inline(field.reference, 120),
        ),
        part_step=_part_step(field),
        part_check=field_review.part_check(field),
    )


def _modules(field: Field) -> tuple[str, ...]:
    targets = (module for target in field.targets for module in Bundle(target.entity_type, "").kind.modules)
    library = "media_library" if "media library" in field.widget.casefold() else ""
    grouped = "field_group" if field.group else ""
    return present(field.type.module, *field.bundle.kind.modules, *targets, library, grouped)


def _storage(field: Field) -> str:
    known = field.name and not field.is_base and field.bundle.entity_type not in {"", "custom"}
    return f"field.storage.{field.bundle.entity_type}.{field.name}" if known else ""


def _override(field: Field) -> str:
    return field.bundle.object("core.base_field_override", field.name) if field.machine_name else ""


def _edit(field: Field) -> str:
    tab = field.bundle.tab("fields")
    identifier = field.bundle.object("", field.name).lstrip(".")
    return f"{tab}/{identifier}" if tab and identifier and not field.is_base else tab


# Story


_REASONS: Final = {
    "image": "the page can show the picture",
    "file": "visitors can open the file",
    "link": "visitors can follow it",
    "boolean": "the page can behave accordingly",
    "datetime": "content can be shown and sorted by date",
    "daterange": "content can be shown and sorted by date",
    "smartdate": "content can be shown and sorted by date",
    "timestamp": "content can be shown and sorted by date",
    "integer": "the number is stored as a number and can be sorted and filtered",
    "decimal": "the number is stored as a number and can be sorted and filtered",
    "float": "the number is stored as a number and can be sorted and filtered",
    "list_string": "everybody uses the same words and lists can be filtered by them",
    "list_integer": "everybody uses the same values and lists can be filtered by them",
    "list_float": "everybody uses the same values and lists can be filtered by them",
    "entity_reference": "the two stay connected when either of them changes",
    "entity_reference_revisions": "I can build the content from parts and put them in order",
    "comment": "visitors can respond",
    "metatag": "search engines and social networks show the right summary",
    "email": "it is checked on entry and can be linked",
    "telephone": "it can be called from a phone",
    "address": "it is complete and shown in the format of its country",
}
_TEXT_REASON: Final = "the text has its own place on the form and can be shown where the design needs it"
_OTHER_REASON: Final = "its value has its own place on the form and can be shown where the design needs it"


def _story(field: Field) -> Story:
    purpose = f"The help text for editors reads: {prose.quoted(field.help_text, 500)}" if field.help_text else ""
    label, where = prose.quoted(field.label, 80), field.where
    if field.is_layout:
        return Story(
            "content editor",
            f"to give single items of {where} a layout of their own",
            "a page can differ where it must",
        )
    if field.is_hidden:
        reason = "its value is stored without a place on the editing form"
        return Story("site builder", f"{label} to be kept on {where}", reason, purpose)
    return Story("content editor", f"to {field.type.wish} {_object(field, label)} on {where}", _reason(field), purpose)


def _reason(field: Field) -> str:
    is_text = field.plugin.startswith(("string", "text"))
    return _REASONS.get(field.plugin, _TEXT_REASON if is_text else _OTHER_REASON)


def _object(field: Field, label: str) -> str:
    if field.targets and field.refers:
        kinds = prose.listed([target.shown for target in field.targets], last="or", most=6)
        return f"{label} from {kinds}"
    return label


# Analysis


def _intro(field: Field) -> str:
    if field.is_layout:
        return f"The layout of single items of {field.where}; Layout Builder makes this field itself."
    if field.is_base:
        return (
            f"{field.named} on {field.where} is no configurable field: the entity type brings it, only its label "
            "and form are set."
        )
    shared = " Its storage exists already: the field is reused from another bundle." if field.reused else ""
    return f"A field {field.named} on {field.where}.{shared}"


def _settings(field: Field) -> tuple[str, ...]:
    return present(
        f"Field type: {field.in_words}" if field.words else "",
        f"Number of values: {field.values_in_words}" if field.values else "",
        f"Required: {YES_NO[field.required]}" if field.required is not None else "",
        f"Translatable: {YES_NO[field.translated]}" if field.translated is not None else "",
        f"Form widget: {'none, hidden on the form' if field.is_hidden else prose.inline(field.widget, 80)}"
        if field.widget
        else "",
        f"Field group on the form: {prose.inline(field.group, 80)}" if field.group else "",
        *_target_settings(field),
        *_note_settings(field),
        f"Help text: {prose.quoted(field.help_text)}" if field.help_text else "",
    )


def _target_settings(field: Field) -> tuple[str, ...]:
    if not field.targets:
        return (f"Reference: {prose.inline(field.reference, 200)}",) if field.reference else ()
    return (f"May refer to: {prose.listed([target.shown for target in field.targets])}",)


def _note_settings(field: Field) -> tuple[str, ...]:
    lines = []
    for key, value in cells.settings(field.notes):
        if key.casefold() == "allowed values":
            items = [_option(option) for option in cells.options(value)]
            lines.append(f"Allowed values ({len(items)}): {prose.listed(items, most=60)}")
        elif not key and field.is_list:
            lines.append(f"Allowed values as the notes give them: {prose.inline(value)}")
        else:
            lines.append(f"{prose.inline(key, 60)}: {prose.inline(value)}" if key else f"Note: {prose.inline(value)}")
    return tuple(lines)


def _option(option: str) -> str:
    """``key|Label`` is how Drupal writes an allowed value with the key that it stores."""
    key, bar, label = option.partition("|")
    return f"{prose.code(key, 60)} ({prose.inline(label, 80)})" if bar and label else prose.inline(option, 80)


def _steps(field: Field) -> tuple[str, ...]:
    tab, form, display = (field.bundle.tab(name) for name in ("fields", "form-display", "display"))
    on_form = prose.code(form) if form else "the Manage form display tab"
    on_page = prose.code(display) if display else "the Manage display tab"
    if field.is_layout:
        return (
            (
                f"At {on_page}, tick “Allow each {field.bundle.kind.one} to have its layout customized”; Drupal then "
                "makes the field."
            ),
        )
    return present(
        *_making(field, prose.code(tab) if tab else "the Manage fields tab of its bundle"),
        _reference_step(field),
        _translation_step(field),
        _form_step(field, on_form),
        f"At {on_page}, place it in the displays that show it.",
    )


def _making(field: Field, tab: str) -> tuple[str, ...]:
    if field.is_base:
        renamed = (
            f"; its label is the “Title field label” at {prose.code(field.bundle.tab())}"
            if field.bundle.entity_type == "node" and field.bundle.tab()
            else ""
        )
        return (
            f"Do not add a field. Set the label {prose.quoted(field.label, 80)} on the field that is there{renamed}.",
        )
    kind = f" of the type {field.in_words}" if field.words else ""
    if field.reused:
        return (
            (
                f"At {tab}, choose “Re-use an existing field” and take {prose.code(field.machine_name)}; set its label "
                "and settings."
            ),
        )
    named = f"label {prose.quoted(field.label, 80)}, machine name {prose.code(field.machine_name)}"
    made = f"At {tab}, create a new field{kind}, {named}."
    prefixed = (
        "The field form puts `field_` in front of machine names; to get this name, import the field as configuration "
        "or set `field_prefix` in `field_ui.settings`."
    )
    return (made, "" if field.machine_name.startswith("field_") else prefixed, _storage_step(field))


def _storage_step(field: Field) -> str:
    limit = {0: "", 1: "allow one value", -1: "allow an unlimited number of values (`cardinality: -1`)"}.get(
        field.values, f"allow {field.values} values"
    )
    required = {True: "tick “Required field”", False: "leave “Required field” empty", None: ""}[field.required]
    wishes = [wish for wish in (limit, required, "enter the help text" if field.help_text else "") if wish]
    return f"In its settings: {'; '.join(wishes)}." if wishes else ""


def _reference_step(field: Field) -> str:
    if not (field.refers and field.targets):
        return "Enter the allowed values in the order given above." if field.is_list and field.notes else ""
    names = prose.listed([prose.quoted(target.label, 60) for target in field.targets])
    types = present(*(target.entity_type for target in field.targets))
    item = f"As type of item to reference, choose {prose.code(types[0])}; then under" if len(types) == 1 else "Under"
    return f"{item} “Reference type”, tick {names} and nothing else."


def _translation_step(field: Field) -> str:
    if not field.translated:
        return ""
    return "At `/admin/config/regional/content-language`, tick the field as translatable."


def _form_step(field: Field, tab: str) -> str:
    if field.is_hidden:
        return f"At {tab}, move it to “Disabled”."
    group = f" in the group {prose.quoted(field.group, 60)}" if field.group else ""
    if field.widget and field.widget not in cells.EMPTY:
        return f"At {tab}, give it the widget {prose.quoted(field.widget, 80)}{group}."
    return f"At {tab}, place it on the form{group}."


def _part_step(field: Field) -> str:
    tab = field.bundle.tab("fields")
    return f"Make the fields of the table below{f' at {prose.code(tab)}' if tab else ''}, each as its row says."


def _removal(field: Field) -> tuple[str, ...]:
    tab = field.bundle.tab("fields")
    if field.is_base:
        return ("Hide it on the form and in the displays; a field of the entity type itself cannot be deleted.",)
    if field.is_layout:
        return (
            "Reset the items that have a layout of their own.",
            "Untick “Allow each item to have its layout customized”.",
        )
    return (
        "Take the field out of views, display settings, templates, search index and migrations.",
        (
            f"Delete the field{f' at {prose.code(tab)}' if tab else ''}. Its storage goes only with the last bundle "
            "that uses it."
        ),
        "Run cron until the deleted values are purged: `drush cron`.",
    )
