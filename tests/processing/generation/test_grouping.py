"""Entities by group (requirements A-030 to A-039)."""

from types import SimpleNamespace

from processing.generation.grouping import group_entities_by_type


def file(csv_type, *rows, **more):
    return SimpleNamespace(csv_type=csv_type, parsed_content={"headers": ["Name"], "rows": list(rows)}, **more)


def test_groups_come_in_working_order_and_none_is_empty():
    groups = group_entities_by_type(
        [
            file("views", {"Name": "News"}),
            file("bundles", {"Name": "Article"}, {"Name": "Page"}, filename="Bundles.csv"),
            file("fields"),
        ]
    )

    assert list(groups) == ["Content", "Views"]
    assert [entity["data"]["Name"] for entity in groups["Content"]] == ["Article", "Page"]
    assert groups["Content"][1] == {
        "type": "bundles",
        "entity_group": "Content",
        "data": {"Name": "Page"},
        "csv_source": {"filename": "Bundles.csv", "rows": [2]},
    }


def test_a_type_that_nobody_knows_is_custom_and_not_dropped():
    assert list(group_entities_by_type([file("riddles", {})])) == ["Custom"]
