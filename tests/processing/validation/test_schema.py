"""What is wrong with a document, where, and in words; and that looking is quick and never fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.validation.adf import adf_of, converted
from processing.validation.schema import LONGEST_DESCRIPTION, _validator, is_valid, placed, problems_of, size_of


def doc(*content: Any) -> dict[str, Any]:
    return {"version": 1, "type": "doc", "content": list(content)}


def text(words: Any, *marks: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **({"marks": list(marks)} if marks else {})}


def paragraph(*content: Any) -> dict[str, Any]:
    return {"type": "paragraph", "content": list(content)}


def link(href: Any) -> dict[str, Any]:
    return {"type": "link", "attrs": {"href": href}}


def nested(kind: str, child: Any) -> dict[str, Any]:
    return {"type": kind, "content": [child]}


EM, STRONG, CODE = {"type": "em"}, {"type": "strong"}, {"type": "code"}
HEADING = {"type": "heading", "attrs": {"level": 2}, "content": [text("a")]}
TABLE = nested("table", nested("tableRow", nested("tableCell", paragraph(text("a")))))


@pytest.mark.parametrize(
    ("adf", "kind", "pointer", "words"),
    [
        (None, "not_a_document", "", "no document"),
        ([], "not_a_document", "", "no document"),
        (paragraph(), "not_a_document", "", "no document"),
        (doc(), "empty_document", "", "is empty"),
        ({"type": "doc", "content": [paragraph()]}, "missing_property", "", 'A doc needs the property "version"'),
        ({**doc(paragraph()), "a/b": 1}, "unknown_property", "/a~1b", 'has no property "a/b"'),
        (doc({"type": "marquee"}), "unknown_node", "/content/0", '"marquee" is nothing that a document can hold'),
        (doc("a"), "unknown_node", "/content/0", "without a type"),
        (doc(STRONG), "unknown_node", "/content/0", "nothing that a document can hold"),
        (doc(text("a")), "misplaced", "/content/0", "A text cannot stand in a doc."),
        (
            doc(paragraph(), nested("bulletList", nested("listItem", HEADING))),
            "misplaced",
            "/content/1/content/0/content/0",
            "A heading cannot stand in a list item.",
        ),
        (doc(nested("blockquote", TABLE)), "misplaced", "/content/0/content/0", "A table cannot stand in a blockquote"),
        (
            doc(nested("table", nested("tableRow", nested("tableCell", TABLE)))),
            "misplaced",
            "/content/0/content/0/content/0/content/0",
            "A table cannot stand in a table cell.",
        ),
        (doc({"type": "bulletList", "content": []}), "no_content", "/content/0", "must not be empty"),
        (doc({"type": "paragraph", "content": {}}), "not_a_list", "/content/0/content", "must be a list"),
        (
            doc({**HEADING, "attrs": {"level": 7}}),
            "wrong_attribute",
            "/content/0/attrs",
            "cannot have these attributes",
        ),
        (doc({**HEADING, "attrs": 7}), "wrong_attribute", "/content/0/attrs", "cannot have these attributes"),
        (doc({"type": "heading"}), "missing_property", "/content/0", 'needs the property "attrs"'),
        (doc(paragraph(text(""))), "empty_text", "/content/0/content/0", "at least one character"),
        (doc(paragraph(text(3))), "empty_text", "/content/0/content/0", "at least one character"),
        (doc(paragraph(text("a\x07"))), "bad_character", "/content/0/content/0", "cannot be shown"),
        (doc(paragraph(text("\ud800"))), "bad_character", "/content/0/content/0", "cannot be shown"),
        (doc(paragraph(text("a", {"type": "blink"}))), "unknown_mark", "/content/0/content/0/marks/0", '"blink"'),
        (doc(paragraph(text("a", EM, EM))), "mark_twice", "/content/0/content/0/marks/1", '"em" is there twice'),
        (doc(paragraph(text("a", STRONG, EM))), "mark_order", "/content/0/content/0/marks", "link, em, strong"),
        (doc(paragraph(text("a", STRONG, CODE))), "code_with_marks", "/content/0/content/0/marks", "another mark"),
        (doc(paragraph(text("a", link("https://b.c"), CODE))), "code_with_marks", "/content/0/content/0/marks", "Code"),
        (
            doc(paragraph(text("a", link("javascript:b")))),
            "unsafe_link",
            "/content/0/content/0/marks/0/attrs/href",
            "only web and mail addresses",
        ),
        (doc(paragraph(text("a", link("/b")))), "unsafe_link", "/content/0/content/0/marks/0/attrs/href", "'/b'"),
        (doc(paragraph(text("a", link(7)))), "wrong_attribute", "/content/0/content/0/marks/0", '"link"'),
        (doc(paragraph(text("a", {"type": "link"}))), "wrong_attribute", "/content/0/content/0/marks/0", '"link"'),
        (doc({**paragraph(), "marks": 1}), "not_a_list", "/content/0/marks", "must be a list"),
        ({**doc(paragraph()), "version": 2}, "not_in_schema", "", "official schema"),
    ],
)
def test_a_problem_is_named_with_its_place(adf, kind, pointer, words):
    problems = problems_of(adf)

    found = [problem for problem in problems if (problem.kind, problem.pointer) == (kind, pointer)]
    assert found, problems
    assert words in found[0].message
    assert not is_valid(problems)


def test_a_good_document_has_no_problems():
    assert problems_of(doc(HEADING, TABLE, paragraph(text("a", link("mailto:a@b.c"), EM, STRONG)))) == []


def test_a_text_that_is_too_long_can_still_be_sent():
    longest = doc(paragraph(text("")))
    room = LONGEST_DESCRIPTION - size_of(longest)

    assert problems_of(doc(paragraph(text("a" * room)))) == []
    problems = problems_of(doc(paragraph(text("a" * (room + 1)))))
    assert [problem.kind for problem in problems] == ["too_long"]
    assert "32,768" in problems[0].message
    assert is_valid(problems)
    assert [problem.kind for problem in problems_of(doc(paragraph(text("😀" * (room // 2 + 1)))))] == ["too_long"]


def test_a_problem_knows_its_line_and_section():
    markdown = "## User story\n\na\n\n## Analysis\n\nb\n\n- c\n"
    conversion = converted(markdown)
    conversion.adf["content"][4]["content"][0]["content"].append(HEADING)

    (problem,) = placed(problems_of(conversion.adf), markdown, conversion.lines)

    assert (problem.line, problem.section) == (9, "Analysis")
    assert problem.as_json() == {
        "kind": "misplaced",
        "pointer": "/content/4/content/0/content/1",
        "message": "A heading cannot stand in a list item.",
        "line": 9,
        "section": "Analysis",
        "blocking": True,
    }


def test_a_heading_forty_lists_deep_is_found():
    """The schema's own search for the place would take longer than anybody waits."""
    inner: Any = HEADING
    for _ in range(40):
        inner = nested("bulletList", nested("listItem", inner))

    (problem,) = problems_of(doc(inner))

    assert (problem.kind, problem.pointer.count("/content/")) == ("misplaced", 81)


def test_a_document_too_deep_for_any_reader_is_refused():
    inner: Any = paragraph()
    for _ in range(5000):
        inner = nested("bulletList", nested("listItem", inner))

    assert [problem.kind for problem in problems_of(doc(inner))] == ["too_deep"]


def test_no_more_than_fifty_problems_are_told():
    assert len(problems_of(doc(*[{"type": "marquee"}] * 900))) == 50


EVERYTHING = "# a\n\n- b *c* [d](https://e.f)\n- [ ] g\n\n| h |\n|-|\n| `i` |\n\n```j\nk\n```"
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_document_with_something_broken_in_it_is_judged_as_the_schema_does(data):
    """Whatever is put at whatever place: no failure, and never fewer objections than the schema has."""
    adf = json.loads(json.dumps(adf_of(EVERYTHING)))
    places = list(_places(adf))
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(st.one_of(JSON, st.sampled_from([HEADING, TABLE, paragraph(), text("a", STRONG), CODE])))

    problems = problems_of(adf)

    assert is_valid(problems) <= (isinstance(adf, dict) and _validator().is_valid(adf))


def _places(value: Any) -> Any:
    """(container, key or index) of everything in it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from _places(inner)
