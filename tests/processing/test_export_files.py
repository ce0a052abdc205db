"""The backlog as files: complete, in order, exact in its facts, harmless in every program that opens it."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from processing.export.files import FORMATS, facts_as_markdown, filename
from processing.export.wiki import to_wiki
from processing.generation.service import ProcessingService
from sessions_app.models import Session, Ticket, TicketDependency
from sessions_app.safe_csv import formula_safe, safe_csv
from tests.factories import make_session, make_specified_session, make_ticket

PAYLOADS = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\u00a0=1+1",
    '=HYPERLINK("http://evil.example","x")',
    'a","=1+1',
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a | b | c",
    "| --- |",
    "`code`",
    "[link](javascript:alert(1))",
    "![picture](http://evil.example/x.png)",
    "# heading",
    "line one\nline two",
    "back\\slash \\| pipe",
    "&lt;b&gt; &amp; &#60;",
    "<br>",
    "<!-- comment -->",
    "~~~",
    "***",
    "Ünïcödé 漢字 🎉",
]


MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>&^?])")


def fact(value="x", column="Type", part="", file="Bundles.csv", row=1):
    return {"column": column, "value": value, "file": file, "row": row, "line": row + 1, "part": part}


@pytest.fixture
def session(people):
    return make_session(people.workspace)


@pytest.fixture
def backlog(session):
    """Three tickets; the first in working order has the highest number, the second needs it, the fourth is gone."""
    source = {"filename": "Bundles.csv", "rows": [1], "lines": [2]}
    first = make_ticket(session, 3, position=1, title="First", facts=[fact("Content type")], csv_source=source)
    second = make_ticket(session, 1, position=2, title="Second", entity_group="Views", csv_type="views")
    make_ticket(session, 2, position=3, title="Third", status="approved")
    gone = make_ticket(session, 4, position=1, title="Gone", source_state="removed")
    TicketDependency.objects.create(from_ticket=second, to_ticket=first, rule="R1")
    TicketDependency.objects.create(from_ticket=second, to_ticket=gone)
    TicketDependency.objects.create(from_ticket=first, to_ticket=second, kind="relates")
    return session


def written(session, name):
    return b"".join(FORMATS[name].write(session))


def rows_of(session, name):
    data = written(session, name)
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


# All formats


def download(people, session, name, door):
    if door == "page":
        return people.browser("vera").get(f"/sessions/{session.pk}/export/{name}/")
    return people.api("vera").get(f"/api/sessions/{session.pk}/export/file?format={name}")


@pytest.mark.parametrize("door", ["page", "api"])
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_is_downloaded_and_never_shown_in_the_browser(people, backlog, name, door):
    answer = download(people, backlog, name, door)

    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="northfield-university-backlog.{FORMATS[name].extension}"'
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == FORMATS[name].content_type
    body = b"".join(answer.streaming_content)
    assert int(answer.headers["Content-Length"]) == len(body)
    assert body


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_the_tickets_in_working_order_without_those_that_are_gone(backlog, name):
    data = written(backlog, name)
    if name == "md-zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            data = b"\n".join(archive.read(each) for each in archive.namelist())
    text = data.decode()

    found = [re.sub(r"\W", "", each) for each in re.findall(r'(?:"|# T-\d |","|: ")(First|Second|Third|Gone)\b', text)]

    assert found == ["First", "Second", "Third"]


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_backlog_is_a_file_too(session, name):
    assert written(session, name)


@pytest.mark.parametrize("door", ["page", "api"])
def test_a_format_that_does_not_exist_is_not_there(people, backlog, door):
    assert download(people, backlog, "exe", door).status_code == 404


def test_the_api_gives_markdown_if_nothing_else_is_asked_for(people, backlog):
    answer = people.api("alice").get(f"/api/sessions/{backlog.pk}/export/file")

    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"


@pytest.mark.parametrize(
    ("site", "stem"),
    [
        ("Northfield University", "northfield-university"),
        ("Ünïversity ✓", "university"),
        ("漢字", "site"),
        ("../../etc/passwd", "etcpasswd"),
        ('a"; filename="evil.exe', "a-filenameevilexe"),
        ("a\r\nSet-Cookie: x=1", "a-set-cookie-x1"),
        ("x" * 200, "x" * 80),
        ("con", "con"),
        ("-._-", "site"),
    ],
)
@pytest.mark.parametrize("door", ["page", "api"])
def test_the_name_of_a_file_is_plain_and_cannot_write_headers(people, session, site, stem, door):
    Session.objects.filter(pk=session.pk).update(site_name=site)

    answer = download(people, session, "json", door)

    assert answer.headers["Content-Disposition"] == f'attachment; filename="{stem}-backlog.json"'
    assert "Set-Cookie" not in answer.headers


def test_every_format_has_its_own_ending(session):
    assert len({filename(session, name) for name in FORMATS}) == len(FORMATS)


@pytest.mark.parametrize(
    "name",
    ['Bun"dles.csv', "Bundles\r\nX-Evil: 1.csv", "Bündel ✓.csv", "a;b=c.csv", "\u202etxt.csv", "x" * 150 + ".csv"],
)
def test_rows_of_a_file_are_downloaded_under_its_name_without_writing_headers(people, name):
    session = make_specified_session(people.workspace, 1, 1)
    file = session.files.first()
    file.filename = name[:160]
    file.save(update_fields=["filename"])

    answer = people.browser("alice").get(f"/sessions/{session.pk}/files/{file.pk}/rows/all.csv")

    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment; filename")
    assert "X-Evil" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


# JSON


def test_json_has_the_session_and_whole_tickets(backlog):
    body = json.loads(written(backlog, "json"))

    assert body["session"] == {
        "id": str(backlog.pk),
        "key": "S-1",
        "site_name": "Northfield University",
        "site_description": "",
        "granularity": "row",
        "llm_provider": "offline",
    }
    first = body["tickets"][0]
    assert set(first) == {
        "key",
        "number",
        "csv_type",
        "entity_group",
        "title",
        "user_story",
        "analysis",
        "verification",
        "facts",
        "fact_marks",
        "csv_source",
        "depends_on",
        "dependencies",
        "position",
        "status",
        "provider",
    }
    assert first["facts"] == [fact("Content type")]


def test_json_says_what_needs_what_and_nothing_of_what_is_gone(backlog):
    first, second, third = json.loads(written(backlog, "json"))["tickets"]

    assert second["depends_on"] == [first["key"]]
    assert second["dependencies"] == [{"key": first["key"], "kind": "blocks", "rule": "R1"}]
    assert first["depends_on"] == []
    assert first["dependencies"] == [{"key": second["key"], "kind": "relates", "rule": ""}]
    assert third["dependencies"] == []


@pytest.mark.parametrize("text", PAYLOADS)
def test_json_gives_text_back_as_it_was(session, text):
    make_ticket(session, title=text.strip() or "x", analysis=text, facts=[fact(text)])

    ticket = json.loads(written(session, "json"))["tickets"][0]

    assert (ticket["analysis"], ticket["facts"][0]["value"]) == (text, text)


# Markdown


class Html(HTMLParser):
    """Tags, and the cells of the last table as text with line breaks."""

    def __init__(self, html):
        super().__init__()
        self.tags = set()
        self.cells = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in {"td", "th"}:
            self.cells.append("")
        if tag == "br":
            self.cells[-1] += "\n"

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


def as_a_tracker_renders(markdown):
    """With raw HTML on, as the most trusting reader has it."""
    return Html(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


@pytest.mark.parametrize("value", PAYLOADS)
def test_a_fact_in_markdown_is_exact_and_stays_in_its_cell(value):
    facts = [fact(value, file="Bundles.csv", row=7), fact("next", column="Other", row=8)]

    seen = as_a_tracker_renders(facts_as_markdown(facts))

    assert seen.tags <= {"table", "thead", "tbody", "tr", "th", "td", "br"}
    cells = [cell.strip() for cell in seen.cells]
    shown = "\n".join(line.strip() for line in value.splitlines()).strip()
    assert cells[:3] == ["Column", "Value", "Source"]
    assert cells[3::3][0] == "Type"
    assert re.sub(r"\s+", " ", cells[4]) == re.sub(r"\s+", " ", shown)
    assert cells[5:9] == ["Bundles.csv, row 7", "Other", "next", "Bundles.csv, row 8"]
    assert len(cells) == 9


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=60))
def test_no_cell_breaks_out_of_the_markdown_table(value):
    seen = as_a_tracker_renders(facts_as_markdown([fact(value)]))

    assert seen.tags <= {"table", "thead", "tbody", "tr", "th", "td", "br"}
    assert len(seen.cells) == 6
    assert "".join(seen.cells[4].split()) == "".join(value.split())


def test_parts_of_a_parent_have_a_column_of_their_own():
    table = facts_as_markdown([fact("x"), fact("y", part="Field Body")])

    assert table.splitlines()[0] == "| Part | Column | Value | Source |"
    assert "| Field Body | Type | y | Bundles.csv, row 1 |" in table


def test_markdown_counts_what_it_holds(backlog):
    assert "3 tickets in working order." in written(backlog, "md").decode()


@pytest.mark.parametrize("text", [payload for payload in PAYLOADS if "\n" not in payload and payload.strip()])
def test_a_title_in_markdown_is_one_heading_and_nothing_else(session, text):
    make_ticket(session, title=text, csv_source={"filename": text, "rows": [1], "lines": [2]})

    seen = as_a_tracker_renders(written(session, "md").decode())

    assert not seen.tags & {"script", "img", "a", "b", "blockquote"}


def test_what_a_ticket_depends_on_is_named_in_markdown(backlog):
    text = written(backlog, "md").decode()

    assert "## Depends on\n\n- T-3 First (blocks)" in text
    assert "Gone" not in text


def test_a_zip_holds_one_file_a_ticket_in_order(backlog):
    with zipfile.ZipFile(io.BytesIO(written(backlog, "md-zip"))) as archive:
        assert archive.namelist() == ["0001-first.md", "0002-second.md", "0003-third.md"]
        assert archive.read("0001-first.md").decode().startswith("# T-3 First\n")


def test_names_in_a_zip_stay_inside_of_it(session):
    make_ticket(session, title="../../../etc/passwd")

    with zipfile.ZipFile(io.BytesIO(written(session, "md-zip"))) as archive:
        assert archive.namelist() == ["0001-etcpasswd.md"]


# CSV


@pytest.mark.parametrize("name", ["csv", "jira-csv"])
def test_a_csv_starts_with_a_byte_order_mark_and_quotes_everything(backlog, name):
    data = written(backlog, name)

    assert data.startswith(b'\xef\xbb\xbf"')
    assert b"\r\n" in data
    assert all(line.startswith('"') for line in data.decode("utf-8-sig").split('\r\n"')[:1])


@pytest.mark.parametrize("name", ["csv", "jira-csv"])
@pytest.mark.parametrize("text", PAYLOADS)
def test_no_cell_of_a_csv_is_a_formula(session, name, text):
    make_ticket(
        session,
        title=text.strip() or "x",
        user_story=text,
        analysis=text,
        verification=text,
        facts=[fact(text, column=text, part=text)],
        csv_source={"filename": text, "rows": [1], "lines": [2]},
        key=text[:200],
    )

    rows = rows_of(session, name)

    assert len({len(row) for row in rows}) == 1
    assert not [cell for row in rows for cell in row if re.match(r"[\s\u00a0\ufeff]*[=+\-@\t\r\n\0]", cell)]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(st.text(max_size=20), min_size=3, max_size=3), max_size=5))
def test_whatever_stands_in_the_cells_no_spreadsheet_evaluates_it_and_all_of_it_comes_back(rows):
    data = b"".join(safe_csv(["a", "b", "c"], rows)).decode("utf-8-sig")
    read = list(csv.reader(io.StringIO(data, newline="")))[1:]

    assert len(read) == len(rows)
    for written_row, read_row in zip(rows, read, strict=True):
        for given_cell, cell in zip(written_row, read_row, strict=True):
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\0"))
            assert cell.removeprefix("'") == given_cell.replace("\0", "").encode(
                "utf-8", "replace"
            ).decode().removeprefix("'")


@pytest.mark.parametrize("text", ["", "plain", "a=b", "1-2", "'quoted", "mail@example.org", "* item"])
def test_harmless_text_gets_no_apostrophe(text):
    assert formula_safe(text) == text


def test_csv_has_a_row_for_each_ticket_with_its_source_and_needs(backlog):
    header, first, second, third = rows_of(backlog, "csv")

    row = dict(zip(header, first, strict=True))
    assert (row["Number"], row["Title"], row["Configuration"]) == ("T-3", "First", "Type: Content type")
    assert row["Source"] == "Bundles.csv row 1"
    assert dict(zip(header, second, strict=True))["Depends on"] == "T-3"
    assert dict(zip(header, third, strict=True))["Status"] == "approved"


# CSV for Jira


def test_jira_gets_one_issue_a_row_with_links_to_what_blocks_it(backlog):
    header, first, second, third = rows_of(backlog, "jira-csv")

    assert header[:6] == ["Issue Id", "Issue Type", "Summary", "Description", "Labels", "Labels"]
    assert header[6:] == ["Inward issue link (Blocks)"]
    assert [row[0] for row in (first, second, third)] == ["3", "1", "2"]
    assert [row[6] for row in (first, second, third)] == ["", "3", ""]
    assert [row[4:6] for row in (first, second)] == [["ticketgen", "content"], ["ticketgen", "views"]]


def test_issue_ids_are_unique_even_where_places_are_not(session):
    for number in (1, 2, 3):
        make_ticket(session, number, position=1)

    assert sorted(row[0] for row in rows_of(session, "jira-csv")[1:]) == ["1", "2", "3"]


@pytest.mark.django_db(transaction=True)
def test_every_link_leads_to_an_issue_of_the_file(people, run_jobs):
    session = make_specified_session(people.workspace, 3, 6)
    ProcessingService().generate_tickets(session)
    run_jobs()

    rows = rows_of(session, "jira-csv")

    ids = {row[0] for row in rows[1:]}
    links = {cell for row in rows[1:] for cell in row[6:] if cell}
    assert links
    assert links <= ids


def test_a_summary_fits_into_jira_and_is_one_line(session):
    make_ticket(session, title="Long " + "x" * 250)
    Ticket.objects.update(title="two\nlines " + "y" * 240)

    summary = rows_of(session, "jira-csv")[1][2]

    assert len(summary) <= 255
    assert "\n" not in summary


def test_a_description_that_is_too_long_for_jira_is_cut_and_says_so(session):
    make_ticket(session, analysis="word " * 20_000)

    description = rows_of(session, "jira-csv")[1][3]

    assert len(description) <= 32_767
    assert description.endswith("(Cut at Jira's limit. The whole text is in the Markdown export.)")


def test_the_configuration_is_a_table_in_jira(session):
    make_ticket(session, facts=[fact("a | b"), fact("", column="Empty"), fact("one\ntwo", column="Lines")])

    description = rows_of(session, "jira-csv")[1][3]

    assert "||Column||Value||Source||\n|Type|a \\| b|Bundles.csv, row 1|" in description
    assert "|Empty| |Bundles.csv, row 1|" in description
    assert "|Lines|one \\\\ two|Bundles.csv, row 1|" in description


@pytest.mark.parametrize(
    ("markdown", "wiki"),
    [
        ("", ""),
        ("one\n\ntwo", "one\n\ntwo"),
        ("one\ntwo", "one two"),
        ("one  \ntwo", "one\ntwo"),
        ("# One\n\n### Three", "h1. One\n\nh3. Three"),
        ("**bold** *slanted* ~~gone~~", "*bold* _slanted_ -gone-"),
        ("- a\n- b", "* a\n* b"),
        ("1. a\n2. b", "# a\n# b"),
        ("- a\n  - b\n    - c\n- d", "* a\n** b\n*** c\n* d"),
        ("1. a\n   - b\n     1. c\n2. d", "# a\n#* b\n#*# c\n# d"),
        ("1. a\n\n   more\n\n2. b", "# a \\\\ more\n# b"),
        ("- a\n\n  ```\n  x = 1\n  ```\n- b", "* a {code}\nx = 1\n{code}\n* b"),
        ("- a\n\nafter", "* a\n\nafter"),
        ("> said", "{quote}\n\nsaid\n{quote}"),
        ("a\n\n---\n\nb", "a\n\n----\n\nb"),
        ("`code`", "{{code}}"),
        ("`a_b {c}`", "{{a\\_b \\{c\\}}}"),
        ("```php\n$a = [1];\n```", "{code}\n$a = [1];\n{code}"),
        ("    indented\n", "{code}\nindented\n{code}"),
        ("```\n{code}\n```", "{noformat}\n{code}\n{noformat}"),
        ("[text](https://example.org/a)", "[text|https://example.org/a]"),
        ("[a|b](https://example.org/)", "[a\\|b|https://example.org/]"),
        ("[text](https://example.org/a%7Cb?c=d&e=[f])", "[text|https://example.org/a%7Cb?c=d&e=%5Bf%5D]"),
        ("<https://example.org/>", "[https://example.org/|https://example.org/]"),
        ("[mail](mailto:a@example.org)", "[mail|mailto:a@example.org]"),
        ("[x](javascript:alert(1))", "\\[x\\](javascript:alert(1))"),
        ("![alt text](https://example.org/x.png)", "alt text"),
        ("| A | B |\n| --- | --- |\n| 1 | 2 |", "||A||B||\n|1|2|"),
        ("| A | B |\n| --- | --- |\n|  | 2 |", "||A||B||\n| |2|"),
        ("| A |\n| --- |\n| one<br>two |", "||A||\n|one \\\\ two|"),
        ("| A |\n| --- |\n| \\<br\\> |", "||A||\n|<br>|"),
        ("| A |\n| --- |\n| a \\| b |", "||A||\n|a \\| b|"),
        ("before\n\n| A |\n| --- |\n| 1 |\n\nafter", "before\n\n||A||\n|1|\n\nafter"),
    ],
)
def test_markdown_becomes_wiki_markup(markdown, wiki):
    assert to_wiki(markdown) == wiki


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{color:red}", "\\{color:red\\}"),
        ("\\[~user\\]", "\\[\\~user\\]"),
        ("!picture.png!", "\\!picture.png\\!"),
        ("a\\*b\\*", "a\\*b\\*"),
        ("field_name_x", "field\\_name\\_x"),
        ("x^2", "x\\^2"),
        ("-gone-", "\\-gone-"),
        ("+new+", "\\+new+"),
        ("a - b and a-b", "a - b and a-b"),
        ("??who??", "\\?\\?who\\?\\?"),
        ("really?", "really?"),
        ("C:\\\\dir", "C:&#92;dir"),
        ("\\\\\\\\", "&#92;&#92;"),
        ("h1. text", "h1&#46; text"),
        ("bq. text", "bq&#46; text"),
        ("\\# text", "\\# text"),
        ("smile :)", "smile \\:)"),
        ("(x) and (y)", "\\(x) and \\(y)"),
        ("(see below)", "(see below)"),
        ("&amp;lt; and &", "&amp;lt; and &"),
        ("<b>bold</b>", "<b>bold</b>"),
    ],
)
def test_what_is_special_only_in_jira_is_escaped(text, shown):
    assert to_wiki(text) == shown


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_the_conversion_takes_any_text(text):
    assert isinstance(to_wiki(text), str)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab {}[]|*_!~^-+?#\\.h1()\n", max_size=60))
def test_no_text_opens_a_macro_or_a_link_in_jira(text):
    wiki = to_wiki("x " + MARKDOWN_SPECIAL.sub(r"\\\1", text.replace("\n", " ")))

    assert not re.search(r"(?<!\\)[{\[!|]", wiki)
