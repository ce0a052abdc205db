"""Importing a specification: preview, keep, re-read, remove; in a real database."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import IntegrityError

from processing.models import SessionTask
from sessions_app import staging
from sessions_app.actions import imports
from sessions_app.actions.imports import Upload, read_upload
from sessions_app.errors import InvalidUpload, TooLarge, WrongState
from sessions_app.models import AuditEvent, ColumnMapping, Session, SourceRow, UploadedFile
from sessions_app.parsing.intake import Choices
from tests.factories import BUNDLE_HEADERS, FIELD_HEADERS, as_csv, bundles, fields, import_files, make_session
from tests.sessions_app.reading import BUNDLES, FIELDS
from tests.sessions_app.workbooks import workbook

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(people) -> Session:
    return make_session(people.workspace)


def uploads(*files: tuple[str, bytes], **choices: Any) -> list[imports.ReadUpload]:
    return [read_upload(Upload(name, data, {"": Choices(**choices)})) for name, data in files]


def keep(session: Session, *files: tuple[str, bytes], **choices: Any) -> list[UploadedFile]:
    return imports.keep(session, uploads(*files, **choices), by=None)


def names(session: Session) -> list[tuple[str, str]]:
    return sorted(session.files.values_list("filename", "csv_type"))


def keys(session: Session) -> list[str]:
    return sorted(entity.key for entity in imports.specification_of(session).entities)


def counted() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in (UploadedFile, SourceRow, ColumnMapping, AuditEvent)}


# Keep


def test_a_file_is_kept_with_all_of_its_rows(session, people):
    data = as_csv(BUNDLE_HEADERS, [["Article", "article", "Content type", "One\ntwo", "a"], [], ["", "", "", "x", ""]])

    (file,) = imports.keep(session, uploads(("Bundles.csv", data)), by=people.alice)

    assert (file.csv_type, file.encoding, file.delimiter, file.header_line) == ("bundles", "utf-8", ",", 1)
    assert (file.headers, file.mapping) == (BUNDLE_HEADERS, BUNDLE_HEADERS)
    assert (file.row_count, file.entity_count, file.size) == (3, 1, len(data))
    assert file.dispositions == {"used": 1, "folded": 0, "filtered": 0, "dropped": 2}
    assert file.uploaded_by == people.alice
    assert list(file.rows.values_list("number", "line", "disposition", "reason")) == [
        (1, 2, "used", ""),
        (2, 4, "dropped", "blank row"),
        (3, 5, "dropped", "names no bundle: “Name” and “Machine name” are empty"),
    ]
    assert file.rows.first().data == ["Article", "article", "Content type", "One\ntwo", "a"]


def test_what_is_kept_reads_the_same_as_what_was_uploaded(session):
    read = uploads(("Bundles.csv", bundles(3)), ("Fields.csv", fields(5, 3)))
    previewed = imports.read_together(session, read)

    imports.keep(session, read, by=None)

    assert imports.specification_of(session) == previewed


def test_every_row_is_accounted_for(session):
    rows = [["A", "a", "Content type", "", "a"], ["A", "a", "Content type", "", "a"], [""], ["D", "d", "", "", "d"]]

    (file,) = keep(session, ("Bundles.csv", as_csv(BUNDLE_HEADERS, rows)), exclusions={"X": ["d"]})

    assert file.dispositions == {"used": 1, "folded": 1, "filtered": 1, "dropped": 1}
    assert file.row_count == file.rows.count() == sum(file.dispositions.values())
    assert file.exclusions == {"X": ["d"]}


def test_first_rows_come_first(session):
    import_files(session, Bundles=bundles(5))

    labels = [entity.label for entity in imports.specification_of(session).entities]
    assert labels == ["Kind 0", "Kind 1", "Kind 2", "Kind 3", "Kind 4"]


def test_refused_files_are_left_out_and_not_counted(session):
    kept = keep(session, ("Bundles.csv", bundles(2)), ("Broken.csv", b""), ("Other.csv", b"Region,Units\nNorth,1\n"))

    assert [file.filename for file in kept] == ["Bundles.csv"]
    assert sum(file.entity_count for file in kept) == 2


def test_without_one_good_file_nothing_is_kept(session):
    before = counted()

    with pytest.raises(InvalidUpload):
        keep(session, ("Broken.csv", b""), ("Other.csv", b"Region,Units\nNorth,1\n"))

    assert counted() == before


def test_the_first_import_moves_the_session_on(session):
    import_files(session, Bundles=bundles(1))

    session.refresh_from_db()
    assert session.stage == Session.Stage.UPLOAD


def test_a_later_import_leaves_the_stage_alone(session):
    Session.objects.filter(pk=session.pk).update(stage=Session.Stage.REVIEW)
    session.refresh_from_db()

    import_files(session, Bundles=bundles(1))

    session.refresh_from_db()
    assert session.stage == Session.Stage.REVIEW


@pytest.mark.django_db(transaction=True)
def test_all_tabs_are_kept_or_none(session):
    import_files(session, Bundles=bundles(1))
    before = (counted(), names(session), keys(session))
    good, bad = uploads(("Bundles.csv", bundles(5)), ("Fields.csv", fields(3)))
    reading = bad.readings[0]
    rows = (*reading.read.rows[:2], replace(reading.read.rows[2], number=-1))
    bad = replace(bad, readings=(replace(reading, read=replace(reading.read, rows=rows)),))

    with pytest.raises(IntegrityError):
        imports.keep(session, [good, bad], by=None)

    assert (counted(), names(session), keys(session)) == before


def test_an_import_is_in_the_audit_log(session, people):
    imports.keep(session, uploads(("Bundles.csv", bundles(2)), ("Fields.csv", fields(3))), by=people.bob)

    event = AuditEvent.objects.get(action="files.imported")
    assert (event.user_name, event.object_id, event.workspace_id) == ("bob", str(session.pk), session.workspace_id)
    assert event.details == {"files": ["Bundles.csv", "Fields.csv"], "entities": 5}


# Again


def test_the_same_file_again_makes_no_duplicates(session):
    import_files(session, Bundles=bundles(3))
    before = (UploadedFile.objects.count(), SourceRow.objects.count(), keys(session))

    import_files(session, Bundles=bundles(3))

    assert (UploadedFile.objects.count(), SourceRow.objects.count(), keys(session)) == before


def test_a_file_of_the_same_name_replaces_the_old_one(session):
    import_files(session, Bundles=bundles(3))

    import_files(session, Bundles=bundles(2, start=2))

    assert keys(session) == ["bundles:node.kind_2", "bundles:node.kind_3"]


def test_a_file_that_was_taken_for_another_type_is_replaced_too(session):
    data = as_csv(["Name", "Machine name"], [["Editor", "editor"]])
    keep(session, ("things.csv", data))
    assert names(session) == [("things.csv", "custom")]

    keep(session, ("things.csv", data), csv_type="user_roles")

    assert names(session) == [("things.csv", "user_roles")]


def test_files_of_other_sessions_stay(session, people):
    other = make_session(people.workspace)
    import_files(other, Bundles=bundles(3))

    import_files(session, Bundles=bundles(1))

    assert len(keys(other)) == 3


def test_two_files_of_one_name_in_one_upload_are_both_kept(session):
    """Folders are dropped with their files, and the browser tells base names only."""
    files = [
        ("Bundles.csv", bundles(1)),
        ("Bundles.csv", bundles(1, start=1)),
        ("Bundles (2).csv", bundles(1, start=2)),
    ]

    keep(session, *files)
    keep(session, *files)

    assert len(names(session)) == 3
    assert keys(session) == ["bundles:node.kind_0", "bundles:node.kind_1", "bundles:node.kind_2"]


def test_one_file_twice_in_one_upload_is_kept_once(session):
    keep(session, ("Bundles.csv", bundles(2)), ("Bundles.csv", bundles(2)))

    assert names(session) == [("Bundles.csv", "bundles")]


def test_a_tab_that_a_workbook_has_lost_goes(session):
    both = {
        "Bundles": [BUNDLES, ["A", "a", "Content type", ""]],
        "Fields": [FIELDS, ["a", "B", "b", "Text", "", "", "", ""]],
    }
    keep(session, ("Spec.xlsx", workbook(both)))
    keep(session, ("Other.csv", bundles(1)))
    assert len(names(session)) == 3

    read = uploads(("Spec.xlsx", workbook({"Bundles": both["Bundles"]})))
    shown = imports.changes(session, read)
    imports.keep(session, read, by=None)

    assert shown.removed == ("B (field)",)
    assert names(session) == [("Other.csv", "bundles"), ("Spec.xlsx", "bundles")]


def test_a_tab_that_is_refused_now_leaves_the_old_one(session):
    good = {
        "Bundles": [BUNDLES, ["A", "a", "Content type", ""]],
        "Fields": [FIELDS, ["a", "B", "b", "Text", "", "", "", ""]],
    }
    keep(session, ("Spec.xlsx", workbook(good)))

    keep(
        session, ("Spec.xlsx", workbook({**good, "Fields": [["Bundle", "Field label", "Field type"], ["a", "B", "T"]]}))
    )

    assert len(names(session)) == 2


def archive(*types: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in types:
            content = f'type: {name}\nname: "{name.capitalize()}\\0"\n'.encode()
            info = tarfile.TarInfo(f"node.type.{name}.yml")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def test_a_configuration_export_is_kept(session):
    (file,) = keep(session, ("config.tar.gz", archive("article", "page")))

    assert (file.filename, file.csv_type, file.entity_count) == ("config.tar.gz", "bundles", 2)
    assert list(file.rows.values_list("origin", flat=True)) == ["node.type.article.yml", "node.type.page.yml"]


def test_no_zero_byte_reaches_the_database(session):
    """PostgreSQL can store it in no text and no JSON; a YAML escape can make one."""
    (file,) = keep(session, ("config.tar.gz", archive("article")))

    assert not [cell for row in file.rows.all() for cell in row.data if "\0" in cell]


# A run under way


@pytest.mark.parametrize("status", ["pending", "running", "paused"])
def test_while_a_run_is_under_way_nothing_changes(session, status):
    import_files(session, Bundles=bundles(2))
    file = session.files.get()
    SessionTask.objects.create(session=session, status=status)
    before = (counted(), keys(session))

    for attempt in (
        lambda: import_files(session, Bundles=bundles(3)),
        lambda: imports.remap(file, Choices(csv_type="custom"), by=None),
        lambda: imports.remove(file, by=None),
    ):
        with pytest.raises(WrongState, match="run is under way"):
            attempt()

    assert (counted(), keys(session)) == before


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_a_run_that_has_ended_stands_in_nobodys_way(session, status):
    SessionTask.objects.create(session=session, status=status)

    import_files(session, Bundles=bundles(2))

    assert len(keys(session)) == 2


# Read again


def test_another_filter_changes_the_dispositions(session, people):
    import_files(session, Bundles=bundles(2) + b"Old,old,Content type,,d\n")
    file = session.files.get()

    imports.remap(file, Choices(csv_type="bundles", exclusions={"X": ["d"]}), by=people.alice)

    file.refresh_from_db()
    assert (file.entity_count, file.dispositions["filtered"]) == (2, 1)
    assert list(file.rows.values_list("disposition", flat=True)) == ["used", "used", "filtered"]
    assert keys(session) == ["bundles:node.kind_0", "bundles:node.kind_1"]


def test_a_filter_can_be_taken_back(session):
    import_files(session, Bundles=bundles(2))
    file = session.files.get()

    imports.remap(file, Choices(csv_type="bundles", exclusions={"X": ["a"]}), by=None)
    assert keys(session) == []
    imports.remap(file, Choices(csv_type="bundles"), by=None)

    assert len(keys(session)) == 2


def test_another_mapping_changes_the_entities(session):
    keep(session, ("things.csv", as_csv(["Name", "Machine name", "Kind"], [["A", "a", "Vocabulary"]])))
    file = session.files.get()

    imports.remap(file, Choices(csv_type="bundles", mapping=("Name", "Machine name", "Type")), by=None)

    file.refresh_from_db()
    assert (file.csv_type, file.mapping) == ("bundles", ["Name", "Machine name", "Type"])
    assert keys(session) == ["bundles:taxonomy_term.a"]


def test_a_mapping_that_does_not_fit_changes_nothing(session):
    import_files(session, Bundles=bundles(2))
    file = session.files.get()
    before = (counted(), keys(session), file.mapping)

    with pytest.raises(InvalidUpload) as caught:
        imports.remap(file, Choices(csv_type="fields"), by=None)

    file.refresh_from_db()
    assert (counted(), keys(session), file.mapping) == before
    assert caught.value.details["errors"][0]["code"] == "column_missing"


def test_a_change_of_mapping_is_in_the_audit_log(session, people):
    import_files(session, Bundles=bundles(1))

    imports.remap(session.files.get(), Choices(csv_type="custom"), by=people.alice)

    event = AuditEvent.objects.get(action="file.remapped")
    assert (event.user_name, event.details) == ("alice", {"file": "Bundles.csv", "csv_type": "custom"})


def test_a_preview_of_another_mapping_keeps_nothing(session):
    import_files(session, Bundles=bundles(1))
    before = counted()

    reading = imports.reread(session.files.get(), Choices(csv_type="custom"))

    assert reading.csv_type == "custom"
    assert counted() == before
    assert session.files.get().csv_type == "bundles"


# Memory

ODD = as_csv(["Wo", "Was", "Wie"], [["article", "Body", "body"]])
ODD_MAPPING = ("Bundle", "Field label", "Machine name")


def test_a_mapping_is_remembered_for_the_next_file_of_its_shape(session):
    keep(session, ("eins.csv", ODD), csv_type="fields", mapping=ODD_MAPPING)

    (upload,) = [read_upload(Upload("zwei.csv", ODD), imports.remembered_mappings(session))]

    (reading,) = upload.readings
    assert (reading.csv_type, reading.recognition.mapping, reading.remembered) == ("fields", ODD_MAPPING, True)


def test_a_mapping_that_was_changed_afterwards_is_remembered(session):
    import_files(session, Bundles=bundles(1))
    imports.remap(session.files.get(), Choices(csv_type="custom"), by=None)

    reading = read_upload(Upload("Bundles.csv", bundles(2)), imports.remembered_mappings(session)).readings[0]

    assert (reading.csv_type, reading.remembered) == ("custom", True)


def test_a_mapping_that_was_taken_back_is_forgotten(session):
    import_files(session, Bundles=bundles(1))
    imports.remap(session.files.get(), Choices(csv_type="custom"), by=None)
    imports.remap(session.files.get(), Choices(csv_type="bundles"), by=None)

    assert imports.remembered_mappings(session) == {}


def test_another_workspace_remembers_nothing(session, people):
    keep(session, ("eins.csv", ODD), csv_type="fields", mapping=ODD_MAPPING)

    assert imports.remembered_mappings(make_session(people.charlies)) == {}
    assert imports.remembered_mappings(make_session(people.workspace)) != {}


def test_what_the_name_of_one_file_told_is_not_believed_of_another(session):
    """Roles and menus may have the same headers; only the names of the files tell them apart."""
    same = as_csv(["Name", "Machine name", "Notes"], [["A", "a", ""]])
    keep(session, ("UserRoles.csv", same))

    reading = read_upload(Upload("Menus.csv", same), imports.remembered_mappings(session)).readings[0]

    assert reading.csv_type == "menus"


# Changes


def changes(session: Session, *files: tuple[str, bytes]) -> imports.Changes:
    return imports.changes(session, uploads(*files))


def test_changes_are_told_before_they_are_made(session):
    import_files(session, Bundles=bundles(3), Fields=fields(3, 3))

    found = changes(session, ("Bundles.csv", bundles(3, start=1).replace(b"About 2.", b"New.")))

    assert found.added == ("Kind 3 (bundle)",)
    assert found.removed == ("Kind 0 (bundle)",)
    # A field that loses its bundle has changed as well.
    assert found.changed == ("Kind 2 (bundle)", "Field 0 (field)")


def test_the_same_files_change_nothing(session):
    import_files(session, Bundles=bundles(3), Fields=fields(3, 3))

    found = changes(session, ("Bundles.csv", bundles(3)), ("Fields.csv", fields(3, 3)))

    assert (found.added, found.changed, found.removed, found.unchanged) == ((), (), (), 6)


def test_other_places_of_rows_change_nothing(session):
    import_files(session, Bundles=bundles(3))
    header, *lines = bundles(3).splitlines(keepends=True)

    found = changes(session, ("Bundles.csv", b"".join([b"Our types,,,,\n", header, b",,,,\n", *reversed(lines)])))

    assert found.unchanged == 3


def test_one_cell_changes_one_entity(session):
    import_files(session, Bundles=bundles(9))

    found = changes(session, ("Bundles.csv", bundles(9).replace(b"About 4.", b"About four.")))

    assert (found.changed, found.unchanged) == (("Kind 4 (bundle)",), 8)


def test_a_look_at_the_changes_keeps_nothing(session):
    import_files(session, Bundles=bundles(1))
    before = counted()

    changes(session, ("Bundles.csv", bundles(9)))

    assert counted() == before


def test_what_was_told_is_what_happens(session):
    import_files(session, Bundles=bundles(4), Fields=fields(8, 4))
    before = set(keys(session))
    new = [("Bundles.csv", bundles(4, start=2)), ("More.csv", fields(3, 2))]
    told = changes(session, *new)

    keep(session, *new)

    after = set(keys(session))
    assert (len(told.added), len(told.removed)) == (len(after - before), len(before - after))


# Remove


def test_a_file_goes_with_its_rows(session, people):
    import_files(session, Bundles=bundles(2), Fields=fields(2))

    imports.remove(session.files.get(filename="Fields.csv"), by=people.alice)

    assert names(session) == [("Bundles.csv", "bundles")]
    assert SourceRow.objects.count() == 2
    assert AuditEvent.objects.get(action="file.removed").details == {"file": "Fields.csv"}


# Before the confirmation


def test_reading_and_staging_write_nothing_to_the_database(session, django_assert_num_queries):
    with django_assert_num_queries(0):
        batch = staging.stage(session.pk, [("Bundles.csv", bundles(3))])
        read = uploads(("Bundles.csv", batch.bytes_of(batch.files[0])))
    before = counted()

    imports.findings_across(imports.read_together(session, read))

    assert counted() == before
    batch.discard()


# Limits


def test_too_many_files_are_refused_with_the_limit(settings):
    settings.UPLOAD_MAX_FILES = 2

    imports.check_limits([("a.csv", 1)] * 2)
    with pytest.raises(TooLarge, match="3 files at once; at most 2"):
        imports.check_limits([("a.csv", 1)] * 3)


def test_a_file_that_is_too_large_is_named(settings):
    settings.UPLOAD_MAX_BYTES = 2 * 1024 * 1024

    imports.check_limits([("a.csv", 2 * 1024 * 1024)])
    with pytest.raises(TooLarge, match=r"^b\.csv has 3\.0 MB; a file may have 2 MB at most"):
        imports.check_limits([("a.csv", 1), ("../b.csv", 3 * 1024 * 1024)])


def test_no_file_at_all_is_refused():
    with pytest.raises(InvalidUpload, match="Choose at least one file"):
        imports.check_limits([])


def test_findings_beyond_500_are_not_kept_with_the_file(session):
    rows = [[f"A{n}", f"A {n}", "Content type", "", "a"] for n in range(600)]

    (file,) = keep(session, ("Bundles.csv", as_csv(BUNDLE_HEADERS, rows)))

    assert (len(file.findings), file.validation_status) == (500, "warnings")


def test_a_file_without_warnings_is_valid(session):
    (file,) = keep(session, ("Fields.csv", as_csv(FIELD_HEADERS, [["a", "B", "b", "Text", "", "n", "1", "a"]])))

    assert (file.findings, file.validation_status) == ([], "valid")


@pytest.mark.parametrize("filename", ["x" * 4_000 + ".csv", "../../Bundles.csv", "B\u202eundles\0.csv", ""])
def test_every_name_can_be_kept(session, filename):
    keep(session, (filename, bundles(1)))

    kept = session.files.get().filename
    assert len(kept) <= UploadedFile._meta.get_field("filename").max_length
    assert not set(kept) & set("/\\\0\u202e")


def test_every_tab_of_a_long_name_can_be_kept(session):
    tabs = {
        "B" * 200: [BUNDLES, ["A", "a", "Content type", ""]],
        "F" * 200: [FIELDS, ["a", "B", "b", "T", "", "", "", ""]],
    }

    keep(session, ("x" * 4_000 + ".xlsx", workbook(tabs)))

    limit = UploadedFile._meta.get_field("filename").max_length
    assert [len(file.filename) <= limit for file in session.files.all()] == [True, True]


def test_the_staging_area_is_the_storage_of_the_settings():
    assert default_storage.location == str(settings.MEDIA_ROOT)
