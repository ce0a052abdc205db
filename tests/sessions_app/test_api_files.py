"""``/api/sessions/{id}/files``: uploaded, tried out, looked at, read in another way, taken out."""

from __future__ import annotations

import io
import uuid
import zipfile
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile

from processing.models import SessionTask
from sessions_app.models import AuditEvent, ColumnMapping, SourceRow, UploadedFile
from tests.factories import as_csv, bundles, fields, import_files, make_session
from tests.sessions_app.test_api_sessions import is_problem


@pytest.fixture
def api(people):
    return people.api("alice")


@pytest.fixture
def session(people):
    return make_session(people.workspace)


@pytest.fixture
def file(session):
    import_files(session, Bundles=bundles(3))
    return session.files.get()


def upload(api, session, *files, **more):
    sent = [SimpleUploadedFile(name, data) for name, data in files]
    return api.post(f"/api/sessions/{session.pk}/files", {"files": sent, **more}, format="multipart")


def stored():
    media = Path(django_settings.MEDIA_ROOT)
    return sorted(path for path in media.rglob("*") if path.is_file())


# Uploading


def test_several_files_are_imported_at_once(api, session):
    answer = upload(api, session, ("Bundles.csv", bundles(2)), ("Fields.csv", fields(4, 2)))

    assert answer.status_code == 201
    body = answer.json()
    assert [(each["filename"], each["csv_type"], each["entity_count"]) for each in body["imported"]] == [
        ("Bundles.csv", "bundles", 2),
        ("Fields.csv", "fields", 4),
    ]
    assert [each["accepted"] for each in body["files"]] == [True, True]
    session.refresh_from_db()
    assert session.stage == "upload"


def test_every_row_of_the_file_is_accounted_for(api, session):
    rows = [["Page", "page", "Content type", "", "a"], ["", "", "", "", ""], ["News", "news", "Content type", "", "a"]]
    upload(api, session, ("Bundles.csv", as_csv(["Name", "Machine name", "Type", "Description", "X"], rows)))

    kept = api.get(f"/api/sessions/{session.pk}/files").json()["results"][0]

    assert sum(kept["dispositions"].values()) == kept["row_count"] == SourceRow.objects.count()
    assert kept["entity_count"] == 2


def test_the_counts_of_a_dry_run_are_those_of_the_import(api, session):
    files = [("Bundles.csv", bundles(2)), ("Fields.csv", fields(4, 2)), ("notes.pdf", b"%PDF-1.7")]

    told = upload(api, session, *files, dry_run="true").json()["files"]
    done = upload(api, session, *files).json()

    assert told == done["files"]
    assert sum(each["entities"] for each in told) == sum(each["entity_count"] for each in done["imported"])


def test_a_dry_run_keeps_nothing(api, session):
    before = stored(), AuditEvent.objects.count()

    answer = upload(api, session, ("Bundles.csv", bundles(2)), dry_run="true")

    assert answer.status_code == 200
    assert (answer.json()["files"][0]["accepted"], answer.json()["files"][0]["entities"]) == (True, 2)
    assert not UploadedFile.objects.exists()
    assert not ColumnMapping.objects.exists()
    assert (stored(), AuditEvent.objects.count()) == before
    session.refresh_from_db()
    assert session.stage == "setup"


def test_a_pasted_table_is_imported_under_its_name(api, session):
    pasted = "Name\tMachine name\tType\nPage\tpage\tContent type\n"

    named = api.post(f"/api/sessions/{session.pk}/files", {"pasted": pasted, "name": "From the sheet.tsv"})
    unnamed = api.post(f"/api/sessions/{session.pk}/files", {"pasted": pasted})

    assert (named.status_code, unnamed.status_code) == (201, 201)
    assert set(session.files.values_list("filename", flat=True)) == {"From the sheet.tsv", "pasted.tsv"}


def test_a_file_of_the_same_name_replaces_the_first(api, session):
    upload(api, session, ("Bundles.csv", bundles(2)))
    upload(api, session, ("Bundles.csv", bundles(5)))

    assert session.files.get().entity_count == 5
    assert SourceRow.objects.count() == 5


def test_what_cannot_be_read_is_reported_beside_what_can(api, session):
    answer = upload(api, session, ("Bundles.csv", bundles(2)), ("notes.pdf", b"%PDF-1.7"))

    assert answer.status_code == 201
    refused = next(each for each in answer.json()["files"] if not each["accepted"])
    assert refused["file"] == "notes.pdf"
    assert {"row", "line", "column", "value", "expected", "code", "message"} <= set(refused["errors"][0])
    assert session.files.count() == 1


def zip_of(name, data):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, data)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.csv", b""),
        ("Bundles.csv", b"\0\0\0\0"),
        ("Bundles.csv", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("Bundles.csv", b"<!doctype html><html></html>"),
        ("Bundles.csv", b"no table at all"),
        ("Bundles.csv", b"Name,Machine name,Type\n"),
        ("Bundles.xlsx", b"Name,Machine name,Type\n"),
        ("Bundles.xlsx", b"PK\x03\x04broken"),
        ("Bundles.zip", zip_of("Bundles.csv", b"Name,Machine name\nA,a\n")),
        ("config.tar.gz", b"\x1f\x8bbroken"),
        ("config.tar.gz", b"plain text"),
        ("Bundles.csv", bytes(range(256)) * 10),
    ],
)
def test_what_is_no_specification_is_refused_with_a_reason_and_nothing_is_kept(api, session, name, data):
    body = is_problem(upload(api, session, (name, data)), 422, "invalid_upload")

    assert body["files"][0]["errors"][0]["message"]
    assert body["recovery_actions"]
    assert not UploadedFile.objects.exists()


@pytest.mark.parametrize("sent", [{}, {"pasted": ""}, {"files": []}, {"dry_run": True}])
def test_an_upload_of_nothing_says_so(api, session, sent):
    is_problem(api.post(f"/api/sessions/{session.pk}/files", sent), 422, "invalid_upload")


@pytest.mark.parametrize(
    "sent", [[1], {"files": "x"}, {"files": ["x"]}, {"files": {"a": 1}}, {"pasted": "\0"}, {"pasted": ["x"]}]
)
def test_an_upload_that_is_no_upload_is_refused(api, session, sent):
    is_problem(api.post(f"/api/sessions/{session.pk}/files", sent, format="json"), 400, "invalid")


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=\xe9", "multipart/form-data; boundary="],
)
def test_a_broken_multipart_body_is_the_requests_fault(api, session, content_type):
    is_problem(api.generic("POST", f"/api/sessions/{session.pk}/files", b"--x\r\n", content_type=content_type), 400)


def test_a_file_over_the_limit_is_refused_by_name(api, session, settings):
    settings.UPLOAD_MAX_BYTES = 1024 * 1024

    body = is_problem(upload(api, session, ("Bundles.csv", b"x" * 1024 * 1025)), 413, "too_large")

    assert "Bundles.csv" in body["detail"]
    assert "1 MB" in body["detail"]
    assert not UploadedFile.objects.exists()


def test_too_many_files_are_refused_with_the_limit(api, session):
    sent = [(f"{number}.csv", b"x") for number in range(django_settings.UPLOAD_MAX_FILES + 1)]

    body = is_problem(upload(api, session, *sent), 413, "too_large")

    assert str(django_settings.UPLOAD_MAX_FILES) in body["detail"]


def test_a_request_over_the_limit_is_refused_before_it_is_read(api, session, settings):
    settings.UPLOAD_MAX_REQUEST_BYTES = 10_000

    is_problem(upload(api, session, ("Bundles.csv", b"x" * 20_000)), 413, "too_large")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.csv", "passwd.csv"),
        ("C:\\Users\\me\\Bundles.csv", "Bundles.csv"),
        ("con", "con"),
        ("a\u202egpj.csv", "agpj.csv"),
        ("<script>alert(1)<script>.csv", "<script>alert(1)<script>.csv"),
        ("x" * 200 + ".csv", "x" * 116 + ".csv"),
        ("Spécial ✓.csv", "Spécial ✓.csv"),
    ],
)
def test_a_file_name_is_only_data(api, session, sent, kept):
    sent_file = SimpleUploadedFile("placeholder.csv", bundles(1))
    sent_file._name = sent
    before = stored()

    answer = api.post(f"/api/sessions/{session.pk}/files", {"files": [sent_file]}, format="multipart")

    assert answer.status_code == 201
    assert session.files.get().filename == kept
    assert stored() == before


def test_nothing_is_uploaded_while_a_run_reads_the_session(api, session):
    SessionTask.objects.create(session=session, status="running")

    is_problem(upload(api, session, ("Bundles.csv", bundles(1))), 409, "wrong_state")
    assert not UploadedFile.objects.exists()


# Looking


def test_a_file_says_how_it_was_read(api, session, file):
    body = api.get(f"/api/sessions/{session.pk}/files/{file.pk}").json()

    assert (body["filename"], body["csv_type"], body["row_count"], body["entity_count"]) == (
        "Bundles.csv",
        "bundles",
        3,
        3,
    )
    assert len(body["mapping"]) == len(body["headers"]) == 5
    assert body["sha256"]
    assert body["validation_status"] == "valid"


def test_a_preview_shows_raw_beside_mapped(api, session, file):
    body = api.get(f"/api/sessions/{session.pk}/files/{file.pk}/preview").json()

    assert body["shown"] == 3
    first = body["rows"][0]
    assert first["raw"] == ["Kind 0", "kind_0", "Content type", "About 0.", "a"]
    assert first["mapped"]["Machine name"] == "kind_0"
    assert (first["row"], first["line"], first["disposition"]) == (1, 2, "used")


def test_a_preview_of_a_long_file_says_how_much_it_shows(api, session):
    import_files(session, Bundles=bundles(120))
    file = session.files.get()

    body = api.get(f"/api/sessions/{session.pk}/files/{file.pk}/preview").json()

    assert (body["shown"], len(body["rows"]), body["row_count"]) == (50, 50, 120)


# Reading in another way


def mapping_of(api, session, file, /, **sent):
    return api.put(f"/api/sessions/{session.pk}/files/{file.pk}/mapping", sent)


def test_a_column_can_be_mapped_to_another(api, session, file):
    answer = mapping_of(api, session, file, mapping=["Name", "Machine name", "Type", "", "X"])

    assert answer.status_code == 200
    file.refresh_from_db()
    assert file.mapping == ["Name", "Machine name", "Type", "", "X"]
    assert answer.json()["id"] == str(file.pk)


def test_rows_with_an_excluded_value_are_filtered_and_stay_in_the_account(api, session):
    rows = [[f"Kind {n}", f"kind_{n}", "Content type", "", "a" if n else "z"] for n in range(3)]
    import_files(session, Bundles=as_csv(["Name", "Machine name", "Type", "Description", "X"], rows))
    file = session.files.get()

    answer = mapping_of(api, session, file, exclusions={"X": ["z"]})

    assert answer.json()["dispositions"] == {"used": 2, "folded": 0, "filtered": 1, "dropped": 0}
    file.refresh_from_db()
    assert (file.entity_count, file.row_count) == (2, 3)
    assert file.rows.get(disposition="filtered").number == 1


def test_another_type_finds_its_own_columns(api, session, file):
    assert mapping_of(api, session, file, csv_type="custom").status_code == 200

    file.refresh_from_db()
    assert file.csv_type == "custom"


def test_a_mapping_is_remembered_for_the_next_file_of_its_shape(api, session, file):
    mapping_of(api, session, file, mapping=["Name", "Machine name", "Type", "", "X"])

    upload(api, session, ("Next.csv", bundles(2)))

    assert session.files.get(filename="Next.csv").mapping == ["Name", "Machine name", "Type", "", "X"]


@pytest.mark.parametrize(
    "sent",
    [
        {"csv_type": "nonsense"},
        {"csv_type": ["bundles"]},
        {"mapping": "Name"},
        {"mapping": ["x" * 101] * 5},
        {"mapping": ["\0"] * 5},
        {"exclusions": ["X"]},
        {"exclusions": {"X": "a"}},
        {"exclusions": {"X": ["\0"]}},
        {"exclusions": {"\0": ["a"]}},
        {"exclusions": {"X": ["y" * 501]}},
        {"delimiter": "nonsense"},
    ],
)
def test_a_mapping_that_is_not_valid_changes_nothing(api, session, file, sent):
    before = UploadedFile.objects.values().get(pk=file.pk)

    is_problem(mapping_of(api, session, file, **sent), 400, "invalid")
    assert UploadedFile.objects.values().get(pk=file.pk) == before


def test_half_a_character_in_a_header_is_the_requests_fault(api, session, file):
    raw = '{"exclusions": {"\\ud800": ["a"]}}'
    path = f"/api/sessions/{session.pk}/files/{file.pk}/mapping"

    is_problem(api.generic("PUT", path, raw, content_type="application/json"), 400, "invalid")


@pytest.mark.parametrize("mapping", [["Name"], ["", "", "", "", ""], ["Name", "Machine name", "Type", "", "X", ""]])
def test_a_mapping_that_does_not_fit_the_file_is_refused(api, session, file, mapping):
    if not any(mapping):
        body = is_problem(mapping_of(api, session, file, mapping=mapping), 422, "invalid_upload")
        assert body["errors"]
    else:
        is_problem(mapping_of(api, session, file, mapping=mapping), 422, "invalid_upload")
    file.refresh_from_db()
    assert file.mapping == ["Name", "Machine name", "Type", "Description", "X"]


@pytest.mark.parametrize("name", ["filename", "row_count", "entity_count", "sha256", "session", "validation_status"])
def test_a_read_only_field_cannot_be_written(api, session, file, name):
    before = getattr(file, name)

    mapping_of(api, session, file, **{name: "9"})

    assert getattr(UploadedFile.objects.get(pk=file.pk), name) == before


def test_a_file_is_left_alone_while_a_run_reads_it(api, session, file):
    SessionTask.objects.create(session=session, status="paused")

    is_problem(mapping_of(api, session, file, csv_type="custom"), 409, "wrong_state")
    is_problem(api.delete(f"/api/sessions/{session.pk}/files/{file.pk}"), 409, "wrong_state")
    assert UploadedFile.objects.get(pk=file.pk).csv_type == "bundles"


# Taking out


def test_a_file_goes_with_its_rows_and_is_remembered_in_the_audit_log(api, session, file):
    assert api.delete(f"/api/sessions/{session.pk}/files/{file.pk}").status_code == 204

    assert not UploadedFile.objects.exists()
    assert not SourceRow.objects.exists()
    assert AuditEvent.objects.get(action="file.removed").details == {"file": "Bundles.csv"}
    is_problem(api.get(f"/api/sessions/{session.pk}/files/{file.pk}"), 404)


def test_a_file_that_is_not_there_is_a_problem(api, session):
    is_problem(api.delete(f"/api/sessions/{session.pk}/files/{uuid.uuid4()}"), 404, "not_found")


def test_files_come_in_pages_and_by_type(api, session):
    import_files(session, Bundles=bundles(1), Fields=fields(1))
    url = f"/api/sessions/{session.pk}/files"

    assert [row["filename"] for row in api.get(f"{url}?csv_type=fields").json()["results"]] == ["Fields.csv"]
    assert api.get(f"{url}?page_size=1").json()["count"] == 2
    assert len(api.get(f"{url}?page_size=1&page=2").json()["results"]) == 1
