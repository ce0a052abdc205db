"""What an entity's cells say, arranged for looking things up: words, numbers, field types, number of values, kinds.

Made once per ticket from its payload. What few tickets need is worked out when it is asked for.
"""

import re
from collections import Counter
from functools import cached_property
from typing import Final

from processing.generation.offline import cells
from processing.generation.offline.drupal import FIELD_TYPES, field_plugin
from sessions_app.parsing.csv_types import CSV_TYPES
from sessions_app.parsing.payload import EntityPayload
from sessions_app.parsing.text import slug

from .vocabulary import BUNDLE_PHRASES, DISPLAY_PHRASES, WIDGET_PHRASES

_WORD: Final = re.compile(r"\w+")
_NUMBER: Final = re.compile(r"[0-9]+")
_THOUSANDS: Final = re.compile(r"(?<=[0-9])[,.' ’\u202f](?=[0-9]{3}(?![0-9]))")
_LIST: Final = re.compile(r"[,;\n]")
_KIND: Final = re.compile(r"\s*\([^()]{0,40}\)\s*$")
_LONGEST_LABEL: Final = 80
_SPOKEN: Final = frozenset(
    {
        "Bundle",
        "Ref. bundle",
        "Description",
        "Help text",
        "Example(s)",
        "Field type",
        "Form widget",
        "Field group",
        "Type",
    }
)


class Evidence:
    """The cells of an entity, of its parts and of what it needs. ``also``: other words that count as said."""

    def __init__(self, entity: EntityPayload, also: str = "") -> None:
        self.entity = entity
        self.entities = _with_parts(entity)
        self.text = "\n".join([also, *(part for each in self.entities for part in _texts(each))]).casefold()
        self.words = set(_WORD.findall(self.text))

    @cached_property
    def label_words(self) -> set[str]:
        """Words that a label may be made of: those of the cells, and the pieces of machine names."""
        return self.words.union(*(word.split("_") for word in self.words if "_" in word))

    @cached_property
    def numbers(self) -> set[int]:
        joined = _THOUSANDS.sub("", self.text)
        found = {digits for text in {self.text, joined} for digits in _NUMBER.findall(text)}
        return {int(digits) for digits in found if len(digits) < 10}

    @cached_property
    def slugs(self) -> set[str]:
        """Machine names that follow from labels to which the specification gives none."""
        named = {
            label.casefold()
            for each in self.entities
            for label, name in (
                (each["data"]["label"], each["data"]["machine_name"]),
                *((need["label"], need["machine_name"]) for need in each["needs"]),
            )
            if name
        }
        if self.entity["bundle"]:
            named.add(self.entity["parent_label"].casefold())
        labels = {
            _KIND.sub("", option.rpartition(":")[2].partition("|")[2] or option.rpartition(":")[2]).strip()
            for each in self.entities
            for value in each["cells"].values()
            for option in _LIST.split(value)
            if len(option) < _LONGEST_LABEL
        }
        labels |= {label for each in self.entities for label in (each["data"]["label"], each["parent_label"])}
        return {slug(label) for label in labels if label and label.casefold() not in named}

    @cached_property
    def names(self) -> set[str]:
        """Machine names as the payload has them; nearly all names of a ticket are among these."""
        found = {need["machine_name"] for each in self.entities for need in each["needs"]}
        for each in self.entities:
            found |= {each["data"]["machine_name"], each["bundle"]}
        return found

    @cached_property
    def identifiers(self) -> set[str]:
        """Words of everything but labels and prose: what may be the machine name of a bundle."""
        found: list[str] = []
        for each in self.entities:
            kind = CSV_TYPES.get(each["type"])
            spoken = _SPOKEN | {kind.label} if kind else _SPOKEN
            found += (each["key"], each["bundle"], each["data"]["machine_name"])
            found += (value for column, value in each["cells"].items() if column not in spoken)
            found += each["extra"].values()
            found += (name for need in each["needs"] for name in (need["key"], need["machine_name"]))
        return set(_WORD.findall("\n".join(found).casefold()))

    # Counts

    @cached_property
    def counts(self) -> set[int]:
        """All that can be counted: entries of lists, parts, needs, parts that share a value."""
        found = {len(self.entity["needs"]), len(self.entity["children"])}
        found |= set(Counter(need["csv_type"] for need in self.entity["needs"]).values())
        for each in self.entities:
            for value in (*each["cells"].values(), *each["extra"].values()):
                found.add(len(cells.options(value)))
                found |= {len(cells.options(part)) for _, part in cells.settings(value)}
                found.add(len(cells.targets(value)))
        return found | {number for noun in CSV_TYPES for number in self.counted(noun)}

    @cached_property
    def lengths(self) -> set[int]:
        """How many characters the names have."""
        return {len(name) for each in self.entities for name in (each["data"]["machine_name"], each["data"]["label"])}

    def counted(self, csv_type: str) -> set[int]:
        """How many parts of this type there are, and how many of them share one cell."""
        parts = [each for each in self.entities[1:] if each["type"] == csv_type]
        shared = Counter(cell for part in parts for cell in part["cells"].items())
        return {len(parts), *shared.values()} if parts else set()

    def number_of_parts(self, csv_type: str) -> int:
        return sum(each["type"] == csv_type for each in self.entities[1:])

    # Fields

    @cached_property
    def fields(self) -> list[EntityPayload]:
        return [each for each in self.entities if each["type"] == "fields"]

    @cached_property
    def plugins(self) -> set[str]:
        """Plugin ids of the field types in the cells; empty where one of them is none that we know."""
        found = {field_plugin(cells.cell(each, "Field type")) for each in self.fields}
        return found if found <= FIELD_TYPES.keys() else set()

    @cached_property
    def widgets(self) -> set[str]:
        """Families of the widgets in the cells; empty where one of them is none that we know."""
        found = {WIDGET_PHRASES.get(cells.cell(each, "Form widget").casefold(), "") for each in self.fields}
        return found if "" not in found else set()

    @cached_property
    def displays(self) -> set[str]:
        found = {
            DISPLAY_PHRASES.get(cells.cell(each, "Display plugin").casefold(), "")
            for each in self.entities
            if each["type"] == "view_displays"
        }
        return found if "" not in found else set()

    @cached_property
    def cardinalities(self) -> set[int]:
        """Numbers of values, -1 for unlimited; empty where one of them cannot be read."""
        found = {cells.cardinality(each) for each in self.fields}
        return found if 0 not in found else set()

    # Bundles

    @cached_property
    def kinds(self) -> dict[str, set[str]]:
        """Label of a bundle -> entity types that the cells give it."""
        found: dict[str, set[str]] = {}
        for each in self.entities:
            if each["type"] == "bundles":
                found.setdefault(each["data"]["label"].casefold(), set()).add(each["entity_type"])
            elif each["parent_label"] and each["type"] == "fields":
                found.setdefault(each["parent_label"].casefold(), set()).add(each["entity_type"])
            for need in each["needs"]:
                if need["csv_type"] == "bundles":
                    kind = need["key"].partition(":")[2].partition(".")[0]
                    found.setdefault(need["label"].casefold(), set()).add(kind)
            for column in ("Bundle", "Ref. bundle", "Entities Used On", "Settings/notes", "Notes"):
                for target in cells.targets(each["cells"].get(column, "")):
                    found.setdefault(target.label.casefold(), set()).add(target.entity_type)
        known = set(BUNDLE_PHRASES.values())
        return {label: kinds for label, kinds in found.items() if label and kinds <= known}

    # What to say

    def cells_of(self, column: str, most: int = 3) -> str:
        """The values of a column over the fields or displays, for a sentence."""
        values = dict.fromkeys(value for each in self.entities if (value := cells.cell(each, column)))
        shown = [_shortened(value) for value in values]
        return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")

    def nearest_name(self, name: str) -> str:
        """The machine name or label in the cells that shares most with this one, or nothing."""
        wanted = set(name.casefold().replace("_", " ").split())
        best, best_score = "", 0.0
        for each in self._names:
            pieces = set(each.casefold().replace("_", " ").split())
            score = len((pieces & wanted) - {"field"}) / len(pieces | wanted)
            if score > best_score:
                best, best_score = each, score
        return best

    @cached_property
    def _names(self) -> list[str]:
        names = []
        for each in self.entities[:200]:
            names += [each["data"]["machine_name"], each["data"]["label"], each["bundle"], each["parent_label"]]
            names += [name for need in each["needs"][:50] for name in (need["machine_name"], need["label"])]
        return [_shortened(name) for name in dict.fromkeys(names) if name][:400]


def _with_parts(entity: EntityPayload) -> list[EntityPayload]:
    found, waiting = [entity], list(reversed(entity["children"]))
    while waiting:
        each = waiting.pop()
        found.append(each)
        waiting.extend(reversed(each["children"]))
    return found


def _texts(entity: EntityPayload) -> list[str]:
    data = entity["data"]
    found = [entity["key"], entity["entity_type"], entity["bundle"], entity["parent_label"]]
    found += (data["machine_name"], data["label"], data["description"], *entity["cells"].values())
    for column, value in entity["extra"].items():
        found += (column, value)
    for need in entity["needs"]:
        found += (need["key"], need["label"], need["machine_name"])
    found.append(entity["csv_source"]["filename"])
    return found


def _shortened(text: str, longest: int = 60) -> str:
    line = " ".join(text[: longest * 4].split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
