"""Rows for workflows, their states and their transitions, with the roles that may use them."""

import re
from collections import defaultdict
from collections.abc import Iterator

from .bundle_names import BundleKey, BundleNames
from .documents import Value
from .objects import ConfigObject, ConfigObjects, by_weight, is_on, mapping, text, texts
from .roles import roles_in_order
from .tabs import Record, joined
from .words import WORKFLOW_TYPES, word

_USE_TRANSITION = re.compile(r"use (?P<workflow>\S+) transition (?P<transition>\S+)")


def workflow_records(objects: ConfigObjects, names: BundleNames) -> Iterator[Record]:
    for workflow in objects.of_kind("workflows.workflow"):
        used_on = joined(names.tokens(moderated_bundles(workflow)))
        yield (
            workflow.origin,
            {
                "Label": _label(workflow),
                "Machine name": workflow.id,
                "Type": word(WORKFLOW_TYPES, text(workflow.values, "type")),
                "Notes": f"Used on: {used_on}" if used_on else "",
            },
        )


def moderated_bundles(workflow: ConfigObject) -> list[BundleKey]:
    entity_types = mapping(workflow.values, "type_settings", "entity_types")
    return [(entity_type, bundle) for entity_type in entity_types for bundle in texts(entity_types, entity_type)]


def workflow_state_records(objects: ConfigObjects) -> Iterator[Record]:
    for workflow in objects.of_kind("workflows.workflow"):
        for machine_name, state in _states(workflow):
            yield (
                workflow.origin,
                {
                    "Workflow": _label(workflow),
                    "Label": text(state, "label") or machine_name,
                    "Machine name": machine_name,
                    "Notes": joined(trait for trait in ("published", "default_revision") if is_on(state, trait)),
                },
            )


def workflow_transition_records(objects: ConfigObjects) -> Iterator[Record]:
    """A row for each state that a transition starts from, as in the sheet; one without any is a row all the same."""
    roles = _roles_by_transition(objects)
    for workflow in objects.of_kind("workflows.workflow"):
        labels = {machine_name: text(state, "label") or machine_name for machine_name, state in _states(workflow)}
        for machine_name, transition in by_weight(mapping(workflow.values, "type_settings", "transitions").items()):
            may_use = roles.get((workflow.id, machine_name), [])
            target = text(transition, "to")
            for start in texts(transition, "from") or [""]:
                yield (
                    workflow.origin,
                    {
                        "Workflow": _label(workflow),
                        "Label": text(transition, "label") or machine_name,
                        "Machine name": machine_name,
                        "From state": labels.get(start, start),
                        "To state": labels.get(target, target),
                        "Notes": f"{joined(may_use)} can use" if may_use else "",
                    },
                )


def _label(workflow: ConfigObject) -> str:
    return text(workflow.values, "label") or workflow.id


def _states(workflow: ConfigObject) -> list[tuple[str, Value]]:
    return by_weight(mapping(workflow.values, "type_settings", "states").items())


def _roles_by_transition(objects: ConfigObjects) -> dict[tuple[str, str], list[str]]:
    """Labels of the roles that hold the permission ``use <workflow> transition <transition>``."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for role in roles_in_order(objects):
        for permission in texts(role.values, "permissions"):
            if use := _USE_TRANSITION.fullmatch(permission):
                found[use["workflow"], use["transition"]].append(text(role.values, "label") or role.id)
    return found
