"""Search and bulk import on the real database: ranked, by workspace, any number of times."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from processing.enhancement.context import gather
from processing.enhancement.library import MANY, MOST_PROBLEMS, import_csv, import_objects
from processing.enhancement.models import (
    Asset,
    AssetMark,
    EnhancementHistory,
    HelpDesk,
    KnowledgeArticle,
    ResolvedTicket,
)
from processing.enhancement.search import INDEXES, TooSlow, limited, search
from processing.enhancement.synthesis import by_rule_of
from sessions_app.errors import InvalidUpload
from sessions_app.models import AuditEvent

pytestmark = pytest.mark.django_db(transaction=True)


def csv_of(*lines, encoding="utf-8"):
    return io.BytesIO("\n".join(lines).encode(encoding))


def found(workspace, *terms, model=ResolvedTicket, **more):
    hits = search(model, workspace, terms, 10, seconds=10, **more)
    rows = model.objects.in_bulk([hit.pk for hit in hits])
    return [rows[hit.pk].external_id for hit in hits]


def brought(people, *titles, workspace=None, **fields):
    import_objects(
        workspace or people.workspace,
        "tickets",
        [{"external_id": str(number), "title": title, **fields} for number, title in enumerate(titles, 1)],
    )


def test_the_best_comes_first_and_forms_of_a_word_are_one(people):
    brought(people, "Holidays", "Printing jams", "Printers jam on the third floor", "Network is slow")

    assert found(people.workspace, "printer", "jam", "floor") == ["3", "2"]


def test_a_title_counts_more_than_a_text(people):
    import_objects(
        people.workspace,
        "tickets",
        [
            {"external_id": "text", "title": "Something else entirely", "description": "The scanner is offline."},
            {"external_id": "title", "title": "The scanner is offline", "description": "Something else entirely."},
        ],
    )

    assert found(people.workspace, "scanner") == ["title", "text"]


def test_only_the_own_workspace_is_searched(people):
    brought(people, "Printer jams")
    brought(people, "Printer jams", "Printer smokes", workspace=people.charlies)

    assert found(people.workspace, "printer") == ["1"]
    assert len(found(people.charlies, "printer")) == 2


def test_the_ticket_itself_is_left_out(people):
    brought(people, "Printer jams", "Printer smokes")

    assert found(people.workspace, "printer", without="2") == ["1"]


def test_what_is_changed_or_deleted_is_found_no_more(people):
    brought(people, "Printer jams", "Printer smokes")
    brought(people, "Scanner jams")
    ResolvedTicket.objects.filter(external_id="2").delete()

    assert found(people.workspace, "printer") == []
    assert found(people.workspace, "scanner") == ["1"]


def test_words_of_the_search_language_are_only_words(people):
    brought(people, "Printer jams")

    for words in (["and", "or", "not", "near"], ["printer", 'a"b'], ["*"], ["printer:"], ["tenant"], [""], []):
        found(people.workspace, *words)
    assert found(people.workspace, "printer", "and") == ["1"]


def test_articles_are_searched_apart(people):
    import_objects(people.workspace, "articles", [{"external_id": "KB", "title": "Jams", "body": "Open the printer."}])

    assert found(people.workspace, "printer", model=KnowledgeArticle) == ["KB"]
    assert found(people.workspace, "printer") == []


def test_a_search_that_takes_too_long_is_ended(people):
    brought(people, *(f"Printer {number} jams on floor {number % 7}" for number in range(4_000)))

    with pytest.raises(TooSlow):
        search(ResolvedTicket, people.workspace, ["printer", "jams", "floor"], 10, seconds=0.0)
    assert found(people.workspace, "printer", "3999")[0] == "4000"


def test_common_words_do_not_hide_the_rare_one(people):
    brought(people, *(f"Printer {number} jams" for number in range(200)), "The flux capacitor hums near the printer")

    assert found(people.workspace, "printer", "capacitor")[0] == "201"


# Import


def test_a_csv_file_can_be_brought_in_any_number_of_times(people):
    lines = ("id;Subject;Solution;Closed at;Nonsense", "1;Jam;Cleaned;2026-01-02;x", "2;Smoke;Left;;y")
    first = import_csv(people.workspace, "tickets", csv_of(*lines))
    again = import_csv(people.workspace, "tickets", csv_of(*lines))
    changed = import_csv(people.workspace, "tickets", csv_of(lines[0], "2;Smoke;Called for help;;", "3;New;;;"))

    assert (first.created, first.ignored_columns) == (2, ["Nonsense"])
    assert (again.created, again.changed, again.unchanged) == (0, 0, 2)
    assert (changed.created, changed.changed, changed.unchanged) == (1, 1, 0)
    row = ResolvedTicket.objects.get(external_id="1")
    assert (row.title, row.resolution, row.resolved_at.year) == ("Jam", "Cleaned", 2026)
    assert AuditEvent.objects.filter(action="library.imported").count() == 3


def test_rows_that_cannot_be_used_are_listed_with_their_line(people):
    report = import_csv(
        people.workspace,
        "tickets",
        csv_of(
            "external_id,title,description,resolved_at,url",
            '1,Good,"two',
            'lines",,',
            ",No id,,,",
            "3,,no title,,",
            f"{'x' * 121},Long id,,,",
            "5,Bad date,,soon,",
            "6,Bad link,,,javascript:alert(1)",
            "1,Again,,,",
        ),
    )

    assert (report.created, report.refused) == (1, 6)
    assert [(each["line"], each["column"]) for each in report.problems] == [
        (4, "external_id"),
        (5, "title"),
        (6, "external_id"),
        (7, "resolved_at"),
        (8, "url"),
        (9, "external_id"),
    ]


@pytest.mark.parametrize("lines", [("", ""), ("a,b", "1,2"), ("id", "1"), ("title", "x")])
def test_a_file_without_the_columns_that_are_needed_is_refused(people, lines):
    with pytest.raises(InvalidUpload, match="no column"):
        import_csv(people.workspace, "tickets", csv_of(*lines))


def test_what_is_no_text_is_refused(people):
    with pytest.raises(InvalidUpload, match="text"):
        import_csv(people.workspace, "tickets", io.BytesIO(b"PK\x03\x04\0\0"))


def test_old_encodings_and_marks_are_read(people):
    for number, data in enumerate([b"\xef\xbb\xbfid,title\n1,Dr\xc3\xbccker\n", b"id,title\n2,Dr\xfccker\n"], 1):
        import_csv(people.workspace, "tickets", io.BytesIO(data))
        assert ResolvedTicket.objects.get(external_id=number).title == "Drücker"


@pytest.mark.parametrize(
    "row",
    [
        {"external_id": {"a": 1}, "title": "x"},
        {"external_id": True, "title": "x"},
        {"external_id": "1", "title": ["x"]},
        {"title": "x"},
        {"external_id": "1", "title": "x", "resolved_at": 7e300},
        {"external_id": "1", "title": "x" * 501},
        {"external_id": "\0", "title": "x"},
    ],
)
def test_objects_of_wrong_types_are_refused(people, row):
    report = import_objects(people.workspace, "tickets", [row])

    assert (report.created, report.refused) == (0, 1)
    assert not ResolvedTicket.objects.exists()


def test_many_problems_are_counted_and_the_first_told(people):
    report = import_objects(people.workspace, "tickets", [{}] * (MOST_PROBLEMS + 50))

    assert (report.refused, len(report.problems)) == (MOST_PROBLEMS + 50, MOST_PROBLEMS)


def test_assets_are_found_by_what_they_are_called_and_where_they_are(people):
    report = import_csv(
        people.workspace,
        "assets",
        csv_of(
            "id,name,hostname,ip",
            'A-1,web-01,"web-01.example.com, www","10.0.0.1 2001:DB8::1"',
            "A-2,Office,,10.1.0.0/16",
            "A-3,Odd,,not-an-address",
        ),
    )

    assert (report.created, report.refused, report.problems[0]["column"]) == (2, 1, "networks")
    marks = set(AssetMark.objects.filter(asset__external_id="A-1").values_list("kind", "text"))
    assert marks == {
        ("name", "web-01"),
        ("name", "web-01.example.com"),
        ("name", "www"),
        ("ipv4", "10.0.0.1/32"),
        ("ipv6", "2001:db8::1/128"),
    }
    import_objects(people.workspace, "assets", [{"external_id": "A-1", "name": "web-01", "networks": ["10.0.0.2"]}])
    assert set(Asset.objects.get(external_id="A-1").marks.values_list("text", flat=True)) == {"web-01", "10.0.0.2/32"}


def test_the_same_ids_in_two_workspaces_are_two_things(people):
    for workspace in (people.workspace, people.charlies):
        brought(people, "Jam", workspace=workspace)

    assert ResolvedTicket.objects.count() == 2


def test_the_command_brings_files_in(people, tmp_path, capsys):
    path = tmp_path / "articles.csv"
    path.write_text("id,title,text\nKB-1,Jams,Open it.\n,x,y\n")

    call_command("import_library", "articles", path, workspace="northfield")

    assert "1 new, 0 changed, 0 as before, 1 refused" in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("import_library", "articles", path, workspace="nowhere")


# Doors


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("resolved-tickets", {"external_id": "1", "title": "Jam", "resolution": "Cleaned"}),
        ("knowledge", {"external_id": "1", "title": "Jam", "body": "Open it"}),
        ("assets", {"external_id": "1", "name": "web-01", "networks": "10.0.0.1"}),
    ],
)
def test_the_api_takes_objects_and_lists_them(people, path, row):
    api = people.api("alice")
    first = api.post(f"/api/{path}", [row, {"external_id": "2"}])
    again = api.post(f"/api/{path}?workspace=northfield", [row])

    assert (first.status_code, first.json()["created"], first.json()["refused"]) == (200, 1, 1)
    assert again.json()["unchanged"] == 1
    assert [each["external_id"] for each in people.api("vera").get(f"/api/{path}").json()["results"]] == ["1"]
    assert people.api("charlie").get(f"/api/{path}?workspace=northfield").json()["count"] == 0
    assert people.api("charlie").post(f"/api/{path}?workspace=northfield", [row]).status_code == 404
    assert people.api("vera").post(f"/api/{path}?workspace=northfield", [row]).status_code == 403


@pytest.mark.parametrize("data", [{}, "x", [1], [[]], None])
def test_the_api_says_what_it_takes(people, data):
    answer = people.api("alice").post("/api/knowledge", json.dumps(data), content_type="application/json")

    assert answer.status_code == 400


def test_a_network_of_many_hosts_does_not_hide_the_host_itself(people):
    """However many assets say that they stand in it, what has the address comes first."""
    near = [
        {"external_id": f"near-{number}", "name": f"near-{number}", "networks": "10.1.2.0/24"} for number in range(60)
    ]
    import_objects(people.workspace, "assets", near)
    import_objects(people.workspace, "assets", [{"external_id": "it", "name": "it", "networks": "10.1.2.3"}])
    ticket = EnhancementHistory(workspace=people.workspace, ticket_id="1", description="Nothing answers at 10.1.2.3.")

    items = gather(ticket).items
    claims = [claim["text"] for claim in by_rule_of(ticket, items, HelpDesk())["claims"]]

    assert items[0].external_id == "it"
    assert claims[:2] == ["it is concerned", "near-0 is near 10.1.2.3"]


def test_words_that_are_neither_rare_nor_common_are_not_forgotten(people, monkeypatch):
    """They are too many to be ranked beside the rare ones, and what has a rare one may be none of the workspace's."""
    monkeypatch.setattr("processing.enhancement.search._SQLite.ranked", 3)
    monkeypatch.setattr("processing.enhancement.search._PostgreSQL.ranked", 3)
    monkeypatch.setattr("processing.enhancement.search._PostgreSQL._known", lambda self: (5.0, {"printer": 1.0}))
    brought(people, *["Printer"] * 5)
    brought(people, "Duplex", workspace=people.charlies)

    assert len(found(people.workspace, "printer", "duplex")) == 5


def test_a_rare_word_is_worth_more_than_several_that_many_texts_have(people):
    brought(people, *["Printer paper tray"] * 40, "Fuser smells", "Printer paper")

    assert found(people.workspace, "printer", "paper", "fuser")[0] == "41"


def asked(sql, *values):
    """PostgreSQL's answer; None from SQLite, which has nothing of the kind."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()[0]


def test_no_search_reads_the_words_that_wait_for_their_index(people):
    """All of them are read for every word that is looked for."""
    brought(people, *(f"Printer {number} jams" for number in range(MANY)))

    assert not asked("SELECT gin_clean_pending_list(%s::regclass)", INDEXES[ResolvedTicket].words)


def test_a_search_has_limits_that_end_with_it(people):
    before = asked("SHOW max_parallel_workers_per_gather")
    with limited(5):
        inside = (asked("SHOW statement_timeout"), asked("SHOW max_parallel_workers_per_gather"))
    after = (asked("SHOW statement_timeout"), asked("SHOW max_parallel_workers_per_gather"))

    assert inside == (("5s", "0") if before else (None, None))
    assert after == (("0", before) if before else (None, None))
