"""The configuration objects of an export by name, and careful ways to look into them."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from .documents import Mapping, Value

_NOT_FOR_CELLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_LONGEST_WORD = 100


@dataclass(frozen=True, slots=True)
class ConfigObject:
    """``name`` as Drupal uses it (``node.type.article``), ``id`` what follows its kind (``article``)."""

    name: str
    id: str
    values: Mapping

    @property
    def origin(self) -> str:
        return f"{self.name}.yml"


def kind_of(name: str) -> str:
    """``node.type.article`` -> ``node.type``: every kind that matters here has two parts."""
    return ".".join(name.split(".", 2)[:2])


class ConfigObjects:
    """All objects that were read, sorted by name."""

    def __init__(self, values_by_name: dict[str, Mapping]) -> None:
        self._kinds: dict[str, list[ConfigObject]] = defaultdict(list)
        self._by_name = values_by_name
        for name, values in sorted(values_by_name.items()):
            kind = kind_of(name)
            self._kinds[kind].append(ConfigObject(name, name[len(kind) + 1 :], values))

    def of_kind(self, kind: str) -> list[ConfigObject]:
        return self._kinds.get(kind, [])

    def named(self, name: str) -> Mapping:
        """The values of one object, empty where the export lacks it."""
        return self._by_name.get(name, {})


def at(value: Value, *path: str) -> Value:
    """Follow ``path`` through mappings; the empty string where it leads nowhere."""
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return ""
        value = value[key]
    return value


def text(value: Value, *path: str) -> str:
    """A scalar as it may stand in a cell: trimmed, without characters that a database or a page cannot hold."""
    found = at(value, *path)
    return _NOT_FOR_CELLS.sub("", found).replace("\r\n", "\n").strip() if isinstance(found, str) else ""


def term(value: Value, *path: str) -> str:
    """A scalar that is a number, a flag or an id: nothing long, however often it is looked at."""
    found = at(value, *path)
    return text(found[:_LONGEST_WORD]) if isinstance(found, str) else ""


def mapping(value: Value, *path: str) -> Mapping:
    found = at(value, *path)
    return found if isinstance(found, dict) else {}


def items(value: Value, *path: str) -> list[Value]:
    """The elements of a list or the values of a mapping: Drupal writes many lists with keys."""
    found = at(value, *path)
    if isinstance(found, dict):
        return list(found.values())
    return found if isinstance(found, list) else []


def texts(value: Value, *path: str) -> list[str]:
    return [found for item in items(value, *path) if (found := text(item))]


def whole(value: Value, *path: str, default: int = 0) -> int:
    found = term(value, *path)
    return int(found) if _WHOLE.fullmatch(found) else default


def is_on(value: Value, *path: str) -> bool:
    return term(value, *path).lower() in {"true", "1"}


def by_weight(objects: Iterable[tuple[str, Value]]) -> list[tuple[str, Value]]:
    """(key, values) pairs in the order in which Drupal shows them; equal weights keep theirs."""
    return sorted(objects, key=lambda pair: whole(pair[1], "weight"))
