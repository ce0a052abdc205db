"""What was left out of an export, said once per reason with a count, never once per file."""

import re
from typing import Final

from sessions_app.parsing.tables import Finding

_REASONS: Final = {
    "config_links": "Links and special files are not followed and were skipped",
    "config_unsafe_names": "Files whose name leads out of the archive were skipped",
    "config_too_large": "Files that are too large for a configuration object were skipped",
    "config_translations": "Translations say nothing about structure and were left out",
    "config_unreadable": "Files that cannot be read as YAML were skipped",
    "config_duplicates": "The archive holds several different copies of these objects; the first was read",
    "config_other_entity_types": "Fields of entity types that have no tab in the specification were left out",
}
_NAMED: Final = 5
_LONGEST_NAME: Final = 160
_UNPRINTABLE = re.compile(r"[^\S ]|[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Skipped:
    """Collects (reason, name). The reason is also the code of the finding that it becomes."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, reason: str, name: str) -> None:
        self._names.setdefault(reason, []).append(name)

    def findings(self) -> tuple[Finding, ...]:
        return tuple(_grouped(reason, names) for reason, names in self._names.items())


def _grouped(reason: str, names: list[str]) -> Finding:
    """One finding for all of ``names``: how many, and the first few different ones."""
    different = list(dict.fromkeys(names))
    named = ", ".join(printable(name) for name in different[:_NAMED])
    more = f" and {len(different) - _NAMED:,} more" if len(different) > _NAMED else ""
    return Finding(reason, f"{_REASONS[reason]} ({len(names):,}): {named}{more}.", value=str(len(names)))


def printable(name: str) -> str:
    """A name from a foreign archive as one line of harmless text."""
    clean = _UNPRINTABLE.sub("?", name)
    return clean if len(clean) <= _LONGEST_NAME else clean[: _LONGEST_NAME - 1] + "…"
