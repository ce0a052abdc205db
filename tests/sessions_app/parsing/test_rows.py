"""Every row gets a disposition and a reason, and nothing in a row gets lost."""

import pytest

from sessions_app.parsing.csv_types import CSV_TYPES
from sessions_app.parsing.recognition import recognise
from sessions_app.parsing.rows import AT_MOST, ReadTable, identity_of, read_rows
from sessions_app.parsing.tables import Row, Table

HEADERS = ("Name", "Machine name", "Type", "X", "Description")
ARTICLE = ("Article", "article", "Content type", "a", "One")
PAGE = ("Page", "page", "Content type", "a", "Two")


def read(*rows, headers=HEADERS, csv_type="bundles", exclusions=None, mapping=None) -> ReadTable:
    table = Table(tuple(headers), tuple(Row(n, n + 1, tuple(row)) for n, row in enumerate(rows, start=1)))
    mapping = mapping or recognise(table, "x.csv", csv_type=csv_type).mapping
    return read_rows(table, csv_type, mapping, exclusions)


def outcomes(read_table: ReadTable) -> list[tuple[str, str]]:
    return [(row.disposition.value, row.reason) for row in read_table.rows]


def codes(read_table: ReadTable) -> list[str]:
    return [finding.code for finding in read_table.findings]


def only(read_table: ReadTable, code: str):
    (found,) = [finding for finding in read_table.findings if finding.code == code]
    return found


def test_a_row_is_used():
    (row,) = read(ARTICLE).rows

    assert (row.disposition, row.reason) == ("used", "")
    assert row.cells == dict(zip(HEADERS, ARTICLE, strict=True))
    assert row.raw == ARTICLE


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((), "blank row"),
        (("", " ", "\t", "", ""), "blank row"),
        (("-", "", "–", "", ""), "blank row"),
        (("", "", "", "", "#VALUE!"), "only spreadsheet errors"),
        (("", "", "", "#N/A", "-"), "only spreadsheet errors"),
        (("Name", "Machine name", "Type", "X", "Description"), "header row repeated"),
        (("Name", "Machine name", "Type", "X", "Beschreibung"), "header row repeated"),
        (("MEDIA TYPES", "", "", "", ""), "section title"),
        (("", "", "MEDIA TYPES", "", ""), "section title"),
        (("", "", "Content type", "a", "no name"), "names no bundle: “Name” and “Machine name” are empty"),
        (("-", "#N/A", "Content type", "a", ""), "names no bundle: “Name” and “Machine name” are empty"),
    ],
)
def test_a_row_that_names_nothing_is_dropped_with_its_reason(row, reason):
    assert outcomes(read(ARTICLE, PAGE, row, ("Event", "event", "Content type", "a", "x")))[2] == ("dropped", reason)


def test_a_row_above_the_header_is_dropped():
    table = Table(HEADERS, (Row(0, 1, ("Our site",)), Row(1, 3, ARTICLE)))

    found = read_rows(table, "bundles", HEADERS)

    assert outcomes(found) == [("dropped", "stands above the header row"), ("used", "")]
    assert "rows_above_header" in codes(found)


def test_where_machine_names_are_rare_a_lone_label_is_an_entity():
    found = read(("Article", "", "", "", ""), ("Page", "", "", "", ""))

    assert found.entity_count == 2


def test_a_tab_without_machine_names_has_no_section_titles():
    headers = ("Image style", "Effect", "Summary", "Colour")

    found = read(
        ("Large", "Scale", "", "red"),
        ("Large", "Crop", "", "red"),
        ("", "Blur", "", ""),
        headers=headers,
        csv_type="image_effects",
    )

    assert outcomes(found)[2] == ("used", "")


def test_a_row_without_a_label_uses_its_machine_name():
    found = read(("", "article", "Content type", "a", ""))

    assert found.entity_count == 1
    warning = only(found, "label_missing")
    assert (warning.row, warning.line, warning.column, warning.expected) == (1, 2, "Name", "a label for people")


def test_a_row_without_a_machine_name_uses_its_label():
    assert read(("Article", "-", "Content type", "a", ""), PAGE).entity_count == 2


# Duplicates


def test_an_exact_duplicate_is_folded():
    found = read(ARTICLE, PAGE, ARTICLE)

    assert outcomes(found)[2] == ("folded", "same bundle as row 1, same cells")
    assert "duplicate_differs" not in codes(found)


def test_a_differing_duplicate_is_folded_and_the_difference_told():
    found = read(ARTICLE, ("Article", "article", "Content type", "a", "Other"))

    assert outcomes(found)[1] == ("folded", "same bundle as row 1")
    warning = only(found, "duplicate_differs")
    assert (warning.row, warning.column, warning.value, warning.expected) == (2, "Description", "Other", "One")


@pytest.mark.parametrize(
    "again",
    [
        ("Article", "ARTICLE", "content  type", "a", "One"),
        ("Article", "article\u200b", "Content\u00a0type", "a", "One"),
        ("Articles", "article", "node", "a", "One"),
    ],
)
def test_names_that_only_look_different_are_the_same_bundle(again):
    assert outcomes(read(ARTICLE, again))[1][0] == "folded"


def test_old_and_new_words_for_a_type_are_the_same_type():
    found = read(
        ("Hero", "hero", "Custom block type", "a", ""),
        ("Hero", "hero", "Block type", "a", ""),
        ("Hero", "hero", "Paragraph type", "a", ""),
    )

    assert [outcome for outcome, _ in outcomes(found)] == ["used", "folded", "used"]


def test_the_rows_of_a_transition_are_folded_without_a_word():
    headers = ("Workflow", "Label", "Machine name", "From state", "To state")

    found = read(
        ("Editorial", "Publish", "publish", "Draft", "Published"),
        ("Editorial", "Publish", "publish", "Review", "Published"),
        headers=headers,
        csv_type="workflow_transitions",
    )

    assert found.dispositions == {"used": 1, "folded": 1, "filtered": 0, "dropped": 0}
    assert codes(found) == []


def test_displays_of_two_views_with_one_label_stay_apart():
    headers = ("View", "Title", "Machine name", "Display plugin")
    rows = [("People", "Default", "default", "Default"), ("People", "Admin", "default", "Default")]

    found = read(*rows, headers=headers, csv_type="view_displays")

    assert found.entity_count == 2
    assert "View ID" in only(found, "ambiguous_view").expected


def test_a_view_id_settles_which_view_is_meant():
    headers = ("View", "Title", "Machine name", "Display plugin", "View ID")
    rows = [("People", "D", "default", "Default", "people"), ("People", "D", "default", "Default", "user_admin_people")]

    found = read(*rows, (*rows[0][:1], "Other", *rows[0][2:]), headers=headers, csv_type="view_displays")

    assert [outcome for outcome, _ in outcomes(found)] == ["used", "used", "folded"]
    assert "ambiguous_view" not in codes(found)


# Filters


def test_rows_with_an_excluded_value_are_filtered_with_the_reason():
    found = read(ARTICLE, ("Page", "page", "Content type", "d", ""), exclusions={"X": ["d"]})

    assert outcomes(found) == [("used", ""), ("filtered", "X is “d”")]


@pytest.mark.parametrize("cell", ["D", " d ", "d\u200b"])
def test_excluded_values_are_compared_in_normal_form(cell):
    assert read(("A", "a", "Content type", cell, ""), exclusions={"X": ["d"]}).dispositions["filtered"] == 1


@pytest.mark.parametrize("cell", ["", " ", "-", "#N/A"])
def test_empty_cells_can_be_excluded(cell):
    found = read(("A", "a", "Content type", cell, ""), exclusions={"X": [""]})

    assert outcomes(found) == [("filtered", "X is empty")]


def test_a_short_row_is_empty_where_it_ends():
    assert read(("A", "a"), exclusions={"X": [""]}).dispositions["filtered"] == 1


def test_an_exclusion_for_another_header_does_nothing():
    assert read(ARTICLE, exclusions={"Y": ["a"], "X": []}).entity_count == 1


def test_a_filtered_row_hides_no_later_one():
    found = read(("Article", "article", "Content type", "d", ""), ARTICLE, exclusions={"X": ["d"]})

    assert [outcome for outcome, _ in outcomes(found)] == ["filtered", "used"]


# Cells


def test_cells_of_unknown_columns_are_kept_by_their_header():
    (row,) = read((*ARTICLE, "red", "x"), headers=(*HEADERS, "Colour", "")).rows

    assert row.extra == {"Colour": "red", "Column 7": "x"}


def test_cells_beyond_the_header_are_kept_and_told():
    found = read((*ARTICLE, "more", "", "most"))

    assert found.rows[0].extra == {"Column 6": "more", "Column 8": "most"}
    assert only(found, "extra_cells").row == 1


def test_empty_cells_beyond_the_header_are_nothing():
    found = read((*ARTICLE, "", " ", "-"))

    assert (found.rows[0].extra, codes(found)) == ({}, [])


def test_columns_of_one_unknown_header_lose_nothing():
    (row,) = read((*ARTICLE, "red", "blue"), headers=(*HEADERS, "Colour", "Colour")).rows

    assert row.extra == {"Colour": "red", "Colour (column 7)": "blue"}


def test_two_columns_mapped_to_one_lose_nothing():
    mapping = ("Name", "Machine name", "Name")

    (row,) = read(("Article", "article", "Fallback"), headers=("A", "B", "C"), mapping=mapping).rows

    assert row.cells == {"Name": "Article", "Machine name": "article"}
    assert row.extra == {"C": "Fallback"}


def test_a_second_header_of_one_name_is_told():
    found = read(("A", "a", "", "Content type"), headers=("Name", "Machine name", "Machine_Name", "Type"))

    assert "duplicate header" in only(found, "duplicate_header").message


# Findings


@pytest.mark.parametrize("name", ["contact/hours", "Editorial Access", "42x42_non-webp", "x" * 33])
def test_a_machine_name_that_drupal_refuses_is_accepted_with_a_warning(name):
    found = read(("A", name, "Content type", "a", ""))

    assert found.entity_count == 1
    warning = only(found, "machine_name_unusual")
    assert (warning.row, warning.line, warning.column, warning.value) == (1, 2, "Machine name", name)


@pytest.mark.parametrize("name", ["article", "42x42_1_5x", "_x", "x" * 32])
def test_a_machine_name_that_drupal_takes_is_no_warning(name):
    assert codes(read(("A", name, "Content type", "a", ""))) == []


def test_a_formula_is_text_with_a_warning():
    found = read(("A", "a", "Content type", "a", "=1+1"))

    assert found.rows[0].cells["Description"] == "=1+1"
    warning = only(found, "formula_cell")
    assert (warning.column, warning.value) == ("Description", "=1+1")


def test_a_field_without_its_bundle_is_accepted_with_a_warning():
    headers = ("Bundle", "Field label", "Machine name", "Field type")

    found = read(("", "Body", "body", "Text"), headers=headers, csv_type="fields")

    assert found.entity_count == 1
    assert only(found, "cell_missing").column == "Bundle"


def test_skipped_rows_are_counted_in_one_finding_per_reason():
    title = ("MEDIA TYPES", "", "", "", "")

    found = read(ARTICLE, (), title, PAGE, HEADERS, title, (), ("Event", "event", "", "", ""))

    messages = [finding.message for finding in found.findings]
    assert messages == ["2 section rows skipped.", "1 repeated header rows skipped.", "2 blank rows skipped."]


def test_a_thousand_findings_of_one_kind_are_listed_and_the_rest_counted():
    rows = [(f"A{n}", f"a{n}", "Content type", "a", "=1+1") for n in range(AT_MOST + 5)]

    found = [finding for finding in read(*rows).findings if finding.code == "formula_cell"]

    assert len(found) == AT_MOST + 1
    assert found[-1].message == "5 more like these."


def test_every_row_is_accounted_for():
    title = ("MEDIA TYPES", "", "", "", "")
    rows = [ARTICLE, ARTICLE, (), title, PAGE, HEADERS, ("", "", "x", "y", ""), ("D", "d", "", "d", ""), ("#N/A",)]

    found = read(*rows, exclusions={"X": ["d"]})

    assert found.dispositions == {"used": 2, "folded": 1, "filtered": 1, "dropped": 5}
    assert sum(found.dispositions.values()) == len(rows)


@pytest.mark.parametrize(
    ("csv_type", "one", "other", "same"),
    [
        ("bundles", {"Machine name": "a", "Type": "Content type"}, {"Machine name": "a", "Type": "Media type"}, False),
        ("bundles", {"Name": "A", "Machine name": "a"}, {"Name": "B", "Machine name": "a"}, True),
        ("bundles", {"Name": "A"}, {"Name": "a "}, True),
        ("bundles", {"Name": "A"}, {"Machine name": "a"}, False),
        ("fields", {"Bundle": "A", "Machine name": "f"}, {"Bundle": "B", "Machine name": "f"}, False),
        ("fields", {"Type": "Node", "Bundle": "A", "Machine name": "f"}, {"Bundle": "A", "Machine name": "f"}, False),
        ("image_effects", {"Image style": "L", "Effect": "Scale"}, {"Image style": "L", "Effect": "scale"}, True),
        ("image_effects", {"Effect": "Scale", "Summary": "1"}, {"Effect": "Scale", "Summary": "2"}, False),
        ("custom", {"Name": "A"}, {"Name": "B"}, False),
        ("view_modes", {"View Modes": "T", "Entity Type": "Media type"}, {"View Modes": "T"}, False),
        ("view_modes", {"View Modes": "T", "Entity Type": "Media"}, {"View Modes": "T", "Entity Type": "media"}, True),
    ],
)
def test_what_tells_two_entities_apart(csv_type, one, other, same):
    kind = CSV_TYPES[csv_type]

    assert (identity_of(kind, one) == identity_of(kind, other)) is same
