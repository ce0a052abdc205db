"""What no example thought of. ``HYPOTHESIS_PROFILE=long`` looks for longer."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections import Counter
from itertools import pairwise

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from sessions_app.actions.imports import Upload, findings_across, read_upload
from sessions_app.graph import path_between, work_order
from sessions_app.inspection import reports_of
from sessions_app.parsing.bundle_labels import parse_references
from sessions_app.parsing.csv_types import CSV_TYPES
from sessions_app.parsing.delimited import read_table
from sessions_app.parsing.entities import Sheet
from sessions_app.parsing.intake import Choices, read_tab
from sessions_app.parsing.rows import read_rows
from sessions_app.parsing.specification import PER_PARENT, PER_ROW, backlog, read_specification
from sessions_app.parsing.tables import Row, Table, UnreadableFile
from sessions_app.parsing.text import clean, normal, normal_header, slug
from sessions_app.safe_csv import safe_csv
from tests.sessions_app.reading import sheets_of
from tests.sessions_app.workbooks import workbook

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def examples(usually: int = 100, *, long: int = 10_000) -> settings:
    return settings(
        max_examples=long if IS_LONG else usually,
        deadline=None,
        suppress_health_check=QUIET,
        derandomize=not IS_LONG,
        database=None,
    )


HEADERS = sorted({name for kind in CSV_TYPES.values() for name in kind.column_names})
WORDS = [
    "Article",
    "article",
    "Article (Content type)",
    "Image (Media type), Article (Content type)",
    "All",
    "-",
    "#N/A",
    "#VALUE!",
    "=1+1",
    "Draft",
    "y",
    "view article",
    "field_body, field_image",
    "entity:node",
    "Used on: Article (Content type)",
]
MARKS = [
    "",
    ",",
    ";",
    "\t",
    "|",
    '"',
    '""',
    "\n",
    "\r",
    "\r\n",
    "sep=;",
    "\ufeff",
    "\x00",
    "(",
    ")",
    "\u2028",
    "\u202e",
    " ",
]
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
CELLS = st.one_of(st.sampled_from(WORDS), st.sampled_from(HEADERS), PLAIN)
TEXTS = st.lists(st.one_of(CELLS, st.sampled_from(MARKS)), max_size=60).map("".join)
BYTES = st.one_of(
    st.binary(max_size=400),
    TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
    TEXTS.map(lambda text: text.encode("utf-16")),
    TEXTS.map(lambda text: text.encode("utf-16-le")),
    TEXTS.map(lambda text: text.encode("cp1252", "replace")),
    TEXTS.map(lambda text: gzip.compress(text.encode(), 1)),
    st.tuples(
        st.sampled_from(
            [b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xd0\xcf"]
        ),
        st.binary(max_size=100),
    ).map(b"".join),
)
NAMES = st.one_of(
    st.sampled_from(
        ["Bundles.csv", "Fields.csv", "a.tsv", "a.xlsx", "config.tar.gz", "a.tgz", "a.zip", "../x.csv", ""]
    ),
    st.text(max_size=30),
)


def check(upload) -> None:
    """What holds of every upload, whatever is in it."""
    assert upload.readings
    for reading in upload.readings:
        assert reading.accepted is not bool(reading.errors)
        assert all(error.message and error.code and error.blocks for error in reading.errors)
        if reading.read:
            rows = reading.table.rows
            assert sum(reading.read.dispositions.values()) == len(reading.read.rows) == len(rows)
            assert [row.raw for row in reading.read.rows] == [row.cells for row in rows]
            assert all(row.reason for row in reading.read.rows if row.disposition != "used")
    specification = read_specification(sheets_of([upload]))
    keys = [entity.key for entity in specification.entities]
    assert len(set(keys)) == len(keys)
    for report in reports_of([upload], findings_across(specification)):
        assert report["accepted"] or report["errors"]


@given(data=BYTES, filename=NAMES)
@example(data=b"", filename="")
@example(data=b"+2AA-", filename="a.csv")
@example(data=b"PK\x05\x06" + b"\0" * 18, filename="a.xlsx")
@examples(200, long=100_000)
def test_any_bytes_are_rows_or_a_friendly_refusal(data, filename):
    check(read_upload(Upload(filename, data)))


@given(
    headers=st.lists(st.one_of(st.sampled_from(HEADERS), CELLS), min_size=1, max_size=8),
    rows=st.lists(st.lists(CELLS, max_size=9), max_size=12),
    delimiter=st.sampled_from(",;\t|"),
    csv_type=st.sampled_from(["", *CSV_TYPES]),
)
@examples()
def test_any_table_is_rows_or_a_friendly_refusal(headers, rows, delimiter, csv_type):
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows([headers, *rows])

    check(read_upload(Upload("x.csv", written.getvalue().encode(), {"": Choices(csv_type=csv_type)})))


CHOICES = st.builds(
    Choices,
    csv_type=st.sampled_from(["", *CSV_TYPES]),
    encoding=st.sampled_from(
        ["", "utf-8", "utf-16", "cp1252", "shift_jis", "utf-7", "unicode_escape", "punycode", "nonsense"]
    ),
    delimiter=st.sampled_from(["", ",", ";", "\t", "|"]),
    mapping=st.lists(st.one_of(st.sampled_from(HEADERS), st.just("")), max_size=4).map(tuple),
    exclusions=st.dictionaries(st.sampled_from(HEADERS), st.lists(CELLS, max_size=3), max_size=2),
)


@given(data=BYTES, choices=CHOICES)
@examples()
def test_any_choice_of_a_person_gives_rows_or_a_friendly_refusal(data, choices):
    check(read_upload(Upload("Bundles.csv", data, {"": choices})))


@given(text=TEXTS)
@examples()
def test_any_text_is_a_table_or_unreadable(text):
    try:
        table = read_table(text.replace("\0", ""))
    except UnreadableFile as refused:
        assert refused.code
        assert refused.message
    else:
        lines = [row.line for row in table.rows]
        assert lines == sorted(lines)
        numbers = [row.number for row in table.rows if row.number]
        assert numbers == list(range(1, len(numbers) + 1))


@given(
    rows=st.lists(st.lists(PLAIN, min_size=3, max_size=3), max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@examples()
def test_what_is_written_is_what_is_read(rows, delimiter, line_end, encoding):
    headers = ["Name", "Machine name", "URL alias pattern"]
    assume(not any(normal_header(cell) in map(normal_header, HEADERS) for row in rows for cell in row))
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([headers, *rows])

    (reading,) = read_upload(
        Upload(
            "Bundles.csv", written.getvalue().encode(encoding), {"": Choices(csv_type="bundles", delimiter=delimiter)}
        )
    ).readings

    table = read_table(written.getvalue(), delimiter=delimiter)
    assert [list(row.cells) for row in table.rows] == rows
    if reading.read:
        assert [list(row.raw) for row in reading.read.rows] == rows


@given(
    rows=st.lists(st.lists(CELLS, max_size=6), max_size=10), csv_type=st.sampled_from(list(CSV_TYPES)), data=st.data()
)
@examples()
def test_no_cell_of_a_used_row_is_lost(rows, csv_type, data):
    names = [*CSV_TYPES[csv_type].column_names, "", "Colour"]
    headers = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=6))
    mapping = [header if header in CSV_TYPES[csv_type].column_names else "" for header in headers]
    table = Table(tuple(headers), tuple(Row(n, n + 1, tuple(row)) for n, row in enumerate(rows, start=1)))

    read = read_rows(table, csv_type, mapping)

    for row in read.rows:
        kept = Counter([*row.cells.values(), *row.extra.values()])
        assert kept == Counter(filter(None, map(clean, row.raw)))


@given(rows=st.lists(st.lists(CELLS, min_size=4, max_size=4), max_size=6))
@examples()
def test_reading_twice_gives_the_same(rows):
    table = Table(
        ("Name", "Machine name", "Type", "X"), tuple(Row(n, n + 1, tuple(row)) for n, row in enumerate(rows, start=1))
    )

    assert read_tab(table, "x.csv", Choices()) == read_tab(table, "x.csv", Choices())


@given(
    tabs=st.dictionaries(
        st.sampled_from([name for name in CSV_TYPES if name != "custom"]),
        st.lists(st.lists(CELLS, min_size=3, max_size=12), min_size=1, max_size=6),
        max_size=5,
    ),
    granularity=st.sampled_from([PER_ROW, PER_PARENT]),
)
@examples()
def test_any_specification_has_an_order_of_all_that_is_in_it(tabs, granularity):
    sheets = []
    for csv_type, rows in tabs.items():
        headers = CSV_TYPES[csv_type].column_names
        table = Table(
            headers, tuple(Row(n, n + 1, tuple(row)) for n, row in enumerate(rows, start=1)), csv_type=csv_type
        )
        reading = read_tab(table, f"{csv_type}.csv", Choices())
        sheets += [Sheet(reading.filename, csv_type, reading.read.rows)] if reading.read else []
    specification = read_specification(sheets)

    made = backlog(specification, granularity)

    inside = [key for item in made for key in (item["key"], *(child["key"] for child in item["children"]))]
    assert Counter(inside) == Counter(entity.key for entity in specification.entities)
    assert not inside or max(Counter(inside).values()) == 1
    place = {item["key"]: at for at, item in enumerate(made)}
    for each in made.dependencies:
        assert (
            each.kind != "blocks" or (each.source, each.target) in made.cut or place[each.target] < place[each.source]
        )


# Order

NODES = st.integers(0, 14).map(str)
EDGES = st.lists(st.tuples(NODES, NODES), max_size=60)


@given(nodes=st.lists(NODES, unique=True), needs=EDGES, hints=EDGES)
@examples()
def test_any_edges_give_an_order_of_all_nodes_that_respects_all_that_is_kept(nodes, needs, hints):
    order = work_order(nodes, needs, hints)

    assert sorted(order.nodes) == sorted(nodes)
    place = {node: at for at, node in enumerate(order.nodes)}
    binding = {(a, b) for a, b in needs if a in place and b in place and a != b}
    assert order.cut <= binding
    assert all(place[b] < place[a] for a, b in binding - order.cut)


@given(nodes=st.lists(NODES, unique=True), needs=EDGES)
@examples()
def test_a_cut_lies_within_a_cycle_and_no_cycle_is_missed(nodes, needs):
    order = work_order(nodes, needs)

    binding = {(a, b) for a, b in needs if a in nodes and b in nodes and a != b}
    group = {node: number for number, cycle in enumerate(order.cycles) for node in cycle}
    assert all(group[a] == group[b] for a, b in order.cut)
    assert {node for node in nodes if in_a_cycle(node, binding)} == set(group)
    assert all(any(a in cycle for a, _ in order.cut) for cycle in order.cycles)


def in_a_cycle(node: str, edges: set[tuple[str, str]]) -> bool:
    return any(path_between(b, node, edges) for a, b in edges if a == node)


@given(start=NODES, goal=NODES, needs=EDGES)
@examples()
def test_a_path_is_a_chain_of_needs(start, goal, needs):
    path = path_between(start, goal, needs)

    assert not path or (path[0], path[-1]) == (start, goal)
    assert set(pairwise(path)) <= set(needs)


# Text

ANY_TEXT = st.text(max_size=60)


@given(rows=st.lists(st.lists(ANY_TEXT, min_size=2, max_size=2), min_size=1, max_size=6))
@example(rows=[["\0\t=1", "\u200b@"], ["'\0=", "＝"]])
@examples()
def test_no_cell_of_an_export_starts_a_formula(rows):
    data = b"".join(safe_csv(rows[0], rows[1:]))

    read = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert data.startswith(b"\xef\xbb\xbf")
    assert [len(row) for row in read] == [2] * len(rows)
    for row, given_row in zip(read, rows, strict=True):
        for cell, given_cell in zip(row, given_row, strict=True):
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\0"))
            assert not cell.strip().startswith(("=", "+", "-", "@"))
            expected = given_cell.replace("\0", "").encode("utf-8", "replace").decode()
            assert cell in {expected, "'" + expected}


@given(text=ANY_TEXT)
@examples()
def test_normal_forms_are_final(text):
    assert clean(clean(text)) == clean(text) or clean(text).startswith(("=", "'"))
    assert normal(normal(text)) == normal(text) or not normal(text).isascii()
    assert normal_header(text) == normal_header(text.upper().lower()) or not text.isascii()
    assert 0 < len(slug(text)) <= 96
    assert all(reference.label and reference.text for reference in parse_references(text))


# Workbooks: a child process for each, so there are few


@given(
    rows=st.lists(
        st.lists(
            st.one_of(
                st.none(),
                st.booleans(),
                st.integers(-(10**12), 10**12),
                st.floats(allow_nan=False, allow_infinity=False),
                st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=8),
                CELLS.map(lambda text: "".join(c for c in text if c.isprintable())),
            ),
            max_size=5,
        ),
        max_size=5,
    ),
    position=st.integers(0, 5_000),
    change=st.binary(max_size=3),
)
@examples(20, long=500)
def test_any_workbook_is_rows_or_a_friendly_refusal(rows, position, change):
    data = bytearray(workbook({"Bundles": [["Name", "Machine name", "Type"], *rows]}))
    at = position % len(data)
    data[at : at + len(change)] = change

    check(read_upload(Upload("Spec.xlsx", bytes(data))))
