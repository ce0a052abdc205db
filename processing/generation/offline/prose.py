"""Cell text in, safe text out: every word that a stranger wrote reaches a ticket through this module.

Cells may hold Markdown, HTML, Jira markup, control characters or a whole novel. ``plain`` makes one clean line of
it, ``inline`` makes that line safe inside a Markdown sentence, ``code`` inside a code span, ``spoken`` inside a
Gherkin line. None of them ever returns a line break.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

LABEL: Final = 100
SENTENCE: Final = 400
ELLIPSIS: Final = "…"
TIMES: Final = "\u00d7"

_READ_AHEAD: Final = 8
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]{0,300}>|<!--.{0,300}?-->")
_TAG_OPENING: Final = re.compile(r"<(?=[A-Za-z/!?])")
_SPECIAL: Final = re.compile(r"[\\`*\[\]<>|~{}$^]|(?<![^\W_])_|_(?![^\W_])|&(?=[#\w]+;)")
_LINE_START: Final = re.compile(r"^[#=+\-:]")
_LIST_NUMBER: Final = re.compile(r"^(\d+)(?=[.)])")
_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,'\"()/\u2019\u00d7\u2013-]*")
_LINKLIKE: Final = re.compile(r"@|://|^www\.|\w\.[a-z]{2,}|^\[[\w:-]+\]|^/\w", re.IGNORECASE)
_WRAPPING: Final = re.compile(r"^([(\"'“]*)(.*?)([)\"'”.,;:!?]*)$", re.DOTALL)
_PIPE: Final = re.compile(r"(?<!\\)\|")
_ESCAPED_PIPE: Final = r"\\|"
_TICKS: Final = re.compile(r"`+")


def plain(text: str, limit: int = SENTENCE) -> str:
    """One clean line: no control or invisible characters, no tags, no line breaks, at most ``limit`` characters."""
    head = text[: limit * _READ_AHEAD + 400]
    line = head if _SAFE.fullmatch(head) else _without_tags(_visible(head))
    line = " ".join(line.split())
    shortened = len(line) > limit or len(head) < len(text)
    return line[: limit - 1].rstrip() + ELLIPSIS if shortened else line


def _visible(text: str) -> str:
    """Without control, format (zero-width, right-to-left) and unassigned characters."""
    if text.isprintable():
        return text
    return "".join(character for character in text if character.isprintable() or character.isspace())


def _without_tags(text: str) -> str:
    """Markup is not content; what still looks like the start of a tag afterwards loses its bracket."""
    return _TAG_OPENING.sub("\u2039", _TAG.sub("", text)) if "<" in text else text


@lru_cache(maxsize=8192)
def _inline(line: str) -> str:
    if _SAFE.fullmatch(line):
        return line
    text = " ".join(_word(word) for word in line.split(" "))
    return _LIST_NUMBER.sub(r"\1\\", _LINE_START.sub(r"\\\g<0>", text))


def _word(word: str) -> str:
    """Escape one word; addresses, mentions, file names and tokens become code, so that nothing turns into a link."""
    if not _LINKLIKE.search(word):
        return _SPECIAL.sub(r"\\\g<0>", word)
    parts = _WRAPPING.fullmatch(word)
    before, core, after = parts.groups() if parts else ("", word, "")
    return f"{before}{code(core)}{after}" if core else _SPECIAL.sub(r"\\\g<0>", word)


def inline(text: str, limit: int = SENTENCE) -> str:
    """Text for the middle of a Markdown sentence or a table cell."""
    return _inline(plain(text, limit))


def quoted(text: str, limit: int = SENTENCE) -> str:
    return f"“{inline(text, limit)}”"


def code(text: str, limit: int = LABEL * 2) -> str:
    """A code span that its content cannot leave, whatever back-ticks it holds; ``|`` is escaped only by the table."""
    line = plain(text, limit)
    if "`" not in line:
        return f"`{line}`" if line else "``"
    fence = "`" * (max(len(run) for run in _TICKS.findall(line)) + 1)
    return f"{fence} {line} {fence}"


def spoken(text: str, limit: int = LABEL) -> str:
    """Text inside a quoted Gherkin argument."""
    return plain(text, limit).replace('"', "'").replace("`", "'").replace("\\", "/")


def named(label: str, machine_name: str = "") -> str:
    """``“Summary” (`field_summary`)``, or what of it there is."""
    if label and machine_name:
        return f"{quoted(label, LABEL)} ({code(machine_name)})"
    return quoted(label, LABEL) if label else code(machine_name) if machine_name else "the unnamed entry"


def listed(items: Sequence[str], *, last: str = "and", most: int = 40) -> str:
    """``a, b and c``."""
    if len(items) > most:
        return f"{', '.join(items[:most])} {last} {len(items) - most} more"
    return f" {last} ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def bullets(items: Iterable[str], most: int = 100) -> str:
    return "\n".join(f"- {line}" for line in _distinct(items, most))


def numbered(items: Iterable[str], most: int = 100) -> str:
    return "\n".join(f"{place}. {line}" for place, line in enumerate(_distinct(items, most), 1))


def _distinct(items: Iterable[str], most: int) -> list[str]:
    lines = list(dict.fromkeys(item for item in items if item))
    rest = len(lines) - most
    return [*lines[:most], f"… and {rest} more: see the rows of the specification."] if rest > 0 else lines


def table(head: Sequence[str], rows: Iterable[Sequence[str]], most: int = 150) -> str:
    """A Markdown table of cells that are already safe inline text."""
    lines = [_table_row(row) for row in rows]
    rest = len(lines) - most
    body = lines[:most] if rest > 0 else lines
    closing = [f"\n… and {rest} more: see the rows of the specification."] if rest > 0 else []
    return "\n".join([_table_row(head), _table_row(["---"] * len(head)), *body, *closing])


def _table_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_PIPE.sub(_ESCAPED_PIPE, cell) or ' ' for cell in cells)} |"


def section(heading: str, *blocks: str) -> str:
    """A heading of level 3 with its paragraphs; nothing at all where there are no paragraphs."""
    body = "\n\n".join(block for block in blocks if block)
    return f"### {heading}\n\n{body}" if body else ""


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def article(noun: str) -> str:
    """``an image style``, ``a user role``."""
    return f"an {noun}" if noun[:1].lower() in "aeio" or noun.lower().startswith("unkn") else f"a {noun}"
