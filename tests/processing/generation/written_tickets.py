# ruff: noqa: E501 - prose as a model writes it
"""Tickets such as a good model writes for the sample specification: faithful, and full of words that no cell has.

Short key of the entity (``KEYS`` in test_fact_check.py) -> analysis, verification.
"""

TICKETS: dict[str, tuple[str, str]] = {}

TICKETS["summary"] = (
    """### What to build
Add a **Summary** field (`field_summary`) to the **News article** content type (`news_article`). It stores unformatted text on several lines (Text (plain, long), plugin `string_long`) and holds exactly one value. It is required and translatable.

| Setting | Value |
|---|---|
| Label | Summary |
| Machine name | `field_summary` |
| Field type | Text (plain, long) |
| Required | Yes |
| Allowed number of values | 1 |
| Form widget | Text area (multiple rows) – `string_textarea` |
| Formatter | `basic_string` |
| Translatable | Yes |
| Default value | none |

### What has to exist first
- The bundle “News article” (`news_article`), see T-7.
- Modules: `node`, `text`, `field`, `field_ui`, `content_translation`.

### Steps
1. Log in as an administrator and open `/admin/structure/types/manage/news_article/fields/add-field`.
2. Choose **Plain text**, then **Text (plain, long)** and enter the label *Summary*; check that the generated machine name is `field_summary`.
3. Tick **Required field** and **Users may translate this field**.
4. Paste the help text. Leave *Default value* empty.
5. On **Manage form display** choose the *Text area (multiple rows)* widget with 5 rows and place it below *Title* (weight is up to you).
6. On **Manage display**, set the label to *Hidden* in the *Default* and *Teaser* view modes.
7. Export: `drush cex -y`, then commit `config/sync/field.storage.node.field_summary.yml`, `field.field.node.news_article.field_summary.yml` and the updated `core.entity_form_display.node.news_article.default.yml`.

You can also do it with one command:

```bash
drush field:create node news_article --field-name=field_summary --field-label="Summary" --field-type=string_long --field-widget=string_textarea --is-required=1 --cardinality=1
```

### Decisions still open
- The row gives no maximum length; should there be one (e.g. 300 characters)?
- Should `node--news-article--teaser.html.twig` print `content.field_summary`?""",
    """1. Log in as a user with the *Content editor* role and go to `/node/add/news_article`.
2. Check that **Summary** is shown with a red asterisk and the help text "One or two sentences."
3. Leave it empty and press **Save**: the message "Summary field is required." must appear.
4. Enter `<strong>bold</strong>` and two line breaks; save. The page shows the tags as text.
5. Run `drush php:eval "print \\Drupal\\field\\Entity\\FieldStorageConfig::loadByName('node', 'field_summary')->getCardinality();"` and expect `1`.
6. Switch to German at `/de/node/1/translations/add/en/de` and enter another summary.

```gherkin
Feature: Summary of a news article
  Background:
    Given I am logged in as a user with the "create news_article content" permission

  Scenario: The summary is required
    When I visit "/node/add/news_article"
    And I fill in "Title" with "Test article"
    And I press "Save"
    Then I should see "Summary field is required."

  Scenario Outline: Lengths
    When I enter <length> characters in "Summary"
    Then the result is "<result>"

    Examples:
      | length | result |
      | 1      | saved  |
      | 500    | saved  |
```""",
)
TICKETS["topics"] = (
    """### What to build
An entity reference field “Topics” (`field_topics`) lets editors tag news articles with terms from the **Topic** vocabulary (`topic`). Any number of terms may be chosen.

- Target type: `taxonomy_term`, reference method `default`, bundle `topic`
- Create referenced entities if they don't already exist: **no** (`auto_create: false`) – the help text asks editors to contact the web team for new topics
- Not required, not translatable
- Widget: Autocomplete (Tags style) (`entity_reference_autocomplete_tags`), in the *Filing* group (`field_group` module)
- Storage `field.storage.node.field_topics` with `cardinality: -1`

### Configuration
```yaml
id: node.news_article.field_topics
field_name: field_topics
entity_type: node
bundle: news_article
settings:
  handler: 'default:taxonomy_term'
  handler_settings:
    target_bundles:
      topic: topic
    sort:
      field: name
      direction: asc
    auto_create: false
    auto_create_bundle: ''
```
Make sure `third_party_settings.field_group.group_filing.children` lists the field.

### Decisions still open
- Which formatter is used on the page: label with link (`entity_reference_label`) or rendered entity (`entity_reference_entity_view`)?
- Should the view at `/taxonomy/term/%` list the articles?""",
    """1. Create the terms *Climate*, *Health* and *Sport* at `/admin/structure/taxonomy/manage/topic/overview`.
2. At `/node/add/news_article`, open the **Filing** group and type "Cli" in the **Topics** field: "Climate (12)" is suggested.
3. Enter "Climate, Health, Sport": after saving, all three terms are stored.
4. Enter "Brand new topic": the form says "There are no taxonomy terms matching "Brand new topic"."
5. Query: `SELECT * FROM node__field_topics WHERE bundle = 'news_article'`; `field_topics_target_id` holds the ids.

```gherkin
Scenario: An unknown topic is refused
  Given the "topic" vocabulary contains the term "Climate"
  And I am on "/node/add/news_article"
  When I fill in the "Topics" field with "Astrology"
  And I press "Save"
  Then I should see the error "There are no taxonomy terms matching"
```""",
)
TICKETS["wide scale"] = (
    """### What to build
The image style “Wide (1440×620)” (`wide`) gets the effect **Scale and crop** (`image_scale_and_crop`) with a width of 1440 px and a height of 620 px, anchor *Center*.

### Steps
1. Open `/admin/config/media/image-styles/manage/wide`.
2. Under *Effect*, select **Scale and crop**, press **Add**, enter width 1440 and height 620, keep the anchor in the middle and press **Add effect**.
3. Drag it above the *Convert* effect.
4. Flush derivatives: `drush image:flush wide`. Then `drush cex`.

### Configuration
- `image.style.wide` → `effects.<uuid>.data.width: 1440`, `height: 620`, `anchor: center-center`

### Decisions still open
- 2x variants for high-density screens (2880×1240)?""",
    """1. Upload an original of 3000 × 2000 pixels and one of 800x600.
2. The derivative at `/sites/default/files/styles/wide/public/2026-01/photo.jpg` must be exactly 1440 × 620 pixels.
3. Check with `identify photo.jpg`; the file must be smaller than 300 KB.
4. At 390 px viewport width nothing overflows.""",
)
TICKETS["event+"] = (
    """### What to build
Content type **Event** (`event`) with its six fields. It is moderated by the *Editorial* workflow, translatable, schedulable and searchable, with meta tags; Layout Builder and comments are not used.

### Fields
| Label | Machine name | Type | Required | Values |
|---|---|---|---|---|
| Summary | `field_summary` | Text (plain, long) | yes | 1 |
| Date and time | `field_event_date` | Date range | yes | 1 |
| Place | `field_place` | Text (plain) | yes | 1 |
| Registration | `field_registration` | Link | no | 1 |
| Topics | `field_topics` | Entity reference → Topic (Vocabulary) | no | unlimited |
| Free of charge | `field_free` | Boolean | no | 1 |

Two of them (`field_summary`, `field_topics`) re-use the storage that News article creates.

### Steps
1. `/admin/structure/types/add`: name *Event*, machine name `event`; under *Publishing options* tick **Create new revision**.
2. `/admin/structure/types/manage/event/fields`: create the fields above in this order.
3. `/admin/config/workflow/workflows/manage/editorial`: let it apply to *Event* items.
4. `/admin/config/search/path/patterns/add`: pattern `events/[node:title]` for *Event*.
5. Turn on scheduling (`scheduler`: `publish_on`, `unpublish_on`) and the `metatag` defaults `metatag.metatag_defaults.node__event`.
6. Enable translation in `language.content_settings.node.event`.
""",
    """1. As an author open `/node/add/event`: six fields are shown in addition to *Title*.
2. Save with everything empty: Title, Summary, Date and time and Place are marked as required.
3. Enter an end date before the start: refused.
4. Save as *Draft*; an anonymous visitor gets a 403 at `/events/open-day`. Publish it: 200.
5. Add 3 topics and save: all of them are listed.
6. Lighthouse accessibility score ≥ 95 %, no axe violations (WCAG 2.2 AA).""",
)
TICKETS["author"] = (
    """### What to build
Role **Author** (`author`) with the 7 permissions of the specification and nothing else.

1. `/admin/people/roles/add` → *Author*; or `drush role:create author 'Author'`.
2. Grant:
   - `access content overview`
   - `create event content`, `create news_article content`
   - `edit own event content`, `edit own news_article content`
   - `use editorial transition submit`
   - `view own unpublished content`
3. Do **not** grant `administer nodes`, `bypass node access` or `delete any news_article content`.
4. Config: `user.role.author`, with `is_admin: false`.
""",
    """1. Create the user `author_test` with the role *Author* only.
2. `/node/add` offers News article and Event, not Person.
3. `/admin/people` answers 403.""",
)
TICKETS["staff"] = (
    """### What to build
Migration **Staff** (`northfield_staff`): one `person` node per row of the CSV file.

- `migrate_plus.migration.northfield_staff`, group `northfield`
- Source plugin `csv` (module `migrate_source_csv`): `path: private://import/staff.csv`, `ids: [staff_number]`, `header_offset: 0`
- Destination plugin `entity:node`, `default_bundle: person`
- `migration_dependencies: required: [northfield_portraits]`

```yaml
process:
  title: full_name
  uid:
    plugin: default_value
    default_value: 1
```
Run `drush migrate:status --group=northfield`, `drush migrate:import northfield_staff --limit=10`, then all.
""",
    """1. `drush migrate:import northfield_staff` reports 0 failed.
2. Compare the number of nodes with the number of rows (`wc -l`).
3. Roll back with `drush migrate:rollback northfield_staff`; all nodes are gone.""",
)
TICKETS["workflow+"] = (
    """### What to build
The *Editorial* workflow (`editorial`, type Content moderation) with the states Draft, Needs review, Published and Withdrawn, and the transitions Submit, Send back, Publish and Withdraw. It applies to News article and Event.

| State | Machine name | Published | Default revision |
|---|---|---|---|
| Draft | `draft` | no | no |
| Needs review | `needs_review` | no | no |
| Published | `published` | yes | yes |
| Withdrawn | `withdrawn` | no | yes |

Delete the state “Archived” and the transitions `archive`, `archived_draft` and `archived_published` that core's `editorial` may bring.
""",
    """1. Move an event from **Draft** via **Needs review** to **Published**.
2. `drush config:get workflows.workflow.editorial type_settings.states` lists four states.""",
)
TICKETS["news page"] = (
    """### What to build
Page display `page_news` of the view “News” (`news`) at `/news`.

- Filter criteria: Content: Published (= Yes), Content: Content type (= News article), Topics (`field_topics_target_id`, exposed)
- Everything else (format, pager of 12 items, sort) comes from the master display.
- Config: `views.view.news` → `display.page_news`

1. `/admin/structure/views/view/news` → **+ Add** → *Page*; set **Title** “News page”, path `/news`.
2. Override the filters for *This page (override)* only.
""",
    """1. `/news` answers 200 for anonymous visitors.
2. Create 13 news articles: the second page shows one.
3. Choose a topic in the exposed form and press **Apply**: only matching articles are shown.""",
)
