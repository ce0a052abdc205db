"""From a table to what an import would do with it."""

import pytest

from sessions_app.parsing.delimited import read_table
from sessions_app.parsing.intake import Choices, Reading, header_signature, read_tab

FIELDS = "Bundle,Field label,Machine name,Field type\n"


def read(text: str, filename: str = "x.csv", remembered=None, **choices) -> Reading:
    return read_tab(read_table(text), filename, Choices(**choices), remembered)


def test_a_good_table_is_accepted():
    reading = read(FIELDS + "article,Body,body,Text\n")

    assert (reading.accepted, reading.csv_type, reading.errors, reading.warnings) == (True, "fields", (), ())
    assert reading.read.entity_count == 1


def test_without_a_known_header_all_headers_are_named():
    reading = read("Region,Units,Revenue\nNorth,1,2\n")

    (error,) = reading.errors
    assert (reading.accepted, reading.csv_type, error.code, error.blocks) == (False, "", "type_unknown", True)
    assert "“Region”, “Units”, “Revenue”" in error.message
    assert "map the columns yourself" in error.message


def test_a_missing_column_is_an_error_that_says_what_to_map():
    reading = read(FIELDS.replace("Machine name", "Machinename") + "article,Body,body,Text\n")

    (error,) = reading.errors
    assert (error.code, error.line, error.column, error.value) == ("column_missing", 1, "Machine name", "Machinename")
    assert error.expected == "a column “Machine name”"
    assert "map it to “Machine name”" in error.message


def test_all_missing_columns_are_told_at_once():
    reading = read("Field type,Req'd,Vals.,Form widget,Help text,Field group\na,b,c,d,e,f\n")

    assert [error.column for error in reading.errors] == ["Bundle", "Field label", "Machine name"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [("", "no rows below the header"), ("article,,-,Text\n,,,\n", "None of the 2 rows names a field")],
)
def test_a_table_without_an_entity_is_refused(rows, words):
    reading = read(FIELDS + rows)

    assert (reading.accepted, [error.code for error in reading.errors]) == (False, ["no_entities"])
    assert words in reading.errors[0].message


def test_a_table_whose_rows_are_all_filtered_is_accepted():
    reading = read(FIELDS + "article,Body,body,Text\n", exclusions={"Field type": ["Text"]})

    assert reading.accepted
    assert reading.read.dispositions["filtered"] == 1


def test_a_guess_is_told():
    reading = read("Name,Machine name,Colour\nA,a,red\n", "things.csv")

    assert (reading.csv_type, reading.warnings[0].code) == ("custom", "type_unsure")


def test_a_person_may_map_columns():
    reading = read(
        "Wo,Was,Wie,Typ\narticle,Body,body,Text\n",
        csv_type="fields",
        mapping=("Bundle", "Field label", "Machine name", "no such column"),
    )

    assert reading.accepted
    assert reading.recognition.mapping == ("Bundle", "Field label", "Machine name", "")
    assert reading.read.rows[0].extra == {"Typ": "Text"}


def test_a_mapping_of_another_table_is_left_aside():
    reading = read(FIELDS + "article,Body,body,Text\n", csv_type="fields", mapping=("Bundle",))

    assert reading.recognition.mapping == ("Bundle", "Field label", "Machine name", "Field type")


def test_a_mapping_that_leaves_out_a_required_column_is_an_error():
    reading = read(FIELDS + "article,Body,body,Text\n", csv_type="fields", mapping=("Bundle", "Field label", "", ""))

    assert [(error.code, error.column) for error in reading.errors] == [("column_missing", "Machine name")]


def known(text: str, csv_type: str, *mapping: str):
    return {header_signature(read_table(text).headers): (csv_type, mapping)}


def test_a_header_row_is_read_as_it_was_read_before():
    text = "Wo,Was,Wie\narticle,Body,body\n"

    reading = read(text, remembered=known(text, "fields", "Bundle", "Field label", "Machine name"))

    assert (reading.accepted, reading.csv_type, reading.remembered) == (True, "fields", True)


def test_a_choice_counts_more_than_memory():
    text = "Name,Machine name\nA,a\n"

    reading = read(text, remembered=known(text, "menus", "Title", "Machine name"), csv_type="user_roles")

    assert (reading.csv_type, reading.remembered) == ("user_roles", False)


def test_another_header_row_is_not_remembered():
    reading = read("Name,Machine name\nA,a\n", remembered=known("Name,Machine,name\n1,2,3", "menus", "Title", "", ""))

    assert not reading.remembered


@pytest.mark.parametrize("other", ["name,machine_name", " NAME ,Machine  name", "Name,Machine-name"])
def test_spelling_marks_do_not_change_the_signature(other):
    assert header_signature(other.split(",")) == header_signature(["Name", "Machine name"])


@pytest.mark.parametrize("other", ["Machine name,Name", "Name,Machine name,", "Name", "NameMachine name"])
def test_other_columns_have_another_signature(other):
    assert header_signature(other.split(",")) != header_signature(["Name", "Machine name"])


def test_every_warning_names_its_file():
    reading = read("Name,Machine name,Type,Mod.\nA,A b,Content type,=1+1\n,,,\n", "Bundles.csv")

    assert len(reading.warnings) == 3
    assert {warning.filename for warning in reading.warnings} == {"Bundles.csv"}
