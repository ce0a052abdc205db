"""What are these bytes? Decided by the content; the file name has to agree."""

import io
import re
import unicodedata
import zipfile
from enum import StrEnum
from typing import Final

from .tables import UnreadableFile


class Format(StrEnum):
    TEXT = "text"
    WORKBOOK = "xlsx"
    CONFIG_EXPORT = "config.tar.gz"


_YAML_LINE = re.compile(r"^(?:[a-z_][\w.]*:(?:\s|$)|\s*- |\s+[\w.'\"-]+:(?:\s|$)|#|---)")
_DRUPAL_KEYS: Final = ("uuid:", "langcode:", "status:", "dependencies:", "_core:", "id:")
_BINARY_SIGNATURES: Final = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x7fELF": "a program",
    b"SQLite format 3": "a database",
}
_OLE2: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def detect(data: bytes, filename: str) -> Format:
    """Name the format of an upload, or refuse it with what it is and what to upload instead.

    Raises UnreadableFile; never looks further than the first kilobytes and a ZIP's directory.
    """
    extension = extension_of(filename)
    if not data:
        raise UnreadableFile("empty_file", "The file is empty (0 bytes). Export the sheet again and upload that file.")
    if data.startswith(b"\x1f\x8b"):
        return Format.CONFIG_EXPORT
    if extension in {"gz", "tgz", "tar"}:
        raise UnreadableFile(
            "not_an_archive",
            "The name says archive, but this is not a gzip file. In Drupal, open Configuration synchronization > "
            "Export > Full archive and upload the config.tar.gz that it gives you.",
        )
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_format(data, extension)
    if extension == "xlsx":
        raise UnreadableFile(
            "not_a_workbook",
            "The name says .xlsx, but this is not an Excel workbook. Save the sheet again as .xlsx or CSV.",
        )
    _refuse_binary(data)
    _refuse_markup(data)
    return Format.TEXT


def extension_of(filename: str) -> str:
    return filename.rpartition(".")[2].strip().lower() if "." in filename else ""


def display_name(filename: str, longest: int = 150) -> str:
    """The name of an uploaded file as data: no folders, no control or direction marks, never empty, at most
    ``longest``.
    """
    bare = re.split(r"[\\/]", filename)[-1]
    visible = "".join(c for c in bare if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}).strip(" .")
    if len(visible) > longest:
        stem, dot, extension = visible.rpartition(".")
        tail = dot + extension if dot and len(extension) <= 8 else ""
        visible = (stem if tail else visible)[: longest - len(tail)] + tail
    return visible or "unnamed"


def _zip_format(data: bytes, extension: str) -> Format:
    try:
        names = set(zipfile.ZipFile(io.BytesIO(data)).namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        raise UnreadableFile("broken_zip", "This is a damaged ZIP file. Upload the CSV files themselves.") from None
    if "xl/workbook.xml" not in names:
        raise UnreadableFile(
            "zip_archive", "This is a ZIP archive. Unpack it and upload the CSV files in it; several at once is fine."
        )
    if extension != "xlsx":
        raise UnreadableFile(
            "workbook_renamed",
            "This is an Excel workbook with another ending. Upload it as .xlsx, or use "
            "File > Download > CSV for each tab.",
        )
    return Format.WORKBOOK


def _refuse_binary(data: bytes) -> None:
    if data.startswith(_OLE2):
        raise UnreadableFile(
            "old_workbook", "This is an old Excel file (.xls). Save it as .xlsx or as CSV and upload that."
        )
    for signature, noun in _BINARY_SIGNATURES.items():
        if data.startswith(signature):
            raise UnreadableFile(
                "binary_file", f"This is {noun}, not a table. Upload CSV, TSV, XLSX or a config.tar.gz."
            )
    if data[257:262] == b"ustar":
        raise UnreadableFile(
            "plain_tar",
            "This is a tar archive without compression. Upload Drupal's config.tar.gz as it is.",
        )


def _refuse_markup(data: bytes) -> None:
    head = data[:4096].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    lowered = head[:512].casefold()
    if lowered.startswith(("<!doctype html", "<html", "<head", "<script", "<!--", "<body", "<meta", "<table")):
        raise UnreadableFile(
            "html_page",
            "This is a web page, often a sign-in page saved instead of the sheet. Open the sheet and use "
            "File > Download > CSV.",
        )
    if lowered.startswith("<?xml"):
        raise UnreadableFile("xml_file", "This is an XML file. Upload CSV, TSV, XLSX or a config.tar.gz.")
    if head.startswith("{\\rtf"):
        raise UnreadableFile("binary_file", "This is a text document (RTF), not a table. Upload CSV, TSV or XLSX.")
    if _looks_like_json(head):
        raise UnreadableFile("json_file", "This is a JSON file. Upload CSV, TSV, XLSX or a config.tar.gz.")
    if _looks_like_yaml(head):
        raise UnreadableFile(
            "config_yaml",
            "This is one YAML file of a Drupal configuration. Upload the whole export instead: Configuration "
            "synchronization > Export > Full archive gives a config.tar.gz, and ticketgen reads all of it.",
        )


def _looks_like_json(head: str) -> bool:
    return head.startswith(("{", "[{", "[\n", "[ {"))


def _looks_like_yaml(head: str) -> bool:
    lines = [line for line in head.splitlines()[:40] if line.strip()]
    if len(lines) < 3 or "," in lines[0]:
        return False
    yaml_like = sum(bool(_YAML_LINE.match(line)) for line in lines)
    return yaml_like >= 0.9 * len(lines) and any(line.startswith(_DRUPAL_KEYS) for line in lines)
