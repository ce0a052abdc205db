"""Rows for views and their displays."""

from collections.abc import Iterator
from typing import Final

from .documents import Mapping
from .objects import ConfigObject, ConfigObjects, is_on, mapping, text, whole
from .tabs import Record
from .words import BASE_TABLES, DISPLAY_PLUGINS, word

_PARTS: Final = (
    ("filters", "Filters"),
    ("sorts", "Sorts"),
    ("arguments", "Contextual filters"),
    ("relationships", "Relationships"),
)


def view_records(objects: ConfigObjects) -> Iterator[Record]:
    for view in objects.of_kind("views.view"):
        yield (
            view.origin,
            {
                "View name": _label(view),
                "Machine name": view.id,
                "Base table": word(BASE_TABLES, text(view.values, "base_table")),
                "Status": "Disabled" if text(view.values, "status") == "false" else "Enabled",
                "Description": text(view.values, "description"),
            },
        )


def view_display_records(objects: ConfigObjects) -> Iterator[Record]:
    for view in objects.of_kind("views.view"):
        displays = mapping(view.values, "display")
        for machine_name in _in_order(displays):
            display = mapping(displays, machine_name)
            yield (
                view.origin,
                {
                    "View": _label(view),
                    "View ID": view.id,
                    "Title": text(display, "display_title") or machine_name,
                    "Machine name": machine_name,
                    "Display plugin": word(DISPLAY_PLUGINS, text(display, "display_plugin")),
                    "Notes": ". ".join(_notes(mapping(display, "display_options"))),
                },
            )


def _label(view: ConfigObject) -> str:
    return text(view.values, "label") or view.id


def _in_order(displays: Mapping) -> list[str]:
    """The default display first, because the others inherit from it; then as the file lists them."""
    return sorted(displays, key=lambda machine_name: machine_name != "default")


def _notes(options: Mapping) -> Iterator[str]:
    """What this display says itself; what it inherits from the default display is not repeated."""
    if description := text(options, "display_description"):
        yield description.rstrip(".")
    if path := text(options, "path"):
        yield f"Path: /{path.lstrip('/')}"
    yield from _menu_entry(options)
    if style := text(options, "style", "type"):
        yield f"Format: {style}"
    if pager := text(options, "pager", "type"):
        count = whole(options, "pager", "options", "items_per_page")
        yield f"Pager: {pager} ({count} items)" if count else f"Pager: {pager}"
    for key, title in _PARTS:
        if names := [_name(handler_id, options, key) for handler_id in mapping(options, key)]:
            yield f"{title}: {', '.join(names)}"


def _menu_entry(options: Mapping) -> Iterator[str]:
    """A tab is a link beside other pages and in no menu, whatever menu its settings still name."""
    title, kind = text(options, "menu", "title"), text(options, "menu", "type")
    if title and kind in {"tab", "default tab"}:
        yield f"Tab: {title}"
    elif title and kind != "none":
        yield f"Menu: {title} ({text(options, 'menu', 'menu_name') or 'main'})"


def _name(handler_id: str, options: Mapping, key: str) -> str:
    """The field that a handler works on; two handlers on one field differ in their id only."""
    name = text(options, key, handler_id, "field") or handler_id
    return f"{name} (exposed)" if is_on(options, key, handler_id, "exposed") else name
