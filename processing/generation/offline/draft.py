"""What a writer hands over: the content of a ticket in parts, before the X column decides what kind of ticket it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

from sessions_app.parsing.payload import EntityPayload

from . import cells, prose


class SiteContext(TypedDict):
    site_name: str
    site_description: str


class TicketContent(TypedDict):
    title: str
    user_story: str
    analysis: str
    verification: str


@dataclass(frozen=True, slots=True)
class Story:
    """As a ``role``, I want to ``wish``, so that ``reason``. Safe Markdown; ``purpose`` is a sentence of its own."""

    role: str
    wish: str
    reason: str
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A Gherkin scenario; plain text, cells already through ``prose.spoken``. Further steps start with ``And``."""

    name: str
    given: tuple[str, ...]
    when: tuple[str, ...]
    then: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """The parts of a ticket. All texts are safe Markdown but ``label``, ``machine_name``, ``detail`` and ``place``.

    ``detail`` tells two equal labels apart, ``place`` ends the title ("block type Banner block"). ``settings`` say what
    the result looks like, ``steps`` how to build it (``finish`` after its parts), ``tasks`` what the flags add,
    ``edit`` where it is changed later.
    ``objects`` are the configuration objects that it owns, ``touched`` those that only change with it; something that
    lives inside another object names it in ``part_of`` and its key in ``part_key``. ``frozen`` warns about what cannot
    change once data exists, ``removal`` and ``loss`` say how it goes and what goes with it. ``heads`` and ``row`` are
    its line in the parent's table, ``part_step`` the step that makes all parts of its kind, ``part_check`` the one
    check that the parent's ticket makes of it.
    """

    noun: str
    label: str
    machine_name: str
    story: Story
    scenario: Scenario
    verb: str = "Create"
    detail: str = ""
    place: str = ""
    intro: str = ""
    settings: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    finish: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    edit: str = ""
    objects: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    part_of: str = ""
    part_key: str = ""
    checks: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    frozen: str = ""
    removal: tuple[str, ...] = ()
    loss: str = ""
    heads: tuple[str, ...] = ()
    row: tuple[str, ...] = ()
    part_step: str = ""
    part_check: str = ""
    ambiguous: bool = False

    @property
    def inspections(self) -> tuple[str, ...]:
        """The drush commands that show what is there."""
        if self.part_of:
            return (f"drush config:get {self.part_of} {self.part_key}".rstrip(),)
        return tuple(f"drush config:get {name}" for name in self.objects if "*" not in name)


Writer = Callable[[EntityPayload, SiteContext], Draft]


def present(*texts: str) -> tuple[str, ...]:
    """The texts that say something, in order, each once."""
    return tuple(dict.fromkeys(text for text in texts if text))


def notes(entity: EntityPayload, column: str = "Notes") -> tuple[str, ...]:
    """The notes as lines for the list of settings."""
    pairs = cells.settings(cells.cell(entity, column))
    return tuple(
        f"{prose.inline(key, 60)}: {prose.inline(value)}" if key else prose.inline(value) for key, value in pairs
    )


def place(noun: str, label: str, machine_name: str) -> str:
    """A parent as titles name it; its machine name is shown where it is not just the label again.

    So parts of two parents with one label have two titles: only one of the two can have the obvious machine name.
    """
    shown = f" ({machine_name})" if machine_name and machine_name != cells.suggested_name(label) else ""
    return f"{noun} {label}{shown}".strip()


def parent_name(entity: EntityPayload, csv_type: str) -> str:
    """Machine name of the one entity of this type that is needed; nothing where it is not one."""
    names = {
        need["machine_name"] for need in entity["needs"] if need["csv_type"] == csv_type and need["kind"] == "blocks"
    }
    return names.pop() if len(names) == 1 else ""
