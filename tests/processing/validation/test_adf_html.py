"""The preview: what is drawn from the ADF shows every word and can do nothing."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.validation.adf import adf_of
from processing.validation.html import html_of


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("### What to build", "<h4>What to build</h4>"),
        ("- [x] done\n- [ ] open", '<ul class="tasks"><li>☑ done</li><li>☐ open</li></ul>'),
        ("3. three\n4. four", '<ol start="3"><li><p>three</p></li><li><p>four</p></li></ol>'),
        ("```gherkin\nFeature: <b>\n```", '<pre><code class="language-gherkin">Feature: &lt;b&gt;</code></pre>'),
        ("**bold** *and* ~~gone~~ `code`", "<p><strong>bold</strong> <em>and</em> <s>gone</s> <code>code</code></p>"),
        (
            "[site](https://example.org/?a=1&b=2)",
            '<p><a href="https://example.org/?a=1&amp;b=2" rel="nofollow noopener noreferrer">site</a></p>',
        ),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "<th><p>a</p></th>"),
        ("> said", "<blockquote><p>said</p></blockquote>"),
    ],
)
def test_what_jira_draws_is_drawn_alike(markdown, html):
    assert html in html_of(adf_of(markdown))


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "![x](x onerror=alert(1))",
        '[x](https://a.example/"onmouseover="alert(1))',
        '```x" onclick="alert(1)\n```',
    ],
)
def test_no_text_becomes_markup(text):
    html = html_of(adf_of(text))
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= {"p", "a", "code", "pre"}
    assert not re.search(r'<[^>]*"\s+on\w+=', html)


def test_an_unsafe_link_that_stands_in_a_document_is_only_text():
    link = {"type": "link", "attrs": {"href": "javascript:alert(1)"}}
    node = {"type": "text", "text": "x", "marks": [link]}
    document = {"type": "doc", "content": [{"type": "paragraph", "content": [node]}]}
    assert html_of(document) == "<p>x</p>"


@given(st.text(alphabet="ab<>&\"' \n#*_`[]()|-1.", max_size=200))
@settings(max_examples=200, deadline=None)
def test_tags_are_balanced_whatever_is_written(markdown):
    open_tags = []
    for closing, name in re.findall(r"<(/?)([a-z0-9]+)[^>]*>", html_of(adf_of(markdown))):
        if name in {"br", "hr"}:
            continue
        if closing:
            assert open_tags.pop() == name
        else:
            open_tags.append(name)
    assert not open_tags
