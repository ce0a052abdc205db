"""Entries that other rooms add to menus, by the name of an address: nothing here may import them.

``processing`` and the apps on top of it say at start what they have (:func:`add`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django.urls import reverse

Place = Literal["main", "workspace", "ticket"]


@dataclass(frozen=True, slots=True)
class Entry:
    """``url_name`` is reversed with what the place is about: nothing (main), the workspace's id, or the ids of the
    ticket's session and of the ticket, where it is something to do, by POST, for those who may edit.
    """

    place: Place
    label: str
    url_name: str
    position: int = 100

    @property
    def namespace(self) -> str:
        return self.url_name.rpartition(":")[0]


_entries: dict[tuple[str, str], Entry] = {}


def add(place: Place, label: str, url_name: str, position: int = 100) -> None:
    """Show ``label`` in this place. Saying it twice changes nothing."""
    _entries[place, url_name] = Entry(place, label, url_name, position)


def entries(place: str, *about: Any) -> Iterator[tuple[Entry, str]]:
    """(Entry, address) in order."""
    mine = [entry for entry in _entries.values() if entry.place == place]
    for entry in sorted(mine, key=lambda each: (each.position, each.label)):
        yield entry, reverse(entry.url_name, args=about)
