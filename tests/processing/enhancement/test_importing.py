"""Files of the library, brought in by workers: progress, bad rows by name, and nothing half done when workers die."""

import io

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone

from processing.enhancement import importing, library
from processing.enhancement.jobs import import_library, sweep_enhancements
from processing.enhancement.models import Asset, LibraryImport, ResolvedTicket
from processing.enhancement.retention import prune_enhancements
from sessions_app.models import AuditEvent
from tests.processes import horses_of, kill, wait_for, worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def an_empty_redis(redis):
    return redis


def file_of(*lines, name="tickets.csv"):
    return SimpleUploadedFile(name, "\n".join(lines).encode())


def many(count, first=1):
    return ("id,title,resolution", *(f"{number},Ticket {number},Done" for number in range(first, first + count)))


def begun(people, *lines, kind="tickets"):
    return importing.begin(people.workspace, kind, file_of(*lines), by=people.bob)


def counts(given):
    given.refresh_from_db()
    return given.status, given.created, given.changed, given.unchanged, given.refused


def test_the_page_takes_a_file_and_shows_what_became_of_its_rows(people, run_jobs):
    bob, page = people.browser("bob"), f"/workspaces/{people.workspace.pk}/library/"
    file = file_of("id,title,url,Nonsense", "1,<b>Jam</b>,,", ",x,,", "3,Link,javascript:alert(1),", "1,Again,,")

    answer = bob.post(f"{page}import/", {"kind": "tickets", "file": file})
    given = LibraryImport.objects.get()
    waiting = bob.get(answer.headers["Location"]).content.decode()
    run_jobs()
    shown = bob.get(f"{given.get_absolute_url()}?part=body").content.decode()

    assert answer.headers["Location"] == given.get_absolute_url()
    assert "It waits for a worker." in waiting
    assert counts(given) == ("completed", 1, 0, 0, 3)
    assert given.problems == [
        {"line": 3, "column": "external_id", "value": "", "message": "This is empty."},
        {"line": 4, "column": "url", "value": "javascript:alert(1)", "message": "This has to begin with https://."},
        {
            "line": 5,
            "column": "external_id",
            "value": "1",
            "message": "Another id: this one stands in line 2 already.",
        },
    ]
    assert "<strong>1</strong> new" in shown
    assert "javascript:alert(1)" in shown
    assert "Columns that are not used: Nonsense." in shown
    assert "hx-get" not in shown
    assert "tickets.csv" in bob.get(page).content.decode()
    assert not default_storage.exists(given.stored)
    assert AuditEvent.objects.get(action="library.imported").details["created"] == 1
    again = bob.post(f"{page}import/", {"kind": "tickets", "file": file_of("id,title,url", "1,<b>Jam</b>,")})
    run_jobs()
    assert counts(LibraryImport.objects.exclude(pk=given.pk).get()) == ("completed", 0, 0, 1, 0)
    assert again.status_code == 302


def test_a_file_that_will_not_do_is_refused_at_once_and_not_kept(people):
    bob, page = people.browser("bob"), f"/workspaces/{people.workspace.pk}/library/import/"

    assert bob.post(page, {"kind": "tickets", "file": file_of("x")}).status_code == 422
    assert bob.post(page, {"kind": "tickets", "file": SimpleUploadedFile("t.csv", b"PK\x03\0")}).status_code == 422
    assert bob.post(page, {"kind": "nothing"}).status_code == 422
    assert not LibraryImport.objects.exists()
    assert not default_storage.exists(f"library/{people.workspace.pk}")


def test_a_storage_that_is_full_is_said_so_and_nothing_is_begun(people, settings, tmp_path):
    (tmp_path / "no folder").touch()
    settings.MEDIA_ROOT = tmp_path / "no folder"
    bob, page = people.browser("bob"), f"/workspaces/{people.workspace.pk}/library/import/"

    answer = bob.post(page, {"kind": "tickets", "file": file_of("id,title", "1,Jam")})

    assert answer.status_code == 507
    assert "cannot be stored just now" in answer.content.decode()
    assert not LibraryImport.objects.exists()


def test_the_api_answers_202_and_says_where_to_ask(people, run_jobs):
    alice = people.api("alice")
    posted = alice.post(
        "/api/library-imports?workspace=northfield",
        {"kind": "assets", "file": file_of("id,name,ip", "A-1,web,10.0.0.1", "A-2,odd,10.0.0.1/99")},
        format="multipart",
    )
    run_jobs()
    found = alice.get(posted.headers["Location"]).json()

    assert (posted.status_code, posted.json()["status"]) == (202, "pending")
    assert (found["status"], found["created"], found["refused"], found["progress_percentage"]) == (
        "completed",
        1,
        1,
        100.0,
    )
    assert found["problems"][0] == {
        "line": 3,
        "column": "networks",
        "value": "10.0.0.1/99",
        "message": "“10.0.0.1/99” is neither an address nor a network.",
    }
    assert Asset.objects.get().marks.filter(text="10.0.0.1/32").exists()
    assert people.api("charlie").get(posted.headers["Location"]).status_code == 404
    assert people.api("charlie").get("/api/library-imports").json()["count"] == 0
    assert alice.get("/api/library-imports?workspace=northfield").json()["count"] == 1
    for who, status in (("vera", 403), ("charlie", 404)):
        body = {"kind": "tickets", "file": file_of("id,title")}
        again = people.api(who).post("/api/library-imports?workspace=northfield", body, format="multipart")
        assert again.status_code == status
    assert alice.post("/api/library-imports", {"kind": "x"}, format="multipart").status_code == 400
    assert alice.post("/api/library-imports", {"kind": "tickets"}).status_code == 415


def test_a_turn_that_ends_hands_on_and_counts_each_row_once(people, settings, monkeypatch):
    """The rows of a portion and the counts are one transaction; the next turn begins behind them."""
    monkeypatch.setattr(library, "AT_ONCE", 10)
    settings.ENGINE = {**settings.ENGINE, "SLICE": 0}
    given = begun(people, *many(25), "7,Ticket 7 again,", ",no id,")

    for settled in (10, 20):
        import_library(str(given.pk))
        assert counts(given) == ("pending", settled, 0, 0, 0)
        assert ResolvedTicket.objects.count() == settled
    import_library(str(given.pk))
    assert given.progress_percentage <= 99.9
    import_library(str(given.pk))

    assert counts(given) == ("completed", 25, 0, 0, 2)
    assert [each["line"] for each in given.problems] == [27, 28]
    assert "line 8" in given.problems[0]["message"], "it remembers ids of rows before the turn"
    assert ResolvedTicket.objects.get(external_id="7").title == "Ticket 7"


@pytest.mark.integration
def test_a_worker_that_is_killed_in_the_middle_loses_and_doubles_nothing(people):
    """kill -9 of worker and work-horse while rows are written; another one goes on where it stopped."""
    given = begun(people, *many(14_000))

    def is_under_way():
        given.refresh_from_db()
        return given.rows > 0

    with worker() as first:
        wait_for(is_under_way, "the first rows are settled", 120)
        kill(first)
    given.refresh_from_db()
    assert given.status == "running", "it was killed before its end"
    assert ResolvedTicket.objects.count() == given.created, "rows and counts are one"
    LibraryImport.objects.update(lease_until=timezone.now() - timezone.timedelta(seconds=1))
    assert sweep_enhancements()["imports_woken"] == 1

    with worker() as second:
        wait_for(lambda: counts(given)[0] == "completed", "the end of the import", 240)
        assert horses_of(second) is not None

    assert counts(given) == ("completed", 14_000, 0, 0, 0)
    assert ResolvedTicket.objects.count() == 14_000


def test_whoever_lost_an_import_writes_nothing_more(people, monkeypatch):
    monkeypatch.setattr(library, "AT_ONCE", 10)
    given = begun(people, *many(25))
    original = library._keep

    def lose(*args):
        if ResolvedTicket.objects.count() == 10:
            LibraryImport.objects.update(lease_owner=None)
        original(*args)

    monkeypatch.setattr(library, "_keep", lose)
    import_library(str(given.pk))

    assert ResolvedTicket.objects.count() == 10
    assert counts(given)[:2] == ("running", 10)


def test_one_import_of_a_workspace_runs_at_a_time_and_the_others_follow(people, run_jobs):
    first, second = begun(people, *many(3)), begun(people, *many(3, first=3))
    assert first.start(first.pk)

    import_library(str(second.pk))

    assert counts(second)[0] == "pending"
    first.put_back()
    run_jobs()
    assert counts(first) == ("completed", 3, 0, 0, 0)
    assert counts(second) == ("completed", 2, 0, 1, 0)


def test_a_database_error_is_tried_again_and_in_the_end_it_has_failed(people):
    given = begun(people, *many(3))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE enhancement_resolvedticket RENAME TO away")
    try:
        for number in range(1, 5):
            import_library(str(given.pk))
            assert counts(given)[0] == ("pending" if number < 4 else "failed")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO enhancement_resolvedticket")

    assert (given.error_code, "enhancement_" in given.error_message) == ("database", False)
    assert not default_storage.exists(given.stored)
    assert "did not answer" in people.browser("vera").get(given.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((*many(2), "3," + "x" * 1_100_000), "not CSV"),
        ((*many(2), '3,"' + "\n" * 1_100_000), "not CSV"),
    ],
)
def test_what_breaks_off_in_the_middle_says_where(people, lines, said):
    given = begun(people, *lines)

    import_library(str(given.pk))

    assert counts(given)[0] == "failed"
    assert said in given.error_message


def test_too_many_rows_end_it_and_what_came_before_stays(people, monkeypatch):
    monkeypatch.setattr(library, "AT_ONCE", 10)
    monkeypatch.setattr(library, "MOST_ROWS", 15)
    given = begun(people, *many(16))

    import_library(str(given.pk))

    assert counts(given) == ("failed", 10, 0, 0, 0)
    assert "too many" in given.error_message


def test_a_file_that_is_gone_ends_it(people):
    given = begun(people, *many(1))
    default_storage.delete(given.stored)

    import_library(str(given.pk))

    assert (counts(given)[0], given.error_code) == ("failed", "file_gone")


def test_old_imports_and_forgotten_files_are_pruned(people, settings, monkeypatch):
    done, waits = begun(people, *many(1)), begun(people, *many(1))
    import_library(str(done.pk))
    LibraryImport.objects.filter(pk=done.pk).update(finished_at=timezone.now() - timezone.timedelta(days=400))
    forgotten = default_storage.save(f"library/{people.workspace.pk}/forgotten.csv", io.BytesIO(b"x"))
    prune_enhancements()
    assert default_storage.exists(forgotten), "it may be on its way"
    monkeypatch.setattr(importing, "ORPHAN", timezone.timedelta(0))

    prune_enhancements()

    assert list(LibraryImport.objects.all()) == [waits]
    assert default_storage.exists(waits.stored)
    assert not default_storage.exists(forgotten)
