"""What an upload is, decided by its content; and what a person is told about what it should not be."""

import gzip
import io
import zipfile

import pytest

from sessions_app.parsing.formats import Format, detect, display_name
from sessions_app.parsing.tables import UnreadableFile


def packed(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file.getvalue()


WORKBOOK = packed("[Content_Types].xml", "xl/workbook.xml")


def refusal(data: bytes, filename: str = "Fields.csv") -> tuple[str, str]:
    with pytest.raises(UnreadableFile) as caught:
        detect(data, filename)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("data", "filename", "expected"),
    [
        (b"Name,Machine name\n", "Bundles.csv", Format.TEXT),
        (b"Name\tMachine name\n", "Bundles.tsv", Format.TEXT),
        (b"Name,Machine name\n", "no extension", Format.TEXT),
        (b"\xef\xbb\xbfName\n", "", Format.TEXT),
        (b"uuid: x, y\nstatus: true\nid: a\n", "a.csv", Format.TEXT),
        (WORKBOOK, "Spec.xlsx", Format.WORKBOOK),
        (WORKBOOK, "Spec.XLSX", Format.WORKBOOK),
        (gzip.compress(b"", mtime=0), "config.tar.gz", Format.CONFIG_EXPORT),
        (gzip.compress(b"", mtime=0), "renamed.csv", Format.CONFIG_EXPORT),
    ],
)
def test_the_content_decides(data, filename, expected):
    assert detect(data, filename) is expected


@pytest.mark.parametrize(
    ("data", "filename", "code", "words"),
    [
        (b"", "a.csv", "empty_file", ["empty", "Export"]),
        (packed("a.csv"), "a.csv", "zip_archive", ["ZIP", "Unpack"]),
        (packed("a.csv"), "a.zip", "zip_archive", ["ZIP", "Unpack"]),
        (packed("a.csv"), "a.xlsx", "zip_archive", ["ZIP", "Unpack"]),
        (WORKBOOK, "a.csv", "workbook_renamed", ["Excel workbook", ".xlsx", "CSV for each tab"]),
        (WORKBOOK[:-30], "a.xlsx", "broken_zip", ["damaged", "Upload"]),
        (b"Name,Type\n", "a.xlsx", "not_a_workbook", ["not an Excel workbook", "Save"]),
        (b"Name,Type\n", "config.tar.gz", "not_an_archive", ["not a gzip", "Full archive"]),
        (b"Name,Type\n", "config.tgz", "not_an_archive", ["not a gzip", "Full archive"]),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "a.xls", "old_workbook", ["old Excel", ".xlsx"]),
        (b"%PDF-1.7\n", "a.csv", "binary_file", ["PDF", "Upload CSV"]),
        (b"\x89PNG\r\n", "a.csv", "binary_file", ["picture", "Upload CSV"]),
        (b"SQLite format 3\0", "a.csv", "binary_file", ["database", "Upload CSV"]),
        (b"BZh91AY", "a.csv", "binary_file", ["bzip2", "config.tar.gz"]),
        (b"x" * 257 + b"ustar", "a.csv", "plain_tar", ["tar archive", "config.tar.gz"]),
        (b"<!DOCTYPE html><title>Sign in</title>", "a.csv", "html_page", ["web page", "sign-in", "Download"]),
        (b"\xef\xbb\xbf\n <HTML><body>", "a.csv", "html_page", ["web page"]),
        (b"<!-- saved --><html>", "a.csv", "html_page", ["web page"]),
        (b"<table><tr><td>Name</td></tr></table>", "a.csv", "html_page", ["web page"]),
        (b"<?xml version='1.0'?>", "a.csv", "xml_file", ["XML", "Upload CSV"]),
        (b"{\\rtf1 x}", "a.csv", "binary_file", ["RTF", "Upload CSV"]),
        (b'[{"Name": "Article"}]', "a.csv", "json_file", ["JSON", "Upload CSV"]),
        (
            b"uuid: 1\nlangcode: en\nstatus: true\ndependencies: {  }\nname: Article\n",
            "node.type.article.yml",
            "config_yaml",
            ["YAML", "Full archive"],
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_a_way_out(data, filename, code, words):
    found, message = refusal(data, filename)

    assert found == code
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Fields.csv", "Fields.csv"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("/absolute/Fields.csv", "Fields.csv"),
        ("a\u202evsc.exe", "avsc.exe"),
        ("a\0b\r\nSet-Cookie: x.csv", "abSet-Cookie: x.csv"),
        ("zero\u200bwidth.csv", "zerowidth.csv"),
        ("half\ud800.csv", "half.csv"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("folder/", "unnamed"),
        (" . ", "unnamed"),
        ("Größe ✓.csv", "Größe ✓.csv"),
    ],
)
def test_a_file_name_is_data_without_folders_and_hidden_marks(given, shown):
    assert display_name(given) == shown


def test_a_long_name_keeps_its_ending():
    assert display_name("x" * 4000 + ".csv") == "x" * 146 + ".csv"
    assert display_name("x" * 4000) == "x" * 150
    assert display_name("x." + "y" * 4000) == "x." + "y" * 148
    assert display_name("x" * 50 + ".csv", longest=10) == "xxxxxx.csv"
