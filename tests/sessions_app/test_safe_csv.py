"""CSV that opens right in Excel and that no spreadsheet evaluates."""

from __future__ import annotations

import csv
import io

import pytest

from sessions_app.safe_csv import formula_safe, safe_csv
from tests.sessions_app.reading import BUNDLES, read_one


def written(*rows: list[str]) -> bytes:
    return b"".join(safe_csv(rows[0], rows[1:]))


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\0=1",
        " =1",
        "\u00a0=1",
        "\ufeff=1",
        "\u200b=1",
        "\u3000=1",
        "\v=1",
        " \t =1",
        "＝1+1",
        "＋1",
        "－1",
        "＠SUM",
        "-",
        "-- Disabled --",
        "\ttab",
    ],
)
def test_what_could_start_a_formula_is_disarmed(cell):
    assert formula_safe(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", " ", "a", "a=1", "1+1", "'=1", "(=1)", '"=1"', "#N/A", "é", " a"])
def test_other_cells_stay_as_they_are(cell):
    assert formula_safe(cell) == cell


def test_the_file_starts_with_the_mark_that_excel_needs():
    data = written(["Größe"], ["a"])

    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\xef\xbb\xbf") == 1


def test_everything_is_quoted_and_lines_end_as_windows_does():
    assert written(["a", "b"], ['c "d"', "e;f"]) == b'\xef\xbb\xbf"a","b"\r\n"c ""d""","e;f"\r\n'


def test_headers_are_disarmed_too():
    assert read(written(["=1+1", "Row"])) == [["'=1+1", "Row"]]


def test_zero_bytes_are_removed_and_hide_no_formula():
    assert read(written(["a"], ["\0=1+1"], ["b\0c"])) == [["a"], ["'=1+1"], ["bc"]]


def test_halves_of_characters_do_not_stop_an_export():
    assert read(written(["a"], ["x\ud800y"])) == [["a"], ["x?y"]]


def test_cells_of_many_lines_stay_one_cell():
    assert read(written(["a"], ["one\ntwo\r\nthree"])) == [["a"], ["one\ntwo\r\nthree"]]


def test_a_corrected_export_can_be_imported_again():
    """The failed rows are downloaded, completed and uploaded: the apostrophes do not become part of the names."""
    rows = [["Article", "-", "Content type", "=1+1"], ["Page", "page", "Content type", "-- Disabled --"]]

    reading = read_one(written([*BUNDLES, "Row"], *([*row, "1"] for row in rows)))

    first, second = (row.cells for row in reading.read.rows)
    assert first == {"Name": "Article", "Type": "Content type", "Description": "=1+1"}
    assert second["Description"] == "-- Disabled --"
