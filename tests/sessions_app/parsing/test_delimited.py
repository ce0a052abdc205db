"""Text to a table: delimiter, header row, records and their lines, and what is refused."""

import time
import tracemalloc

import pytest

from sessions_app.parsing.delimited import LONGEST_CELL, Limits, header_position, read_table
from sessions_app.parsing.tables import UnreadableFile

HEADER = ["Name", "Machine name", "Type", "Description"]


def rows(text: str, **options) -> list[tuple[str, ...]]:
    return [row.cells for row in read_table(text, **options).rows if row.number]


def refusal(text: str, **options) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as caught:
        read_table(text, **options)
    return caught.value


def codes(text: str) -> list[str]:
    return [warning.code for warning in read_table(text).warnings]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_delimiter_and_line_end_is_found_out(delimiter, line_end):
    lines = [delimiter.join(HEADER), delimiter.join(["Article", "article", "Content type", "One"])]

    table = read_table(line_end.join(lines))

    assert (table.delimiter, table.headers) == (delimiter, tuple(HEADER))
    assert [row.cells for row in table.rows] == [("Article", "article", "Content type", "One")]


def test_known_headers_decide_the_delimiter_and_not_the_most_frequent_character():
    text = 'Name;Machine name;Type;Description\nA;a;Content type;"x,y,z,1,2,3,4,5,6\n7,8,9"\n'

    assert read_table(text).delimiter == ";"


def test_a_person_may_choose_the_delimiter():
    assert read_table("Name,a;b\n", delimiter=";").headers == ("Name,a", "b")


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;", "sep=;;;;"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_hint_of_excel_names_the_delimiter_and_is_no_row(first, line_end):
    table = read_table(line_end.join([first, "Name;Machine name", "A, B;ab"]))

    assert (table.delimiter, table.headers, table.header_line) == (";", ("Name", "Machine name"), 2)
    assert [(row.number, row.line, row.cells) for row in table.rows] == [(1, 3, ("A, B", "ab"))]


def test_rows_are_counted_as_records_and_lines_as_in_the_file():
    text = 'Name,Machine name\n"A\nb\n\nc",a\nB,b\n\n"C\r\nd",c\nD,d\n'

    found = [(row.number, row.line, row.cells) for row in read_table(text).rows]

    assert found == [
        (1, 2, ("A\nb\n\nc", "a")),
        (2, 6, ("B", "b")),
        (3, 7, ()),
        (4, 8, ("C\r\nd", "c")),
        (5, 10, ("D", "d")),
    ]


def test_line_ends_may_be_mixed():
    assert rows("Name,Machine name\r\nA,a\rB,b\nC,c\r\n") == [("A", "a"), ("B", "b"), ("C", "c")]


def test_quotes_are_read_by_the_rules():
    assert rows('Name,Machine name\n"A ""big"" one, and more",a\n') == [('A "big" one, and more', "a")]


def test_a_quote_inside_a_cell_is_text():
    assert rows('Name,Machine name\n5" screen,screen\n') == [('5" screen', "screen")]


def test_quotes_inside_quotes_are_read_as_well_as_possible_with_a_warning():
    text = 'Name,Machine name\n"The "best" one",best\nB,b\n'

    table = read_table(text)

    assert [row.cells[1] for row in table.rows] == ["best", "b"]
    assert [(warning.code, warning.line) for warning in table.warnings] == [("loose_quotes", 2)]


def test_all_lines_with_loose_quotes_are_told_at_once():
    text = "Name,Machine name\n" + '"A "b" c",a\n' * 30

    (warning,) = read_table(text).warnings

    assert "line 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 20 more" in warning.message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('Name,Machine name\nA,a\n"B,b\nC,c\nD,d\n', 3),
        ('Name,Machine name\nA,a\n"B,b\nC,c\n5" D,d\n', 3),
        ('Name,Machine name\nA,a\n"B,b\nC,c\n"D",d\n"E,e\n', 3),
        ('Name,Machine name\n"A "b" c",a\n"B,b\nC,c\n"D",d\n', 3),
        ('Name,Machine name\nA,a\nB,"b', 3),
        ('Name,Machine name\n"A "b" c",a\nB,"b', 3),
    ],
)
def test_a_quote_that_swallows_rows_is_refused_with_its_line(text, line):
    refused = refusal(text)

    assert refused.code == "unclosed_quote"
    assert f"line {line} " in refused.message


def test_two_stray_quotes_that_make_a_cell_of_whole_rows_are_pointed_out():
    text = ",".join(HEADER) + '\nA,a,Content type,"Big\nB,b,Content type,x\nC,c,Content type,5"\nD,d,Content type,y\n'

    table = read_table(text)

    assert len(table.rows) == 2
    (warning,) = table.warnings
    assert (warning.code, warning.row, warning.line, warning.column) == ("rows_in_a_cell", 1, 2, "Description")
    assert "2 more rows" in warning.message


def test_a_cell_of_many_lines_is_nothing_to_point_out():
    text = ",".join(HEADER) + '\nA,a,Content type,"one, two\nthree, four\nfive"\n'

    assert codes(text) == []


@pytest.mark.parametrize("blank", ["", " ", "\n\n", "\r\n \t\r\n", "\ufeff\u00a0"])
def test_white_space_is_no_table(blank):
    assert refusal(blank).code == "empty_file"


@pytest.mark.parametrize("text", [",,,\n,,,\n", '"",""\n', "-,-\n", "#N/A,#VALUE!\n"])
def test_empty_cells_are_no_table(text):
    assert refusal(text).code == "empty_file"


@pytest.mark.parametrize("above", [1, 5, 24])
def test_rows_above_the_header_are_kept_apart(above):
    text = "".join(f"Our site,,,title {n}\n" for n in range(above)) + ",".join(HEADER) + "\nA,a,Content type,\n"

    table = read_table(text)

    assert table.headers == tuple(HEADER)
    assert table.header_line == above + 1
    assert [row.number for row in table.rows] == [0] * above + [1]


def test_a_header_is_not_looked_for_further_down():
    text = "x,y,z,q\n" * 25 + ",".join(HEADER) + "\n"

    assert read_table(text).headers == ("x", "y", "z", "q")


@pytest.mark.parametrize(
    ("records", "position"),
    [
        ([["Name", "Machine name"]], 0),
        ([["", ""], ["Name", "Machine name"]], 1),
        ([["Overview of Name"], ["Name", "Machine name", "Type"]], 1),
        ([["Name"], ["Name", "Machine name", "Type"]], 1),
        ([["Name", "Machine name"], ["Name", "Machine name"]], 0),
        ([["", ""], ["what", "ever"], ["a", "b"]], 1),
        ([["Title", "of", "our", "big", "site", "here"], ["Article", "article"]], 0),
    ],
)
def test_the_header_is_the_row_with_the_most_known_names(records, position):
    assert header_position(records) == position


def test_headers_are_trimmed_and_may_be_empty():
    assert read_table(" Name ,,Machine name\t,\nA,,a,\n").headers == ("Name", "", "Machine name", "")


def test_rows_may_be_shorter_or_longer_than_the_header():
    read = rows("Name,Machine name,Type\nA\nB,b,Content type,more,\n")

    assert read == [("A",), ("B", "b", "Content type", "more", "")]


# Pipe tables


def test_a_table_of_behat_is_read_without_its_frame():
    text = "Feature: Roles\n\n  | Name   | Machine name |\n  | Editor | editor       |\n  | A \\| B | a\\nb |\n"

    table = read_table(text)

    assert (table.delimiter, table.headers, table.header_line) == ("|", ("Name", "Machine name"), 3)
    assert [(row.line, row.cells) for row in table.rows] == [(4, ("Editor", "editor")), (5, ("A | B", "a\nb"))]


def test_the_rule_of_a_markdown_table_is_no_row():
    assert rows("| Name | Machine name |\n|:-----|-----:|\n| A | a |\n") == [("A", "a")]


def test_only_line_ends_end_the_row_of_a_pipe_table():
    assert rows("| Name | Machine name |\n| A\u2028B\x0b\x85C | a |\n") == [("A\u2028B\x0b\x85C", "a")]


# Limits


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a,b\n" * 40, "too_many_rows"),
        ("a,b,c,d,e,f\n", "too_many_columns"),
        ("a,b,c,d,e\n" * 20, "too_many_cells"),
    ],
)
def test_a_table_beyond_the_limits_is_refused(text, code):
    refused = refusal(text, limits=Limits(rows=10, columns=5, cells=80))

    assert refused.code == code
    assert any(figure in refused.message for figure in ("10", "5", "80"))


def test_a_table_at_the_limits_is_read():
    limits = Limits(rows=10, columns=2, cells=22)

    assert len(rows("Name,Machine name\n" + "a,b\n" * 10, limits=limits)) == 10


def test_a_long_cell_is_read():
    assert rows("Name,Machine name\n" + "x" * 300_000 + ",a\n")[0][0] == "x" * 300_000


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_beyond_the_limit_is_refused_with_its_line(quote):
    refused = refusal(f"Name,Machine name\nA,a\n{quote}{'x' * (LONGEST_CELL + 2)}{quote},b\n")

    assert refused.code == "cell_too_long"
    assert "line 3 " in refused.message


def test_a_million_columns_and_a_million_blank_lines_are_refused_in_little_memory():
    for text in ("Name,Machine name\n" + "," * 1_000_000, "Name,Machine name\n" + "\n" * 1_000_000):
        tracemalloc.start()
        try:
            refusal(text)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert peak < 50 * len(text)


def test_no_arrangement_of_quotes_takes_long():
    began = time.process_time()

    for text in ('"' * 300_001, '"a"b,' * 900, ('"a"b,c\n') * 20_000, '"' + "a\n" * 200_000):
        try:
            read_table("Name,Machine name\n" + text)
        except UnreadableFile:
            continue

    assert time.process_time() - began < 8
