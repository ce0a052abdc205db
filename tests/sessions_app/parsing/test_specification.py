"""The whole: tickets-to-be in order, at both granularities, and the hash by which changes are seen."""

import itertools

from sessions_app.parsing.csv_types import GROUP_ORDER
from sessions_app.parsing.specification import PER_PARENT, PER_ROW, backlog, cycle_findings, input_hash
from tests.sessions_app.reading import (
    BUNDLES,
    DISPLAYS,
    EFFECTS,
    FIELDS,
    MIGRATIONS,
    ROLES,
    STATES,
    STYLES,
    TRANSITIONS,
    VIEWS,
    WORKFLOWS,
    specified,
)

ARTICLE = ["Article", "article", "Content type", "About articles"]
IMAGE = ["Image", "image", "Media type", ""]


def field(bundle, name, ref="", label="Label"):
    return [bundle, label, name, "Entity reference" if ref else "Text", ref, "n", "1", ""]


WHOLE = {
    "UserRoles": [ROLES, ["", "Editor", "editor", "", "", "", ""]],
    "WorkflowTransitions": [TRANSITIONS, ["Editorial", "Publish", "publish", "Draft", "Draft", "Editor can use"]],
    "WorkflowStates": [STATES, ["Editorial", "Draft", "draft", ""]],
    "Workflows": [WORKFLOWS, ["Editorial", "editorial", "", "c", "Used on: Article (Content type)"]],
    "ViewsDisplays": [DISPLAYS, ["News", "Page", "page_1", "Page", "", ""]],
    "Views": [VIEWS, ["News", "news", "Content", "", "field_body"]],
    "ImageEffects": [EFFECTS, ["Large", "Scale", "480"], ["Large", "Crop", "1:1"]],
    "ImageStyles": [STYLES, ["Large", "large", ""]],
    "Fields": [
        FIELDS,
        field("Article (Content type)", "field_image", "Image (Media type)"),
        field("Article (Content type)", "field_body"),
        field("Image (Media type)", "field_file"),
    ],
    "Bundles": [BUNDLES, ARTICLE, IMAGE],
    "Migrations": [MIGRATIONS, ["News", "news", "url", "entity:node", "Article", ""]],
}


def order(made):
    return [item["key"] for item in made]


def test_there_is_one_item_per_entity():
    specification = specified(**WHOLE)

    made = backlog(specification, PER_ROW)

    assert sorted(order(made)) == sorted(entity.key for entity in specification.entities)
    assert all(item["children"] == [] for item in made)


def test_there_is_one_item_per_parent_with_its_parts_inside():
    made = backlog(specified(**WHOLE), PER_PARENT)

    children = {item["key"]: [child["key"] for child in item["children"]] for item in made}
    assert children == {
        "image_styles:large": ["image_effects:large.scale_480", "image_effects:large.crop_1_1"],
        "bundles:media.image": ["fields:media.image.field_file"],
        "bundles:node.article": ["fields:node.article.field_image", "fields:node.article.field_body"],
        "views:news": ["view_displays:news.page_1"],
        "migrations:news": [],
        "workflows:editorial": ["workflow_states:editorial.draft", "workflow_transitions:editorial.publish"],
        "user_roles:editor": [],
    }


def test_a_part_without_its_parent_is_an_item_of_its_own():
    made = backlog(specified(Fields=[FIELDS, field("Nothing (Content type)", "field_a")]), PER_PARENT)

    assert order(made) == ["fields:node.nothing.field_a"]


def test_groups_come_in_their_order():
    groups = [item["entity_group"] for item in backlog(specified(**WHOLE))]

    assert [group for group, _ in itertools.groupby(groups)] == [group for group in GROUP_ORDER if group in groups]


def test_what_is_needed_comes_first():
    for granularity in (PER_ROW, PER_PARENT):
        made = backlog(specified(**WHOLE), granularity)

        place = {key: at for at, key in enumerate(order(made))}
        binding = [each for each in made.dependencies if each.kind == "blocks"]
        assert binding
        assert all(place[each.target] < place[each.source] for each in binding)


def test_plain_fields_come_before_references():
    keys = order(backlog(specified(**WHOLE)))

    assert keys.index("fields:node.article.field_body") < keys.index("fields:node.article.field_image")


def test_vocabularies_and_media_come_before_content_types():
    kinds = ["Content type", "Paragraph type", "Custom block type", "Media type", "Vocabulary", "Group type"]

    made = backlog(specified(Bundles=[BUNDLES, *([kind, "x", kind, ""] for kind in kinds)]))

    assert [item["data"]["label"] for item in made] == [
        "Vocabulary",
        "Media type",
        "Custom block type",
        "Paragraph type",
        "Content type",
        "Group type",
    ]


def test_rows_keep_the_order_of_the_file():
    made = backlog(specified(Bundles=[BUNDLES, *([f"B{n}", f"b{9 - n}", "Content type", ""] for n in range(9))]))

    assert [item["data"]["label"] for item in made] == [f"B{n}" for n in range(9)]


def test_references_do_not_tie_bundles_into_knots_at_one_ticket_per_parent():
    rows = [
        field("Article (Content type)", "field_image", "Image (Media type)"),
        field("Image (Media type)", "field_article", "Article (Content type)"),
    ]

    made = backlog(specified(Bundles=[BUNDLES, ARTICLE, IMAGE], Fields=[FIELDS, *rows]), PER_PARENT)

    assert made.cycles == ()
    assert {each.kind for each in made.dependencies} == {"relates"}


def migrations(*needs):
    return specified(Migrations=[MIGRATIONS, *([f"M{a}", f"m{a}", "url", "entity:node", "", b] for a, b in needs)])


def test_a_cycle_is_reported_with_its_members_and_a_cut():
    made = backlog(migrations((1, "m2"), (2, "m3"), (3, "m1"), (4, "m1")))

    (found,) = cycle_findings(made)

    assert made.cycles == (("migrations:m1", "migrations:m2", "migrations:m3"),)
    assert len(made.cut) == 1
    assert (found.code, found.filename, found.row) == ("dependency_cycle", "Migrations.csv", 1)
    assert "A dependency cycle of 3: M1 → M2 → M3. Proposed cut: " in found.message
    assert order(made).index("migrations:m1") < order(made).index("migrations:m4")


def test_every_cycle_is_reported_with_its_own_cut():
    made = backlog(migrations((1, "m2"), (2, "m1"), (3, "m4"), (4, "m3")))

    messages = [found.message for found in cycle_findings(made)]

    assert len(messages) == 2
    assert "M3" not in messages[0]
    assert "M1" not in messages[1]


def test_an_item_carries_all_that_a_writer_may_use():
    header = [*BUNDLES, "Colour"]

    (item,) = backlog(specified(Bundles=[header, [*ARTICLE, "red"]]))

    assert item == {
        "key": "bundles:node.article",
        "type": "bundles",
        "entity_group": "Content",
        "data": {"machine_name": "article", "label": "Article", "description": "About articles"},
        "entity_type": "node",
        "bundle": "",
        "parent_label": "",
        "cells": dict(zip(BUNDLES, ARTICLE, strict=True)),
        "extra": {"Colour": "red"},
        "csv_source": {"filename": "Bundles.csv", "rows": [1], "lines": [2]},
        "needs": [],
        "children": [],
    }


def test_an_item_knows_what_it_needs():
    made = backlog(specified(Bundles=[BUNDLES, ARTICLE], Fields=[FIELDS, field("Article (Content type)", "field_a")]))

    assert made[made.keys[1]]["needs"] == [
        {
            "key": "bundles:node.article",
            "csv_type": "bundles",
            "label": "Article",
            "machine_name": "article",
            "kind": "blocks",
            "rule": "D1",
        }
    ]


# The hash


def hashes(granularity=PER_ROW, **tabs):
    return {item["key"]: input_hash(item) for item in backlog(specified(**tabs), granularity)}


def test_the_place_of_a_row_does_not_change_its_hash():
    one = hashes(Bundles=[BUNDLES, ARTICLE, IMAGE])
    other = hashes(More=[BUNDLES, ["", "", "", ""], IMAGE, ARTICLE])

    assert one == other


def test_a_cell_changes_the_hash_of_its_entity_only():
    one = hashes(Bundles=[BUNDLES, ARTICLE, IMAGE])
    other = hashes(Bundles=[BUNDLES, [*ARTICLE[:3], "Other"], IMAGE])

    assert one["bundles:node.article"] != other["bundles:node.article"]
    assert one["bundles:media.image"] == other["bundles:media.image"]


def test_a_cell_of_an_unknown_column_changes_the_hash():
    one = hashes(Bundles=[[*BUNDLES, "Colour"], [*ARTICLE, "red"]])
    other = hashes(Bundles=[[*BUNDLES, "Colour"], [*ARTICLE, "blue"]])

    assert one != other


def test_a_new_name_of_what_is_needed_changes_the_hash():
    row = field("article", "field_a")
    one = hashes(Bundles=[BUNDLES, ARTICLE], Fields=[FIELDS, row])
    other = hashes(Bundles=[BUNDLES, ["Story", *ARTICLE[1:]]], Fields=[FIELDS, row])

    assert one["fields:node.article.field_a"] != other["fields:node.article.field_a"]


def test_a_part_changes_the_hash_of_its_parent_where_they_share_a_ticket():
    one = hashes(PER_PARENT, Bundles=[BUNDLES, ARTICLE], Fields=[FIELDS, field("article", "field_a")])
    other = hashes(PER_PARENT, Bundles=[BUNDLES, ARTICLE], Fields=[FIELDS, field("article", "field_a", label="New")])

    assert list(one) == list(other) == ["bundles:node.article"]
    assert one != other
