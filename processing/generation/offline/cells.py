"""Reading the cells of an entity: yes and no, numbers of values, references, settings, machine names.

The values are those people type: ``y``, ``Yes``, ``*``, ``-``, ``Article (Content type), Page (Content type)``.
Nothing here writes prose; what cannot be read comes back empty, and the writers turn that into an open decision.
"""

import re
from dataclasses import dataclass
from typing import Final

from sessions_app.parsing.csv_types import ENTITY_TYPES
from sessions_app.parsing.payload import EntityPayload

from . import prose

EMPTY: Final = frozenset({"", "-", "\u2013", "\u2014", "--", "n/a", "#n/a", "#value!", "#ref!", "#name?", "#div/0!"})
YES: Final = frozenset({"y", "yes", "true", "1", "x", "✓", "✔"})
NO: Final = frozenset({"n", "no", "false", "0"})
MACHINE_NAME_LIMIT: Final = 32

_LONGEST_LIST: Final = 60_000
_MOST_OPTIONS: Final = 1_000

_VALID: Final = re.compile(r"[a-z0-9_]+")
_VALID_MENU: Final = re.compile(r"[a-z0-9_-]+")
_USABLE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_TARGET: Final = re.compile(r"(?P<label>[^;\s][^;\n]{0,119}?)\s*\((?P<type>[^()]{2,40})\)\s*(?:[,;\n]|$)")
_ALL: Final = re.compile(r"\b(?:all|any|every)\b", re.IGNORECASE)
_KEY: Final = re.compile(r"(?:^|(?<=[.;\n]))\s*([A-Z][A-Za-z /-]{2,30}):(?=\s)")


def cell(entity: EntityPayload, *columns: str) -> str:
    """The first of these cells that holds something; ``-`` and sheet errors count as nothing."""
    for column in columns:
        value = entity["cells"].get(column, "").strip()
        if value.casefold() not in EMPTY:
            return value
    return ""


def raw(entity: EntityPayload, column: str) -> str:
    """The cell as it stands, ``-`` included."""
    return entity["cells"].get(column, "").strip()


def flag(entity: EntityPayload, column: str) -> bool | None:
    """Yes, no, or not readable as either."""
    value = raw(entity, column).casefold()
    return True if value in YES else False if value in NO else None


def usable(machine_name: str) -> str:
    """The name where it can stand in a path or a configuration name, even if Drupal would refuse it; else nothing."""
    return machine_name if _USABLE.fullmatch(machine_name) else ""


def machine_name_decision(machine_name: str, *, menu: bool = False) -> str:
    """What is left to decide about a machine name, or nothing."""
    if machine_name.casefold() in EMPTY:
        return "No machine name is given."
    if not (_VALID_MENU if menu else _VALID).fullmatch(machine_name):
        allowed = "lower-case letters, digits, `_` and `-`" if menu else "lower-case letters, digits and `_`"
        return f"The machine name is not valid as it stands: only {allowed} are allowed."
    if len(machine_name) > MACHINE_NAME_LIMIT:
        return f"The machine name has {len(machine_name)} characters; the limit is {MACHINE_NAME_LIMIT}."
    if menu and "_" in machine_name:
        return "Drupal's menu form accepts hyphens but no underscores; import the name as configuration or change it."
    return ""


def suggested_name(label: str) -> str:
    """What Drupal's form would propose for a label in plain Latin letters; else nothing."""
    name = re.sub(r"[^a-z0-9_]+", "_", label.casefold()).strip("_")[:MACHINE_NAME_LIMIT]
    return name if label.isascii() else ""


def cardinality(entity: EntityPayload) -> int:
    """Number of values; -1 is unlimited (Drupal's own way to say it), 0 is not readable."""
    value = cell(entity, "Vals.").casefold()
    if value in {"*", "unlimited", "-1", "∞", "multiple", "many"}:
        return -1
    return int(value) if value.isascii() and value.isdigit() and len(value) < 5 else 0


@dataclass(frozen=True, slots=True)
class Target:
    """One referenced bundle. ``entity_type`` is empty where the type word is unknown."""

    label: str
    type_word: str
    entity_type: str

    @property
    def shown(self) -> str:
        return f"{prose.inline(self.label, 80)} ({prose.inline(self.type_word, 40)})"


def targets(text: str) -> list[Target]:
    """``Label (Type)`` tokens of a reference cell; labels may hold commas."""
    found = []
    for match in _TARGET.finditer(text[:4000]):
        word = match["type"].strip()
        entity_type = ENTITY_TYPES.get(" ".join(word.casefold().split()), ("", word))[0]
        found.append(Target(match["label"].strip(" ,"), word, entity_type))
    return found


def means_all(text: str) -> bool:
    """``All``, ``All except …``: a wish, not a list of bundles."""
    return bool(_ALL.search(text[:200]))


def settings(text: str) -> list[tuple[str, str]]:
    """``Path: /x. Pager: mini (10 items)`` as pairs; prose without a key comes back with an empty key."""
    text = text[:6000].strip()
    keys = list(_KEY.finditer(text))
    lead = text[: keys[0].start()] if keys else text
    pairs = [("", part.strip(" ;\n\t")) for part in re.split(r";\s+(?=[A-Z])|\n", lead) if part.strip(" .;")]
    for position, match in enumerate(keys):
        end = keys[position + 1].start() if position + 1 < len(keys) else len(text)
        pairs.append((match[1].strip(), text[match.end() : end].strip(" .;\n\t")))
    return pairs


def setting(text: str, *names: str) -> str:
    """The value of one key of ``settings``, whatever its case."""
    wanted = {name.casefold() for name in names}
    return next((value for key, value in settings(text) if key.casefold() in wanted and value), "")


def options(text: str) -> list[str]:
    """A list written with commas, line breaks or semicolons; no real one has more than a thousand entries."""
    parts = re.split(r"[,;\n]", text[:_LONGEST_LIST], maxsplit=_MOST_OPTIONS)
    return [part.strip() for part in parts[:_MOST_OPTIONS] if part.strip()]


def entity_type_of(entity: EntityPayload) -> str:
    """Drupal's entity type id: as given, else from the type words of the cells."""
    if entity["entity_type"]:
        return entity["entity_type"]
    found = targets(raw(entity, "Bundle"))
    word = cell(entity, "Type", "Entity Type") or (found[0].type_word if found else "")
    return ENTITY_TYPES.get(" ".join(word.casefold().split()), ("", word))[0]
