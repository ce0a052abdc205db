"""Markdown to the Atlassian Document Format, of our own: small, linear, and no word is lost.

ADF holds less than Markdown at many places. What does not fit is turned into the next readable thing:

| in Markdown | in ADF |
| --- | --- |
| heading in a list or quote | bold paragraph |
| quote in a list or quote | its content, where it stands |
| table in a list or quote | after what comes before it, outside; lists go on with their numbers, quotes open again |
| rule in a list or quote | a dash of text |
| ``- [ ]`` | task; in quotes and in numbered lists the box is text; what is no text or task goes after the tasks |
| code in bold, in a link | code alone, link alone |
| picture | link to it |
| link that is neither web nor mail | its text, and the address in brackets |
| definition of a link that is never used | its text |
| cells beyond a table's width | in the last cell |
| words after a fence's language | a line of code before it |
| table of more than 100 columns | its rows as text |
| anything too deep or too long | text |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, groupby
from typing import Final

from markdown_it.token import Token

from .dialect import LONGEST, cleaned, tokens_of
from .inline import Inline, Node, task_of

_IN_A_QUOTE: Final = frozenset({"paragraph", "bulletList", "orderedList", "codeBlock"})
_IN_AN_ITEM: Final = _IN_A_QUOTE | {"taskList"}
_IN_A_DOCUMENT: Final = _IN_AN_ITEM | {"heading", "blockquote", "rule", "table"}
_WIDEST: Final = 100
"""Columns of a table that anybody can read, or a tracker show."""
_DASH: Final = "———"


@dataclass(frozen=True, slots=True)
class Conversion:
    """``lines[n]`` is the line of the Markdown (from 0) that ``adf["content"][n]`` comes from."""

    adf: Node
    lines: list[int]


def adf_of(markdown: str) -> Node:
    """The text as an ADF document that Jira accepts, unless it is too long for it. Never fails."""
    return converted(markdown).adf


def converted(markdown: str) -> Conversion:
    """The text as an ADF document, with the lines that its blocks come from."""
    text = cleaned(markdown).replace("\r\n", "\n").replace("\r", "\n")
    end = len(text) if len(text) <= LONGEST else text.rfind("\n", 0, LONGEST) + 1 or LONGEST
    writer = _Writer()
    content: list[Node] = []
    lines: list[int] = []
    for block in _tree(tokens_of(text[:end])).children:
        made = list(writer.block(block, _IN_A_DOCUMENT))
        content += made
        lines += [block.line] * len(made)
    for line, paragraph in _plain(text[end:], text.count("\n", 0, end)):
        content.append(paragraph)
        lines.append(line)
    return Conversion({"version": 1, "type": "doc", "content": content or [_paragraph([])]}, lines or [0])


@dataclass(slots=True)
class _Block:
    """A block with its blocks, or with its inline tokens."""

    token: Token
    children: list[_Block] = field(default_factory=list)
    inline: list[Token] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.token.type.removesuffix("_open")

    @property
    def line(self) -> int:
        return self.token.map[0] if self.token.map else 0


def _tree(tokens: Iterable[Token]) -> _Block:
    open_blocks = [_Block(Token("document", "", 0))]
    for token in tokens:
        if token.type == "inline":
            open_blocks[-1].inline += token.children or ()
        elif token.nesting < 0:
            open_blocks.pop()
        else:
            block = _Block(token)
            open_blocks[-1].children.append(block)
            if token.nesting > 0:
                open_blocks.append(block)
    return open_blocks[0]


class _Writer:
    """Blocks to nodes. ``place`` is what the container may hold; a node that is not in it makes the container split."""

    def __init__(self) -> None:
        self._ids = count(1)

    def block(self, block: _Block, place: frozenset[str]) -> Iterable[Node]:  # noqa: PLR0911 - one line per kind
        match block.kind:
            case "paragraph":
                return _paragraphs(Inline().take(block.inline))
            case "heading":
                return self._heading(block, place)
            case "blockquote":
                return self._quote(block, place)
            case "bullet_list" | "ordered_list":
                return _List(self, block, place).nodes()
            case "fence" | "code_block":
                return _code(block.token)
            case "hr":
                return [{"type": "rule"} if "rule" in place else _paragraph([{"type": "text", "text": _DASH}])]
            case "table":
                return _table(block)
            case "definition":
                return _definition(block.token)
            case _:
                return _paragraphs(Inline().take(block.inline).text(block.token.content))

    def blocks(self, blocks: Iterable[_Block], place: frozenset[str]) -> Iterator[Node]:
        for block in blocks:
            yield from self.block(block, place)

    def task_id(self) -> str:
        """Unique within the document, and the same for the same document."""
        return f"task-{next(self._ids)}"

    def _heading(self, block: _Block, place: frozenset[str]) -> list[Node]:
        if "heading" not in place:
            return _paragraphs(Inline(bold=True).take(block.inline))
        content = Inline().take(block.inline).nodes()
        level = int(block.token.tag[1:])
        return [{"type": "heading", "attrs": {"level": level}, "content": content}] if content else []

    def _quote(self, block: _Block, place: frozenset[str]) -> Iterator[Node]:
        if "blockquote" not in place:
            yield from self.blocks(block.children, place)
            return
        nodes = self.blocks(block.children, _IN_A_QUOTE)
        for fits, group in groupby(nodes, lambda node: node["type"] in _IN_A_QUOTE):
            if fits:
                yield {"type": "blockquote", "content": list(group)}
            else:
                yield from group


class _List:
    """One Markdown list as the ADF lists and blocks that it takes."""

    def __init__(self, writer: _Writer, block: _Block, place: frozenset[str]) -> None:
        self.writer = writer
        self.block = block
        self.is_ordered = block.kind == "ordered_list"
        self.with_tasks = not self.is_ordered and "taskList" in place
        self.out: list[Node] = []
        self.is_open = False

    def nodes(self) -> list[Node]:
        first = int(self.block.token.attrGet("start") or 0) if "start" in self.block.token.attrs else 1
        for number, item in enumerate(self.block.children, start=first):
            task = self._task(item) if self.with_tasks else None
            if task:
                self._add_task(*task, item.children[1:])
            else:
                self._add_item(number, item)
        return self.out

    def _task(self, item: _Block) -> tuple[bool, list[Token]] | None:
        opening = item.children[0] if item.children else None
        return task_of(opening.inline) if opening and opening.kind == "paragraph" else None

    def _add_item(self, number: int, item: _Block) -> None:
        nodes = list(self.writer.blocks(item.children, _IN_AN_ITEM))
        end = next((at for at, node in enumerate(nodes) if node["type"] not in _IN_AN_ITEM), len(nodes))
        inside, outside = nodes[:end], nodes[end:]
        if inside or not outside:
            # Older checks want an item to begin with text or code.
            lead = [] if inside and inside[0]["type"] in {"paragraph", "codeBlock"} else [_paragraph([])]
            current = self._current("orderedList" if self.is_ordered else "bulletList", number)
            current["content"].append({"type": "listItem", "content": [*lead, *inside]})
        self._leave(outside)

    def _add_task(self, is_done: bool, tokens: list[Token], more: list[_Block]) -> None:  # noqa: FBT001 - unpacked
        current = self._current("taskList")
        attrs = {"localId": self.writer.task_id(), "state": "DONE" if is_done else "TODO"}
        current["content"].append({"type": "taskItem", "attrs": attrs, "content": Inline().take(tokens).nodes()})
        nodes = list(self.writer.blocks(more, _IN_AN_ITEM))
        end = next((at for at, node in enumerate(nodes) if node["type"] != "taskList"), len(nodes))
        current["content"] += nodes[:end]
        self._leave(nodes[end:])

    def _current(self, kind: str, number: int = 1) -> Node:
        """The list under way, or a new one if it is of another kind or something came between."""
        if not (self.is_open and self.out[-1]["type"] == kind):
            node: Node = {"type": kind, "content": []}
            if kind == "taskList":
                node["attrs"] = {"localId": self.writer.task_id()}
            elif kind == "orderedList" and number != 1:
                node["attrs"] = {"order": number}
            self.out.append(node)
            self.is_open = True
        return self.out[-1]

    def _leave(self, nodes: list[Node]) -> None:
        if nodes:
            self.out += nodes
            self.is_open = False


def _paragraph(content: list[Node]) -> Node:
    return {"type": "paragraph", "content": content}


def _paragraphs(inline: Inline) -> list[Node]:
    """One, or none where there is nothing to show."""
    content = inline.nodes()
    return [_paragraph(content)] if content else []


def _code(token: Token) -> list[Node]:
    language, _, more = token.info.strip().partition(" ")
    text = token.content.removesuffix("\n")
    block: Node = {"type": "codeBlock", "content": [{"type": "text", "text": text}] if text else []}
    if language:
        block["attrs"] = {"language": language}
    more = " ".join(more.split())
    note: Node = {"type": "text", "text": more, "marks": [{"type": "code"}]}
    return [_paragraph([note]), block] if more else [block]


def _table(block: _Block) -> list[Node]:
    rows = [row for part in block.children for row in part.children]
    if len(rows[0].children) > _WIDEST:
        return [paragraph for row in rows for paragraph in _paragraphs(_line(row))]
    return [{"type": "table", "content": [_row(row) for row in rows]}]


def _row(row: _Block) -> Node:
    cells = [Inline().take(cell.inline) for cell in row.children]
    for beyond in row.token.meta.get("beyond", ()):
        cells[-1].text(" | ").take(beyond)
    kinds = ["tableHeader" if cell.kind == "th" else "tableCell" for cell in row.children]
    return {
        "type": "tableRow",
        "content": [
            {"type": kind, "content": [_paragraph(cell.nodes())]} for kind, cell in zip(kinds, cells, strict=True)
        ],
    }


def _line(row: _Block) -> Inline:
    """A row as text, without its empty cells."""
    line = Inline()
    cells = [*(cell.inline for cell in row.children), *row.token.meta.get("beyond", ())]
    for number, cell in enumerate(filter(None, cells)):
        line.text(" | " if number else "").take(cell)
    return line


def _definition(token: Token) -> list[Node]:
    if token.meta["used"]:
        return []
    return _paragraphs(Inline().text(f"{token.meta['label']}: ").link(token.meta["url"], token.meta["title"]))


def _plain(text: str, line: int) -> Iterator[tuple[int, Node]]:
    """Text that is too long to be read as Markdown, by its empty lines. Yields (line, paragraph)."""
    for part in re.split(r"(\n\s*\n)", text):
        if words := " ".join(part.split()):
            yield line, _paragraph([{"type": "text", "text": words}])
        line += part.count("\n")
