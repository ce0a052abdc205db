"""From a draft to a ticket: the X column decides whether it builds, changes, waits, removes or only checks."""

import hashlib
import re
from collections.abc import Callable
from enum import Enum
from typing import Final

from sessions_app.parsing.csv_types import CSV_TYPES
from sessions_app.parsing.payload import EntityPayload, Need

from . import prose
from .draft import Draft, Scenario, SiteContext, Story, TicketContent, present

TITLE_LIMIT: Final = 255
SIGNATURE: Final = "_Written by ticketgen's offline writer from the specification's cells, without a language model._"
NOTHING_OPEN: Final = "None found in the specification."

Part = tuple[EntityPayload, Draft]


class Action(Enum):
    BUILD = "build"
    CHANGE = "change"
    HOLD = "on hold"
    REMOVE = "remove"
    CHECK = "check only"


ACTIONS: Final = {
    "": Action.BUILD,
    "a": Action.BUILD,
    "c": Action.CHANGE,
    "w": Action.HOLD,
    "d": Action.REMOVE,
    "x": Action.CHECK,
}
_PREPOSITION: Final = {
    Action.BUILD: "to",
    Action.HOLD: "to",
    Action.CHANGE: "in",
    Action.REMOVE: "from",
    Action.CHECK: "in",
}
_TWIN: Final = re.compile(r"~\d+$")
_READS_LIKE_A_PLACE: Final = re.compile(r"\) (?:to|in|from|for) ")


def action_of(entity: EntityPayload) -> Action:
    return ACTIONS.get(entity["cells"].get("X", "").strip().casefold(), Action.BUILD)


def compose(entity: EntityPayload, site: SiteContext, draft: Draft, parts: list[Part]) -> TicketContent:
    own = action_of(entity)
    unfinished = own is Action.CHECK and any(action_of(part) is not Action.CHECK for part, _ in parts)
    action = Action.CHANGE if unfinished else own
    return TicketContent(
        title=title(entity, draft, action),
        user_story=user_story(site, draft, action),
        analysis=analysis(entity, draft, parts, action, done=unfinished),
        verification=verification(site, draft, parts, action),
    )


# Title


def title(entity: EntityPayload, draft: Draft, action: Action) -> str:
    """One line that no other entity has.

    Shortened, cleaned or confusable names, and twins (keys that end in ``~2``), get a code from the entity's key.
    """
    label, detail, place = prose.plain(draft.label, 80), prose.plain(draft.detail, 40), prose.plain(draft.place, 110)
    machine_name = prose.plain(draft.machine_name, 40)
    words = [_verb(draft, action), prose.plain(draft.noun, 30), label]
    words += [f"({part})" for part in (machine_name, detail) if part]
    words += [_preposition(draft, action), place] if place else []
    line = " ".join(word for word in words if word)
    pairs = ((draft.label, label), (draft.detail, detail), (draft.place, place), (draft.machine_name, machine_name))
    exact = all(shown == " ".join(meant.split()) for meant, shown in pairs) and len(line) <= TITLE_LIMIT
    if exact and not _TWIN.search(entity["key"]) and not draft.ambiguous and not _confusable(draft):
        return line
    tag = hashlib.sha256(entity["key"].encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{line[: TITLE_LIMIT - 11].rstrip()} [{tag}]"


def _verb(draft: Draft, action: Action) -> str:
    if action is Action.HOLD:
        return f"On hold: {draft.verb.lower()}"
    return {Action.CHANGE: "Change", Action.REMOVE: "Remove", Action.CHECK: "Check"}.get(action, draft.verb)


def _preposition(draft: Draft, action: Action) -> str:
    return _PREPOSITION[action] if draft.verb == "Add" else "for"


def _confusable(draft: Draft) -> bool:
    """Whether a label reads like a label with a machine name or a place."""
    unnamed = not draft.label.strip() or (not draft.machine_name and draft.label.rstrip().endswith(")"))
    return unnamed or bool(_READS_LIKE_A_PLACE.search(draft.label + draft.detail))


# User story


def user_story(site: SiteContext, draft: Draft, action: Action) -> str:
    story = _STORIES[action](draft) if action in _STORIES else draft.story
    where = f" on {prose.inline(site['site_name'], 80)}" if site["site_name"].strip() else ""
    sentence = f"As {prose.article(story.role)}{where}, I want {story.wish}, so that {story.reason}."
    return "\n\n".join(present(sentence, story.purpose))


def _whole(draft: Draft) -> str:
    place = f" of {prose.inline(draft.place, 80)}" if draft.place and draft.verb == "Add" else ""
    return f"the {prose.inline(draft.noun, 40)} {prose.named(draft.label, draft.machine_name)}{place}"


_STORIES: Final[dict[Action, Callable[[Draft], Story]]] = {
    Action.REMOVE: lambda draft: Story(
        "site administrator",
        f"{_whole(draft)} removed",
        "the site carries nothing that the specification no longer asks for",
        draft.story.purpose,
    ),
    Action.CHECK: lambda draft: Story(
        "tester",
        f"to compare {_whole(draft)} with the specification",
        "we know that what is marked as done is done as specified",
        draft.story.purpose,
    ),
    Action.CHANGE: lambda draft: Story(
        draft.story.role,
        f"{_whole(draft)} to follow the specification as it stands now",
        draft.story.reason,
        draft.story.purpose,
    ),
}


# Analysis


def analysis(entity: EntityPayload, draft: Draft, parts: list[Part], action: Action, *, done: bool) -> str:
    removing, building = action is Action.REMOVE, action not in {Action.REMOVE, Action.CHECK}
    tasks = "Tasks from the flag columns" if building else "Set by the flag columns"
    blocks = (
        prose.section(
            _HEADINGS[action], _opening(draft, action, done=done), draft.intro, prose.bullets(draft.settings)
        ),
        prose.section("What has to exist first", first(entity, draft, parts)) if building else "",
        prose.section("Steps" if action is not Action.HOLD else "Steps, once approved", _steps(draft, parts, action)),
        "" if removing else prose.section(tasks, prose.bullets(draft.tasks)),
        *_part_sections(parts, removing=removing),
        prose.section("Configuration", _configuration(draft, parts, action)),
        prose.section("Decisions still open", decisions(entity, draft, parts, action)),
        SIGNATURE,
    )
    return "\n\n".join(block for block in blocks if block)


_HEADINGS: Final = {
    Action.BUILD: "What to build",
    Action.CHANGE: "What to change",
    Action.HOLD: "What to build, once approved",
    Action.REMOVE: "What to remove",
    Action.CHECK: "What to check",
}


def _opening(draft: Draft, action: Action, *, done: bool) -> str:
    whole = _whole(draft)
    if done:
        return (
            f"{whole[:1].upper()}{whole[1:]} itself is done; of its parts below, some are not. The specification "
            "asks for:"
        )
    return {
        Action.BUILD: "",
        Action.HOLD: "**On hold.** The X column says `w` (wait): do not start before the row is approved.",
        Action.CHANGE: f"{whole[:1].upper()}{whole[1:]} is on the site already, and its specification changed "
        "afterwards "
        "(X column: `c`). The cells do not say what changed, so compare first. The specification now asks for:",
        Action.CHECK: "The X column says `x` (implemented and done): build nothing, only compare the site with this:",
        Action.REMOVE: f"The X column says `d` (to be deleted): take {whole} off the site. It was specified as "
        "follows:",
    }[action]


def _steps(draft: Draft, parts: list[Part], action: Action) -> str:
    export = "Run `drush config:export`, review the difference file by file, and commit it."
    if action is Action.CHECK:
        return prose.numbered(_check_steps(draft))
    if action is Action.REMOVE:
        return "\n\n".join(
            [f"**Data loss.** {draft.loss or _NO_DATA}", prose.numbered((*_BEFORE_REMOVAL, *draft.removal, export))]
        )
    if action is Action.CHANGE:
        mind = f"**Mind:** {draft.frozen}" if draft.frozen else ""
        return "\n\n".join(
            present(mind, prose.numbered((*_change_steps(draft), *_part_steps(parts), *draft.finish, export)))
        )
    return prose.numbered((*draft.steps, *_part_steps(parts), *draft.finish, export))


_NO_DATA: Final = "Only configuration goes; content stays."
_BEFORE_REMOVAL: Final = (
    "Take a database backup (`drush sql:dump`) and note where it is kept.",
    (
        "Find what still uses it: search the exported configuration for its name, and read the list of dependent "
        "configuration on Drupal's confirmation page before confirming."
    ),
)


def _check_steps(draft: Draft) -> tuple[str, ...]:
    return (
        *(f"Read the active configuration: {prose.code(command)}." for command in draft.inspections),
        "Compare it with the list above, setting by setting.",
        "Run `drush config:status`: the active configuration must equal the exported one.",
        "Report each difference as a ticket of its own; do not mend it in this one.",
    )


def _change_steps(draft: Draft) -> tuple[str, ...]:
    where = f"Open {prose.code(draft.edit)}" if draft.edit else "Open its edit form"
    return (
        *(f"Read what is there: {prose.code(command)}." for command in draft.inspections[:4]),
        f"{where} and bring every setting that differs in line with the list above; leave the rest alone.",
    )


def _part_steps(parts: list[Part]) -> tuple[str, ...]:
    return present(*(part.part_step for _, part in parts))


def _part_sections(parts: list[Part], *, removing: bool) -> list[str]:
    """One table per kind of part, in the order of the rows."""
    kinds: dict[str, list[Part]] = {}
    for entity, draft in parts:
        kinds.setdefault(entity["type"], []).append((entity, draft))
    return [_part_section(kind, members, removing=removing) for kind, members in kinds.items()]


def _part_section(kind: str, members: list[Part], *, removing: bool) -> str:
    noun = CSV_TYPES[kind].noun if kind in CSV_TYPES else "part"
    heads = ("Name", "Machine name", *members[0][1].heads, "Work")
    rows = [
        (
            prose.inline(draft.label, 60),
            prose.code(draft.machine_name, 60) if draft.machine_name else "",
            *draft.row,
            "goes with it" if removing else action_of(entity).value,
        )
        for entity, draft in members
    ]
    return prose.section(
        f"{noun.capitalize()}s", f"{prose.counted(len(members), noun).capitalize()}:", prose.table(heads, rows, 80)
    )


def first(entity: EntityPayload, draft: Draft, parts: list[Part]) -> str:
    """What the specification says must be there, by label; what is inside this ticket does not count."""
    inside = {entity["key"], *(part["key"] for part, _ in parts)}
    needs = {need["key"]: need for source in (entity, *(part for part, _ in parts)) for need in source["needs"]}
    outside = [need for key, need in needs.items() if key not in inside]
    blocking = [_need(need) for need in outside if need["kind"] == "blocks"]
    related = present(*(_need(need) for need in outside if need["kind"] != "blocks"))
    modules = list(dict.fromkeys((*draft.modules, *(module for _, part in parts for module in part.modules))))
    lines = [
        *(blocking or ["No other entity of the specification."]),
        f"Modules switched on: {prose.listed([prose.code(module) for module in modules])}." if modules else "",
        f"Related, not blocking: {prose.listed(related, most=15)}." if related else "",
    ]
    return prose.bullets(lines, 60)


def _need(need: Need) -> str:
    noun = CSV_TYPES[need["csv_type"]].noun if need["csv_type"] in CSV_TYPES else "entity"
    return f"{noun.capitalize()} {prose.named(need['label'], need['machine_name'])}"


_FATES: Final = {Action.REMOVE: (" (goes)", " (changes or goes)"), Action.CHECK: ("", "")}


def _configuration(draft: Draft, parts: list[Part], action: Action) -> str:
    """Names of configuration objects, own ones first; what only changes is said to."""
    own = present(*draft.objects, *(name for _, part in parts for name in part.objects))
    touched = present(draft.part_of, *draft.touched, *(name for _, part in parts for name in part.touched))
    goes, changes = _FATES.get(action, ("", " (changes)"))
    lines = [f"{prose.code(name)}{goes}" for name in own] + [
        f"{prose.code(name)}{changes}" for name in touched if name not in own
    ]
    return prose.bullets(lines, 60) or "The names follow from the decisions below."


def decisions(entity: EntityPayload, draft: Draft, parts: list[Part], action: Action) -> str:
    lines = [*_about_the_plan(entity, action), *draft.decisions]
    shared: dict[str, list[str]] = {}
    for part_entity, part in parts:
        for text in (*_about_the_plan(part_entity, action_of(part_entity)), *part.decisions):
            shared.setdefault(text, []).append(f"{part.noun} {prose.named(part.label, part.machine_name)}")
    lines += [f"{text} Concerns {prose.listed(names, most=12)}." for text, names in shared.items()]
    return prose.bullets(lines, 60) or NOTHING_OPEN


def _about_the_plan(entity: EntityPayload, action: Action) -> tuple[str, ...]:
    mark = entity["cells"].get("X", "").strip()
    if not mark:
        return ("The X column is empty: confirm that the row is approved.",)
    if mark.casefold() not in ACTIONS:
        return (
            (
                f"The X column holds {prose.quoted(mark, 40)}, which is not one of a, w, c, d, x; this ticket treats "
                "it as `a`."
            ),
        )
    return {
        Action.HOLD: ("The X column says `w`: who approves the row, and what is it waiting for?",),
        Action.REMOVE: ("The cells do not say what becomes of existing data: keep, move or delete?",),
    }.get(action, ())


# Verification


def verification(site: SiteContext, draft: Draft, parts: list[Part], action: Action) -> str:
    if action is Action.REMOVE:
        checks, scenario = _gone_checks(draft), _gone_scenario(draft)
    else:
        checks, scenario = _build_checks(draft, parts), draft.scenario
    feature = " ".join(
        part for part in (draft.noun, draft.label, draft.machine_name and f"({draft.machine_name})") if part
    )
    return f"{prose.numbered(checks, 60)}\n\n{gherkin(feature, scenario, site['site_name'])}"


def _build_checks(draft: Draft, parts: list[Part]) -> tuple[str, ...]:
    return (
        *draft.checks,
        *(_part_check(part_draft, action_of(part)) for part, part_draft in parts),
        "Run `drush config:status`: it must report no difference between the site and the exported configuration.",
    )


def _part_check(part: Draft, action: Action) -> str:
    name = f"{part.noun.capitalize()} {prose.named(part.label, part.machine_name)}"
    if action is Action.REMOVE:
        return f"{name}: it must be gone."
    if action is Action.HOLD:
        return f"{name}: on hold; skip it until it is approved."
    return f"{name}: {part.part_check}" if part.part_check else ""


def _gone_checks(draft: Draft) -> tuple[str, ...]:
    commands = [prose.code(command) for command in draft.inspections[:6]]
    outcome = f"it must no longer show the {draft.noun}" if draft.part_of else "it must report nothing of that name"
    return (
        *(f"Run {command}: {outcome}." for command in commands),
        f"Log in as an administrator and check that {_whole(draft)} is offered nowhere any more.",
        "Open pages that used it: they must load without an error or an empty frame.",
        "Open `/admin/reports/dblog`: no new errors may have appeared since the removal.",
        "Run `drush config:status`: it must report no difference between the site and the exported configuration.",
    )


def _gone_scenario(draft: Draft) -> Scenario:
    name = f"The {draft.noun} is gone"
    if draft.inspections:
        command = prose.spoken(draft.inspections[0], 200)
        return Scenario(
            name,
            ("the exported configuration is imported",),
            (f'I run "{command}"',),
            (f"the output shows no such {draft.noun}" if draft.part_of else "nothing of that name is found",),
        )
    return Scenario(
        name,
        ("the exported configuration is imported",),
        (f'I look for "{prose.spoken(draft.label)}" in the administration pages',),
        ("it is not offered",),
    )


def gherkin(feature: str, scenario: Scenario, site_name: str) -> str:
    """A fenced scenario. Every line starts with our own word, so that no cell can close the fence."""
    where = f" on {prose.spoken(site_name, 80)}" if site_name.strip() else ""
    lines = [f"Feature: {prose.spoken(feature, 160)}{where}", "", f"  Scenario: {scenario.name}"]
    for word, steps in (("Given", scenario.given), ("When", scenario.when), ("Then", scenario.then)):
        lines += [f"    {word if place == 0 else 'And'} {step}" for place, step in enumerate(steps)]
    return "\n".join(["```gherkin", *lines, "```"])
