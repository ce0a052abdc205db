"""What cannot work in Drupal although every row looks fine by itself."""

import pytest

from tests.sessions_app.reading import BUNDLES, FIELDS, specified

TWO = [
    BUNDLES,
    ["Article", "article", "Content type", ""],
    ["Page", "page", "Content type", ""],
    ["P", "p", "Media", ""],
]


def field(bundle, field_type="Text (plain)", values="1", name="field_teaser"):
    return [bundle, "Teaser", name, field_type, "", "n", values, ""]


def found(code, **tabs):
    return [each for each in specified(**tabs).findings if each.code == code]


def test_one_storage_has_one_field_type():
    rows = [field("Article (Content type)"), field("Page (Content type)", "Text (formatted)")]

    (conflict,) = found("storage_conflict", Bundles=TWO, Fields=[FIELDS, *rows])

    assert (conflict.filename, conflict.row, conflict.column) == ("Fields.csv", 2, "Field type")
    assert (conflict.value, conflict.expected) == ("Text (formatted)", "Text (plain)")
    assert "field_teaser is one storage for all node bundles" in conflict.message


def test_one_storage_has_one_number_of_values():
    rows = [field("Article (Content type)", values="5"), field("Page (Content type)", values="*")]

    (conflict,) = found("storage_conflict", Bundles=TWO, Fields=[FIELDS, *rows])

    assert (conflict.column, conflict.value, conflict.expected) == ("Vals.", "*", "5")


@pytest.mark.parametrize(
    "second",
    [
        field("Page (Content type)"),
        field("Page (Content type)", "text (PLAIN)"),
        field("Page (Content type)", "", ""),
        field("Page (Content type)", "-", "#N/A"),
        field("P (Media)", "Image", "*"),
        field("Page (Content type)", "Image", "*", name="field_image"),
    ],
)
def test_equal_empty_and_separate_storages_are_no_conflict(second):
    assert found("storage_conflict", Bundles=TWO, Fields=[FIELDS, field("Article (Content type)"), second]) == []


def test_two_of_a_kind_with_one_label_are_told():
    bundles = [BUNDLES, ["News", "news", "Content type", ""], ["news ", "news_item", "Content type", ""]]

    (shared,) = found("label_shared", Bundles=bundles)

    assert (shared.row, shared.line, shared.column, shared.value) == (2, 3, "Name", "news")


def test_one_label_in_two_types_is_usual():
    bundles = [BUNDLES, ["News", "news", "Content type", ""], ["News", "news", "Vocabulary", ""]]

    assert found("label_shared", Bundles=bundles) == []


def test_fields_may_share_their_labels():
    rows = [field("Article (Content type)", name="a"), field("Article (Content type)", name="b")]

    assert found("label_shared", Bundles=TWO, Fields=[FIELDS, *rows]) == []
