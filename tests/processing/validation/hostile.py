"""Texts that a naive reader takes for ever over: name -> a text of about so many characters."""

from __future__ import annotations

from collections.abc import Callable

HOSTILE: dict[str, Callable[[int], str]] = {
    "one line": lambda n: "word " * (n // 5),
    "one word": lambda n: "w" * n,
    "open brackets": lambda n: "[" * n,
    "brackets in brackets": lambda n: "[" * (n // 2) + "a" + "]" * (n // 2),
    "pictures in pictures": lambda n: "![" * (n // 6) + "a" + "](b)" * (n // 6),
    "links that never end": lambda n: "[a](<b" * (n // 6),
    "titles that never end": lambda n: '[a](b "c' * (n // 8),
    "marks that never close": lambda n: "*a **b _c " * (n // 10),
    "marks in marks": lambda n: "*a **b " * (n // 14) + "c** d*" * (n // 14),
    "fences of all lengths": lambda n: "".join("e" + "`" * length for length in range(int((2 * n) ** 0.5))),
    "quote in quote": lambda n: ">" * n,
    "quote in quote, lazy lines": lambda n: ">" * 50 + "a\n" + "b\n" * (n // 2),
    "quotes in steps": lambda n: "\n".join(">" * depth + " a" for depth in range(int((2 * n) ** 0.5))),
    "list in list": lambda n: "- " * (n // 2) + "a",
    "lists in steps": lambda n: "\n".join("  " * depth + "- a" for depth in range(int(n**0.5))),
    "lists in quotes in lists": lambda n: "- > " * (n // 4) + "a",
    "many items": lambda n: "- a\n\n" * (n // 5),
    "lists and lists": lambda n: "1) a\n2. b\n" * (n // 10),
    "long table": lambda n: "|a|b|\n|-|-|\n" + "|c|d|\n" * (n // 6),
    "wide table": lambda n: f"|{'a|' * (n // 6)}\n|{'-|' * (n // 6)}\n|{'b|' * (n // 6)}",
    "wide table of short rows": lambda n: f"|{'a|' * (n // 8)}\n|{'-|' * (n // 8)}\n" + "|b|\n" * (n // 16),
    "rows beyond the table": lambda n: "|a|\n|-|\n|" + "b|" * (n // 2),
    "many tables": lambda n: "a|b\n-|-\n" * (n // 8),
    "many definitions": lambda n: "".join(f"[a{number}]: b\n" for number in range(n // 10)),
    "definitions that never end": lambda n: "[a\n" * (n // 3),
    "many tasks": lambda n: "- [ ] a\n" * (n // 8),
    "breaks": lambda n: "<br>" * (n // 4),
    "entities": lambda n: "&#x1" * (n // 4),
}
