"""Excel workbooks made by hand, so that a test decides every byte of them."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}'
    "</Relationships>"
)
TYPE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'

Cell = str | float | bool | None


def workbook(sheets: Mapping[str, Sequence[Sequence[Cell]]], **parts: bytes) -> bytes:
    """A workbook of these sheets. ``parts``: further files of the archive, by name with ``__`` for ``/``."""
    return workbook_of_xml({name: sheet_xml(rows) for name, rows in sheets.items()}, **parts)


def sheet_xml(rows: Sequence[Sequence[Cell]], first_row: int = 1) -> str:
    lines = []
    for number, row in enumerate(rows, start=first_row):
        cells = "".join(cell_xml(f"{column_name(at)}{number}", value) for at, value in enumerate(row))
        lines.append(f'<row r="{number}">{cells}</row>')
    return f"<worksheet {MAIN}><sheetData>{''.join(lines)}</sheetData></worksheet>"


def cell_xml(place: str, value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, (int, float)):
        return f'<c r="{place}"><v>{value!r}</v></c>'
    if value.startswith("#"):
        return f'<c r="{place}" t="e"><v>{escape(value)}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def column_name(at: int) -> str:
    name = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        name = chr(65 + rest) + name
    return name


def workbook_of_xml(sheets: Mapping[str, str], **parts: bytes) -> bytes:
    names = list(sheets)
    listed = "".join(f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(names, 1))
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{TYPE}worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(names) + 1)
    )
    if "xl__sharedStrings.xml" in parts:
        related += f'<Relationship Id="rIdS" Type="{TYPE}sharedStrings" Target="sharedStrings.xml"/>'
    book = f'<workbook {MAIN} xmlns:r="{TYPE[:-1]}"><sheets>{listed}</sheets></workbook>'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr(
            "_rels/.rels",
            RELATIONS.format(f'<Relationship Id="rId1" Type="{TYPE}officeDocument" Target="xl/workbook.xml"/>'),
        )
        archive.writestr("xl/workbook.xml", book)
        archive.writestr("xl/_rels/workbook.xml.rels", RELATIONS.format(related))
        for number, xml in enumerate(sheets.values(), start=1):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", xml)
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return packed.getvalue()


def bomb(megabytes: int) -> bytes:
    """Some hundred kilobytes that unpack to a sheet with one long comment."""
    honest = io.BytesIO(workbook_of_xml({"Bundles": sheet_xml([["Name", "Machine name"], ["A", "a"]])}))
    packed = io.BytesIO()
    with zipfile.ZipFile(honest) as given, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for name in given.namelist():
            content = given.read(name)
            before, mark, after = content.partition(b"</sheetData>")
            with made.open(name, "w") as entry:
                entry.write(before)
                if mark:
                    entry.write(b"<!--")
                    for _ in range(megabytes):
                        entry.write(b"x" * 1024 * 1024)
                    entry.write(b"-->")
                entry.write(mark + after)
    return packed.getvalue()


def with_declared_size(packed: bytes, name: str, size: int) -> bytes:
    """The archive with another unpacked size of one entry, in its directory and in front of the entry."""
    data = bytearray(packed)
    encoded = name.encode()
    for signature, size_at, name_at in ((b"PK\x01\x02", 24, 46), (b"PK\x03\x04", 22, 30)):
        at = data.find(signature)
        while at >= 0:
            if data[at + name_at : at + name_at + len(encoded)] == encoded:
                data[at + size_at : at + size_at + 4] = struct.pack("<I", size)
            at = data.find(signature, at + 4)
    return bytes(data)
