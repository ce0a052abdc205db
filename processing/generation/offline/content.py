"""View modes and menus."""

from sessions_app.parsing.payload import EntityPayload

from . import cells, prose
from .draft import Draft, Scenario, SiteContext, Story, notes, present
from .drupal import CORE_MENUS, KINDS, Bundle


def write_view_mode(entity: EntityPayload, site: SiteContext) -> Draft:
    label, entity_type = entity["data"]["label"], cells.entity_type_of(entity) or _entity_type_id(entity)
    word = cells.cell(entity, "Entity Type") or entity_type
    name = cells.usable(entity["data"]["machine_name"]) or cells.suggested_name(label)
    bundles = _used_on(entity, entity_type)
    used = cells.cell(entity, "Entities Used On")
    own = f"core.entity_view_mode.{entity_type}.{name}" if entity_type and name else ""
    displays = present(*(bundle.object("core.entity_view_display", name) for bundle in bundles))
    tabs = [bundle.tab(f"display/{name}") for bundle in bundles if bundle.tab() and name]
    return Draft(
        noun="view mode",
        label=label,
        machine_name=entity["data"]["machine_name"],
        place=word,
        story=Story(
            "site builder",
            f"{prose.listed([prose.quoted(name, 60) for name in cells.options(used)], most=6)} to be shown as "
            f"{prose.quoted(label, 80)}"
            if used
            else f"a display {prose.quoted(label, 80)}",
            "lists, references and pages can show the same content in the form that fits the place",
        ),
        scenario=_view_mode_scenario(label, bundles),
        intro=f"A view mode {prose.named(label, entity['data']['machine_name'])} of {prose.quoted(word, 60)}."
        if word
        else "",
        settings=_view_mode_settings(entity, used),
        steps=_view_mode_steps(entity, label, entity_type, tabs),
        edit="/admin/structure/display-modes/view",
        objects=present(own),
        touched=displays,
        checks=_view_mode_checks(label, tabs, word),
        decisions=_view_mode_decisions(entity, entity_type, label, used),
        removal=(
            "Replace it in views, reference fields and templates that show content in this view mode.",
            "Delete it at `/admin/structure/display-modes/view`; its displays go with it.",
        ),
    )


def _view_mode_settings(entity: EntityPayload, used: str) -> tuple[str, ...]:
    return present(
        f"Used on: {prose.inline(used)}" if used else "",
        f"Format: {prose.inline(cells.cell(entity, 'Format'))}" if cells.cell(entity, "Format") else "",
        *notes(entity),
    )


def _view_mode_checks(label: str, tabs: list[str], word: str) -> tuple[str, ...]:
    return (
        (
            f"Open `/admin/structure/display-modes/view`: {prose.quoted(label, 80)} must be listed under "
            f"{prose.quoted(word, 60)}."
        ),
        *(f"Open {prose.code(tab)}: the display must exist with its own settings." for tab in tabs),
        (
            "Show content in this view mode (in a view or a reference field) and compare it with the design, wide "
            "and narrow."
        ),
    )


def _view_mode_decisions(entity: EntityPayload, entity_type: str, label: str, used: str) -> tuple[str, ...]:
    return present(
        _view_mode_name_decision(entity, label),
        "" if entity_type else "The entity type is missing or unknown.",
        "" if used else "The cells do not say which bundles use it.",
        "The cells do not say which fields it shows, in which order and format."
        if not cells.cell(entity, "Notes", "Format")
        else "",
    )


def _entity_type_id(entity: EntityPayload) -> str:
    """A sheet may hold Drupal's own id (``group``, ``profile``)."""
    word = cells.cell(entity, "Entity Type")
    return word if word.islower() and word.replace("_", "").isalpha() and word.isascii() else ""


def _used_on(entity: EntityPayload, entity_type: str) -> list[Bundle]:
    needs = (need for need in entity["needs"] if need["csv_type"] == "bundles" and need["machine_name"])
    return [Bundle(entity_type, need["machine_name"], need["label"]) for need in needs]


def _view_mode_name_decision(entity: EntityPayload, label: str) -> str:
    decision = cells.machine_name_decision(entity["data"]["machine_name"])
    suggested = cells.suggested_name(label)
    if decision and not entity["data"]["machine_name"] and suggested:
        return f"{decision} Drupal would suggest {prose.code(suggested)}, which this ticket uses until it is decided."
    return decision


def _view_mode_steps(entity: EntityPayload, label: str, entity_type: str, tabs: list[str]) -> tuple[str, ...]:
    used = cells.cell(entity, "Entities Used On")
    add = (
        f"/admin/structure/display-modes/view/add/{entity_type}"
        if entity_type in KINDS
        else "/admin/structure/display-modes/view"
    )
    return (
        (
            f"At `/admin/structure/display-modes/view`, look whether {prose.quoted(label, 80)} is there already (core "
            "brings some "
            f"view modes); if not, add it at {prose.code(add)}."
        ),
        f"Tick it under “Custom display settings” for {prose.inline(used)}." if used else "",
        *(f"Arrange the fields at {prose.code(tab)}." for tab in tabs),
    )


def _view_mode_scenario(label: str, bundles: list[Bundle]) -> Scenario:
    shown = f'a published item of the type "{prose.spoken(bundles[0].label, 80)}"' if bundles else "a published item"
    return Scenario(
        "Content is shown in the view mode",
        (f"{shown} exists",),
        (f'a page shows it in the view mode "{prose.spoken(label, 80)}"',),
        ("it shows the fields that are set for this view mode", "no field that is hidden there is shown"),
    )


# Menus


def write_menu(entity: EntityPayload, site: SiteContext) -> Draft:
    label, machine_name = entity["data"]["label"], entity["data"]["machine_name"]
    name = cells.usable(machine_name)
    description = cells.cell(entity, "Description")
    manage = f"/admin/structure/menu/manage/{name}" if name else ""
    in_core = name in CORE_MENUS
    audience = "site administrator" if name == "admin" else "visitor"
    quoted = prose.quoted(label, 80)
    built = (
        f"Core brings this menu. Open {prose.code(manage)} and set title and description."
        if in_core
        else f"At `/admin/structure/menu/add`, add the menu {prose.named(label, machine_name)} with its description."
    )
    return Draft(
        noun="menu",
        label=label,
        machine_name=machine_name,
        verb="Set up" if in_core else "Create",
        story=Story(
            audience,
            f"to find my way with the menu {quoted}",
            "I reach the pages I need in few steps",
            f"In the words of the specification: {prose.quoted(description, 500)}" if description else "",
        ),
        scenario=Scenario(
            "A link of the menu is shown",
            (
                f'the menu "{prose.spoken(label, 80)}" holds a link to a published page',
                "its block is placed on the page",
            ),
            ("I open the page as a user who may see the link", "I follow the link"),
            ("the published page opens",),
        ),
        settings=_menu_settings(entity, description),
        intro=f"A menu {prose.named(label, machine_name)}.",
        steps=_menu_steps(built, in_core=in_core),
        modules=("menu_ui",),
        edit=manage,
        objects=present(f"system.menu.{name}" if name else ""),
        checks=_menu_checks(manage),
        decisions=_menu_decisions(entity, description, machine_name, in_core=in_core),
        removal=_menu_removal(manage, in_core=in_core),
        loss="The links that editors made in this menu are content and go with it.",
    )


def _menu_steps(built: str, *, in_core: bool) -> tuple[str, ...]:
    return (
        built,
        "" if in_core else "At `/admin/structure/block`, place its menu block where the design wants it.",
    )


def _menu_settings(entity: EntityPayload, description: str) -> tuple[str, ...]:
    return present(
        f"Description: {prose.quoted(description)}" if description else "",
        *notes(entity),
    )


def _menu_checks(manage: str) -> tuple[str, ...]:
    return (
        f"Open {prose.code(manage or '/admin/structure/menu')}: title and description must be as specified.",
        "Add a link to a published page: it must appear where the menu is shown, and lead there.",
        "Add a link to an unpublished page: an anonymous visitor must not see it.",
        "Walk through the menu with the keyboard alone: each link must be reachable and visibly focused.",
    )


def _menu_removal(manage: str, *, in_core: bool) -> tuple[str, ...]:
    return (
        (
            f"Remove the block of the menu at `/admin/structure/block`, and its use in content "
            f"types{' and views' if not in_core else ''}."
        ),
        "Core needs its own menus and does not let them be deleted: empty and hide this one instead."
        if in_core
        else f"Delete the menu at {prose.code(f'{manage}/delete' if manage else '/admin/structure/menu')}.",
    )


def _menu_decisions(entity: EntityPayload, description: str, machine_name: str, *, in_core: bool) -> tuple[str, ...]:
    return present(
        cells.machine_name_decision(machine_name, menu=True),
        "" if description else "No description is given: what is it for?",
        ""
        if in_core or cells.cell(entity, "Notes")
        else "The cells do not say in which region the menu is shown, nor its first links.",
    )
