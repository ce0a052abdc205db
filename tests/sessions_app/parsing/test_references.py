"""What needs what: rules D1 to D13."""

import time

import pytest

from sessions_app.parsing.references import AT_MOST
from tests.sessions_app.reading import (
    BUNDLES,
    DISPLAYS,
    EFFECTS,
    FIELDS,
    MIGRATIONS,
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
    needs,
    specified,
)

ARTICLE = ["Article", "article", "Content type", ""]
IMAGE = ["Image", "image", "Media type", ""]
IMAGE_PARAGRAPH = ["Image", "image", "Paragraph type", ""]
ALL_BUNDLES = [BUNDLES, ARTICLE, IMAGE, IMAGE_PARAGRAPH, ["Art, Music", "art", "Vocabulary", ""]]


def field(bundle="Article (Content type)", name="field_x", ref="", notes="", **_):
    return [bundle, "Label", name, "Entity reference", ref, "n", "1", notes]


def findings(specification, code):
    return [(each.column, each.value) for each in specification.findings if each.code == code]


# D1


@pytest.mark.parametrize(
    "cell",
    [
        "Article (Content type)",
        " article ( content type ) ",
        "Article\u00a0(Content\u200b type)",
        "article (Content type)",
        "article",
        "Article",
        "Article (Node)",
    ],
)
def test_a_field_needs_its_bundle(cell):
    specification = specified(Bundles=ALL_BUNDLES, Fields=[FIELDS, field(cell)])

    assert needs(specification, "D1") == {("fields:node.article.field_x", "bundles:node.article")}
    assert findings(specification, "unresolved_reference") == []


def test_a_bare_name_of_several_bundles_leads_to_all_with_a_warning():
    specification = specified(Bundles=ALL_BUNDLES, Fields=[FIELDS, field("image")])

    assert {target for _, target in needs(specification, "D1")} == {"bundles:media.image", "bundles:paragraph.image"}
    assert findings(specification, "ambiguous_reference") == [("Bundle", "image")]


def test_the_type_tells_bundles_of_one_name_apart():
    specification = specified(Bundles=ALL_BUNDLES, Fields=[FIELDS, field("Image (Paragraph type)")])

    assert needs(specification, "D1") == {("fields:paragraph.image.field_x", "bundles:paragraph.image")}


def test_the_first_layout_has_the_type_in_a_column_of_its_own():
    header = ["Type", *FIELDS]

    specification = specified(Bundles=ALL_BUNDLES, Fields=[header, ["Media type", *field("Image")]])

    assert needs(specification, "D1") == {("fields:media.image.field_x", "bundles:media.image")}


def test_a_helper_column_stands_in_where_the_label_does_not_fit():
    header = [*FIELDS, "Bundle machine name"]
    rows = [[*field(""), "article"], [*field("Articel (Content type)", "field_y"), "article"]]

    specification = specified(Bundles=ALL_BUNDLES, Fields=[header, *rows])

    assert {target for _, target in needs(specification, "D1")} == {"bundles:node.article"}
    assert findings(specification, "unresolved_reference") == []


@pytest.mark.parametrize("cell", ["User", "user", "User (User)", "File (file)"])
def test_fields_of_users_and_files_miss_no_bundle(cell):
    assert findings(specified(Bundles=ALL_BUNDLES, Fields=[FIELDS, field(cell)]), "unresolved_reference") == []


def test_a_bundle_that_is_not_there_is_unresolved():
    specification = specified(Bundles=ALL_BUNDLES, Fields=[FIELDS, field("Artcle (Content type)")])

    (found,) = [each for each in specification.findings if each.code == "unresolved_reference"]
    assert (found.filename, found.row, found.line) == ("Fields.csv", 1, 2)
    assert (found.column, found.value) == ("Bundle", "Artcle (Content type)")
    assert found.expected == "the name of a bundle that exists"
    assert not found.blocks


# D2


@pytest.mark.parametrize(
    ("cell", "targets"),
    [
        ("", set()),
        ("Image (Media type)", {"bundles:media.image"}),
        ("Image (Media type), Article (Content type)", {"bundles:media.image", "bundles:node.article"}),
        ("Art, Music (Vocabulary)", {"bundles:taxonomy_term.art"}),
        ("Image (Media type), Art, Music (Vocabulary)", {"bundles:media.image", "bundles:taxonomy_term.art"}),
        ("article, art", {"bundles:node.article", "bundles:taxonomy_term.art"}),
        ("article\nart", {"bundles:node.article", "bundles:taxonomy_term.art"}),
        ("Article, art, Nothing (Vocabulary)", {"bundles:taxonomy_term.art"}),
        ("All", set()),
        ("All except layout sections", set()),
    ],
)
def test_a_field_needs_the_bundles_that_it_points_at(cell, targets):
    specification = specified(Bundles=ALL_BUNDLES, Fields=[FIELDS, field("Image (Paragraph type)", ref=cell)])

    assert {target for _, target in needs(specification, "D2")} == targets


def test_prose_in_a_reference_is_not_looked_up():
    specification = specified(Bundles=ALL_BUNDLES, Fields=[FIELDS, field(ref="All except layout sections")])

    assert specification.findings == ()


def test_many_names_that_fit_nothing_are_listed_up_to_a_number():
    cell = ", ".join(f"Nothing {n} (Content type)" for n in range(AT_MOST + 7))

    specification = specified(Bundles=ALL_BUNDLES, Fields=[FIELDS, field(ref=cell)])

    unresolved = [each for each in specification.findings if each.code == "unresolved_reference"]
    assert len(unresolved) == AT_MOST + 1
    assert "7 more names" in unresolved[-1].message


def test_a_view_that_filters_a_reference_is_a_hint():
    specification = specified(
        Views=[VIEWS, ["Media list", "media_list", "Media", "", ""]],
        Fields=[FIELDS, field(notes="Filtered by view media_list.")],
    )

    (hint,) = [each for each in specification.dependencies if each.rule == "D2b"]
    assert (hint.target, hint.kind) == ("views:media_list", "relates")


# D3, D4


@pytest.mark.parametrize(
    ("view", "view_id", "targets"),
    [
        ("News", "", {"views:news"}),
        ("news", "", {"views:news"}),
        ("People", "user_admin_people", {"views:user_admin_people"}),
        ("Nonsense", "news", {"views:news"}),
        ("News", "#N/A", {"views:news"}),
        ("News", "no_such_view", {"views:news"}),
        ("Nothing", "", set()),
    ],
)
def test_a_display_needs_its_view(view, view_id, targets):
    views = [["People", "people", "Users", "", ""], ["People", "user_admin_people", "Users", "", ""]]

    specification = specified(
        Views=[VIEWS, *views, ["News", "news", "Content", "", ""]],
        ViewsDisplays=[DISPLAYS, [view, "Page", "page_1", "Page", "", view_id]],
    )

    assert {target for _, target in needs(specification, "D3")} == targets


def test_displays_of_views_with_one_label_go_to_one_view_each():
    views = [["People", "people", "Users", "", ""], ["People", "user_admin_people", "Users", "", ""]]
    displays = [["People", "Default", "default", "Default", "", ""], ["People", "Admin", "default", "Default", "", ""]]

    specification = specified(Views=[VIEWS, *views], ViewsDisplays=[DISPLAYS, *displays])

    assert {"view_displays:people.default", "view_displays:user_admin_people.default"} <= set(keys(specification))
    assert len(findings(specification, "ambiguous_reference")) == 2


def test_an_effect_needs_its_style():
    specification = specified(
        ImageStyles=[STYLES, ["Large (480×480)", "large", ""]],
        ImageEffects=[EFFECTS, ["Large (480×480)", "Scale", "480×480"], ["large", "Crop", ""], ["Huge", "Crop", ""]],
    )

    assert len(needs(specification, "D4")) == 2
    assert findings(specification, "unresolved_reference") == [("Image style", "Huge")]


# D5


@pytest.mark.parametrize(
    ("fallback", "groups", "targets"),
    [
        ("Square", "", {"square"}),
        ("square", "", {"square"}),
        ("", "Square", {"square", "square_15", "square_2", "square_webp"}),
        ("", "Square, Wide", {"square", "square_15", "square_2", "square_webp", "wide"}),
        ("", "Square 2x", {"square_2", "square_webp"}),
        ("", "Wide, tall", {"tall"}),
        ("", "", set()),
    ],
)
def test_a_responsive_style_needs_its_styles_and_their_variants(fallback, groups, targets):
    styles = [
        ["Square", "square", ""],
        ["Square 1.5x", "square_15", ""],
        ["Square 2x", "square_2", ""],
        ["Square 2x Non-WebP", "square_webp", ""],
        ["Square foot", "foot", ""],
        ["Wide", "wide", ""],
        ["Wide, tall", "tall", ""],
    ]

    specification = specified(
        ImageStyles=[STYLES, *styles], ResponsiveImageStyles=[RESPONSIVE, ["R", "r", "g", fallback, groups]]
    )

    assert {target.removeprefix("image_styles:") for _, target in needs(specification, "D5")} == targets


def test_a_group_that_names_no_style_is_unresolved():
    specification = specified(
        ImageStyles=[STYLES, ["Wide", "wide", ""]],
        ResponsiveImageStyles=[RESPONSIVE, ["R", "r", "g", "Nope", "Narrow; Wide"]],
    )

    assert findings(specification, "unresolved_reference") == [
        ("Fallback Style", "Nope"),
        ("Image Style Group(s)", "Narrow"),
    ]


def test_a_fallback_machine_name_counts_before_the_label():
    header = [*RESPONSIVE, "Fallback machine name"]

    specification = specified(
        ImageStyles=[STYLES, ["Wide", "wide", ""], ["Wide", "wide_2", ""]],
        ResponsiveImageStyles=[header, ["R", "r", "g", "Wide", "", "wide_2"], ["S", "s", "g", "wide", "", "#N/A"]],
    )

    assert ("responsive_image_styles:r", "image_styles:wide_2") in needs(specification, "D5")
    assert ("responsive_image_styles:r", "image_styles:wide") not in needs(specification, "D5")


# D6 to D10


def test_a_view_mode_needs_the_bundles_that_use_it():
    specification = specified(
        Bundles=ALL_BUNDLES,
        ViewModes=[
            VIEW_MODES,
            ["Teaser", "Content type", "Article, Nothing", ""],
            ["Teaser", "Media type", "Image", ""],
        ],
    )

    assert needs(specification, "D6") == {
        ("view_modes:node.teaser", "bundles:node.article"),
        ("view_modes:media.teaser", "bundles:media.image"),
    }
    assert findings(specification, "unresolved_reference") == [("Entities Used On", "Nothing")]


def test_states_and_transitions_belong_to_their_workflow():
    specification = specified(
        Workflows=[WORKFLOWS, ["Editorial", "editorial", "", "c", ""], ["Simple", "simple", "", "c", ""]],
        WorkflowStates=[
            STATES,
            ["Editorial", "Draft", "draft", ""],
            ["Editorial", "Published", "published", ""],
            ["Simple", "Draft", "draft", ""],
        ],
        WorkflowTransitions=[
            TRANSITIONS,
            ["Editorial", "Publish", "publish", "Draft", "Published", ""],
            ["Simple", "Publish", "publish", "Draft", "Published", ""],
        ],
    )

    assert ("workflow_states:simple.draft", "workflows:simple") in needs(specification, "D7")
    assert {target for source, target in needs(specification, "D8") if "editorial" in source} == {
        "workflows:editorial",
        "workflow_states:editorial.draft",
        "workflow_states:editorial.published",
    }
    assert findings(specification, "unresolved_reference") == [("To state", "Published")]


def test_several_states_may_stand_in_one_cell():
    states = [["Editorial", name, name.lower(), ""] for name in ("Draft", "In review", "Published")]

    specification = specified(
        WorkflowStates=[STATES, *states],
        WorkflowTransitions=[
            TRANSITIONS,
            ["Editorial", "Publish", "publish", "Draft, In review", "Published", ""],
            ["Editorial", "Archive", "archive", "Any", "Draft", ""],
        ],
    )

    assert len({each for each in needs(specification, "D8") if each[0].endswith("publish")}) == 3
    assert ("From state", "Any") not in findings(specification, "unresolved_reference")


def test_a_workflow_needs_the_bundles_that_its_notes_name():
    specification = specified(
        Bundles=ALL_BUNDLES,
        Workflows=[WORKFLOWS, ["Editorial", "editorial", "", "c", "Used on: Article (Content type)\nSee Anna."]],
    )

    assert needs(specification, "D9") == {("workflows:editorial", "bundles:node.article")}
    assert findings(specification, "unresolved_reference") == []


def test_the_only_workflow_needs_all_moderated_bundles():
    bundles = [[*BUNDLES, "Mod."], *([f"B{n}", f"b{n}", "Content type", "", "y"] for n in range(30))]
    one = [WORKFLOWS, ["Editorial", "editorial", "", "c", ""]]
    two = [*one, ["Simple", "simple", "", "c", ""]]

    assert len(needs(specified(Bundles=bundles, Workflows=one), "D9")) == 30
    assert needs(specified(Bundles=bundles, Workflows=two), "D9") == set()


def test_a_migration_needs_its_bundle_and_other_migrations():
    specification = specified(
        Bundles=ALL_BUNDLES,
        Migrations=[
            MIGRATIONS,
            ["Files", "files", "url", "entity:file", "", ""],
            ["Images", "images", "url", "entity:media", "Image", "files; nothing"],
        ],
    )

    assert needs(specification, "D10") == {
        ("migrations:images", "bundles:media.image"),
        ("migrations:images", "migrations:files"),
    }
    assert findings(specification, "unresolved_reference") == [("Dependencies", "nothing")]


# D11 to D13: hints


@pytest.mark.parametrize("note", ["Filters on field_x", "sorted by field_x_value, then title", "(field_x_target_id_1)"])
def test_a_view_relates_to_the_fields_that_its_notes_name(note):
    specification = specified(Fields=[FIELDS, field()], Views=[VIEWS, ["News", "news", "Content", "", note]])

    (hint,) = [each for each in specification.dependencies if each.rule == "D11"]
    assert (hint.source, hint.kind) == ("views:news", "relates")


@pytest.mark.parametrize("note", ["myfield_x", "x_field", "field x", "field_xy"])
def test_other_words_name_no_field(note):
    specification = specified(Fields=[FIELDS, field()], Views=[VIEWS, ["News", "news", "Content", "", note]])

    assert needs(specification, "D11") == set()


def test_fields_of_one_storage_relate_to_the_row_that_creates_it():
    header = [*FIELDS, "Reused Field"]
    bundles = [BUNDLES, ARTICLE, ["Page", "page", "Content type", ""], IMAGE]
    rows = [
        [*field("Article (Content type)"), "y"],
        [*field("Page (Content type)"), "n"],
        [*field("Image (Media type)"), "y"],
    ]

    specification = specified(Bundles=bundles, Fields=[header, *rows])

    assert needs(specification, "D12") == {("fields:node.article.field_x", "fields:node.page.field_x")}


@pytest.mark.parametrize(
    ("note", "roles"),
    [
        ("Marketing editor and site admin can use", {"marketing_editor", "editor", "site_admin"}),
        ("SITE  ADMIN only", {"site_admin"}),
        ("Editors, administrators", set()),
        ("site-wide admin", set()),
    ],
)
def test_a_transition_relates_to_the_roles_in_its_notes(note, roles):
    specification = specified(
        UserRoles=[
            ROLES,
            *(
                ["", name, name.replace(" ", "_"), "", "", "", ""]
                for name in ("editor", "marketing editor", "site admin")
            ),
        ],
        WorkflowTransitions=[TRANSITIONS, ["Editorial", "Publish", "publish", "A", "B", note]],
    )

    assert {target.removeprefix("user_roles:") for _, target in needs(specification, "D13")} == roles
    assert all(each.kind == "relates" for each in specification.dependencies if each.rule == "D13")


# Whatever is written


def test_nothing_needs_itself():
    specification = specified(
        Bundles=ALL_BUNDLES,
        Migrations=[MIGRATIONS, ["M", "m", "url", "entity:node", "", "m, M"]],
        Fields=[FIELDS, field()],
    )

    assert [each for each in specification.dependencies if each.source == each.target] == []


def test_a_pair_is_listed_once_and_the_binding_rule_wins():
    specification = specified(
        Bundles=[BUNDLES, ARTICLE], Fields=[FIELDS, field(ref="Article (Content type), article, Article (node)")]
    )

    pairs = [(each.source, each.target) for each in specification.dependencies]
    assert len(pairs) == len(set(pairs)) == 1
    assert specification.dependencies[0].kind == "blocks"


def test_a_part_knows_its_parent():
    specification = specified(Bundles=ALL_BUNDLES, Fields=[FIELDS, field()])

    found = entity(specification, "fields:node.article.field_x")
    assert (found.parent_key, found.parent_label, found.bundle) == ("bundles:node.article", "Article", "article")


def test_a_name_of_thousands_leads_to_a_few():
    bundles = [["Article", f"article_{n}", "Content type", ""] for n in range(3_000)]
    rows = [field("Article (Content type)", f"field_{n}", ref="Article (Content type)") for n in range(3_000)]
    began = time.process_time()

    specification = specified(Bundles=[BUNDLES, *bundles], Fields=[FIELDS, *rows])

    assert len(specification.dependencies) <= 3_000 * AT_MOST
    assert time.process_time() - began < 15


def test_no_text_takes_longer_than_its_length():
    began = time.process_time()

    specified(
        Bundles=[BUNDLES, ARTICLE],
        Fields=[FIELDS, field(ref="a" + " " * 200_000 + "b", notes="view" + " " * 200_000 + "!"), field("(" * 200_000)],
        Views=[VIEWS, ["V", "v", "Content", "", "a" * 200_000 + " " + "a_" * 100_000]],
        ImageStyles=[
            STYLES,
            ["w " * 50_000, "s", ""],
            ["w" + " 1x" * 50_000, "t", ""],
            ["w " + "1" * 200_000, "u", ""],
        ],
        UserRoles=[ROLES, *(["", f"role {n}", f"r{n}", "", "", "", ""] for n in range(2_000))],
        WorkflowTransitions=[
            TRANSITIONS,
            *(["W", f"T{n}", f"t{n}", "A", "B", "role x can use it"] for n in range(2_000)),
        ],
    )

    assert time.process_time() - began < 10
