"""A backup is put back as it was, on either database; a damaged one changes nothing."""

import hashlib
import io
import json
from pathlib import Path

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from processing.backups import verified
from processing.models import SessionTask
from sessions_app.models import Session, Ticket
from tests.factories import make_session, make_specified_session, make_ticket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_storage(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def everything():
    """All rows of all tables, as the database gives them."""
    found = {}
    with connection.cursor() as cursor:
        for model in filter(lambda each: each._meta.managed, apps.get_models(include_auto_created=True)):
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"SELECT * FROM {table}")
            found[table] = sorted(map(repr, cursor.fetchall()))
    return found


@pytest.fixture
def kept(people, tmp_path):
    session = make_specified_session(people.workspace, 2, 3)
    make_ticket(session, title="Tab\tand \\N, “quotes” and\nlines", facts=[{"value": "\\."}])
    SessionTask.objects.create(session=session)
    default_storage.save("staging/a/b.bin", ContentFile(b"\0\1\2"))
    before = everything()
    call_command("backup", tmp_path / "kept", stdout=io.StringIO())
    return before


def test_what_was_kept_comes_back_and_what_came_since_is_gone(kept, people, tmp_path):
    Session.objects.update(site_name="Changed")
    Ticket.objects.all().delete()
    make_session(people.charlies)
    default_storage.delete("staging/a/b.bin")
    default_storage.save("later.bin", ContentFile(b"later"))

    call_command("restore", tmp_path / "kept", overwrite=True)

    assert everything() == kept
    assert default_storage.open("staging/a/b.bin").read() == b"\0\1\2"
    assert not default_storage.exists("later.bin")
    make_ticket(Session.objects.first(), 7)  # numbers go on where they were
    Session.objects.first().files.first().rows.create(number=99, line=99, row_hash="x", disposition="used")


def test_it_overwrites_only_when_told_to(kept, tmp_path):
    Session.objects.update(site_name="Changed")

    with pytest.raises(CommandError, match="not empty"):
        call_command("restore", tmp_path / "kept")

    assert Session.objects.get().site_name == "Changed"


def test_a_damaged_backup_changes_nothing(kept, tmp_path):
    big = max((path for path in (tmp_path / "kept").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    body = bytearray(big.read_bytes())
    body[len(body) // 2] ^= 1
    big.write_bytes(body)
    before = everything()

    with pytest.raises(CommandError, match=r"damaged|not a backup"):
        call_command("restore", tmp_path / "kept", overwrite=True)

    assert everything() == before


def test_a_backup_that_points_outside_is_refused(kept, tmp_path):
    manifest = tmp_path / "kept" / "manifest.json"
    told = json.loads(manifest.read_text())
    told["files"]["../../outside"] = {"sha256": "0" * 64, "size": 0}
    manifest.write_text(json.dumps(told))
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    manifest.with_name("manifest.json.sha256").write_text(digest)

    with pytest.raises(CommandError, match="outside"):
        call_command("restore", tmp_path / "kept", overwrite=True)


def test_a_folder_is_never_written_twice_and_is_for_its_owner_only(kept, tmp_path):
    with pytest.raises(CommandError, match="there already"):
        call_command("backup", tmp_path / "kept")

    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    assert not Path(f"{tmp_path / 'kept'}.partial").exists()
    assert verified(tmp_path / "kept")["engine"] == connection.vendor
