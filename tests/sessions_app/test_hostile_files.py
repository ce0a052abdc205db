"""Files that a naive importer gets wrong: those of the shared folder, and the same kinds written out here."""

from __future__ import annotations

import gzip
import io
import json
import re
import time
import zipfile

import pytest

from sessions_app.actions.imports import Upload, read_upload
from tests.conftest import SHARED
from tests.sessions_app.reading import (
    BUNDLES,
    DISPLAYS,
    FIELDS,
    VIEWS,
    codes,
    labels,
    needs,
    read_one,
    read_rows_of,
    reports,
    sheet_text,
    sheets_of,
    specified,
)

FOLDER = SHARED / "hostile"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())["files"] if FOLDER.is_dir() else []
REFUSALS = {
    "21_required_column_missing.csv": ["“Machine name” is missing", "closest header"],
    "32_header_only.csv": ["no rows below the header", "leave it out"],
    "33_zero_bytes.csv": ["empty", "Export the sheet again"],
    "34_whitespace_only.csv": ["white space", "Export the sheet again"],
    "36_zip_renamed.csv": ["ZIP archive", "Unpack it"],
    "37_xlsx_renamed.csv": ["Excel workbook", "Download > CSV for each tab"],
    "38_xls_ole2_renamed.csv": ["old Excel file", "Save it as .xlsx or as CSV"],
    "41_drupal_config_yaml_renamed.csv": ["YAML", "config.tar.gz"],
    "43_unrelated_csv.csv": ["fit no tab", "“Region”", "choose the type"],
}

shared = pytest.mark.parametrize("file", EXPECTED, ids=lambda file: file["file"])


def report_on(file: dict[str, str]) -> dict:
    others = re.findall(r"\S+\.csv", file.get("session", ""))
    return reports({name: (FOLDER / name).read_bytes() for name in [file["file"], *others]})[0]


def test_the_shared_folder_is_looked_at(shared_data):
    """The tests below are made from it; without it there are none of them."""
    assert len(EXPECTED) == 28


@shared
def test_a_file_is_accepted_or_refused_as_expected(file):
    report = report_on(file)

    assert report["accepted"] is bool(file["accept"])
    if file["csv_type"]:
        assert report["csv_type"] == file["csv_type"]
    assert report["entities"] == file["entities"]
    assert len(report["errors"]) == (0 if file["accept"] else 1)


@shared
def test_the_expected_warnings_are_given(file):
    messages = " ".join(warning["message"] for warning in report_on(file)["warnings"]).lower()

    assert [words for words in file["warnings_expected"] if words not in messages] == []


@shared
def test_rows_are_accounted_for(file):
    upload = read_upload(Upload(file["file"], (FOLDER / file["file"]).read_bytes()))

    for reading in upload.readings:
        if reading.read:
            assert sum(reading.read.dispositions.values()) == len(reading.table.rows)


@pytest.mark.parametrize("file", [file for file in EXPECTED if "check" in file], ids=lambda file: file["file"])
def test_a_cell_is_read_as_expected(file):
    check = file["check"]
    reading = read_one((FOLDER / file["file"]).read_bytes(), file["file"])

    row = next(row for row in reading.read.rows if row.number == check["row"])
    assert row.cells[check["column"]] == check["value"]


@pytest.mark.parametrize(("name", "words"), REFUSALS.items())
def test_a_refusal_says_what_the_file_is_and_what_to_do(shared_data, name, words):
    (error,) = reports({name: (shared_data / "hostile" / name).read_bytes()})[0]["errors"]

    assert [word for word in words if word not in error["message"]] == []


def test_every_refusal_is_looked_at():
    assert set(REFUSALS) == {file["file"] for file in EXPECTED if not file["accept"]} or not EXPECTED


# The kinds that are not in the folder

ARTICLE = ["Article", "article", "Content type", "About"]
PAGE = ["Page", "page", "Content type", "More"]
PLAIN = sheet_text(BUNDLES, ARTICLE, PAGE)


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.replace(",", "\t").replace("\n", "\r").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.replace(",", "\t").encode("utf-16-le"),
        b"\xff\xfe" + PLAIN.replace(",", ";").replace("\n", "\r\n").encode("utf-16-le"),
        b"\xef\xbb\xbfsep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbfsep=;\r" + PLAIN.replace(",", ";").replace("\n", "\r").encode(),
        PLAIN.replace(",", ";").encode() + b";;;\r\n" * 500,
        PLAIN.replace("page", "page\r\n\n\r").encode(),
        b"\n\n\n" + PLAIN.encode(),
    ],
    ids=[
        "tabs and carriage returns",
        "carriage returns",
        "UTF-16 with a mark",
        "UTF-16LE without a mark",
        "UTF-16LE with tabs",
        "Unicode text of Excel",
        "mark and sep=;",
        "mark, sep=; and carriage returns",
        "empty lines of semicolons",
        "mixed line ends",
        "blank lines first",
    ],
)
def test_a_table_is_a_table_however_it_was_saved(data):
    reading = read_one(data)

    assert reading.csv_type == "bundles"
    assert labels(reading)[:2] == ["article", "page"]
    assert reading.table.headers == tuple(BUNDLES)


def test_mojibake_is_kept_as_it_is():
    """UTF-8 that was read as Windows-1252 and saved again: nobody can know, so nothing is repaired or refused."""
    reading = read_one(sheet_text(BUNDLES, ["KÃ¼che", "kueche", "Content type", ""]))

    assert reading.read.rows[0].cells["Name"] == "KÃ¼che"


def test_merged_title_rows_stand_above_the_header():
    reading = read_one(sheet_text(["Northfield", "", "", ""], ["Content model", "", "v3", ""], BUNDLES, ARTICLE))

    assert (reading.csv_type, reading.table.header_line) == ("bundles", 3)
    assert reading.read.dispositions == {"used": 1, "folded": 0, "filtered": 0, "dropped": 2}
    assert "rows_above_header" in codes(reading.warnings)


def test_section_rows_are_no_entities():
    event = ["Event", "event", "Content type", ""]

    reading = read_one(
        sheet_text(BUNDLES, ["CONTENT TYPES", "", "", ""], ARTICLE, ["", "", "MEDIA TYPES", ""], PAGE, event)
    )

    assert labels(reading) == ["article", "page", "event"]
    assert "2 section rows skipped." in [warning.message for warning in reading.warnings]


def test_separator_rows_with_an_error_of_the_sheet_are_no_entities():
    header = [*FIELDS, "Bundle machine name"]
    rows = [
        ["article", "Body", "body", "Text", "", "n", "1", "", "article"],
        [*[""] * 8, "#VALUE!"],
        [*[""] * 8, "#N/A"],
    ]

    reading = read_one(sheet_text(header, *rows * 21), "Fields.csv")

    assert reading.read.dispositions == {"used": 1, "folded": 20, "filtered": 0, "dropped": 42}
    assert {row.reason for row in reading.read.rows if row.disposition == "dropped"} == {"only spreadsheet errors"}


def test_ragged_rows_keep_all_their_cells():
    reading = read_one(sheet_text(BUNDLES, ARTICLE[:2], [*PAGE, "", "beyond"], ["Event", "event", "Content type"]))

    assert labels(reading) == ["article", "page", "event"]
    assert reading.read.rows[1].extra == {"Column 6": "beyond"}
    assert [warning.row for warning in reading.warnings if warning.code == "extra_cells"] == [2]


def test_duplicates_are_folded_and_differences_told():
    reading = read_one(sheet_text(BUNDLES, ARTICLE, ARTICLE, [*ARTICLE[:3], "Other"], PAGE))

    assert reading.read.dispositions == {"used": 2, "folded": 2, "filtered": 0, "dropped": 0}
    assert [(each.row, each.column) for each in reading.warnings if each.code == "duplicate_differs"] == [
        (3, "Description")
    ]


def test_the_first_layout_of_the_tool_is_read():
    header = ["Type", "Bundle", "Field label", "Machine name", "Field type", "Required", "Cardinality", "Form widget"]
    row = ["Content type", "Article", "Body", "body", "Text", "y", "1", "Textarea"]

    specification = specified(Bundles=[BUNDLES, ARTICLE], Fields=[header, row])

    assert needs(specification, "D1") == {("fields:node.article.body", "bundles:node.article")}


@pytest.mark.parametrize(
    "trick",
    [
        "Article\u00a0(Content\u00a0type)",
        "Art\u200bicle (Content type)",
        "\u202eArticle\u202c (Content type)",
        "Ａｒｔｉｃｌｅ （Content type）",
        "\u200eArticle (Content type)",
        "Article (Content type)\ufeff",
    ],
)
def test_tricks_of_unicode_do_not_hide_a_name(trick):
    field = [trick, "Body", "body", "Text", "", "n", "1", ""]

    specification = specified(Bundles=[BUNDLES, ARTICLE], Fields=[FIELDS, field])

    assert needs(specification, "D1") == {("fields:node.article.body", "bundles:node.article")}


@pytest.mark.parametrize("header", ["Ｎａｍｅ", "Na\u200bme", "\u202eName", "\u00a0NAME\u00a0", "Name\u200e"])
def test_tricks_of_unicode_do_not_hide_a_header(header):
    assert read_one(sheet_text([header, *BUNDLES[1:]], ARTICLE)).recognition.mapping[0] == "Name"


@pytest.mark.parametrize("value", ["y", "Y", "yes", "Yes", "x", "1", " Y "])
def test_a_yes_has_many_spellings(value):
    specification = specified(
        Bundles=[[*BUNDLES, "Mod."], [*ARTICLE, value]],
        Workflows=[["Label", "Machine name", "X", "Type", "Notes"], ["Editorial", "editorial", "", "c", ""]],
    )

    assert needs(specification, "D9") == {("workflows:editorial", "bundles:node.article")}


def test_two_views_of_one_label_and_their_displays_stay_apart():
    views = [["People", "people", "Users", "", ""], ["People", "user_admin_people", "Users", "", ""]]
    displays = [["People", "Default", "default", "Default", "", ""], ["People", "Page", "default", "Page", "", ""]]

    specification = specified(Views=[VIEWS, *views], ViewsDisplays=[DISPLAYS, *displays])

    assert len(specification.entities) == 4
    assert {"label_shared", "ambiguous_reference"} <= set(codes(specification.findings))


def test_formulas_are_text():
    cells = ["=1+1", '=HYPERLINK("https://example.org","Article")', "+1+cmd|' /C calc'!A0", "@SUM(1)", "-1*(2)"]

    reading = read_one(sheet_text(BUNDLES, *([cell, f"m{n}", "Content type", ""] for n, cell in enumerate(cells))))

    assert [row.raw[0] for row in reading.read.rows] == cells
    assert reading.read.rows[1].cells["Name"] == "Article"
    assert codes(reading.warnings).count("formula_cell") == 4


def test_markup_and_orders_are_plain_text():
    text = "Ignore all previous instructions <script>alert(1)</script> {code} '; DROP TABLE x; --"

    reading = read_one(sheet_text(BUNDLES, [text, "a", "Content type", text]))

    assert reading.read.rows[0].cells["Name"] == text


def test_a_name_with_folders_is_only_a_name():
    reading = read_one(PLAIN, "../../../etc/cron.d/Bundles.csv")

    assert (reading.filename, reading.csv_type) == ("Bundles.csv", "bundles")


# Refused


def zip_of(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("data", "filename", "words"),
    [
        (gzip.compress(PLAIN.encode(), mtime=0), "Bundles.csv.gz", ["not a configuration export", "Full archive"]),
        (gzip.compress(PLAIN.encode(), mtime=0), "Bundles.csv", ["not a configuration export", "Full archive"]),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-9], "config.tar.gz", ["Download it again", "archive"]),
        (b"\x1f\x8b" + b"\0" * 50, "config.tar.gz", ["archive", "upload"]),
        (zip_of(a=b"x"), "Bundles.csv", ["ZIP archive", "Unpack"]),
        (b"<!doctype html>\n<html><title>Sign in - Google Accounts</title>", "Fields.csv", ["web page", "sign-in"]),
        (b"Name,Machine name\nArt\0icle,article\n", "Bundles.csv", ["NUL", "Export it again"]),
        (PLAIN.encode() + b"\0" * 500, "Bundles.csv", ["NUL", "Export it again"]),
        (
            b'Name,Machine name,Type\n"Article,article,Content type\nPage,page,Content type\n',
            "B.csv",
            ["line 2", "quote"],
        ),
        (b'Name,Machine name,Type\n"Article,article\nPage,page,5"\nA,b,"c\n', "B.csv", ["line 4", "quote"]),
        (b"Name,Machine name\nA,a\n" + b'"B,b\n' + b'C,5" c\n', "B.csv", ["line 3", "quote"]),
        (b"Name,Machine name,,,,\n,,,,,\n", "Bundles.csv", ["None of the 1 rows", "leave the tab out"]),
        (b"Name,Machine name,Type,Mod.,,\n", "Bundles.csv", ["no rows below the header"]),
        (b",,,,,,\n" * 40, "Bundles.csv", ["no cell with text"]),
        (b"Name,Machine name" + b",x" * 1_000 + b"\nA,a\n", "Bundles.csv", ["1,002 columns", "at most 1,000"]),
        (b"Name,Machine name\n" + b"A,a\n" * 50_100, "Bundles.csv", ["more than 50,000 rows", "Split"]),
        (b"Name,Machine name\n" + b"x" * 1_000_002 + b",a\n", "Bundles.csv", ["line 2", "1,000,000 characters"]),
        (bytes(range(256)) * 20, "Bundles.csv", ["NUL"]),
        (b"%PDF-1.4 ...", "Bundles.csv", ["PDF", "Upload CSV"]),
        (b"\x7fELF\x02\x01\x01", "Bundles.csv", ["program", "Upload CSV"]),
    ],
)
def test_what_cannot_be_imported_is_refused_with_a_way_out(data, filename, words):
    reading = read_one(data, filename)

    assert not reading.accepted
    (error,) = reading.errors
    assert [word for word in words if word.lower() not in error.message.lower()] == []


# Large


def test_a_cell_of_300_kilobytes_is_read_whole():
    text = "long text, " * 28_000

    reading = read_one(sheet_text(BUNDLES, [*ARTICLE[:3], text]))

    assert reading.read.rows[0].raw[3] == text


def test_a_thousand_columns_are_read():
    header = [*BUNDLES, *(f"Column {n}" for n in range(996))]

    reading = read_one(sheet_text(header, [*ARTICLE, *(str(n) for n in range(996))]))

    assert reading.csv_type == "bundles"
    assert len(reading.read.rows[0].extra) == 996


def test_ten_megabytes_with_24_000_fields_are_read_in_seconds():
    rows = [
        [
            f"Kind {n % 300} (Content type)",
            f"Field {n}",
            f"field_{n}",
            "Text (plain)",
            "Kind 1 (Content type)",
            "n",
            "1",
            "x" * 340,
        ]
        for n in range(24_000)
    ]
    bundles = [[f"Kind {n}", f"kind_{n}", "Content type", ""] for n in range(300)]
    data = sheet_text(FIELDS, *rows).encode()
    assert len(data) > 10_000_000
    began = time.process_time()

    (report, _) = reports({"Fields.csv": data, "Bundles.csv": sheet_text(BUNDLES, *bundles).encode()})

    assert (report["accepted"], report["entities"], report["warnings"]) == (True, 24_000, [])
    assert time.process_time() - began < 30


def test_a_hundred_thousand_cells_of_formulas_make_few_findings():
    headers = ["Name", "Machine name", "Type", "Mod.", *(f"Column {n}" for n in range(896))]

    reading = read_one(sheet_text(headers, *([f"A{n}", f"a{n}", *["=1"] * 898] for n in range(110))))

    assert 1_000 < len(reading.warnings) < 1_100


def test_quotes_that_balance_by_chance_hide_no_row_without_a_word():
    rows = [
        'Article,article,Content type,"Big',
        *(f"P{n},p{n},Content type,x" for n in range(5)),
        'S,s,Content type,5"',
    ]

    reading = read_one("\n".join([",".join(BUNDLES), *rows, "Last,last,Content type,y"]))

    assert "rows_in_a_cell" in codes(reading.warnings)
    assert read_rows_of(reading).entity_count == 2


def test_no_name_of_a_file_is_too_long_to_be_kept():
    upload = read_upload(Upload("x" * 5_000 + ".csv", PLAIN.encode()))

    assert len(upload.filename) <= 160
    assert sheets_of([upload])[0].filename == upload.filename
