"""``Label (Type)``, alone and in lists typed by hand."""

import pytest

from sessions_app.parsing.bundle_labels import entity_type_id, parse_references, type_word


def parsed(cell: str, known: set[str] = frozenset()) -> list[tuple[str, str]]:
    return [(reference.label, reference.entity_type) for reference in parse_references(cell, known)]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", []),
        (" , ; ", []),
        ("Article (Content type)", [("Article", "node")]),
        ("article", [("article", "")]),
        ("Image (Media type), Video (Media type)", [("Image", "media"), ("Video", "media")]),
        ("Image (Media type);Video (Media type)", [("Image", "media"), ("Video", "media")]),
        ("Image (Media type)\nVideo (Media type)", [("Image", "media"), ("Video", "media")]),
        ("Image (Media type) Video (Media type)", [("Image", "media"), ("Video", "media")]),
        ("Art, Music and Film (Vocabulary)", [("Art, Music and Film", "taxonomy_term")]),
        ("Event (past) (Content type)", [("Event (past)", "node")]),
        ("Teaser (block type)", [("Teaser", "block_content")]),
        ("Teaser (Custom block type)", [("Teaser", "block_content")]),
        ("Teaser (CUSTOM  BLOCK\u00a0TYPE)", [("Teaser", "block_content")]),
        ("article, page", [("article", ""), ("page", "")]),
        ("Article (Content type), page", [("Article", "node"), ("page", "")]),
        ("Open (Group type)", [("Open", "group_type")]),
        ("Note (internal)", [("Note (internal)", "")]),
        ("(Content type)", []),
        ("Article (Content type", [("Article (Content type", "")]),
        ("Article Content type)", [("Article Content type)", "")]),
        ("((((", [("((((", "")]),
    ],
)
def test_a_cell_names_bundles(cell, expected):
    assert parsed(cell) == expected


def test_types_of_this_specification_end_a_name_too():
    assert parsed("Ticket (Order item), Seat (Order item)") == [("Ticket (Order item)", ""), ("Seat (Order item)", "")]
    assert parsed("Ticket (Order item), Seat (Order item)", {"order_item"}) == [
        ("Ticket", "order_item"),
        ("Seat", "order_item"),
    ]


@pytest.mark.parametrize(
    "prose", ["All", "all except layout sections", "Any", "none", "N/A", "TBD", "various, as noted"]
)
def test_words_for_people_are_prose(prose):
    (reference,) = parse_references(prose)

    assert reference.is_prose


@pytest.mark.parametrize("name", ["All (Content type)", "Allowance", "article"])
def test_names_are_no_prose(name):
    (reference,) = parse_references(name)

    assert not reference.is_prose


@pytest.mark.parametrize(
    ("word", "entity_type"),
    [
        ("Content type", "node"),
        ("content", "node"),
        ("NODE", "node"),
        ("Vocabulary", "taxonomy_term"),
        ("Media type", "media"),
        ("Paragraph type", "paragraph"),
        ("Paragraphs type", "paragraph"),
        ("Block type", "block_content"),
        ("Custom block type", "block_content"),
        ("User", "user"),
        ("Group type", "group_type"),
        ("", ""),
        ("-", ""),
    ],
)
def test_a_word_of_the_sheet_has_an_id_in_drupal(word, entity_type):
    assert entity_type_id(word) == entity_type


def test_an_id_has_one_word_on_tickets():
    assert type_word("node") == "Content type"
    assert type_word("block_content") == "Custom block type"
    assert type_word("order_item") == "Order item"
    assert type_word("", "thing") == "thing"
