# ruff: noqa: E501 - the sentences of the tables read better unbroken
"""The fact check: what it must find in prose that a model could have written, and what it must leave alone."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessions_app
from processing.generation.fact_check import LONGEST_TEXT, MOST_MARKS, SECTIONS, Mark, check
from processing.generation.offline import SiteContext, write_ticket
from sessions_app.actions.imports import Upload, read_upload
from sessions_app.marks import standing
from sessions_app.parsing.payload import EntityPayload
from sessions_app.parsing.specification import PER_PARENT, PER_ROW, backlog, read_specification
from tests.conftest import SHARED
from tests.processing.generation.written_tickets import TICKETS
from tests.sessions_app.reading import sheets_of

SAMPLE = Path(sessions_app.__file__).parent / "sample_spec"
SITE: SiteContext = {"site_name": "Northfield University", "site_description": ""}


@cache
def payloads(folder: Path, granularity: str, pattern: str = "*.csv") -> dict[str, EntityPayload]:
    uploads = [read_upload(Upload(path.name, path.read_bytes())) for path in sorted(folder.glob(pattern))]
    made = backlog(read_specification(sheets_of(uploads)), granularity)
    return {payload["key"]: payload for payload in made}


def sample(key: str) -> EntityPayload:
    """An entity of the sample specification by its short key; a trailing ``+`` asks for it with its parts."""
    granularity = PER_PARENT if key.endswith("+") else PER_ROW
    return payloads(SAMPLE, granularity)[KEYS[key.removesuffix("+")]]


KEYS = {
    "summary": "fields:node.news_article.field_summary",
    "topics": "fields:node.news_article.field_topics",
    "semesters": "fields:node.study_programme.field_semesters",
    "degree": "fields:node.study_programme.field_degree",
    "handbooks": "fields:node.study_programme.field_handbooks",
    "contact": "fields:node.study_programme.field_contact",
    "parts": "fields:node.news_article.field_content_parts",
    "main image": "fields:node.news_article.field_main_image",
    "event": "bundles:node.event",
    "programme": "bundles:node.study_programme",
    "quotation": "bundles:paragraph.quotation",
    "topic": "bundles:taxonomy_term.topic",
    "news": "views:news",
    "news page": "view_displays:news.page_news",
    "latest": "view_displays:news.block_latest",
    "wide": "image_styles:wide",
    "wide scale": "image_effects:wide.scale_and_crop_1440620",
    "workflow": "workflows:editorial",
    "publish": "workflow_transitions:editorial.publish",
    "author": "user_roles:author",
    "staff": "migrations:northfield_staff",
}


def content(**sections: str) -> dict[str, str]:
    return dict.fromkeys(SECTIONS, "") | sections


def marks_of(key: str, section: str, text: str) -> list[Mark]:
    return check(sample(key), content(**{section: text}), SITE["site_name"])


# What it finds

MISTAKES = [
    # machine names
    ("summary", "analysis", "Create the field `field_news_summary` on the bundle.", "machine_name", "field_news_summary"),
    ("summary", "title", "Add field Summary (field_teaser) to News article", "machine_name", "field_teaser"),
    ("summary", "analysis", "- `field.storage.node.field_sumary`", "machine_name", "field_sumary"),
    ("summary", "analysis", "- `field.field.node.article.field_summary`", "machine_name", "article"),
    ("summary", "analysis", "Go to `/admin/structure/types/manage/news/fields`.", "machine_name", "news"),
    ("summary", "verification", "1. Visit /node/add/article as an editor.", "machine_name", "article"),
    ("summary", "analysis", "Machine name: `summary_text`", "machine_name", "summary_text"),
    ("summary", "analysis", "It depends on the content type “News article” (`blog_post`).", "machine_name", "blog_post"),
    ("summary", "verification", "Run `drush config:get core.entity_form_display.node.news.default`.", "machine_name", "news"),
    ("summary", "analysis", "```yaml\nfield_name: field_abstract\n```", "machine_name", "field_abstract"),
    ("topics", "analysis", "Terms come from the vocabulary `tags`.", "machine_name", "tags"),
    ("topics", "analysis", "- `taxonomy.vocabulary.subjects` must exist.", "machine_name", "subjects"),
    ("wide", "analysis", "- `image.style.hero_wide`", "machine_name", "hero_wide"),
    ("wide", "verification", "The address holds `/styles/hero/`.", "machine_name", "hero"),
    ("wide", "analysis", "Use the image style `banner_large` in the formatter.", "machine_name", "banner_large"),
    ("publish", "analysis", "Edit it at `/admin/config/workflow/workflows/manage/moderation`.", "machine_name", "moderation"),
    ("author", "analysis", "- `user.role.news_author`", "machine_name", "news_author"),
    ("staff", "analysis", "It writes to `node.employee`.", "machine_name", "employee"),
    ("staff", "analysis", "Run `drush migrate:import staff_profiles`.", "machine_name", "staff_profiles"),
    ("event+", "analysis", "| Start | `field_start_date` | Date range |", "machine_name", "field_start_date"),
    # labels
    ("summary", "analysis", "Add the field “Abstract” to it.", "label", "Abstract"),
    ("summary", "verification", 'When I leave the "Short abstract" field empty', "label", "Short abstract"),
    ("summary", "analysis", "- **Label:** Lead paragraph", "label", "Lead paragraph"),
    ("summary", "analysis", "| Label | Introduction |", "label", "Introduction"),
    ("topics", "analysis", "It refers to the vocabulary “Keywords”.", "label", "Keywords"),
    ("topics", "analysis", "Put it into the field group “Classification”.", "label", "Classification"),
    ("publish", "verification", 'Given I have the role "Marketing manager"', "label", "Marketing manager"),
    ("publish", "analysis", "Moves an item to the state “Released” for all.", "label", "Released"),
    ("wide", "analysis", "The **Panorama** image style crops pictures.", "label", "Panorama"),
    ("event", "user_story", "I want the content type “Happening”, so that dates can be announced.", "label", "Happening"),
    # types
    ("summary", "analysis", "- Field type: Text (formatted, long)", "type", "Text (formatted, long)"),
    ("summary", "analysis", "| Field type | Text (plain) |", "type", "Text (plain)"),
    ("summary", "analysis", "Create a new field of the type Boolean.", "type", "Boolean"),
    ("summary", "analysis", "Type: `text_long`.", "type", "text_long"),
    ("summary", "analysis", "The widget is “Select list”.", "type", "Select list"),
    ("topics", "analysis", "**Field type:** Entity reference revisions", "type", "Entity reference revisions"),
    ("topics", "user_story", "I want a date field for topics, so that they can be found.", "type", "date"),
    ("topics", "analysis", "Use the check boxes/radio buttons widget.", "type", "check boxes/radio buttons"),
    ("semesters", "analysis", "Add it as Number (decimal).", "type", "Number (decimal)"),
    ("degree", "analysis", "It is a plain text field.", "type", "plain text"),
    ("parts", "analysis", "It takes items of the Quotation content type.", "type", "Quotation content type"),
    ("topic", "analysis", "Create the content type “Topic” (`topic`).", "type", "content type “Topic"),
    ("topics", "analysis", "Topic (Media type) has to exist first.", "type", "Topic (Media type"),
    ("news page", "analysis", "Add a block display to the view.", "type", "block"),
    ("event+", "analysis", "| Place | `field_place` | Number (decimal) |", "type", "Number (decimal)"),
    # counts
    ("summary", "analysis", "It is limited to a maximum of 255 characters.", "count", "255"),
    ("summary", "analysis", "Number of values: unlimited", "count", "Number of values: unlimited"),
    ("summary", "analysis", "Cardinality: 3", "count", "Cardinality: 3"),
    ("summary", "analysis", "The field allows multiple values.", "count", "allows multiple values"),
    ("topics", "analysis", "Set the allowed number of values to 1.", "count", "number of values to 1"),
    ("topics", "analysis", "It must hold only one value.", "count", "only one value"),
    ("handbooks", "analysis", "Allow up to 8 values, newest first.", "count", "8"),
    ("contact", "analysis", "It accepts three values at most.", "count", "three values"),
    ("semesters", "analysis", "Minimum 1, maximum 20.", "count", "maximum 20"),
    ("degree", "analysis", "Offer the 5 allowed values in this order.", "count", "5 allowed values"),
    ("event+", "analysis", "The type has 12 fields.", "count", "12 fields"),
    ("event+", "title", "Create content type Event with nine fields", "count", "nine fields"),
    ("wide scale", "analysis", "Scale and crop to 1200×800.", "count", "1200×800"),
    ("wide scale", "analysis", "The width is 1200 pixels.", "count", "1200 pixels"),
    ("wide scale", "analysis", "Give it a weight of 7.", "count", "weight of 7"),
    ("wide scale", "analysis", "Convert with a quality of 85 %.", "count", "85 %"),
    ("author", "analysis", "Grant the 14 permissions listed below.", "count", "14 permissions"),
    ("latest", "analysis", "Show up to 5 items.", "count", "5"),
    ("workflow+", "analysis", "It has six states and 9 transitions.", "count", "six states"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "section", "text", "kind", "words"), [pytest.param(*each, id=each[2][:60]) for each in MISTAKES if each[4]]
)
def test_a_mistake_is_marked(key, section, text, kind, words):
    found = marks_of(key, section, text)

    assert any(mark["kind"] == kind and words in mark["text"] for mark in found), found
    assert all(mark["section"] == section and mark["says"] for mark in found)


def changed(entity: EntityPayload, old: str, new: str) -> list[Mark] | None:
    """The marks of an entity's ticket by rule in which one thing is said otherwise; None where nothing changes."""
    written = write_ticket(entity, SITE)
    otherwise = {**written, "analysis": written["analysis"].replace(old, new)}
    return check(entity, otherwise, SITE["site_name"]) if otherwise != written else None


@pytest.mark.parametrize(
    ("column", "old", "new"),
    [
        ("Machine name", "`{}`", "`{}x_teaser`"),
        ("Machine name", ".{}`", ".site_{}`"),
        ("Field label", "“{}” (", "“Winter sports” ("),
        ("Field type", "Field type: {}", "Field type: Timestamp"),
        ("Vals.", "Number of values: one", "Number of values: unlimited"),
        ("Vals.", "Number of values: unlimited", "Number of values: one"),
        ("Bundle machine name", "/manage/{}/", "/manage/landing/"),
    ],
)
def test_one_thing_said_otherwise_is_found_on_every_field(column, old, new):
    outcomes = []
    for entity in payloads(SAMPLE, PER_ROW).values():
        if entity["type"] == "fields":
            cell = entity["bundle"] if column == "Bundle machine name" else entity["cells"].get(column, "")
            outcomes.append(changed(entity, old.format(cell), new.format(cell)))

    tried = [marks for marks in outcomes if marks is not None]
    assert len(tried) > 2
    assert all(tried)


def test_a_mark_says_what_the_specification_has():
    (name,) = marks_of("summary", "analysis", "Create `field_news_summary`.")
    (kind,) = marks_of("summary", "analysis", "Field type: Boolean")
    (count,) = marks_of("topics", "analysis", "Cardinality: 1")
    (parts,) = marks_of("event+", "analysis", "It has 12 fields.")
    (label,) = marks_of("summary", "analysis", "Add the field “Short summary”.")

    assert name["says"] == "the specification has field_summary"
    assert kind["says"] == "the field type is Text (plain, long)"
    assert count["says"] == "the number of values is unlimited"
    assert parts["says"] == "the specification has 6 fields"
    assert label["says"] == "the specification has Summary"


# What it leaves alone

PARAPHRASES = [
    ("summary", "analysis", "A required, translatable long plain text field. The form uses a text area with several rows."),
    ("summary", "analysis", "Field type `string_long` (Text (plain, long)), one value, edited in a *Text area (multiple rows)* widget."),
    ("summary", "analysis", "Export with `drush config:export`; expect `field.storage.node.field_summary.yml` in `config/sync`."),
    ("summary", "analysis", "Do not use Text (formatted, long) here: the help text asks for plain sentences."),
    ("summary", "analysis", "It is a plain text field, not an entity reference field."),
    ("summary", "analysis", "The limit of the text is not given; for example 255 characters: please decide."),
    ("summary", "analysis", "### Decisions still open\n\n- Suggested machine name for the group: `group_summary`."),
    ("summary", "analysis", "Place it in the `default` and `teaser` view modes at `/admin/structure/types/manage/news_article/display/teaser`."),
    ("summary", "analysis", "Enable the modules `field_group`, `content_translation` and `my_project_core`."),
    ("summary", "analysis", "Set `third_party_settings` and the `string_textarea` widget; `label_display_settings` stays."),
    ("summary", "analysis", "```yaml\nlangcode: en\nsome_contrib_key: true\nfield_name: field_summary\n```"),
    ("summary", "analysis", "1. Go to *Structure > Content types > News article > Manage fields*.\n2. Click **Create a new field**.\n3. Press **Save settings**."),
    ("summary", "analysis", "The database column is `field_summary_value` in the table `node__field_summary`."),
    ("summary", "user_story", "As a content editor, I want to write a summary of one or two sentences, so that lists are easy to scan."),
    ("summary", "verification", '```gherkin\nScenario: Saving\n  Given I am logged in as a user with the "Content editor" role\n  When I fill in "Title" with "Spring concert"\n  And I fill in "Summary" with "A short text about the concert."\n  And I press "Save"\n  Then I see "News article Spring concert has been created."\n```'),
    ("summary", "verification", '1. Upload `test_image_large.jpg` of 4000x3000 pixels.\n2. Enter 300 characters, save within 1 minute, expect HTTP 200.'),
    ("summary", "verification", "Check it against WCAG 2.2 AA at 320 px and at a zoom of 400 %; the contrast must be at least 4.5:1."),
    ("summary", "verification", "Create three nodes, wait up to 5 minutes for cron, and repeat at most 3 times."),
    ("summary", "verification", "Log in as `qa_editor`, open `/node/add/news_article`, and confirm that “Summary” carries the required mark."),
    ("summary", "verification", "Try to enter more than one value: there must be no way."),
    ("summary", "verification", "Look at `/admin/reports/status` and `/admin/reports/dblog`; PHP 8.3 and Drupal 11.1 are expected."),
    ("topics", "analysis", "Reference terms of the “Topic” vocabulary (`topic`); the number of values is unlimited (`cardinality: -1`)."),
    ("topics", "analysis", "A taxonomy term reference field with the tags-style autocomplete widget, and any number of terms."),
    ("topics", "analysis", "`handler: 'default:taxonomy_term'` with `target_bundles: [topic]` and `auto_create: false`."),
    ("topics", "verification", "Choose one value, then add two more: all three values must be kept."),
    ("topics", "verification", 'Given the vocabulary "Topic" holds the terms "Climate", "Health" and "Sport"'),
    ("main image", "analysis", "An image field in the eyes of editors, but a media reference to the media type “Image” (`image`)."),
    ("main image", "analysis", "The picture should be at least 1440 pixels wide, as the help text says."),
    ("semesters", "analysis", "A whole number from 1 to 14 with the suffix “semesters”; minimum 1 and maximum 14."),
    ("semesters", "verification", "Enter 0 and then 15: the form must refuse both. Enter 14: it must be saved."),
    ("degree", "analysis", "A list with the three allowed values `bachelor`, `master` and `doctorate`, shown as a select list."),
    ("degree", "analysis", "Allowed values:\n\n| Key | Label |\n| --- | --- |\n| bachelor | Bachelor |\n| master | Master |"),
    ("handbooks", "analysis", "Editors may add up to 5 documents from the media library; allow five values."),
    ("contact", "analysis", "One or two people of the “Person” content type can be named; limit it to 2 values."),
    ("parts", "analysis", "An entity reference revisions field that takes paragraphs of the Quotation paragraph type."),
    ("parts", "analysis", "Needs the `paragraphs` and `entity_reference_revisions` modules."),
    ("event", "analysis", "A content type “Event” (`event`) with a URL alias such as `events/open-day` and the workflow “Editorial”."),
    ("event", "analysis", "The first three fields come with other tickets. Add it to the “Content” view at `/admin/content`."),
    ("event", "verification", "Save an event as draft, then publish it: the state must change from “Draft” to “Published”."),
    ("event+", "analysis", "Six fields are to be made, four of them required ones; the summary reuses the storage of News article."),
    ("event+", "analysis", "| Field | Machine name | Type |\n| --- | --- | --- |\n| Place | `field_place` | Text (plain) |\n| Topics | `field_topics` | Entity reference |"),
    ("quotation", "analysis", "A paragraph type “Quotation” (`quotation`), kept at `/admin/structure/paragraphs_type/quotation`."),
    ("topic", "analysis", "The Topic vocabulary is translatable. Path pattern: `topics/[term:name]`."),
    ("news", "analysis", "The view “News” (`news`) shows content; its displays are made in tickets of their own."),
    ("news page", "analysis", "A page display at `/news` with an exposed filter on `field_topics_target_id`."),
    ("news page", "verification", "Open `/news?page=1` and `/news?field_topics_target_id=3`; both must answer 200."),
    ("latest", "analysis", "Add a block display that shows 3 items without a pager, and name it “Latest news”."),
    ("wide", "analysis", "Wide pictures of 1440×620 pixels in a ratio of 21:9, made by effects that stand in rows of their own."),
    ("wide scale", "analysis", "Add the effect `image_scale_and_crop` with width 1440 and height 620, anchored at `center-center`."),
    ("wide scale", "verification", "Upload an original of 3000×2000 pixels: the derivative must measure 1440×620 pixels."),
    ("workflow+", "analysis", "Four states (“Draft”, “Needs review”, “Published”, “Withdrawn”) and their transitions."),
    ("publish", "analysis", "Grant `use editorial transition publish` to the role “Editor”; two states lead to “Published”."),
    ("author", "analysis", "Grant the 7 permissions with `drush role:perm:add author 'create event content'`."),
    ("author", "verification", "Open `/admin/people/permissions/author`: 7 boxes are ticked. Then visit `/user/1/edit`: 403."),
    ("staff", "analysis", "Source plugin `csv`, destination `entity:node`, run `drush migrate:import northfield_staff --update`."),
    ("staff", "analysis", "Look up portraits with `migration_lookup` on `northfield_portraits`; use `track_changes` and `skip_on_empty`."),
]  # fmt: skip


@pytest.mark.parametrize(("key", "section", "text"), [pytest.param(*each, id=each[2][:60]) for each in PARAPHRASES])
def test_a_faithful_text_carries_no_mark(key, section, text):
    assert marks_of(key, section, text) == []


@pytest.mark.parametrize("key", TICKETS)
def test_a_whole_faithful_ticket_carries_no_mark(key):
    analysis, verification = TICKETS[key]

    assert check(sample(key), content(analysis=analysis, verification=verification), SITE["site_name"]) == []


@pytest.mark.parametrize("granularity", [PER_ROW, PER_PARENT])
def test_the_offline_writer_earns_no_mark_on_the_sample(granularity):
    for entity in payloads(SAMPLE, granularity).values():
        assert check(entity, write_ticket(entity, SITE), SITE["site_name"]) == [], entity["key"]


@pytest.mark.usefixtures("shared_data")
@pytest.mark.parametrize("granularity", [PER_ROW, PER_PARENT])
@pytest.mark.parametrize("pattern", ["*.csv", "config.tar.gz"])
@pytest.mark.parametrize("site", ["drupal-core-standard-profile", "umami", "open-social"])
def test_the_offline_writer_earns_no_mark_on_real_specifications(site, pattern, granularity):
    for entity in payloads(SHARED / "specs" / site, granularity, pattern).values():
        assert check(entity, write_ticket(entity, SITE), SITE["site_name"]) == [], entity["key"]


# How it behaves


def test_what_is_said_twice_in_a_section_is_marked_once_and_in_each_section():
    found = check(
        sample("summary"),
        content(analysis="`field_lead` and `field_lead`", verification="`field_lead` must be on the form."),
    )

    assert [(mark["section"], mark["text"], mark["start"]) for mark in found] == [
        ("analysis", "field_lead", 1),
        ("verification", "field_lead", 1),
    ]


def test_marks_come_in_reading_order_and_have_an_end():
    many = " ".join(f"`field_wrong_{number}`" for number in range(500))
    found = marks_of("summary", "analysis", many)

    assert len(found) == MOST_MARKS
    assert [mark["start"] for mark in found] == sorted(mark["start"] for mark in found)


def test_the_site_may_be_named():
    entity = sample("event")
    text = content(analysis="Place it in the “Kronborg” menu and give the role “Kronborg editors” the right.")

    assert [mark["text"] for mark in check(entity, text)] == ["Kronborg editors"]
    assert check(entity, text, "Kronborg Castle") == []


TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(
        st.sampled_from(
            [
                "`", "field_", "field type", "Text (plain)", "unlimited", "values", "12", " ", "\n", "“", "”", '"', "**", "x",
                "×", "800", "max", "cardinality", ":", "content type", "News article", "widget", "/admin/structure/types/manage/",
                "node.type.", "```", "yaml\n", "İ", "ß", "ﬁ", "machine name", "label", "|", "%", "px", "up to", "vocabulary",
                "_", ".", "(", ")", "\\", "\0", "\u202e", "९", "²", "one", "single", "multi", "display", " field", "e.g.",
            ]
        ),
        max_size=60,
    ).map("".join),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    key=st.sampled_from(sorted(KEYS)),
    parts=st.booleans(),
    texts=st.fixed_dictionaries(dict.fromkeys(SECTIONS, TEXTS)),
    cell=TEXTS,
)
def test_it_never_raises_and_its_offsets_point_at_the_text(key, parts, texts, cell):
    entity = sample(key)
    entity = {**entity, "cells": dict.fromkeys(entity["cells"], cell), "children": [entity] if parts else []}

    marks = check(entity, texts)

    assert len(standing(marks, texts)) == len(marks)
    for mark in marks:
        words = mark["text"]
        assert words.strip()
        assert len(words) <= LONGEST_TEXT
        assert texts[mark["section"]][mark["start"] : mark["start"] + len(words)] == words


HOSTILE = [
    "_", "a_", "field_a ", "`", "`a`", "“", '"a" field', "**", "* ", "\n", "| ", "1", "1,", "12x", "12 x 12 ", " field", "a field ",
    "field type", "field type: ", "widget", "unlimited ", "cardinality", "one value", "single", "max ", "maximum a", "up to ",
    "label", "- label: x\n", "vocabulary ", "content type “", "```\n", "```yaml\n", "a.b", "/node/add/", "node.type.", " 9 fields", "%",
    "9 px ", "machine name ", "(plain, long", "text (", "allow 3 values ", "not ", "e.g. ", "field_x1 field_x2 ", "\u0301", "İ",
    "".join(f"not field_{number} " for number in range(20_000)),
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_text_is_read_whole(piece):
    """How long that takes is told by the bench."""
    text = (piece * (20_000 // len(piece) + 1))[:20_000]

    marks = check(sample("summary"), content(analysis=text, verification=text))

    assert len(marks) <= MOST_MARKS
    assert all(text[mark["start"] :].startswith(mark["text"]) for mark in marks)
