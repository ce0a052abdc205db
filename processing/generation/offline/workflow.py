"""Workflows, their states and transitions."""

import re
from typing import Final

from sessions_app.parsing.payload import EntityPayload

from . import cells, prose
from .draft import Draft, Scenario, SiteContext, Story, notes, parent_name, place, present

_STATE_WORDS: Final = re.compile(r"(?:published|unpublished|not published|default[ _]revision|[ ,;.])*")
WORKFLOWS: Final = "/admin/config/workflow/workflows"


def write_workflow(entity: EntityPayload, site: SiteContext) -> Draft:
    label, machine_name = entity["data"]["label"], entity["data"]["machine_name"]
    name, kind = cells.usable(machine_name), cells.cell(entity, "Type")
    manage = f"{WORKFLOWS}/manage/{name}" if name else ""
    noted = cells.cell(entity, "Notes")
    bundles = [need for need in entity["needs"] if need["csv_type"] == "bundles"]
    used = prose.listed([prose.quoted(need["label"], 60) for need in bundles])
    moderates = kind.casefold() in {"", "content moderation", "content_moderation"}
    return Draft(
        noun="workflow",
        label=label,
        machine_name=machine_name,
        story=Story(
            "content editor",
            f"{used or 'content'} to pass through the workflow {prose.quoted(label, 80)}",
            "nothing is published before the right person has released it"
            if moderates
            else "each item is always in a known state",
        ),
        scenario=_workflow_scenario(label, bundles[0]["label"] if bundles else ""),
        intro=f"A workflow {prose.named(label, machine_name)}.",
        settings=present(f"Type: {prose.inline(kind, 60)}" if kind else "", *notes(entity)),
        steps=_workflow_steps(kind, label, machine_name, used, moderates=moderates),
        modules=("workflows", "content_moderation") if moderates else ("workflows",),
        edit=manage,
        objects=present(f"workflows.workflow.{name}" if name else ""),
        checks=_workflow_checks(manage, used),
        decisions=present(
            cells.machine_name_decision(machine_name),
            "" if kind else "The type of the workflow is not given: content moderation?",
            "" if noted or bundles else "The cells do not say to which bundles the workflow applies.",
            "The notes are prose; which bundles exactly does it apply to?" if noted and not bundles else "",
        ),
        removal=_workflow_removal(manage),
        loss="The moderation state of every item is lost; the items stay.",
    )


def _workflow_removal(manage: str) -> tuple[str, ...]:
    return (
        (
            "Decide for each moderated item whether it stays published; Drupal refuses to delete a workflow that "
            "is in use."
        ),
        "Untick all types under “This workflow applies to”.",
        (
            f"Delete it at {prose.code(f'{manage}/delete' if manage else WORKFLOWS)}, and take its permissions from "
            "the roles."
        ),
    )


def _workflow_checks(manage: str, used: str) -> tuple[str, ...]:
    return present(
        f"Open {prose.code(manage or WORKFLOWS)}: label, states and transitions must be as specified.",
        f"Create one item of each of {used}: the form must offer the moderation states." if used else "",
        "Take one item through every transition as a user who may: each must lead to its state.",
        "Try a transition as a user who may not: it must not be offered.",
        "As an anonymous visitor, open an item that is not published: access must be denied.",
    )


def _workflow_steps(kind: str, label: str, machine_name: str, used: str, *, moderates: bool) -> tuple[str, ...]:
    return present(
        f"At `{WORKFLOWS}/add`, add "
        f"{prose.named(label, machine_name)}{f' of the type {prose.quoted(kind, 60)}' if kind else ''}.",
        "Drupal brings the states Draft and Published with a new content moderation workflow: adapt or remove "
        "them as the rows of "
        "the states say."
        if moderates
        else "",
        f"Under “This workflow applies to”, tick {used}." if used else "",
    )


def _workflow_scenario(label: str, bundle: str) -> Scenario:
    item = f'a new item of the type "{prose.spoken(bundle, 80)}"' if bundle else "a new item of a moderated type"
    return Scenario(
        "Unpublished work stays hidden",
        (
            f'the workflow "{prose.spoken(label, 80)}" applies to the type',
            f"{item} is saved in a state that is not published",
        ),
        ("an anonymous visitor opens the item",),
        ("access is denied",),
    )


# States


def write_state(entity: EntityPayload, site: SiteContext) -> Draft:
    label, machine_name = entity["data"]["label"], entity["data"]["machine_name"]
    workflow, workflow_name = _workflow(entity)
    name = cells.usable(machine_name)
    manage = f"{WORKFLOWS}/manage/{workflow_name}" if workflow_name else ""
    marks = cells.cell(entity, "Notes").casefold()
    published, default = "unpublished" not in marks and "published" in marks, "default" in marks
    unsaid = "" if marks else " (the notes do not say so)"
    visible = "public" if published else "hidden from the public"
    return Draft(
        noun="state",
        label=label,
        machine_name=machine_name,
        verb="Add",
        place=place("workflow", workflow, workflow_name),
        story=Story(
            "content editor",
            f"a state {prose.quoted(label, 80)} in the workflow {prose.quoted(workflow, 80)}",
            "everybody sees how far an item has come" + (" and that it is public" if published else ""),
        ),
        scenario=Scenario(
            f"An item in this state is {'shown' if published else 'not shown'} to the public",
            (f'an item is in the state "{prose.spoken(label, 80)}" of the workflow "{prose.spoken(workflow, 80)}"',),
            ("an anonymous visitor opens the item",),
            ("the item is shown" if published else "the item's content in this state is not shown",),
        ),
        intro=f"A state {prose.named(label, machine_name)} of the workflow {prose.quoted(workflow, 80)}.",
        settings=_state_settings(entity, marks, unsaid, default=default, published=published),
        steps=_state_steps(label, machine_name, manage, default=default, published=published),
        modules=("content_moderation",),
        edit=f"{manage}/state/{name}" if manage and name else manage,
        part_of=f"workflows.workflow.{workflow_name}" if workflow_name else "",
        part_key=f"type_settings.states.{name}" if name else "type_settings.states",
        checks=_state_checks(manage, visible),
        decisions=_state_decisions(machine_name, marks, workflow_name),
        removal=_state_removal(manage),
        loss="Items lose this state; their content stays.",
        heads=("Published", "Default revision"),
        row=("yes" if published else "no", "yes" if default or published else "no"),
        part_step=f"Add the states of the table below{f' at {prose.code(manage)}' if manage else ''}.",
        part_check=f"an item in this state must be {visible}.",
    )


def _state_removal(manage: str) -> tuple[str, ...]:
    return (
        "Move every item that is in this state to another one; Drupal refuses to delete a state that is in use.",
        (
            f"Delete the state at {prose.code(manage) if manage else f'`{WORKFLOWS}`'}; transitions that lead to or "
            "from it go with it."
        ),
    )


def _state_checks(manage: str, visible: str) -> tuple[str, ...]:
    return (
        f"Open {prose.code(manage or WORKFLOWS)}: the state must be listed.",
        f"Bring an item into this state and save: the item must be {visible}.",
        "Look at `/admin/content/moderated` or the item's own page: the state must be named there.",
    )


def _state_settings(
    entity: EntityPayload, marks: str, unsaid: str, *, default: bool, published: bool
) -> tuple[str, ...]:
    return (
        f"Published: {'yes' if published else 'no'}{unsaid}",
        f"Default revision: {'yes' if default or published else 'no'}{unsaid}",
        *(() if _STATE_WORDS.fullmatch(marks) else notes(entity)),
    )


def _state_steps(label: str, machine_name: str, manage: str, *, default: bool, published: bool) -> tuple[str, ...]:
    return (
        (
            f"At {prose.code(f'{manage}/add_state') if manage else f'`{WORKFLOWS}`'}, add the state "
            f"{prose.named(label, machine_name)}."
        ),
        (
            f"{'Tick' if published else 'Leave'} “Published”{'' if published else ' empty'}; "
            f"{'tick' if default or published else 'leave'} “Default "
            f"revision”{'' if default or published else ' empty'}."
        ),
    )


def _state_decisions(machine_name: str, marks: str, workflow_name: str) -> tuple[str, ...]:
    return present(
        cells.machine_name_decision(machine_name),
        ""
        if marks
        else "The notes do not say whether the state is published and a default revision; this ticket reads "
        "that as no.",
        "" if workflow_name else "The workflow is not in the specification, or its machine name is unknown.",
    )


def _workflow(entity: EntityPayload) -> tuple[str, str]:
    return entity["parent_label"] or cells.raw(entity, "Workflow"), cells.usable(parent_name(entity, "workflows"))


# Transitions


def write_transition(entity: EntityPayload, site: SiteContext) -> Draft:
    label, machine_name = entity["data"]["label"], entity["data"]["machine_name"]
    workflow, workflow_name = _workflow(entity)
    name = cells.usable(machine_name)
    manage = f"{WORKFLOWS}/manage/{workflow_name}" if workflow_name else ""
    sources, target = cells.options(cells.cell(entity, "From state")), cells.cell(entity, "To state")
    noted = cells.cell(entity, "Notes")
    come = prose.listed([prose.quoted(state, 60) for state in sources], last="or")
    way = f"from {come} to {prose.quoted(target, 60)}" if come else f"to {prose.quoted(target, 60)}"
    permission = f"use {workflow_name} transition {name}" if workflow_name and name else ""
    granted = f"grant {prose.code(permission)}" if permission else f"grant the use of {prose.quoted(label, 80)}"
    return Draft(
        noun="transition",
        label=label,
        machine_name=machine_name,
        verb="Add",
        place=place("workflow", workflow, workflow_name),
        story=Story(
            "moderator",
            f"to move an item {way} with {prose.quoted(label, 80)}",
            "its state always shows what was decided",
        ),
        scenario=_transition_scenario(label, sources, target),
        intro=f"A transition {prose.named(label, machine_name)} in the workflow {prose.quoted(workflow, 80)}, {way}.",
        settings=_transition_settings(entity, come, permission, target),
        steps=(
            (
                f"At {prose.code(f'{manage}/add_transition') if manage else f'`{WORKFLOWS}`'}, add "
                f"{prose.named(label, machine_name)} {way}."
            ),
            f"At `/admin/people/permissions`, {granted} as the notes say: {prose.inline(noted, 200)}."
            if noted
            else f"At `/admin/people/permissions`, {granted} to the roles that are agreed on.",
        ),
        modules=("content_moderation",),
        edit=f"{manage}/transition/{name}" if manage and name else manage,
        part_of=f"workflows.workflow.{workflow_name}" if workflow_name else "",
        part_key=f"type_settings.transitions.{name}" if name else "type_settings.transitions",
        checks=_transition_checks(come, manage, sources, target, way),
        decisions=_transition_decisions(machine_name, noted, sources, target, workflow_name),
        removal=_transition_removal(manage, permission),
        loss="No content goes, but make sure that no state becomes a dead end.",
        heads=("From", "To", "Notes"),
        row=(prose.inline(", ".join(sources), 100), prose.inline(target, 60), prose.inline(noted, 120)),
        part_step=f"Add the transitions of the table below{f' at {prose.code(manage)}' if manage else ''} and grant "
        "their permissions.",
        part_check=f"take an item {way} as a user who may; a user who may not must not be offered it.",
    )


def _transition_removal(manage: str, permission: str) -> tuple[str, ...]:
    return (
        f"Take {prose.code(permission) if permission else 'its permission'} from all roles.",
        f"Delete the transition at {prose.code(manage) if manage else f'`{WORKFLOWS}`'}.",
    )


def _transition_settings(entity: EntityPayload, come: str, permission: str, target: str) -> tuple[str, ...]:
    return present(
        f"From: {come}" if come else "",
        f"To: {prose.quoted(target, 60)}" if target else "",
        f"Permission: {prose.code(permission)}" if permission else "",
        *notes(entity),
    )


def _transition_decisions(
    machine_name: str, noted: str, sources: list[str], target: str, workflow_name: str
) -> tuple[str, ...]:
    return present(
        cells.machine_name_decision(machine_name),
        "" if sources else "The state that it starts from is not given.",
        "" if target else "The state that it leads to is not given.",
        "" if noted else "The cells do not say which roles may use it.",
        "" if workflow_name else "The workflow is not in the specification, or its machine name is unknown.",
    )


def _transition_checks(come: str, manage: str, sources: list[str], target: str, way: str) -> tuple[str, ...]:
    return present(
        f"Open {prose.code(manage or WORKFLOWS)}: the transition must be listed {way}.",
        *(
            f"Take an item that is in {prose.quoted(state, 60)} to {prose.quoted(target, 60)} as a user who may."
            for state in sources
        ),
        "Open the form of such an item as a user without the permission: the transition must not be offered.",
        f"Open an item in a state other than {come}: the transition must not be offered." if come else "",
    )


def _transition_scenario(label: str, sources: list[str], target: str) -> Scenario:
    start = (
        f'an item is in the state "{prose.spoken(sources[0], 60)}"'
        if sources
        else "an item is in a state where the transition starts"
    )
    name, end = prose.spoken(label, 80), prose.spoken(target, 60)
    return Scenario(
        "A user with the permission moves an item",
        (start, f'I am logged in as a user who may use the transition "{name}"'),
        (f'I save the item with the moderation state "{end}"',),
        (f'the item is in the state "{end}"',),
    )
