"""Excel workbooks: several tabs at once, cells as the sheet shows them, and a child that cannot eat the machine."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from sessions_app.actions.imports import ReadUpload, Upload, read_upload
from sessions_app.parsing.delimited import Limits
from sessions_app.parsing.tables import UnreadableFile
from sessions_app.spreadsheets import CHILD_MEMORY, read_workbook
from tests.sessions_app.reading import BUNDLES, FIELDS
from tests.sessions_app.workbooks import MAIN, bomb, sheet_xml, with_declared_size, workbook, workbook_of_xml

ARTICLE = ["Article", "article", "Content type", "About"]
BODY = ["Article (Content type)", "Body", "body", "Text", "", "n", "1", ""]
OVERVIEW = [["Northfield University"], ["This workbook describes the site."], ["Tab", "Purpose"], ["Bundles", "Types"]]


def read(data: bytes, filename: str = "Spec.xlsx") -> ReadUpload:
    return read_upload(Upload(filename, data))


def refusal(data: bytes, limits: Limits | None = None) -> tuple[str, str]:
    with pytest.raises(UnreadableFile) as caught:
        read_workbook(data, limits or Limits())
    return caught.value.code, caught.value.message


def test_every_sheet_is_a_tab():
    upload = read(workbook({"Bundles": [BUNDLES, ARTICLE], "Fields": [FIELDS, BODY]}))

    assert [(each.filename, each.csv_type, each.read.entity_count) for each in upload.readings] == [
        ("Spec.xlsx › Bundles", "bundles", 1),
        ("Spec.xlsx › Fields", "fields", 1),
    ]


def test_a_workbook_of_one_sheet_keeps_its_name():
    (reading,) = read(workbook({"Sheet1": [BUNDLES, ARTICLE]})).readings

    assert (reading.filename, reading.csv_type, reading.table.sheet) == ("Spec.xlsx", "bundles", "Sheet1")


def test_sheets_that_are_no_tab_are_passed_over():
    upload = read(workbook({"Overview": OVERVIEW, "Bundles": [BUNDLES, ARTICLE], "Menus": [["Title", "Machine name"]]}))

    assert [each.filename for each in upload.readings] == ["Spec.xlsx › Bundles"]


def test_a_workbook_without_any_tab_says_so_of_each_sheet():
    upload = read(workbook({"Overview": OVERVIEW, "Numbers": [["Region", "Units"], ["North", 1]]}))

    assert [each.accepted for each in upload.readings] == [False, False]
    assert all(each.errors for each in upload.readings)


def test_a_tab_with_a_missing_column_is_not_passed_over():
    broken = [[*FIELDS[:2], *FIELDS[3:]], [*BODY[:2], *BODY[3:]]]

    upload = read(workbook({"Bundles": [BUNDLES, ARTICLE], "Fields": broken}))

    assert [each.errors[0].column for each in upload.readings if each.errors] == ["Machine name"]


@pytest.mark.parametrize("blank", [[], [[""]], [[" ", "\n"], ["-"]], [["#N/A"]]])
def test_a_sheet_without_text_does_not_spoil_the_workbook(blank):
    (reading,) = read(workbook({"Empty": blank, "Bundles": [BUNDLES, ARTICLE]})).readings

    assert (reading.csv_type, reading.read.entity_count) == ("bundles", 1)


def test_a_workbook_without_text_is_refused():
    assert refusal(workbook({"Empty": [], "Blank": [[" "]]}))[0] == "empty_file"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (5, "5"),
        (5.0, "5"),
        (-3.0, "-3"),
        (0.5, "0.5"),
        (1e15, "1000000000000000"),
        ("007", "007"),
        (True, "True"),
        (" two  words ", " two  words "),
        ("line\nbreak", "line\nbreak"),
        ("=1+1", "=1+1"),
        ("a < b & c", "a < b & c"),
        ("Größe ✓", "Größe ✓"),
        (None, ""),
    ],
)
def test_a_cell_is_read_as_the_sheet_shows_it(value, shown):
    (table,) = read_workbook(workbook({"S": [[*BUNDLES, "Z"], [*ARTICLE[:3], value, "z"]]}))

    assert table.rows[0].cells[3] == shown


def test_numbers_as_text_stay_text():
    """A machine name ``42`` typed as a number, ``*`` and ``1`` in Vals."""
    rows = [FIELDS, ["Article (Content type)", "Answer", 42, "Text", "", "n", 1.0, ""]]

    (reading,) = read(workbook({"Fields": rows})).readings

    assert reading.read.rows[0].cells["Machine name"] == "42"
    assert reading.read.rows[0].cells["Vals."] == "1"


def test_errors_of_the_sheet_mean_nothing():
    (reading,) = read(workbook({"Bundles": [BUNDLES, [*ARTICLE[:3], "#N/A"], ["#VALUE!"] * 4]})).readings

    assert "Description" not in reading.read.rows[0].cells
    assert reading.read.entity_count == 1


def test_lines_are_those_of_the_sheet():
    xml = sheet_xml([["Our types"], BUNDLES, ARTICLE], first_row=4)

    (table,) = read_workbook(workbook_of_xml({"Bundles": xml}))

    assert (table.header_line, [row.line for row in table.rows]) == (5, [4, 6])


def test_names_of_sheets_are_data():
    names = ["../../etc", "Fields\u202e\u200b", "x" * 200]

    upload = read(workbook({name: [BUNDLES, ARTICLE] for name in names}))

    assert [each.filename for each in upload.readings] == [
        "Spec.xlsx › etc",
        "Spec.xlsx › Fields",
        "Spec.xlsx › " + "x" * 31,
    ]


def test_the_child_finds_its_code_wherever_the_server_was_started(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert len(read_workbook(workbook({"Bundles": [BUNDLES, ARTICLE]}))) == 1


# Damage


@pytest.mark.parametrize(
    "data",
    [
        workbook_of_xml({"Bundles": "no xml at all"}),
        workbook_of_xml({"Bundles": f"<worksheet {MAIN}><sheetData><row r='1'><c r='A1' t='s'><v>9</v></c></row>"}),
        workbook({"Bundles": [BUNDLES]}).replace(b"worksheets/sheet1.xml", b"worksheets/sheet9.xml"),
    ],
    ids=["no XML", "a shared string that is not there", "a sheet that is not there"],
)
def test_a_damaged_workbook_is_refused_or_empty(data):
    code, message = refusal(data)

    assert code in {"workbook_unreadable", "empty_file"}
    assert message


@pytest.mark.parametrize("cut", [30, 200, 600])
def test_a_workbook_that_was_cut_off_is_refused(cut):
    (reading,) = read(workbook({"Bundles": [BUNDLES, ARTICLE]})[:-cut]).readings

    assert [error.code for error in reading.errors] == ["broken_zip"]


# Limits


@pytest.mark.parametrize(
    ("limits", "figure"),
    [
        (Limits(rows=3), "at most 3"),
        (Limits(columns=2), "at most 1,000,000 and 2"),
        (Limits(cells=10), "more than 10 cells"),
    ],
)
def test_a_workbook_beyond_the_limits_is_refused_with_the_figure(limits, figure):
    limits = Limits(rows=limits.rows if limits.rows < 50_000 else 1_000_000, columns=limits.columns, cells=limits.cells)

    code, message = refusal(workbook({"Bundles": [BUNDLES, *[ARTICLE] * 5]}), limits)

    assert code == "workbook_too_large"
    assert figure in message


def test_the_limit_of_cells_counts_all_sheets():
    one = [BUNDLES, ARTICLE]

    assert len(read_workbook(workbook({"A": one}), Limits(cells=10))) == 1
    assert refusal(workbook({"A": one, "B": one}), Limits(cells=10))[0] == "workbook_too_large"


def test_a_cell_far_away_is_refused_and_not_filled_up_to():
    xml = sheet_xml([BUNDLES, ARTICLE]).replace(
        "</sheetData>", '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    )

    code, _ = refusal(workbook_of_xml({"Bundles": xml}))

    assert code in {"workbook_too_large", "workbook_unreadable"}


# Bombs


def test_a_bomb_that_declares_its_size_is_refused_before_it_is_opened():
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime

    code, message = refusal(bomb(160))

    assert code == "workbook_too_large"
    assert "MB in 5 parts" in message
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 0.05


@pytest.mark.parametrize("size", [10, 2**32 - 1], ids=["declared small", "declared large"])
def test_a_bomb_that_lies_about_its_size_kills_at_most_the_child(size):
    data = with_declared_size(bomb(160), "xl/worksheets/sheet1.xml", size)

    code, _ = refusal(data)

    assert code in {"workbook_too_large", "workbook_unreadable"}


def test_a_workbook_of_too_many_parts_is_refused():
    parts = {f"xl__media__{n}.png": b"x" for n in range(2_100)}

    assert refusal(workbook({"Bundles": [BUNDLES, ARTICLE]}, **parts))[0] == "workbook_too_large"


def long_string(cells: int) -> bytes:
    """A megabyte, written once and shown in many cells."""
    shared = f"<sst {MAIN}><si><t>{'x' * 1_000_000}</t></si></sst>".encode()
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, cells + 1))
    xml = f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>"
    return workbook_of_xml({"Bundles": xml}, **{"xl__sharedStrings.xml": shared})


@pytest.mark.parametrize("cells", [60, 900])
def test_one_long_string_in_many_cells_is_refused(cells):
    code, _ = refusal(long_string(cells))

    assert code in {"workbook_too_large", "workbook_unreadable"}


MEASURE = """
import resource, sys
from sessions_app.parsing.tables import UnreadableFile
from sessions_app.spreadsheets import read_workbook
data = open(sys.argv[1], "rb").read()
try:
    read_workbook(data)
except UnreadableFile as error:
    print(error.code)
own = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(int(own) // 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


@pytest.mark.parametrize(
    "make",
    [lambda: with_declared_size(bomb(300), "xl/worksheets/sheet1.xml", 1000), lambda: long_string(900)],
    ids=["a lying directory", "one string in many cells"],
)
def test_neither_the_child_nor_the_server_takes_much_memory(tmp_path, make):
    """Measured from outside, in a process of its own: the highest memory of it and of its child."""
    path = tmp_path / "bomb.xlsx"
    path.write_bytes(make())
    root = Path(__file__).parents[2]

    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], cwd=root, capture_output=True, text=True, check=True, timeout=100
    )

    refused, measured = done.stdout.split("\n")[:2]
    own, child = map(int, measured.split())
    assert refused in {"workbook_too_large", "workbook_unreadable"}
    assert child <= CHILD_MEMORY // 1024 // 1024
    assert own < 150
