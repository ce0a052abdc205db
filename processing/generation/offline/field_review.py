"""What remains to be decided about a field, and how its ticket is checked."""

import re
from typing import Final

from . import cells, prose
from .draft import Scenario, present
from .field_row import Field

_EXTENSIONS: Final = ("Extensions", "Allowed extensions", "File extensions")
_CHOSEN: Final = re.compile(r"check ?box|radio|select|tags", re.IGNORECASE)


def decisions(field: Field) -> tuple[str, ...]:
    unreadable = {column: _flag_decision(field, column) for column in ("Req'd", "Trns.")}
    return present(
        *(() if field.is_base and field.machine_name else (_name_decision(field),)),
        ""
        if field.bundle.entity_type
        else "The bundle's type is missing or unknown, so paths and configuration names are open.",
        "" if field.bundle.name else "The bundle is not in the specification, or its machine name is unknown.",
        *_type_decisions(field),
        "" if field.values or field.is_base else "The number of values is not given.",
        "" if field.widget not in {"", "-"} or field.is_base else "No form widget is given.",
        *unreadable.values(),
        "" if field.help_text or field.is_hidden else "No help text is given: do editors need one?",
    )


def _name_decision(field: Field) -> str:
    if not field.machine_name:
        return "No machine name is given: confirm that the entity type's own label field is meant."
    return cells.machine_name_decision(field.machine_name)


def _flag_decision(field: Field, column: str) -> str:
    value = cells.cell(field.entity, column)
    if cells.flag(field.entity, column) is not None:
        return ""
    if not value:
        return "The cells do not say whether it is required." if column == "Req'd" and not field.is_base else ""
    return f"{prose.inline(column)} holds {prose.quoted(value, 40)}, which is neither `y` nor `n`."


def _type_decisions(field: Field) -> tuple[str, ...]:
    if field.is_base:
        return ()
    if not field.words:
        return ("No field type is given.",)
    return present(
        ""
        if field.plugin
        else f"The field type {prose.quoted(field.words, 80)} is not one of core's: which module brings it?",
        _reference_decision(field),
        _mixed_decision(field),
        *_list_decisions(field),
    )


def _reference_decision(field: Field) -> str:
    if field.reference and cells.means_all(field.reference) and not field.targets:
        return f"The reference says {prose.quoted(field.reference, 120)}: which bundles exactly?"
    if field.reference and not field.targets:
        return f"The reference {prose.quoted(field.reference, 120)} is not written as “Label (Type)”."
    named = field.reference or cells.setting(field.notes, "Reference", "Target", "Filtered by view")
    return "The cells do not say what the field may refer to." if field.refers and not named else ""


def _mixed_decision(field: Field) -> str:
    types = {target.type_word.casefold() for target in field.targets}
    if len(types) < 2 or field.plugin not in {"entity_reference", "entity_reference_revisions"}:
        return ""
    return "The targets are of different entity types; one reference field can refer to one entity type only."


def _list_decisions(field: Field) -> tuple[str, ...]:
    if not field.is_list:
        return ()
    if not field.notes:
        return ("The allowed values are not given.",)
    labels_only = "|" not in field.notes
    return (
        ("The cells give the labels of the allowed values only: agree on the keys that are stored.",)
        if labels_only
        else ()
    )


# Verification


def checks(field: Field) -> tuple[str, ...]:
    if field.is_hidden or field.is_layout:
        return _quiet_checks(field)
    opened = prose.code(field.bundle.create_path) if field.bundle.create_path else f"a form that uses {field.where}"
    extensions = cells.setting(field.notes, *_EXTENSIONS)
    return present(
        f"Open {opened} as a user who may create it: {prose.quoted(field.label, 80)} must be on the "
        f"form{_form_place(field)}.",
        f"{field.type.good}{f' Allowed are: {prose.inline(extensions, 200)}.' if extensions else ''}",
        field.type.bad,
        _choice_check(field),
        _required_check(field),
        _cardinality_check(field),
        "Translate the item: the field must take a value of its own in each language." if field.translated else "",
        "Read the help text below the field: it must be as specified." if field.help_text else "",
    )


def _form_place(field: Field) -> str:
    return f", in the group {prose.quoted(field.group, 60)}" if field.group else ""


def _quiet_checks(field: Field) -> tuple[str, ...]:
    tab = field.bundle.tab("fields")
    shown = (
        f"Open {prose.code(tab)}: {field.named} must be listed."
        if tab
        else f"{field.named} must be listed under Manage fields."
    )
    layout = "Open the Layout tab of one item, change its layout and save: other items must keep theirs."
    return (
        shown,
        "Open the editing form as a user who may edit: the field must not be on it.",
        layout if field.is_layout else "",
    )


def _choice_check(field: Field) -> str:
    allowed = cells.setting(field.notes, "Allowed values")
    if field.is_list and allowed:
        return (
            f"Compare the choices with the {prose.counted(len(cells.options(allowed)), 'allowed value')}: none "
            "missing, none more."
        )
    if field.refers and field.targets:
        names = prose.listed([prose.quoted(target.label, 60) for target in field.targets], last="or")
        return f"Look for an item of another type than {names}: it must not be offered."
    return ""


def _required_check(field: Field) -> str:
    if field.required is None or field.plugin in {"boolean", "comment", "metatag"}:
        return ""
    return "Save with the field empty: " + (
        "the form must ask for it." if field.required else "the form must accept that."
    )


def _cardinality_check(field: Field) -> str:
    if field.values == 0 or field.plugin in {"boolean", "comment", "metatag"}:
        return ""
    if field.values == 1 and _CHOSEN.search(field.widget):
        return "Choose one value and then another: only the last may stay chosen."
    if field.values == -1 and _CHOSEN.search(field.widget):
        return "Choose three values and save: all three must be kept."
    if field.values == 1:
        return "Look for a way to enter a second value: there must be none."
    if field.values == -1:
        return f"{_enter(field)} three values, change their order, save: all three must be kept in that order."
    return f"{_enter(field)} {field.values} values: all must be kept, and there must be no way to enter one more."


def _enter(field: Field) -> str:
    return {"choose": "Choose", "upload": "Upload", "add": "Add"}.get(field.type.wish, "Enter")


def part_check(field: Field) -> str:
    if field.is_hidden:
        return "it must be listed under Manage fields and must not be on the form."
    required = {True: "Left empty, the form must ask for it.", False: "It may stay empty.", None: ""}[field.required]
    return " ".join(present(field.type.good[:1].lower() + field.type.good[1:], required))


def scenario(field: Field) -> Scenario:
    label, place = prose.spoken(field.label, 80), prose.spoken(field.place, 100) or "its bundle"
    bundle = prose.spoken(field.bundle.label, 80)
    login = f'I am logged in as a user who may create "{bundle}"'
    form = f'I go to "{field.bundle.create_path}"' if field.bundle.create_path else f'I open a form that uses "{place}"'
    if field.is_hidden or field.is_layout:
        return Scenario("The field is kept off the form", (login,), (form,), (f'I do not see the field "{label}"',))
    special = _special_scenario(field, login, form, label)
    if special:
        return special
    if field.required:
        return Scenario(
            "The form asks for the field",
            (login,),
            (form, f'I leave "{label}" empty', "I save"),
            (f'I see an error at the field "{label}"', "nothing is stored"),
        )
    entered = "enter a value in" if field.type.wish != "choose" else "choose a value in"
    return Scenario(
        "A value of the field is kept",
        (login,),
        (form, f'I {entered} "{label}"', "I fill in the required fields", "I save"),
        (f'the stored item holds the value of "{label}"',),
    )


def _special_scenario(field: Field, login: str, form: str, label: str) -> Scenario | None:
    """The most telling thing that the cells say of the field."""
    allowed = [option.partition("|") for option in cells.options(cells.setting(field.notes, "Allowed values"))]
    extensions = cells.setting(field.notes, *_EXTENSIONS)
    if field.is_list and 0 < len(allowed) <= 20:
        offered = ", ".join(f'"{prose.spoken(value or key, 40)}"' for key, _, value in allowed)
        return Scenario("The choices are those specified", (login,), (form,), (f'"{label}" offers exactly {offered}',))
    if field.plugin in {"file", "image"} and extensions:
        upload = f'I upload to "{label}" a file whose extension is none of "{prose.spoken(extensions, 120)}"'
        return Scenario(
            "Other files are refused", (login,), (form, upload), (f'I see an error at the field "{label}"',)
        )
    if field.values > 1 and not field.required:
        enter = _enter(field).lower()
        then = (f"all {field.values} values are kept", f'I cannot {enter} one more in "{label}"')
        return Scenario(
            "The number of values is limited",
            (login,),
            (form, f'I {enter} {field.values} values in "{label}"', "I save"),
            then,
        )
    return None
