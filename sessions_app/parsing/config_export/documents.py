"""YAML text to plain values, with an upper bound on what a file can make of itself.

The values are built from the parser's events instead of by ``yaml.load``: no tag can construct anything, numbers and
dates keep the spelling of the file (``1.10`` stays ``1.10``), and nodes are counted while they appear, those behind an
alias included and long texts as several, so that a few lines of aliases cannot grow into gigabytes.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import yaml

from sessions_app.parsing.tables import UnreadableFile

Value: TypeAlias = "str | list[Value] | dict[str, Value]"
Mapping: TypeAlias = "dict[str, Value]"

DEEPEST: Final = 100
NODES_PER_DOCUMENT: Final = 250_000
NODES_PER_EXPORT: Final = 3_000_000
_CHARACTERS_PER_NODE: Final = 64

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_REPAIRED: Final = {code: bytes([code]).decode("cp1252", "replace") for code in range(0x80, 0xA0) if code not in {0x85}}
"""C1 control characters are what is left of Windows-1252 text; YAML forbids all of them but U+0085."""


class UnreadableDocument(Exception):
    """This file cannot be read; the message says why, in a few words."""


class Budget:
    """Counts the nodes of all files of an export, the unreadable ones included: they took their time as well."""

    def __init__(self, nodes: int = NODES_PER_EXPORT) -> None:
        self._left = nodes

    def spend(self, nodes: int) -> None:
        self._left -= nodes
        if self._left < 0:
            raise UnreadableFile(
                "config_too_complex", "The export holds more values than the configuration of any site does."
            )


def read_document(data: bytes, budget: Budget) -> Mapping:
    """The mapping that a configuration object is. Raises UnreadableDocument, and UnreadableFile beyond the budget."""
    try:
        text = data.decode("utf-8-sig").translate(_REPAIRED)
        value = _built(text, budget)
    except UnicodeDecodeError:
        raise UnreadableDocument("not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UnreadableDocument(f"{where}{error.problem}") from None
    except (yaml.YAMLError, ValueError, OverflowError):
        raise UnreadableDocument("characters that YAML does not allow") from None
    if not isinstance(value, dict):
        raise UnreadableDocument("not a configuration object")
    return value


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been read yet. ``began``: the node count when it opened."""

    value: list[Value] | dict[str, Value]
    anchor: str | None
    began: int
    key: str | None = None

    def put(self, value: Value) -> None:
        if isinstance(self.value, list):
            self.value.append(value)
        elif self.key is not None:
            self.value[self.key] = value
            self.key = None
        elif isinstance(value, str):
            self.key = value
        else:
            raise UnreadableDocument("a list or mapping used as a key")


class _Builder:
    def __init__(self, budget: Budget) -> None:
        self.result: Value = ""
        self._budget = budget
        self._nodes = 0
        self._open: list[_Open] = []
        self._anchored: dict[str, tuple[Value, int]] = {}

    def scalar(self, event: yaml.ScalarEvent) -> None:
        size = 1 + len(event.value) // _CHARACTERS_PER_NODE
        self._count(size)
        is_null = event.implicit[0] and not event.style and event.value in _NULLS
        value = "" if is_null else event.value.replace("\0", "")
        if event.anchor:
            self._anchored[event.anchor] = value, size
        self._put(value)

    def alias(self, event: yaml.AliasEvent) -> None:
        """The value behind the anchor, counted again: it is shared in memory but read as often as it is named."""
        if event.anchor not in self._anchored:
            raise UnreadableDocument("an alias without an anchor before it")
        value, size = self._anchored[event.anchor]
        self._count(size)
        self._put(value)

    def begin(self, value: list[Value] | dict[str, Value], anchor: str | None) -> None:
        self._count(1)
        if len(self._open) == DEEPEST:
            raise UnreadableDocument("nested too deeply")
        self._open.append(_Open(value, anchor, self._nodes - 1))

    def end(self) -> None:
        closed = self._open.pop()
        if closed.anchor:
            self._anchored[closed.anchor] = closed.value, self._nodes - closed.began
        self._put(closed.value)

    def _put(self, value: Value) -> None:
        if self._open:
            self._open[-1].put(value)
        else:
            self.result = value

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > NODES_PER_DOCUMENT:
            raise UnreadableDocument("too many values, or aliases that multiply")
        self._budget.spend(nodes)


def _built(text: str, budget: Budget) -> Value:
    """The first document of ``text``."""
    builder = _Builder(budget)
    for event in yaml.parse(text, Loader=_LOADER):
        match event:
            case yaml.ScalarEvent():
                builder.scalar(event)
            case yaml.MappingStartEvent():
                builder.begin({}, event.anchor)
            case yaml.SequenceStartEvent():
                builder.begin([], event.anchor)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                builder.end()
            case yaml.AliasEvent():
                builder.alias(event)
            case yaml.DocumentEndEvent():
                break
    return builder.result
