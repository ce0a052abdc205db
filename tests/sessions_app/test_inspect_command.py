"""``manage.py inspect``: what an import would do, for people and for programs; nothing is kept."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from tests.factories import bundles, fields

MIGRATIONS = b"Migration name,Machine name,Source,Destination,Bundle,Dependencies\nA,a,u,d,,b\nB,b,u,d,,a\n"


def inspect(*arguments: object) -> tuple[int, str]:
    """(exit status, what was printed)."""
    printed = io.StringIO()
    try:
        call_command("inspect", *map(str, arguments), stdout=printed)
    except SystemExit as ended:
        return int(ended.code or 0), printed.getvalue()
    return 0, printed.getvalue()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Bundles.csv").write_bytes(bundles(3))
    (tmp_path / "Fields.csv").write_bytes(fields(4, 5))
    (tmp_path / "_notes.csv").write_bytes(b"left out")
    (tmp_path / ".hidden.csv").write_bytes(b"left out")
    (tmp_path / "config.tar.gz").write_bytes(b"left out: the folder has tables")
    (tmp_path / "README.md").write_bytes(b"left out")
    return tmp_path


def test_a_folder_is_read_together(folder):
    status, printed = inspect(folder)

    assert status == 0
    assert "Bundles.csv: bundles, 3 entities (3 used) utf-8, comma" in printed
    assert "Fields.csv: fields, 4 entities (4 used)" in printed
    assert "left out" not in printed


def test_references_are_looked_up_across_files(folder):
    _, together = inspect(folder)
    _, alone = inspect(folder / "Fields.csv")

    assert "“Kind 3 (Content type)”" in together
    assert "“Kind 1 (Content type)”" not in together
    assert "“Kind 1 (Content type)”" in alone


def test_json_has_one_object_per_file(folder):
    _, printed = inspect(folder, "--json")

    reports = [json.loads(line) for line in printed.splitlines()]
    assert [(report["file"], report["accepted"], report["entities"]) for report in reports] == [
        ("Bundles.csv", True, 3),
        ("Fields.csv", True, 4),
    ]
    assert set(reports[0]) >= {"csv_type", "encoding", "delimiter", "dispositions", "warnings", "errors", "mapping"}
    assert set(reports[1]["warnings"][0]) == {"code", "message", "row", "line", "column", "value", "expected"}


def test_a_cycle_is_told(tmp_path):
    (tmp_path / "Migrations.csv").write_bytes(MIGRATIONS)

    status, printed = inspect(tmp_path)

    assert status == 0
    assert "A dependency cycle of 2: A → B. Proposed cut:" in printed


def test_a_refused_file_ends_with_one(folder):
    (folder / "Broken.csv").write_bytes(b"")

    status, printed = inspect(folder)

    assert status == 1
    assert "Broken.csv: refused\n  The file is empty (0 bytes)." in printed
    assert "Bundles.csv: bundles, 3 entities" in printed


def test_many_warnings_are_counted(tmp_path):
    rows = b"".join(b"A%d,A %d,Content type,\n" % (n, n) for n in range(30))
    (tmp_path / "Bundles.csv").write_bytes(b"Name,Machine name,Type,Description\n" + rows)

    _, printed = inspect(tmp_path)

    assert printed.count("row ") == 20
    assert "… and 10 more" in printed


def test_archives_are_read_where_there_is_no_table(folder):
    for table in folder.glob("*.csv"):
        table.unlink()

    status, printed = inspect(folder)

    assert status == 1
    assert printed.startswith("config.tar.gz: refused")


def test_a_named_file_is_read_whatever_it_is_called(folder):
    status, printed = inspect(folder / "_notes.csv")

    assert status == 1
    assert "_notes.csv: refused" in printed


@pytest.mark.parametrize("missing", ["no-such-folder", "no-such-file.csv", "empty"])
def test_a_path_without_anything_to_read_ends_with_two(tmp_path, missing):
    (tmp_path / "empty").mkdir()

    with pytest.raises(CommandError, match=missing) as caught:
        call_command("inspect", str(tmp_path / missing))

    assert caught.value.returncode == 2


def test_no_database_is_needed(folder):
    """The command runs before a first migration; pytest-django forbids the database in this test."""
    assert inspect(folder)[0] == 0


def test_the_sample_of_the_product_has_no_errors_and_no_warnings():
    status, printed = inspect("sessions_app/sample_spec")

    assert status == 0
    assert not [line for line in printed.splitlines() if line.startswith("  ")], printed
