"""One entity per thing to build, with a key that stays the same."""

import time

import pytest

from sessions_app.parsing.csv_types import CSV_TYPES
from tests.sessions_app.reading import (
    BUNDLES,
    DISPLAYS,
    EFFECTS,
    FIELDS,
    RESPONSIVE,
    ROLES,
    STATES,
    STYLES,
    TRANSITIONS,
    VIEW_MODES,
    VIEWS,
    WORKFLOWS,
    entity,
    keys,
    sheet_text,
    specified,
    uploads_of,
)

ARTICLE = ["Article", "article", "Content type", "About"]
BODY = ["Article (Content type)", "Body", "field_body", "Text", "", "n", "1", ""]


@pytest.mark.parametrize(
    ("tabs", "key"),
    [
        ({"Bundles": [BUNDLES, ARTICLE]}, "bundles:node.article"),
        ({"Bundles": [BUNDLES, ["Hero", "hero", "Block type", ""]]}, "bundles:block_content.hero"),
        ({"Bundles": [BUNDLES, ["Hero", "hero", "", ""]]}, "bundles:unknown.hero"),
        ({"Bundles": [BUNDLES, ["Opening hours", "-", "Vocabulary", ""]]}, "bundles:taxonomy_term.opening_hours"),
        ({"Bundles": [BUNDLES, ["x", "Contact/Hours Page", "node", ""]]}, "bundles:node.contact/hours_page"),
        ({"Bundles": [BUNDLES, ARTICLE], "Fields": [FIELDS, BODY]}, "fields:node.article.field_body"),
        ({"Fields": [FIELDS, BODY]}, "fields:node.article.field_body"),
        (
            {"Fields": [FIELDS, ["", "Body", "field_body", "Text", "", "", "", ""]]},
            "fields:unknown.no_bundle.field_body",
        ),
        ({"Fields": [FIELDS, ["User", "Photo", "user_photo", "Image", "", "", "", ""]]}, "fields:user.user.user_photo"),
        ({"Views": [VIEWS, ["News", "news", "Content", "", ""]]}, "views:news"),
        (
            {
                "Views": [VIEWS, ["News", "news", "Content", "", ""]],
                "ViewsDisplays": [DISPLAYS, ["News", "Page", "page_1", "Page", "", ""]],
            },
            "view_displays:news.page_1",
        ),
        ({"ViewsDisplays": [DISPLAYS, ["News", "Page", "page_1", "Page", "", "news"]]}, "view_displays:news.page_1"),
        ({"ImageStyles": [STYLES, ["42x42 1.5x", "42x42_1_5x", ""]]}, "image_styles:42x42_1_5x"),
        (
            {"ImageStyles": [STYLES, ["Large", "large", ""]], "ImageEffects": [EFFECTS, ["Large", "Scale", "480×480"]]},
            "image_effects:large.scale_480480",
        ),
        ({"ViewModes": [VIEW_MODES, ["Full content", "Media type", "", ""]]}, "view_modes:media.full_content"),
        ({"Responsive": [RESPONSIVE, ["Wide", "wide", "x", "", ""]]}, "responsive_image_styles:wide"),
        ({"UserRoles": [ROLES, ["", "Site admin", "Site Admin", "", "", "", ""]]}, "user_roles:site_admin"),
        (
            {
                "Workflows": [WORKFLOWS, ["Editorial", "editorial", "", "Content moderation", ""]],
                "WorkflowStates": [STATES, ["Editorial", "Draft", "draft", ""]],
            },
            "workflow_states:editorial.draft",
        ),
        (
            {"WorkflowTransitions": [TRANSITIONS, ["Editorial", "Publish", "publish", "Draft", "Published", ""]]},
            "workflow_transitions:editorial.publish",
        ),
    ],
)
def test_a_key_is_made_of_the_names_of_drupal(tabs, key):
    assert key in keys(specified(**tabs))


def test_a_key_does_not_depend_on_rows_files_and_labels():
    one = specified(Bundles=[BUNDLES, ARTICLE], Fields=[FIELDS, BODY])
    other = specified(
        MoreFields=[FIELDS, ["article", "Text", "FIELD_BODY", "Text", "", "n", "1", ""]],
        AllBundles=[BUNDLES, ["Page", "page", "Content type", ""], ["Articles", "article", "node", ""]],
    )

    assert set(keys(one)) <= set(keys(other))


def test_a_key_stays_when_the_bundle_of_a_field_is_uploaded_later():
    assert set(keys(specified(Fields=[FIELDS, BODY]))) < set(
        keys(specified(Bundles=[BUNDLES, ARTICLE], Fields=[FIELDS, BODY]))
    )


def test_no_key_is_given_twice():
    rows = [
        ["A", "a", "Content type", ""],
        ["A", "a", "Content  typ", ""],
        ["B", "a~2", "Content type", ""],
        ["A", "b", "Content type", ""],
        ["C", "x" * 150, "Content type", ""],
        ["C", "x" * 149, "Content type", ""],
        ["C", "x" * 119 + "y", "Content type", ""],
        ["日本", "", "Content type", ""],
        ["日本語", "", "Content type", ""],
    ]

    found = keys(specified(Bundles=[BUNDLES, *rows]))

    assert len(set(found)) == len(found) == len(rows)


def test_a_made_up_key_gives_way_to_a_real_one():
    """``a``, ``a`` and ``a~2``: the second ``a`` must not take the name of the third."""
    transitions = [["Editorial", "Go", "go", "A", "B", ""], ["Editorial ", "Go", "go~2", "A", "B", ""]]
    header = ["Workflow", "Label", "Machine name", "From state", "To state", "Notes"]
    other_workflow = [["Editorial!", "Go", "go", "A", "B", ""]]

    found = keys(specified(WorkflowTransitions=[header, *other_workflow, *transitions]))

    assert len(set(found)) == len(found) == 3


def test_a_key_is_short_enough_to_be_kept():
    rows = [["L" * 5000, "", "T" * 5000, ""], ["L", "m" * 5000, "Content type", ""]]
    fields = [["m" * 5000, "Label", letter * 5000, "Text", "", "n", "1", ""] for letter in "ab"]

    found = keys(specified(Bundles=[BUNDLES, *rows], Fields=[FIELDS, *fields]))

    assert len(set(found)) == 4
    assert all(len(key) <= 210 for key in found)


def test_rows_of_one_entity_become_one_with_their_cells_joined():
    rows = [
        ["Editorial", "Publish", "publish", "Draft", "Published", "Editors"],
        ["Editorial", "Publish", "publish", "Review", "Published", "Editors"],
        ["Editorial", "Publish", "publish", "Draft", "Published", "Editors"],
    ]

    (transition,) = specified(WorkflowTransitions=[TRANSITIONS, *rows]).entities

    assert transition.cells["From state"] == "Draft; Review"
    assert transition.cells["To state"] == "Published"
    assert (transition.rows, transition.lines) == ([1, 2, 3], [2, 3, 4])
    assert [part["From state"] for part in transition.parts] == ["Draft", "Review"]


def test_unknown_columns_are_joined_even_where_the_known_ones_are_equal():
    header = [*BUNDLES, "Colour"]

    (bundle,) = specified(Bundles=[header, [*ARTICLE, "red"], [*ARTICLE, "blue"], [*ARTICLE, "red"]]).entities

    assert bundle.extra == {"Colour": "red; blue"}
    assert bundle.cells["Description"] == "About"


def test_one_entity_in_two_files_is_one():
    specification = specified(
        Bundles=[BUNDLES, ARTICLE], More=[BUNDLES, ["Article", "article", "Content type", "More"]]
    )

    (bundle,) = specification.entities
    assert bundle.cells["Description"] == "About; More"
    assert (bundle.filename, bundle.other_files, bundle.rows) == ("Bundles.csv", ["More.csv"], [1])


def test_entities_come_in_the_order_of_tabs_and_rows():
    specification = specified(
        UserRoles=[ROLES, ["", "Editor", "editor", "", "", "", ""]],
        Fields=[FIELDS, BODY],
        Bundles=[BUNDLES, ["Page", "page", "Content type", ""], ARTICLE],
    )

    order = list(CSV_TYPES)
    tabs = [order.index(each.csv_type) for each in specification.entities]
    assert tabs == sorted(tabs)
    assert keys(specification)[:2] == ["bundles:node.page", "bundles:node.article"]


def test_rows_that_were_left_out_make_no_entity():
    filtered_out = uploads_of(
        {"Bundles.csv": sheet_text(BUNDLES, ["MEDIA TYPES", "", "", ""], ARTICLE, BUNDLES).encode()}
    )

    assert keys(specified(Bundles=[BUNDLES, ARTICLE])) == ["bundles:node.article"]
    assert filtered_out[0].readings[0].read.dispositions == {"used": 1, "folded": 0, "filtered": 0, "dropped": 2}


def test_an_entity_is_called_by_its_label_else_by_its_machine_name():
    specification = specified(Bundles=[BUNDLES, ["", "article", "Content type", ""], [*ARTICLE[:2], "Media type", ""]])

    assert [each.label for each in specification.entities] == ["article", "Article"]
    assert entity(specification, "bundles:node.article").machine_name == "article"


def test_many_rows_of_one_entity_do_not_take_long():
    rows = [["Editorial", "Publish", "publish", f"State {n}", "Published", ""] for n in range(10_000)]
    began = time.process_time()

    (transition,) = specified(WorkflowTransitions=[TRANSITIONS, *rows]).entities

    assert len(transition.parts) == 10_000
    assert time.process_time() - began < 8
