"""Views and their displays."""

from typing import Final

from sessions_app.parsing.payload import EntityPayload

from . import cells, prose
from .draft import Draft, Scenario, SiteContext, Story, parent_name, place, present

VIEWS: Final = "/admin/structure/views"
_CORE_TABLES: Final = frozenset(
    {
        "content",
        "content revisions",
        "users",
        "media",
        "files",
        "comments",
        "taxonomy terms",
        "custom block",
        "log entries",
    }
)


def write_view(entity: EntityPayload, site: SiteContext) -> Draft:
    label, machine_name = entity["data"]["label"], entity["data"]["machine_name"]
    name, quoted = cells.usable(machine_name), prose.quoted(label, 80)
    edit = f"{VIEWS}/view/{name}" if name else ""
    base, status = cells.cell(entity, "Base table"), cells.cell(entity, "Status")
    description = cells.cell(entity, "Description")
    disabled = status.casefold() in {"disabled", "off", "n", "no"}
    admin = any(_is_admin(_path(child)) for child in entity["children"])
    return Draft(
        noun="view",
        label=label,
        machine_name=machine_name,
        story=Story(
            "content editor" if admin else "site builder",
            f"the view {quoted} to list {_what(base)}",
            "the right entries are found together without a list kept by hand"
            if not disabled
            else "it is ready to be switched on when it is needed",
            f"In the words of the specification: {prose.quoted(description, 500)}" if description else "",
        ),
        scenario=_view_scenario(label, edit, disabled=disabled),
        intro=f"A view {prose.named(label, machine_name)}.",
        settings=_view_settings(entity, base, description, status),
        steps=present(
            f"At `{VIEWS}`, look whether a view with this machine name is there already (core and modules bring some); "
            f"if not, add {prose.named(label, machine_name)} at `{VIEWS}/add`{_showing(base)}.",
            "Enter the description as administrative description." if description else "",
            ""
            if entity["children"]
            else "Set it up as far as this row goes; its displays have rows and tickets of their own.",
            f"Leave it disabled: {prose.code(f'drush views:disable {name}')}." if disabled and name else "",
        ),
        modules=("views", "views_ui"),
        edit=edit,
        objects=present(f"views.view.{name}" if name else ""),
        checks=_view_checks(base, edit, disabled=disabled),
        decisions=_view_decisions(base, description, machine_name, status),
        removal=_view_removal(edit),
        loss="Only the list goes; the entries in it stay. Addresses of its pages answer 404 afterwards: decide on "
        "redirects.",
    )


def _view_removal(edit: str) -> tuple[str, ...]:
    return (
        "Remove its blocks, menu links and references from other views and fields.",
        (
            f"Delete it at {prose.code(f'{edit}/delete' if edit else VIEWS)}; all its displays go with it. If core "
            "or a module brings "
            "it, disable it instead."
        ),
    )


def _view_settings(entity: EntityPayload, base: str, description: str, status: str) -> tuple[str, ...]:
    return present(
        f"Shows: {_what(base)}" if base else "",
        f"Status: {prose.inline(status, 40)}" if status else "",
        f"Description: {prose.quoted(description)}" if description else "",
        *_settings(cells.cell(entity, "Notes")),
    )


def _view_checks(base: str, edit: str, *, disabled: bool) -> tuple[str, ...]:
    return present(
        f"Open {prose.code(edit or VIEWS)} as an administrator: the view must open without a warning.",
        f"Open `{VIEWS}`: the view must stand under “Disabled”."
        if disabled
        else f"Its preview must list {_what(base)} that it is meant for.",
        "Look at its access setting: a user who may not see an entry must not find it in the list.",
    )


def _view_decisions(base: str, description: str, machine_name: str, status: str) -> tuple[str, ...]:
    return present(
        cells.machine_name_decision(machine_name),
        "" if description else "No description is given: what is it for?",
        "" if base else "The base table is not given: what does it list?",
        f"Which module brings the base table {prose.code(base, 80)}?"
        if base and base.casefold() not in _CORE_TABLES
        else "",
        "" if status else "The status is not given: enabled or disabled?",
    )


def _what(base: str) -> str:
    """Core's words read as words, a table of another module as its name."""
    if base.casefold() in _CORE_TABLES:
        return prose.inline(base.lower())
    return f"entries of {prose.code(base, 80)}" if base else "entries"


def _showing(base: str) -> str:
    return f", showing {_what(base)}" if base else ""


def _view_scenario(label: str, edit: str, *, disabled: bool) -> Scenario:
    name = prose.spoken(label, 80)
    if disabled:
        return Scenario(
            "The view is there and switched off",
            ("I am logged in as an administrator",),
            (f'I open "{VIEWS}"',),
            (f'I see "{name}" under "Disabled"',),
        )
    where = f'I open "{edit}"' if edit else f'I open the view "{name}"'
    return Scenario(
        "The view finds its entries",
        ("an entry exists that the view is meant for", "I am logged in as an administrator"),
        (where, "I look at the preview"),
        ("the entry is listed",),
    )


# Displays


def _path(entity: EntityPayload) -> str:
    path = cells.setting(cells.cell(entity, "Notes"), "Path").strip()
    return prose.plain(path, 120) if path.startswith("/") else f"/{prose.plain(path, 120)}" if path else ""


def _is_admin(path: str) -> bool:
    return path.startswith("/admin")


def _settings(text: str) -> tuple[str, ...]:
    lines = []
    for key, value in cells.settings(text):
        if key.casefold() in {"path", "format"}:
            lines.append(f"{key}: {prose.code(value, 120)}")
        elif key.casefold() in _CODED:
            lines.append(f"{prose.inline(key, 60)}: {_handlers(value)}")
        else:
            lines.append(f"{prose.inline(key, 60)}: {prose.inline(value)}" if key else prose.inline(value))
    return tuple(lines)


_CODED: Final = frozenset({"filters", "sorts", "contextual filters", "relationships", "fields"})


def _handlers(value: str) -> str:
    return prose.listed([_handler(part) for part in cells.options(value)])


def _handler(part: str) -> str:
    """``title (exposed)`` -> a code span and the remark; words stay words."""
    name, bracket, remark = part.partition(" (")
    shown = prose.code(name, 80) if cells.usable(name) else prose.inline(name, 80)
    return f"{shown}{f' ({prose.inline(remark, 60)}' if bracket else ''}"


_PLUGINS: Final = {
    "page": "page",
    "block": "block",
    "feed": "feed",
    "attachment": "attachment",
    "embed": "embed",
    "default": "default",
    "master": "default",
    "entity reference": "entity_reference",
    "rest export": "rest_export",
    "data export": "data_export",
}


def _plugin(entity: EntityPayload) -> str:
    word = " ".join(cells.cell(entity, "Display plugin").casefold().replace("_", " ").split())
    return _PLUGINS.get(word, "")


def write_display(entity: EntityPayload, site: SiteContext) -> Draft:
    label, machine_name = entity["data"]["label"], entity["data"]["machine_name"]
    view = entity["parent_label"] or cells.raw(entity, "View")
    view_name = cells.usable(cells.cell(entity, "View ID") or parent_name(entity, "views"))
    name, plugin, path = cells.usable(machine_name), _plugin(entity), _path(entity)
    noted = cells.cell(entity, "Notes")
    word = cells.cell(entity, "Display plugin")
    edit = f"{VIEWS}/view/{view_name}" + (f"/edit/{name}" if name else "") if view_name else ""
    shown_view = prose.named(view, view_name)
    opened = prose.code(f"{VIEWS}/view/{view_name}") if view_name else f"the view {shown_view}"
    return Draft(
        noun="display",
        label=label,
        machine_name=machine_name,
        verb="Add",
        place=place("view", view, view_name),
        story=_display_story(plugin, path, view, label, noted),
        scenario=_display_scenario(plugin, path, view, label, noted),
        intro=f"The {prose.inline(word.lower(), 40)} display {prose.named(label, machine_name)} of the view "
        f"{shown_view}.".replace("The  display", "The display"),
        settings=_settings(noted),
        steps=(f"Open {opened}.", *_display_steps(plugin, word, label, machine_name, noted)),
        modules=("views", "views_ui"),
        edit=edit,
        part_of=f"views.view.{view_name}" if view_name else "",
        part_key=f"display.{name}" if name else "display",
        checks=_display_checks(entity, plugin, path, noted, edit),
        decisions=_display_decisions(entity, plugin, path, view_name),
        removal=_display_removal(edit, plugin, shown_view),
        loss=f"Only the list goes; the entries in it stay.{f' {prose.code(path)} answers 404 then.' if path else ''}",
        heads=("Plugin", "Path", "Settings"),
        row=(prose.inline(word, 40), prose.code(path) if path else "", prose.inline(_without_path(noted), 200)),
        part_step="Add the displays of the table below and set each as its row says.",
        part_check=_first_display_check(plugin, path),
        ambiguous=not view_name and sum(need["csv_type"] == "views" for need in entity["needs"]) > 1,
    )


def _display_steps(plugin: str, word: str, label: str, machine_name: str, noted: str) -> tuple[str, ...]:
    inherited = "Set format, pager, filters and sorting as listed above; the other displays inherit them."
    overridden = (
        "Set title, path and the other settings as listed above; where they differ from the default display, override "
        "them for this display only."
    )
    set_up = inherited if plugin == "default" else overridden
    return present(_adding(plugin, word, label, machine_name), set_up if noted else "", _placing(plugin))


def _display_decisions(entity: EntityPayload, plugin: str, path: str, view_name: str) -> tuple[str, ...]:
    word = cells.cell(entity, "Display plugin")
    unknown = f"The display plugin {prose.quoted(word, 60)} is not one of core's: which module brings it?"
    silent = "The cells say nothing about format, pager, filters and sorting"
    return present(
        cells.machine_name_decision(entity["data"]["machine_name"]),
        "" if word else "The display plugin is not given: page, block, feed or another?",
        unknown if word and not plugin else "",
        "No path is given." if plugin in {"page", "feed"} and not path else "",
        ""
        if cells.cell(entity, "Notes")
        else f"{silent}{'.' if plugin == 'default' else ': are those of the default display meant?'}",
        "" if view_name else "No view of the specification has this name, or more than one: which is meant?",
    )


def _display_removal(edit: str, plugin: str, shown_view: str) -> tuple[str, ...]:
    return (
        "Remove the blocks, menu links and references that use the display.",
        "The default display cannot be deleted on its own: empty it, or delete the whole view."
        if plugin == "default"
        else f"Delete the display at {prose.code(edit) if edit else f'the view {shown_view}'} and save the view.",
    )


def _without_path(noted: str) -> str:
    return ". ".join(
        f"{key}: {value}" if key else value for key, value in cells.settings(noted) if key.casefold() != "path"
    )


def _adding(plugin: str, word: str, label: str, machine_name: str) -> str:
    if plugin == "default":
        return f"Its default display {prose.named(label, machine_name)} comes with the view: only set it up."
    kind = f" {prose.quoted(word, 40)}" if word else ""
    name = f", and under “Advanced” set its machine name to {prose.code(machine_name)}" if machine_name else ""
    return f"Add a display{kind}, name it {prose.quoted(label, 80)}{name}."


def _placing(plugin: str) -> str:
    return {
        "block": "At `/admin/structure/block` or in a layout, place the block where the design wants it.",
        "attachment": "Under “Attach to”, choose the displays that it goes with.",
        "entity_reference": "Choose this display as reference method in the field that uses it.",
    }.get(plugin, "")


def _display_story(plugin: str, path: str, view: str, label: str, noted: str) -> Story:
    name = f"{prose.quoted(label, 80)} of the view {prose.quoted(view, 80)}"
    at = f" at {prose.code(path)}" if path else ""
    exposed = ", and to narrow it down myself" if "(exposed)" in noted else ""
    if plugin == "page" and _is_admin(path):
        return Story("content editor", f"to open the page {name}{at}{exposed}", "I find what I have to work on")
    return {
        "page": Story("visitor", f"to open the page {name}{at}{exposed}", "I find all entries in one place"),
        "block": Story(
            "visitor",
            f"to see the block {name} beside other content{exposed}",
            "I come upon further entries where I am",
        ),
        "feed": Story("subscriber", f"to read the feed {name}{at}", "I learn of new entries without visiting the site"),
        "attachment": Story(
            "visitor", f"to see the attachment {name} with the list it belongs to", "I see both at one glance"
        ),
        "embed": Story("developer", f"the display {name} to embed in templates", "the list can be shown from code"),
        "entity_reference": Story(
            "content editor", f"to choose from the selection {name}", "a field offers me only fitting entries"
        ),
        "default": Story(
            "site builder", f"the display {name} to hold the common settings", "the other displays inherit them"
        ),
    }.get(plugin, Story("site builder", f"the display {name}{at}", "the list can be shown where it is needed"))


def _first_display_check(plugin: str, path: str) -> str:
    if path:
        filled = " with a real value in place of each `%`" if "%" in path else ""
        form = "a valid feed" if plugin == "feed" else "the list"
        return f"Open {prose.code(path)}{filled}: it must answer 200 and show {form}."
    return {
        "block": "Open a page where the block is placed: the list must be shown.",
        "attachment": "Open the display that it is attached to: both lists must be shown.",
        "entity_reference": "Open a form with a field that uses it: only the listed entries may be offered.",
        "embed": "Open a page that embeds it: the list must be shown.",
    }.get(plugin, "Look at it in the preview of its view: the entries must be listed.")


def _display_checks(entity: EntityPayload, plugin: str, path: str, noted: str, edit: str) -> tuple[str, ...]:
    pairs = {key.casefold(): value for key, value in cells.settings(noted)}
    exposed = [
        _handler(part.replace(" (exposed)", ""))
        for part in cells.options(pairs.get("filters", ""))
        if "(exposed)" in part
    ]
    return present(
        _first_display_check(plugin, path),
        f"Open {prose.code(edit)} as an administrator: settings and machine name must be as specified." if edit else "",
        f"Create more entries than fit on one page; the pager is specified so: {prose.inline(pairs['pager'], 60)}."
        if pairs.get("pager")
        else "",
        f"Use each exposed filter ({prose.listed(exposed)}): the list must shrink to what fits, and come back after "
        "a reset."
        if exposed
        else "",
        f"Compare the order of the entries with the sorting by {_handlers(pairs['sorts'])}."
        if pairs.get("sorts")
        else "",
        f"Try two values for the contextual filter by {_handlers(pairs['contextual filters'])}: each must list only "
        "its own entries."
        if pairs.get("contextual filters")
        else "",
        f"Find its menu link: {prose.inline(pairs['menu'], 120)}." if pairs.get("menu") else "",
        "Unpublish one listed entry: an anonymous visitor must no longer find it in the list."
        if "status" in pairs.get("filters", "") and not _is_admin(path)
        else "",
        "Open it while no entry fits: it must not show an error." if plugin != "entity_reference" else "",
    )


def _display_scenario(plugin: str, path: str, view: str, label: str, noted: str) -> Scenario:
    name, of = prose.spoken(label, 80), prose.spoken(view, 80)
    given = (f'an entry exists that the view "{of}" is meant for',)
    if path:
        user = (
            "I am logged in as a user who may see the page"
            if _is_admin(path)
            else "I am a visitor who may see the page"
        )
        target = prose.spoken(path, 120)
        visit = f'I open "{target}"' + (' with a real value in place of "%"' if "%" in path else "")
        return Scenario(
            f"The {plugin or 'page'} answers", (*given, user), (visit,), ("the response is 200", "the entry is listed")
        )
    if plugin == "entity_reference":
        return Scenario(
            "Only fitting entries are offered",
            (*given, f'a field uses the display "{name}" as reference method'),
            ("I type part of the entry's title",),
            ("the entry is offered", "no entry that the view leaves out is offered"),
        )
    if plugin == "default":
        return Scenario(
            "The preview lists entries", given, (f'I open the preview of "{name}"',), ("the entry is listed",)
        )
    shown = f'a page shows the display "{name}" of the view "{of}"'
    return Scenario("The display lists entries", (*given, shown), ("I open this page",), ("the entry is listed",))
