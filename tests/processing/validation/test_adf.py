"""Markdown to ADF: always valid, no word lost, and readable where ADF holds less than Markdown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from processing.validation.adf import adf_of, converted
from processing.validation.dialect import LONGEST
from processing.validation.schema import is_valid, problems_of
from tests.conftest import SHARED
from tests.processing.validation.hostile import HOSTILE
from tests.processing.validation.words import lost

CORPUS = sorted((SHARED / "markdown").glob("*.md"))
SPECIFICATION = SHARED / "markdown" / "commonmark-0.31.2.json"
EXAMPLES = json.loads(SPECIFICATION.read_text()) if SPECIFICATION.is_file() else []
MARKUP = {"x", "X", "br"}
"""Words of the corpus that are no words: ticks of tasks and ``<br>``."""


def text(words: str, *marks: str | dict[str, Any]) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "text", "text": words}
    if marks:
        node["marks"] = [mark if isinstance(mark, dict) else {"type": mark} for mark in marks]
    return node


def link(href: str, **more: str) -> dict[str, Any]:
    return {"type": "link", "attrs": {"href": href, **more}}


def paragraph(*content: Any) -> dict[str, Any]:
    return {"type": "paragraph", "content": [text(each) if isinstance(each, str) else each for each in content]}


def item(*content: Any) -> dict[str, Any]:
    return {"type": "listItem", "content": [paragraph(each) if isinstance(each, str) else each for each in content]}


def bullets(*items: Any) -> dict[str, Any]:
    return {"type": "bulletList", "content": [item(each) if isinstance(each, str) else each for each in items]}


def numbers(*items: Any, order: int = 1) -> dict[str, Any]:
    attrs = {} if order == 1 else {"attrs": {"order": order}}
    return {
        "type": "orderedList",
        "content": [item(each) if isinstance(each, str) else each for each in items],
        **attrs,
    }


def quote(*content: Any) -> dict[str, Any]:
    return {"type": "blockquote", "content": [paragraph(each) if isinstance(each, str) else each for each in content]}


def code(words: str, **attrs: str) -> dict[str, Any]:
    return {"type": "codeBlock", "content": [text(words)] if words else [], **({"attrs": attrs} if attrs else {})}


def heading(level: int, words: str) -> dict[str, Any]:
    return {"type": "heading", "attrs": {"level": level}, "content": [text(words)]}


def table(head: list[str], *rows: list[str]) -> dict[str, Any]:
    def row(kind: str, cells: list[str]) -> dict[str, Any]:
        made = [{"type": kind, "content": [paragraph(cell) if cell else paragraph()]} for cell in cells]
        return {"type": "tableRow", "content": made}

    return {"type": "table", "content": [row("tableHeader", head), *(row("tableCell", cells) for cells in rows)]}


def content(markdown: str) -> list[dict[str, Any]]:
    """What the document holds; it is valid and has every word."""
    adf = adf_of(markdown)
    assert problems_of(adf) == []
    assert lost(markdown, adf) <= MARKUP
    return adf["content"]


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("", [paragraph()]),
        ("  \n\n", [paragraph()]),
        ("# One\n\ntwo\nthree", [heading(1, "One"), paragraph("two three")]),
        ("#\n\n- \n", [bullets(item(paragraph()))]),
        ("a\n\n---\n\nb", [paragraph("a"), {"type": "rule"}, paragraph("b")]),
        ("a  \nb<br>c", [paragraph("a", {"type": "hardBreak"}, "b", {"type": "hardBreak"}, "c")]),
        (r"a\<br>", [paragraph("a<br>")]),
        ("<div>a</div> <b>b</b>", [paragraph("<div>a</div> <b>b</b>")]),
        ("3. a\n4. b", [numbers("a", "b", order=3)]),
        ("- a\n  1. b", [bullets(item("a", numbers("b")))]),
        ("- - a", [bullets(item(paragraph(), bullets("a")))]),
        ("```py x=1 y\na\n```", [paragraph(text("x=1 y", "code")), code("a", language="py")]),
        ("```\n```", [code("")]),
        ("    a\n\n    b", [code("a\n\nb")]),
        ("\ufeffa\x07 b\ud800", [paragraph("a b\ufffd")]),
    ],
)
def test_blocks(markdown, expected):
    assert content(markdown) == expected


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("***a*** ~~**b**~~", [text("a", "em", "strong"), text(" "), text("b", "strong", "strike")]),
        ("**a `b` c**", [text("a ", "strong"), text("b", "code"), text(" c", "strong")]),
        ("**a **b** c**", [text("a b c", "strong")]),
        ("[a](https://b.c 'd')", [text("a", link("https://b.c", title="d"))]),
        ("**[`a`](https://b.c)**", [text("a", link("https://b.c"), "strong")]),
        ("[](https://b.c)", [text("https://b.c", link("https://b.c"))]),
        (
            "<https://b.c> <d@e.f>",
            [text("https://b.c", link("https://b.c")), text(" "), text("d@e.f", link("mailto:d@e.f"))],
        ),
        ("[a](/b)", [text("a (/b)")]),
        ("[a](ftp://b.c 'd')", [text('a (ftp://b.c "d")')]),
        ("[a](javascript:b)", [text("[a](javascript:b)")]),
        ("<tel:1>", [text("tel:1")]),
        ("![a](https://b.c/d.png)", [text("a", link("https://b.c/d.png"))]),
        ("![](https://b.c/d.png)", [text("https://b.c/d.png", link("https://b.c/d.png"))]),
        ("![a](d.png)", [text("a (d.png)")]),
        ("[![a](https://b.c)](https://d.e)", [text("a (https://b.c)", link("https://d.e"))]),
    ],
)
def test_text(markdown, expected):
    assert content(markdown) == [paragraph(*expected)]


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("- # a", [bullets(item(paragraph(text("a", "strong"))))]),
        ("> # a `b`", [quote(paragraph(text("a ", "strong"), text("b", "code")))]),
        ("> a\n> > b\n> > > c", [quote("a", "b", "c")]),
        ("- a\n  > b", [bullets(item("a", "b"))]),
        ("> a\n>\n> ---", [quote("a", "———")]),
        (">", [paragraph()]),
        ("> - [ ] a", [quote(bullets("[ ] a"))]),
        ("1. [ ] a", [numbers("[ ] a")]),
    ],
)
def test_what_has_no_place_becomes_the_next_readable_thing(markdown, expected):
    assert content(markdown) == expected


def test_a_table_leaves_its_list_which_goes_on_with_its_numbers():
    made = content("1. a\n\n   | h |\n   |---|\n   | c |\n\n   d\n2. b\n")

    assert made == [numbers("a"), table(["h"], ["c"]), paragraph("d"), numbers("b", order=2)]


def test_a_table_leaves_its_quote_which_opens_again():
    assert content("> a\n>\n> | h |\n> |---|\n>\n> b") == [quote("a"), table(["h"]), quote("b")]


def test_a_table_leaves_lists_and_quotes_at_once():
    made = content("> - a\n>   - b\n>\n>     | h |\n>     |---|\n>   - c\n> - d\n")

    assert [node["type"] for node in made] == ["blockquote", "table", "blockquote"]
    assert made[0] == quote(bullets(item("a", bullets("b"))))
    assert made[2] == quote(bullets("c"), bullets("d"))


def test_cells_beyond_the_table_go_into_its_last_cell_and_missing_ones_are_empty():
    assert content("> |a|b|\n> |-|-|\n> |1|2|3 *4*|\n> |5|") == [
        {
            "type": "table",
            "content": [
                *table(["a", "b"])["content"],
                {
                    "type": "tableRow",
                    "content": [
                        {"type": "tableCell", "content": [paragraph("1")]},
                        {"type": "tableCell", "content": [paragraph("2 | 3 ", text("4", "em"))]},
                    ],
                },
                *table(["x"], ["5", ""])["content"][1:],
            ],
        }
    ]


def test_tasks_nest_and_what_is_no_task_follows_them():
    made = content("- [ ] a\n  - [x] b\n- [X] c\n\n  d\n- e\n- [ ] f\n")

    assert [node["type"] for node in made] == ["taskList", "paragraph", "bulletList", "taskList"]
    first, nested, third = made[0]["content"]
    assert (first["content"], first["attrs"]["state"]) == ([text("a")], "TODO")
    assert (nested["type"], nested["content"][0]["attrs"]["state"]) == ("taskList", "DONE")
    assert third["attrs"]["state"] == "DONE"


def test_ids_of_tasks_are_unique_and_the_same_every_time():
    markdown = "- [ ] a\n- [ ] b\n\ntext\n\n- [ ] c\n"
    written = json.dumps(adf_of(markdown))

    assert written == json.dumps(adf_of(markdown))
    assert all(written.count(f'"task-{number}"') == 1 for number in range(1, 6))


def test_a_definition_that_no_link_uses_stays_text():
    assert content("[a]\n\n[a]: https://b.c\n[d]: https://e.f\n[A]: /g") == [
        paragraph(text("a", link("https://b.c"))),
        paragraph("d: ", text("https://e.f", link("https://e.f"))),
        paragraph("A: /g"),
    ]


def test_blocks_know_their_line():
    conversion = converted("# a\n\nb\n\n- c\n\n  | d |\n  |---|\n")

    assert [node["type"] for node in conversion.adf["content"]] == ["heading", "paragraph", "bulletList", "table"]
    assert conversion.lines == [0, 2, 4, 4]


@pytest.mark.parametrize(
    "opening",
    ["> " * 500, "- " * 500, "1. " * 400, "> - " * 300, "[" * 400, "![" * 400, "*a " * 300],
    ids=["quotes", "lists", "numbers", "quotes and lists", "brackets", "pictures", "emphasis"],
)
def test_a_deep_nest_keeps_its_words(opening):
    markdown = f"{opening}innermost\nlazy line\n\noutermost"
    adf = adf_of(markdown)

    assert problems_of(adf) == []
    assert {"innermost", "lazy", "outermost"} & lost(markdown, adf) == set()
    json.dumps(adf)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_valid_and_keeps_its_words(name):
    """The bench says how long these take."""
    markdown = HOSTILE[name](5_000)
    adf = adf_of(markdown)

    assert is_valid(problems_of(adf))
    assert lost(markdown, adf) <= MARKUP


def test_lists_in_steps_keep_their_words_at_any_depth():
    markdown = "\n".join(f"{'  ' * depth}- word{depth}" for depth in range(60)) + "\n- last"
    adf = adf_of(markdown)

    assert is_valid(problems_of(adf))
    assert lost(markdown, adf) == set()
    assert adf["content"][0]["content"][-1] == item("last")


def test_a_text_far_too_long_keeps_its_words():
    markdown = "start " + "a " * LONGEST + "\n\n\n# end"
    adf = adf_of(markdown)

    assert [problem.kind for problem in problems_of(adf)] == ["too_long"]
    assert lost(markdown, adf) == set()
    assert adf["content"][-1] == paragraph("# end")


def test_the_shared_folder_is_looked_at(shared_data):
    """The tests below are made from it; without shared/data there are none of them."""
    assert len(CORPUS) == 20
    assert len(EXAMPLES) == 652


@pytest.mark.parametrize("entry", EXAMPLES, ids=lambda entry: str(entry["example"]))
def test_every_example_of_the_specification_is_valid_and_keeps_its_words(entry):
    content(entry["markdown"])


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_every_hard_file_is_valid_and_keeps_its_words(path):
    markdown = path.read_bytes().decode()
    adf = adf_of(markdown)

    assert is_valid(problems_of(adf))
    assert lost(markdown, adf) <= MARKUP


LETTERS = st.text("abcdefgh", min_size=3, max_size=6)
LEAVES = st.one_of(
    LETTERS,
    LETTERS.map("# {}".format),
    LETTERS.map("**{0}** `{0}` *[{0}](https://{0}.org)*".format),
    LETTERS.map("- [ ] {0}\n- {0}".format),
    LETTERS.map("```{0} {0}z\n{0}\n```".format),
    LETTERS.map("| {0} | b |\n|---|---|\n| c | d | e{0} |".format),
    LETTERS.map("[{0}]: /{0}q".format),
    LETTERS.map("![{0}](x{0} 'y{0}')".format),
    st.just("---"),
)


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def within(prefix: str, rest: str) -> Any:
        return lambda block: "\n".join((rest if n else prefix) + line for n, line in enumerate(block.split("\n")))

    return st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("\n\n".join),
        st.lists(inner, min_size=1, max_size=3).map("\n".join),
        inner.map(within("> ", "> ")),
        inner.map(within("- ", "  ")),
        inner.map(within("- [x] ", "  ")),
        inner.map(within("7. ", "   ")),
    )


@settings(max_examples=300, deadline=None)
@given(st.recursive(LEAVES, _nested, max_leaves=25))
@example("> - [ ] abc\n>   | def | b |\n>   |---|---|\n>   | c | d | eabc |")
def test_any_nest_is_valid_and_keeps_its_words(markdown):
    adf = adf_of(markdown)

    assert is_valid(problems_of(adf))
    assert lost(markdown, adf) <= MARKUP


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab1 \n\t>-*_`~[]()!#|<>&;:.\\\"'=+/\0\x07\ud800é😀"), max_size=200))
def test_any_text_at_all_is_valid(markdown):
    adf = adf_of(markdown)

    assert is_valid(problems_of(adf))
    json.dumps(adf, ensure_ascii=False).encode()
