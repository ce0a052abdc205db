"""Where tickets can be sent. A target is one module with a class of this protocol, and one line in ``TARGETS``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from processing.models import TrackerConnection


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be an issue. ``label`` belongs to it alone, ``common_label`` to all of its session; both are the same
    every time. ``parent`` is the remote key of its epic, if it has one.
    """

    key: str
    label: str
    common_label: str
    title: str
    markdown: str
    group: str
    is_epic: bool = False
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Remote:
    """An issue in the tracker."""

    key: str
    id: str
    url: str


@dataclass(frozen=True, slots=True)
class Part:
    """Text that an issue's description has no room for. ``name`` is the same as long as the text is."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """``kind``: blocks (``second`` comes first and blocks ``first``), relates, or parent (``first`` is part of
    ``second``).
    """

    kind: str
    first: Remote
    second: Remote


class Target(Protocol):
    """One tracker, seen through one connection.

    Every method that asks the tracker raises the errors of ``errors.py``: NotSent and SlowDown where nothing was done,
    Refused where it said no, and Lost where nobody knows.
    """

    link_kinds: frozenset[str]
    """Kinds of links that can be made after the issues are there."""
    parent_at_create: bool
    """Does ``create`` put an issue below its epic?"""
    most_per_hour: int
    """Writes that the tracker takes in an hour; 0: no such limit."""

    def check(self) -> str:
        """A sentence that says who we are and where we write. Asks the tracker."""

    def problems(self, drafts: Sequence[Draft]) -> list[str]:
        """What the project needs and would not get, or would get and does not know. Asks the tracker."""

    def payload(self, draft: Draft) -> dict[str, Any]:
        """Exactly what is sent to make the issue. Asks nothing."""

    def parts(self, draft: Draft) -> list[Part]:
        """What the description has no room for."""

    def create(self, payload: dict[str, Any]) -> Remote: ...

    def changes(self, payload: dict[str, Any]) -> dict[str, Any]:
        """What an update sends of it: the text. What people arrange in the tracker (labels, assignees …) stays."""

    def update(self, remote: Remote, changes: dict[str, Any]) -> None: ...

    def look_up(self, key: str) -> Remote:
        """The issue that a person names."""

    def find(self, common_label: str, labels: Collection[str]) -> dict[str, Remote]:
        """Those of ``labels`` that issues of the project have. A search may lag behind by a minute or more."""

    def add_part(self, remote: Remote, part: Part) -> None: ...

    def has_part(self, remote: Remote, name: str) -> bool:
        """Read from the issue itself: this does not lag."""

    def add_link(self, link: Link) -> None: ...

    def has_link(self, link: Link) -> bool: ...


TARGETS: Final[dict[str, str]] = {
    "jira": "processing.export.jira.Jira",
    "github": "processing.export.github.GitHub",
}


def target_of(connection: TrackerConnection) -> Target:
    """Raises WrongEncryptionKey if the token cannot be read."""
    target: Target = import_string(TARGETS[connection.target])(connection)
    return target
