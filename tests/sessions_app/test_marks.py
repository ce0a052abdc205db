"""Marks of the fact check: kept in step with the text, dismissed by people, shown without letting anything act."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.markdown import to_html
from sessions_app.marks import Words, find_words, pieces, standing, without, words_of
from sessions_app.models import AuditEvent, Ticket, TicketRevision
from tests.factories import make_session, make_ticket


def mark(text, section="analysis", **more):
    return {"section": section, "text": text, "kind": "machine_name", "says": "the row has field_b", "start": 0, **more}


# Words in a text


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ("use field_a here", "field_a", 4),
        ("use field_ab and field_a", "field_a", 17),
        ("my_field_a", "field_a", -1),
        ("field_a", "field_a", 0),
        ("", "field_a", -1),
        ("field_a", "", -1),
        ("85 %.", "85 %", 0),
        ("“Äpfel” und Äpfel", "Äpfel", 1),
    ],
)
def test_words_are_found_where_they_stand_by_themselves(text, words, place):
    assert find_words(text, words) == place


def test_a_mark_stands_while_its_words_stand_and_moves_with_them():
    marks = [mark("field_a"), mark("field_a", "verification"), mark("3 fields")]

    kept = standing(marks, {"analysis": "Now make field_a.", "verification": "Look at field_ab."})

    assert kept == [mark("field_a", start=9)]


def test_dismissing_takes_the_words_of_one_section_only():
    marks = [mark("field_a"), mark("field_a", "verification")]

    assert without(marks, "analysis", "field_a") == [mark("field_a", "verification")]


@given(st.text(max_size=80), st.lists(st.text(max_size=5), max_size=5))
def test_pieces_are_the_text_cut_up(text, words):
    cut = pieces(text, words)

    assert "".join(piece for piece, _ in cut) == text
    assert all(piece in words for piece, found in cut if found)


# In the rendered text


def test_words_stand_out_in_running_text_code_and_blocks():
    html = to_html(
        "A field_a and `field_a`.\n\n| field_a |\n|---|\n| x |\n\n```yaml\n- field_a: <b>\n```\n\n    field_a",
        Words(("field_a",), ("field_a",)),
    )

    assert html.count("<mark>field_a</mark>") == 5
    assert "<code><mark>field_a</mark></code>" in html
    assert '<code class="language-yaml">- <mark>field_a</mark>: &lt;b&gt;' in html


def test_a_common_word_that_is_a_machine_name_stands_out_in_code_alone():
    words = words_of([mark("article"), mark("field_a"), mark("x", "title")], "analysis")

    html = to_html("The article at `/node/add/article` has field_a.", words)

    assert html == ("<p>The article at <code>/node/add/<mark>article</mark></code> has <mark>field_a</mark>.</p>\n")


def test_without_marks_the_text_is_rendered_as_ever():
    text = "# A\n\n`code` and *more*\n\n```html\n<i>\n```\n\n<mark>x</mark>"

    assert to_html(text, Words(("nowhere",), ("nowhere",))) == to_html(text)
    assert "<mark>" not in to_html(text)


HOSTILE = ["<script>alert(1)</script>", "</code><img src=x onerror=alert(1)>", '"><a href="javascript:x">', "&lt;b&gt;"]
AROUND = ["{}", "`{}`", "```{}\n{}\n```", "[{}](https://example.org)", "**{}**", "| {} |\n|---|\n| {} |"]


class Elements(HTMLParser):
    """Tags and attributes that a browser would see."""

    def __init__(self, html):
        super().__init__()
        self.found = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found |= {tag, *(f"{name}={value}" for name, value in attrs)}


@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("around", AROUND)
def test_marked_words_never_act(words, around):
    html = to_html(around.replace("{}", words), Words((words,), (words,)))

    dangers = {
        name for name in Elements(html).found if name in {"script", "img"} or name.startswith(("on", "href=java"))
    }
    assert not dangers


# On a ticket


@pytest.fixture
def ticket(people):
    ticket = make_ticket(
        make_session(people.workspace),
        title="Add field_a",
        analysis="Make `field_a` with 3 fields.",
        fact_marks=[
            mark("field_a", "title", start=4),
            mark("field_a", start=6),
            mark("3 fields", start=20, kind="count"),
        ],
        csv_source={"filename": "Bundles.csv", "rows": [1], "lines": [2]},
    )
    TicketRevision.of(ticket)
    return ticket


def texts_of(ticket):
    ticket.refresh_from_db()
    return [(each["section"], each["text"], each["start"]) for each in ticket.fact_marks]


def page_of(ticket):
    return f"/sessions/{ticket.session_id}/tickets/{ticket.pk}/"


def dismissed(ticket, browser, **data):
    return browser.post(f"{page_of(ticket)}marks/dismiss/", {"section": "analysis", "text": "field_a", **data})


def test_an_edit_takes_the_marks_whose_words_it_takes(ticket, people):
    ticket.edit(editor=people.alice, seen_version=1, analysis="So: make `field_b` with 3 fields.")

    assert texts_of(ticket) == [("title", "field_a", 4), ("analysis", "3 fields", 24)]


def test_an_edit_by_one_who_read_before_a_dismissal_brings_no_mark_back(ticket, people):
    read_before = Ticket.objects.get(pk=ticket.pk)
    ticket.dismiss_mark("analysis", "field_a", by=people.alice)

    read_before.edit(editor=people.alice, seen_version=1, user_story="Another one.")

    assert ("analysis", "field_a", 6) not in texts_of(ticket)


def test_a_dismissed_mark_is_gone_from_its_section_and_it_is_known_who_said_so(ticket, people):
    answer = dismissed(ticket, people.browser("rita"))

    assert answer.status_code == 302
    assert answer.headers["Location"].endswith(f"{page_of(ticket)}#checks")
    assert texts_of(ticket) == [("title", "field_a", 4), ("analysis", "3 fields", 20)]
    event = AuditEvent.objects.get(action="ticket.mark_dismissed")
    assert (event.user_name, event.details) == ("rita", {"section": "analysis", "text": "field_a"})
    assert ticket.version == 1


def test_dismissing_twice_or_what_is_not_marked_changes_nothing(ticket, people):
    before = texts_of(ticket)

    assert dismissed(ticket, people.browser("alice"), text="field_z").status_code == 302
    assert texts_of(ticket) == before
    assert not AuditEvent.objects.filter(action="ticket.mark_dismissed").exists()


def test_the_page_shows_the_words_what_the_rows_say_and_a_button(ticket, people):
    page = people.browser("alice").get(page_of(ticket)).content.decode()

    assert "Check these against the specification" in page
    assert "The row has field_b." in page
    assert page.count(">This is right</button>") == 3
    assert "<h1>Add <mark>field_a</mark></h1>" in page
    assert "<code><mark>field_a</mark></code> with <mark>3 fields</mark>" in page


def test_one_who_may_only_look_sees_the_marks_without_the_button(ticket, people):
    page = people.browser("vera").get(page_of(ticket)).content.decode()

    assert "Check these against the specification" in page
    assert "This is right" not in page
    assert dismissed(ticket, people.browser("vera")).status_code == 403


def test_a_ticket_without_marks_has_no_panel(people):
    ticket = make_ticket(make_session(people.workspace), csv_source={"filename": "B.csv", "rows": [1], "lines": [2]})
    page = people.browser("alice").get(page_of(ticket)).content.decode()

    assert "Check these" not in page
    assert "<mark>" not in page


def test_the_list_counts_the_marks_and_shows_those_with_marks_alone(ticket, people):
    make_ticket(ticket.session, 2, title="Faithful")
    browser, own = people.browser("alice"), f"/sessions/{ticket.session_id}/tickets/"

    assert "3 to check" in browser.get(own).content.decode()
    assert "Faithful" in browser.get(own).content.decode()
    assert "Faithful" not in browser.get(f"{own}?marked=1").content.decode()


def test_the_api_has_the_marks(ticket, people):
    api = people.api("alice")

    assert api.get(f"/api/sessions/{ticket.session_id}/tickets/{ticket.pk}").json()["fact_marks"] == ticket.fact_marks
    assert api.get(f"/api/sessions/{ticket.session_id}/tickets").json()["results"][0]["mark_count"] == 3
