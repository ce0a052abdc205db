"""Which tab is it, and which column is which."""

import json

import pytest

from sessions_app.parsing.csv_types import CSV_TYPES, GROUP_ORDER
from sessions_app.parsing.recognition import header_score, is_header_row, recognise
from sessions_app.parsing.tables import Row, Table

REAL_HEADERS = {
    "bundles": "ID,Name,Machine name,X,Dev,QA,Description,Mod.,Layout,Trns.,Migr.,Meta,Sched.,Srch.,Type,"
    "URL alias pattern,Settings/notes",
    "fields": "ID,Bundle,Field label,Machine name,Reused Field,X,Dev,QA,Field group,Field type,Ref. bundle,Req'd,Vals.,"
    "Form widget,Trns.,Settings/notes,Help text,Bundle machine name",
    "views": "ID,View name,Machine name,X,Dev,QA,Base table,Status,Description,Notes",
    "view_displays": "ID,View,Title,Machine name,X,Dev,QA,Display plugin,Notes,View ID",
    "image_styles": "ID,Style name,Machine name,X,Dev,QA,Notes",
    "image_effects": "Image style,Effect,X,Summary,Notes",
    "responsive_image_styles": "ID,Responsive style,Machine Name,Breakpoint Group,Breakpoints Used,Fallback Style,"
    "Image Style Group(s),X,Dev,QA,Notes,Fallback machine name",
    "view_modes": "ID,View Modes,Entity Type,X,Dev,QA,Entities Used On,Notes,Format",
    "workflow_states": "ID,Workflow,Label,Machine name,X,Dev,QA,Notes",
    "workflow_transitions": "ID,Workflow,Label,Machine name,X,Dev,QA,From state,To state,Notes",
    "migrations": "ID,Migration name,Machine name,X,Dev,QA,Source,Destination,Bundle,Dependencies,Notes",
}
NAMED_HEADERS = {
    "UWEC_UserRoles.csv": ("user_roles", "ID,Name,Machine name,X,Dev,QA,Notes"),
    "UWEC_Workflows.csv": ("workflows", "ID,Label,Machine name,X,Dev,QA,Type,Notes"),
    "Menus.csv": ("menus", "Name,Machine name,Description"),
    "roles.csv": ("user_roles", "Name,Machine name"),
    "Workflows (2).csv": ("workflows", "Label,Machine name,Type"),
}
OLDER_HEADERS = [
    ("fields", "Type,Bundle,Field label,Machine name,Field type,Required,Cardinality,Form widget,Translatable"),
    ("fields", "entity type,bundle,label,machine name,type,required,translatable,cardinality,widget,description"),
    ("fields", "Bundle,Field label,Machine name,X,Dev,QA,Field group,Field type,Ref. bundle,Req,Vals.,Form widget"),
    ("views", "Name,Machine name,Base table,Status,Description"),
    ("view_displays", "View,Title,Machine name,Display plugin"),
    ("workflow_transitions", "Workflow,Label,Machine name,From state,To state"),
]


def table(headers: str, *rows: str, csv_type: str = "") -> Table:
    cells = [Row(n, n + 1, tuple(row.split(","))) for n, row in enumerate(rows, start=1)]
    return Table(tuple(headers.split(",")), tuple(cells), csv_type=csv_type)


@pytest.mark.parametrize(("csv_type", "headers"), REAL_HEADERS.items())
def test_the_headers_of_the_tool_are_known_whatever_the_file_is_called(csv_type, headers):
    found = recognise(table(headers), "export (3).csv")

    assert (found.csv_type, found.missing) == (csv_type, ())
    assert found.mapping == tuple(
        {"Meta": "Meta.", "Label": CSV_TYPES[csv_type].label}.get(header, header) for header in headers.split(",")
    )


@pytest.mark.parametrize(("csv_type", "headers"), REAL_HEADERS.items())
def test_headers_weigh_more_than_a_wrong_file_name(csv_type, headers):
    assert recognise(table(headers), "UWEC_Views.csv").csv_type == csv_type


@pytest.mark.parametrize(("csv_type", "headers"), OLDER_HEADERS)
def test_older_templates_and_behat_tables_are_known(csv_type, headers):
    found = recognise(table(headers), "x.csv")

    assert (found.csv_type, found.missing) == (csv_type, ())
    assert "" not in found.mapping


@pytest.mark.parametrize(("filename", "expected"), NAMED_HEADERS.items())
def test_headers_that_several_tabs_share_are_told_apart_by_the_file_name(filename, expected):
    csv_type, headers = expected

    assert recognise(table(headers), filename).csv_type == csv_type


@pytest.mark.parametrize(
    ("filename", "csv_type"),
    [
        ("Views.csv", "views"),
        ("views", "views"),
        ("UWEC_Views (3).csv", "views"),
        ("my_views.csv", "views"),
        ("NorthfieldViews.csv", "views"),
        ("Views Displays.csv", "custom"),
        ("ViewsDisplays.csv", "custom"),
        ("Reviews.csv", "custom"),
        ("Views of our site.csv", "custom"),
    ],
)
def test_the_end_of_a_file_name_counts(filename, csv_type):
    assert recognise(table("Name,Machine name,Notes"), filename).csv_type == csv_type


def test_headers_that_fit_no_tab_but_name_things_are_custom():
    found = recognise(table("Name,Machine name,Colour"), "things.csv")

    assert (found.csv_type, found.confidence) == ("custom", "low")
    assert found.mapping == ("Name", "Machine name", "")


def test_the_roles_of_every_site_are_known_by_their_names():
    roles = table("Name,Machine name", "Anonymous user,anonymous", "Authenticated user,authenticated")

    assert recognise(roles, "x.csv").csv_type == "user_roles"


def test_headers_without_any_known_name_are_nothing():
    found = recognise(table("Region,Units,Revenue"), "x.csv")

    assert (found.csv_type, found.usable) == ("", False)


def test_a_missing_column_is_named_with_the_closest_header():
    headers = REAL_HEADERS["fields"].replace(",Machine name,", ",Machine nme,")

    found = recognise(table(headers), "x.csv")

    assert (found.csv_type, found.usable) == ("fields", False)
    assert found.missing == (("Machine name", "Machine nme"),)


def test_a_person_may_choose_the_type():
    assert recognise(table(REAL_HEADERS["views"]), "Views.csv", csv_type="custom").csv_type == "custom"


def test_a_configuration_export_leaves_no_doubt():
    found = recognise(table("Name,Machine name", csv_type="menus"), "Roles.csv")

    assert (found.csv_type, found.confidence) == ("menus", "high")


def test_of_two_equal_headers_the_first_counts():
    found = recognise(table("Name,Machine name,Machine name,Type,Mod.", "A,a,b,Content type,y"), "Bundles.csv")

    assert found.mapping == ("Name", "Machine name", "", "Type", "Mod.")


def test_of_two_equal_headers_the_one_with_text_counts():
    found = recognise(table("Name,Machine name,Machine name,Type,Mod.", "A,,b,Content type,y"), "Bundles.csv")

    assert found.mapping == ("Name", "", "Machine name", "Type", "Mod.")


def test_an_exact_name_counts_before_an_alias():
    found = recognise(table("Display name,Title,View,Machine name,Display plugin"), "x.csv")

    assert found.mapping[:2] == ("", "Title")


@pytest.mark.parametrize(
    ("cells", "score"),
    [
        (["Name", "Machine name"], 2),
        (["Name", "name", "NAME "], 1),
        (["", "what", "Req'd"], 1),
        ([], 0),
        (["Article", "article"], 0),
    ],
)
def test_known_names_are_counted_once(cells, score):
    assert header_score(cells) == score


@pytest.mark.parametrize("cells", [["Name", "Type"], ["Name"], ["Name", "Type", "b", "c"], ["", "Name", "X", ""]])
def test_a_header_row_has_two_known_names_and_half_of_its_text(cells):
    assert is_header_row(cells)


@pytest.mark.parametrize("cells", [[], [""], ["a", "b"], ["Name", "b"], ["Name", "Type", "a", "b", "c"]])
def test_other_rows_are_no_header(cells):
    assert not is_header_row(cells)


def test_every_spelling_seen_in_the_wild_is_known(shared_data):
    spellings = json.loads((shared_data / "header_aliases.json").read_text())

    unknown = [
        (tab, spelling)
        for tab, columns in spellings.items()
        if isinstance(columns, dict)
        for seen in columns.values()
        if isinstance(seen, list)
        for spelling in seen
        if not header_score([spelling])
    ]

    assert unknown == []


@pytest.mark.parametrize("kind", CSV_TYPES.values(), ids=CSV_TYPES)
def test_every_tab_is_whole(kind):
    names = set(kind.column_names)

    assert len(names) == len(kind.columns)
    assert {kind.label, *kind.required, *kind.identity, *filter(None, [kind.machine_name])} <= names
    assert kind.group in GROUP_ORDER
    assert not kind.parent or kind.parent in CSV_TYPES


def test_a_thousand_unknown_columns_hide_no_tab():
    headers = ",".join(["Name", "Machine name", "Type", "Mod."] + [f"Column {n}" for n in range(996)])

    found = recognise(table(headers), "x.csv")

    assert (found.csv_type, len(found.mapping)) == ("bundles", 1_000)
