"""Bundles: content types, vocabularies, media, paragraph, block and comment types, with what their flags ask for."""

from typing import Final

from sessions_app.parsing.payload import EntityPayload

from . import cells, prose
from .draft import Draft, Scenario, SiteContext, Story, notes, present
from .drupal import KINDS, Bundle

_WISHES: Final = {
    "node": (
        "content editor",
        "to create and edit {0} content",
        "this kind of content has its own form, fields and display",
    ),
    "taxonomy_term": (
        "content editor",
        "to file content under terms of {0}",
        "related content can be found and listed together",
    ),
    "media": (
        "content editor",
        "to add {0} items to the media library",
        "each of them is stored once and used in many places",
    ),
    "paragraph": (
        "content editor",
        "to add {0} as a part of a page",
        "I can compose pages from parts without help from a developer",
    ),
    "block_content": ("content editor", "to create {0} blocks", "they can be placed on pages and changed in one place"),
    "comment": ("visitor", "to leave comments of the type {0}", "I can respond to what I read"),
    "user": ("site administrator", "accounts to be set up as {0}", "each account holds what the site needs to know"),
}
_OTHER_WISH: Final = (
    "site builder",
    "the type {0} in the content model",
    "content of this kind has a place of its own",
)
_ALIASED: Final = frozenset({"node", "taxonomy_term"})
_NOT_MODERATED: Final = frozenset({"paragraph", "comment", "user"})


def write_bundle(entity: EntityPayload, site: SiteContext) -> Draft:
    bundle = Bundle(cells.entity_type_of(entity), entity["data"]["machine_name"], entity["data"]["label"])
    kind = bundle.kind
    noun = kind.noun if bundle.entity_type in KINDS else prose.plain(cells.cell(entity, "Type"), 30).lower() or "bundle"
    named = prose.named(bundle.label, bundle.machine_name)
    role, wish, reason = _WISHES.get(bundle.entity_type, _OTHER_WISH)
    description = cells.cell(entity, "Description")
    return Draft(
        noun=noun,
        label=bundle.label,
        machine_name=bundle.machine_name,
        story=Story(role, wish.format(prose.quoted(bundle.label, 80)), _reason(entity, reason), _purpose(description)),
        scenario=_bundle_scenario(bundle, noun),
        intro=f"A {prose.inline(noun, 30)} {named}.",
        settings=_bundle_settings(entity, description),
        finish=_bundle_finish(bundle),
        steps=_bundle_steps(entity, bundle, noun, described=bool(description)),
        tasks=_bundle_tasks(entity, bundle),
        modules=_bundle_modules(entity, bundle),
        edit=bundle.tab(),
        objects=present(bundle.config),
        touched=_bundle_touched(entity, bundle),
        checks=_bundle_checks(entity, bundle, noun),
        decisions=_bundle_decisions(entity, bundle, description),
        removal=_bundle_removal(bundle, noun),
        frozen="The machine name cannot be changed once the type exists"
        + (", nor can the media source." if bundle.entity_type == "media" else "."),
        loss=f"Every one of its {kind.content} and all their field values go with it; export them first if they are "
        "to be kept.",
    )


_FLAG_REASONS: Final = {
    "Mod.": "checked before it is published",
    "Layout": "laid out without a developer",
    "Trns.": "offered in several languages",
    "Sched.": "published on time",
    "Srch.": "found by searching",
}


def _reason(entity: EntityPayload, otherwise: str) -> str:
    """Why, as far as the flags tell it."""
    wanted = [reason for column, reason in _FLAG_REASONS.items() if cells.flag(entity, column)]
    return f"it can be {prose.listed(wanted)}" if wanted else otherwise


def _purpose(description: str) -> str:
    return f"In the words of the specification: {prose.quoted(description, 500)}" if description else ""


def _bundle_settings(entity: EntityPayload, description: str) -> tuple[str, ...]:
    alias = cells.cell(entity, "URL alias pattern")
    examples = cells.cell(entity, "Example(s)")
    off = [name for column, name in _FLAG_NAMES.items() if cells.flag(entity, column) is False]
    return (
        f"Description for editors: {prose.quoted(description)}" if description else "",
        f"URL alias pattern: {prose.code(alias)}" if alias else "",
        *notes(entity, "Settings/notes"),
        f"Examples: {prose.inline(examples)}" if examples else "",
        f"Not wanted: {prose.listed(off, last='or')}" if off else "",
    )


_FLAG_NAMES: Final = {
    "Mod.": "moderation",
    "Layout": "Layout Builder",
    "Trns.": "translation",
    "Migr.": "migration",
    "Cmnt.": "comments",
    "Meta.": "meta tags",
    "Sched.": "scheduling",
    "Srch.": "search",
}


def _bundle_steps(entity: EntityPayload, bundle: Bundle, noun: str, *, described: bool) -> tuple[str, ...]:
    source = _media_source(entity) if bundle.entity_type == "media" else ""
    add = bundle.kind.add
    where = f"At {prose.code(add)}, add the {noun}" if add else f"Add the {prose.inline(noun, 30)}"
    name = f" with the machine name {prose.code(bundle.machine_name)}" if bundle.machine_name else ""
    described_too = " Enter the description." if described else ""
    if bundle.entity_type == "user":
        where, name = f"At {prose.code(bundle.tab())}, review the account settings for", ""
    return (
        f"{where} {prose.quoted(bundle.label, 80)}{name}.{described_too}",
        f"As media source, choose {prose.quoted(source, 60)}; it cannot be changed later." if source else "",
    )


def _bundle_finish(bundle: Bundle) -> tuple[str, ...]:
    if not bundle.tab():
        return ()
    form, display = prose.code(bundle.tab("form-display")), prose.code(bundle.tab("display"))
    return (f"Once its fields are there, put the form at {form} and the output at {display} in order.",)


def _workflow(entity: EntityPayload) -> str:
    return cells.setting(cells.cell(entity, "Settings/notes"), "Workflow", "Moderation workflow")


def _bundle_tasks(entity: EntityPayload, bundle: Bundle) -> tuple[str, ...]:
    workflow = _workflow(entity)
    moderated = f"the workflow {prose.quoted(workflow, 60)}" if workflow else "its moderation workflow"
    alias = cells.cell(entity, "URL alias pattern")
    display = bundle.tab("display")
    wording = {
        "Mod.": f"Moderation: at `/admin/config/workflow/workflows`, let {moderated} apply to it.",
        "Layout": f"Layout: switch on “Use Layout Builder” at {prose.code(display)}."
        if display
        else "Layout: switch on Layout Builder.",
        "Trns.": "Translation: at `/admin/config/regional/content-language`, make it translatable.",
        "Migr.": "Migration: it receives migrated content; agree on its fields with whoever writes the migration.",
        "Cmnt.": _comment_task(bundle),
        "Meta.": "Meta tags: at `/admin/config/search/metatag`, add defaults for it.",
        "Sched.": "Scheduling: allow publishing and unpublishing on a date (usually with the Scheduler module).",
        "Srch.": "Search: add it to the search index and index the site again.",
    }
    wanted = (text for column, text in wording.items() if cells.flag(entity, column))
    aliased = (
        f"URL alias: at `/admin/config/search/path/patterns`, add the pattern {prose.code(alias)} for it."
        if alias
        else ""
    )
    return present(aliased, *wanted)


def _comment_task(bundle: Bundle) -> str:
    fields = bundle.tab("fields")
    return f"Comments: add a field of the type Comments{f' at {prose.code(fields)}' if fields else ''}."


_FLAG_MODULES: Final = {
    "Mod.": "content_moderation",
    "Layout": "layout_builder",
    "Trns.": "content_translation",
    "Cmnt.": "comment",
    "Meta.": "metatag",
}


def _bundle_modules(entity: EntityPayload, bundle: Bundle) -> tuple[str, ...]:
    flags = (module for column, module in _FLAG_MODULES.items() if cells.flag(entity, column))
    return present(*bundle.kind.modules, *flags, "pathauto" if cells.cell(entity, "URL alias pattern") else "")


def _bundle_touched(entity: EntityPayload, bundle: Bundle) -> tuple[str, ...]:
    translated = bundle.object("language.content_settings") if cells.flag(entity, "Trns.") else ""
    display = bundle.object("core.entity_view_display", "default")
    meta = (
        f"metatag.metatag_defaults.{bundle.entity_type}__{bundle.name}"
        if cells.flag(entity, "Meta.") and display
        else ""
    )
    return present(bundle.object("core.entity_form_display", "default"), display, translated, meta)


def _bundle_checks(entity: EntityPayload, bundle: Bundle, noun: str) -> tuple[str, ...]:
    label = prose.quoted(bundle.label, 80)
    one = bundle.kind.one
    made = (
        f"Open {prose.code(bundle.create_path)}"
        if bundle.create_path
        else f"Start to create a {one} of the type {label}"
    )
    first = {
        "paragraph": f"Edit content with a paragraphs field that allows {label}, and add one.",
        "comment": f"Open a page that takes comments of the type {label}, and post one.",
    }.get(bundle.entity_type, f"{made} as a user who may create it: the form for {label} must open.")
    listing = (
        f"Open {prose.code(bundle.tab())} as an administrator: name and description must be as specified."
        if bundle.tab()
        else ""
    )
    texts = (_FLAG_CHECKS[column] for column in _FLAG_CHECKS if cells.flag(entity, column))
    alias = cells.cell(entity, "URL alias pattern")
    return present(
        listing,
        first,
        f"Fill in what is required and save: the {one} must be stored and shown without an error.",
        *texts,
        f"Save two with different names: each address must follow {prose.code(alias)}." if alias else "",
        f"Log in as a user without rights on this {prose.inline(noun, 30)}: creating one must be refused.",
    )


_FLAG_CHECKS: Final = {
    "Mod.": "Save as a draft: an anonymous visitor must not see it. Publish it: now the visitor must.",
    "Layout": "Open its layout, move a block and save: the page must show the new order.",
    "Trns.": "Add a translation: both languages must be kept apart.",
    "Migr.": "Open one migrated item: it must look as if it had been entered by hand.",
    "Cmnt.": "Post a comment as a user who may: it must appear.",
    "Meta.": "Look at the page source: the meta tags must hold its own values.",
    "Sched.": "Set a publishing date a few minutes ahead and run cron after it: the item must be published.",
    "Srch.": "Index the site and search for a word of it: it must be found.",
}


def _bundle_decisions(entity: EntityPayload, bundle: Bundle, description: str) -> tuple[str, ...]:
    moderated = cells.flag(entity, "Mod.")
    return present(
        cells.machine_name_decision(bundle.machine_name),
        "" if bundle.entity_type in KINDS else _unknown_type(entity),
        "" if description else "No description is given: what is it for?",
        _alias_decision(entity, bundle),
        *(_flag_decision(entity, column) for column in _FLAG_NAMES),
        "Mod. says `y`, but the cells name no workflow."
        if moderated and not (_workflow(entity) or _has_workflow(entity))
        else "",
        f"Mod. says `y`, but core does not moderate {bundle.kind.content}."
        if moderated and bundle.entity_type in _NOT_MODERATED
        else "",
        "Layout says `y`: one layout for all, or a layout per item?" if cells.flag(entity, "Layout") else "",
        "The media source is not named." if bundle.entity_type == "media" and not _media_source(entity) else "",
    )


def _has_workflow(entity: EntityPayload) -> bool:
    return any(need["csv_type"] == "workflows" for need in entity["needs"])


def _media_source(entity: EntityPayload) -> str:
    return cells.setting(cells.cell(entity, "Settings/notes"), "Media source", "Source")


def _unknown_type(entity: EntityPayload) -> str:
    word = cells.cell(entity, "Type")
    return (
        f"The type {prose.quoted(word, 60)} is not one that Drupal core or Paragraphs has."
        if word
        else "No type is given."
    )


def _alias_decision(entity: EntityPayload, bundle: Bundle) -> str:
    if cells.cell(entity, "URL alias pattern") or bundle.entity_type not in _ALIASED:
        return ""
    said = "The URL alias pattern is “-”" if cells.raw(entity, "URL alias pattern") else "No URL alias pattern is given"
    return (
        f"{said}: are addresses such as {'`/node/1`' if bundle.entity_type == 'node' else '`/taxonomy/term/1`'} "
        "intended?"
    )


def _flag_decision(entity: EntityPayload, column: str) -> str:
    value = cells.cell(entity, column)
    if not value or cells.flag(entity, column) is not None:
        return ""
    return f"{prose.inline(column)} holds {prose.quoted(value, 40)}, which is neither `y` nor `n`."


def _bundle_removal(bundle: Bundle, noun: str) -> tuple[str, ...]:
    at = f" at {prose.code(bundle.tab('delete'))}" if bundle.tab() and bundle.entity_type != "user" else ""
    return (
        f"Delete or move all {bundle.kind.content} of this type; Drupal refuses to delete a type that is in use.",
        "Take it out of reference fields, views, workflows and role permissions.",
        f"Delete the {prose.inline(noun, 30)}{at}; its fields and displays go with it.",
    )


def _bundle_scenario(bundle: Bundle, noun: str) -> Scenario:
    label, kind = prose.spoken(bundle.label, 80), prose.spoken(noun, 30)
    if bundle.create_path:
        return Scenario(
            f"An authorised user creates a {bundle.kind.one}",
            (f'the {kind} "{label}" exists', f'I am logged in as a user who may create "{label}"'),
            (f'I go to "{bundle.create_path}"', "I fill in the required fields", "I save"),
            (f'a {bundle.kind.one} of the type "{label}" is stored', "its page opens without an error"),
        )
    return Scenario(
        f"The {kind} is offered",
        ("the exported configuration is imported", "I am logged in as an administrator"),
        (f'I open "{bundle.kind.add.rsplit("/", 1)[0] or "the administration pages"}"',),
        (f'I see "{label}"',),
    )
