"""Rows for menus."""

from collections.abc import Iterator

from .objects import ConfigObjects, text
from .tabs import Record


def menu_records(objects: ConfigObjects) -> Iterator[Record]:
    for menu in objects.of_kind("system.menu"):
        yield (
            menu.origin,
            {
                "Title": text(menu.values, "label") or menu.id,
                "Machine name": menu.id,
                "Description": text(menu.values, "description"),
            },
        )
