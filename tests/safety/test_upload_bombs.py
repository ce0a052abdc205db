"""CHECKLIST 26 to 30: a bomb costs the server little memory, watched from outside, and is refused in words."""

import io
import json
import tarfile
import threading
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest
from knox.models import AuthToken

from sessions_app.models import UploadedFile
from tests.e2e.conftest import Site
from tests.factories import make_session

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]

MEGABYTE = 1024 * 1024
SHEET = "xl/worksheets/sheet1.xml"


def workbook(**parts):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for name, data in parts.items():
            archive.writestr(name, data)
    return made.getvalue()


def tarball():
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        entry = tarfile.TarInfo("node.type.article.yml")
        entry.size = 300 * MEGABYTE
        archive.addfile(entry, io.BytesIO(b"a" * entry.size))
    return made.getvalue()


BOMBS = {
    "one sheet of 300 MB": ("bomb.xlsx", lambda: workbook(**{SHEET: b"<row>" * (60 * MEGABYTE)})),
    "20,000 entries": ("many.xlsx", lambda: workbook(**{f"xl/{number}.xml": b"" for number in range(20_000)})),
    "a tarball of 300 MB": ("config.tar.gz", tarball),
    "a quote that never ends": ("Bundles.csv", lambda: b'Name,Machine name,Type\n"' + b"a" * 15 * MEGABYTE),
    "a million columns": ("Bundles.csv", lambda: b"," * 1_000_000 + b"\n" + b"," * 1_000_000),
    "a program": ("Bundles.csv", lambda: b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 40_000),
}


def family(pid):
    """Process ids of a process and all below it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(child) for child in children.read_text().split()]
            except OSError:
                continue
    return found


def resident(pid):
    """Megabytes of one process and its children."""
    pages = 0
    for each in family(pid):
        try:
            pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * 4 / 1024


@pytest.fixture(scope="module")
def bombs():
    return {name: (filename, make()) for name, (filename, make) in BOMBS.items()}


def test_bombs_cost_little_and_are_refused_in_words(people, redis, bombs):
    session = make_session(people.workspace)
    token = AuthToken.objects.create(people.alice)[1]
    site = Site()
    site.start()
    try:
        for name, (filename, data) in bombs.items():
            before, most, over = resident(site.process.pid), [0.0], threading.Event()

            def watch(most=most, over=over):
                while not over.wait(0.005):
                    most[0] = max(most[0], resident(site.process.pid))

            watcher = threading.Thread(target=watch)
            watcher.start()
            status, answer = upload(site, session, token, filename, data)
            over.set()
            watcher.join()

            assert 400 <= status < 500, f"{name}: {status}"
            assert answer["detail"], name
            assert most[0] - before < 400, f"{name} took {most[0] - before:.0f} MB"
            assert site.answers(), name
    finally:
        site.stop()
    assert not UploadedFile.objects.exists()


def upload(site, session, token, filename, data):
    boundary = "b0undary"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    request = urllib.request.Request(
        f"{site.url}/api/sessions/{session.pk}/files",
        body + data + f"\r\n--{boundary}--\r\n".encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
