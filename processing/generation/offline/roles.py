"""User roles and their permissions."""

import re
from typing import Final

from sessions_app.parsing.payload import EntityPayload

from . import cells, prose
from .draft import Draft, Scenario, SiteContext, Story, notes, present
from .drupal import CORE_ROLES

_PERMISSIONS: Final = re.compile(r"^\s*(?:\d+ )?permissions?:\s*(.+)$", re.IGNORECASE | re.DOTALL)
_ALL_PERMISSIONS: Final = re.compile(r"^\s*all permissions\b", re.IGNORECASE)


def write_role(entity: EntityPayload, site: SiteContext) -> Draft:
    label, machine_name = entity["data"]["label"], entity["data"]["machine_name"]
    name, noted = cells.usable(machine_name), cells.cell(entity, "Notes")
    listed = _PERMISSIONS.match(noted[:60_000])
    permissions = cells.options(listed[1]) if listed else []
    everything = bool(_ALL_PERMISSIONS.match(noted))
    in_core = name in CORE_ROLES
    edit = f"/admin/people/roles/manage/{name}" if name else ""
    matrix = f"/admin/people/permissions/{name}" if name else "/admin/people/permissions"
    quoted = prose.quoted(label, 80)
    return Draft(
        noun="user role",
        label=label,
        machine_name=machine_name,
        verb="Set up" if in_core else "Create",
        story=_role_story(quoted, len(permissions), everything=everything, in_core=in_core),
        scenario=_role_scenario(label, permissions),
        intro=f"The role {prose.named(label, machine_name)}.",
        settings=_role_settings(entity, permissions),
        steps=present(
            "Drupal brings this role; do not add it." if in_core else _role_made(label, machine_name, name),
            "Tick it as administrator role at `/admin/people/role-settings`." if everything else "",
            "" if everything else _granting(name, matrix, permissions),
        ),
        edit=edit,
        objects=present(f"user.role.{name}" if name else ""),
        checks=_role_checks(matrix, permissions, everything=everything),
        decisions=present(
            cells.machine_name_decision(machine_name),
            "" if permissions or everything else "The cells do not list the permissions of the role.",
        ),
        removal=(
            "Give the accounts that have only this role another one, if they are still needed.",
            "Take the role out of views, blocks and other settings that ask for it.",
            "Drupal does not let this role be deleted: take its permissions away instead."
            if in_core
            else f"Delete it at {prose.code(f'{edit}/delete' if edit else '/admin/people/roles')}.",
        ),
        loss="Accounts stay, but lose this role and what it allowed them.",
    )


def _role_story(quoted: str, permissions: int, *, everything: bool, in_core: bool) -> Story:
    if everything:
        return Story(
            "site administrator",
            f"the role {quoted} to hold all permissions",
            "the site can be run without asking a developer",
        )
    rights = (
        f"the {prose.counted(permissions, 'permission')} specified for it"
        if permissions
        else "the permissions it needs"
    )
    people = "every visitor of this kind" if in_core else "each person"
    return Story(
        "site administrator", f"the role {quoted} with {rights}", f"{people} can do their work and no more than that"
    )


def _role_settings(entity: EntityPayload, permissions: list[str]) -> tuple[str, ...]:
    if not permissions:
        return notes(entity)
    return (
        f"Permissions ({len(permissions)}): {prose.listed([prose.code(right, 80) for right in permissions], most=100)}",
    )


def _role_made(label: str, machine_name: str, name: str) -> str:
    command = f", or run {prose.code(f'drush role:create {name}')} and set the label" if name else ""
    return f"At `/admin/people/roles/add`, add {prose.named(label, machine_name)}{command}."


def _granting(name: str, matrix: str, permissions: list[str]) -> str:
    if not permissions:
        return f"Agree on its permissions, write them down here, and grant them at {prose.code(matrix)}."
    granted = f"At {prose.code(matrix)}, grant exactly the permissions listed above"
    plain = [right for right in permissions if re.fullmatch(r"[\w .-]{1,80}", right)]
    if not (name and plain):
        return f"{granted}."
    command = f"drush role:perm:add {name} '{plain[0]}'"
    return f"{granted}; from the command line, once per permission: {prose.code(command)}."


def _role_checks(matrix: str, permissions: list[str], *, everything: bool) -> tuple[str, ...]:
    return present(
        f"Open {prose.code(matrix)}: exactly the specified permissions must be ticked." if permissions else "",
        "Open `/admin/people/role-settings`: the role must be the administrator role." if everything else "",
        "Create a test account that has this role only, and log in with it.",
        *(f"Check that the account can use {prose.code(right, 80)}." for right in permissions[:5]),
        "Try something that is not among its permissions: access must be denied." if not everything else "",
        "Open `/admin/people/permissions` with the test account: "
        + ("it must open." if everything or "administer permissions" in permissions else "access must be denied."),
    )


def _role_scenario(label: str, permissions: list[str]) -> Scenario:
    name = prose.spoken(label, 80)
    if permissions:
        return Scenario(
            "The role has its permissions and no others",
            (f'a test account has only the role "{name}"',),
            (
                f'it does something that needs the permission "{prose.spoken(permissions[0], 80)}"',
                "it does something that it may not",
            ),
            ("the first is allowed", "the second is denied"),
        )
    return Scenario(
        "The role can be given to an account",
        ("I am logged in as an administrator",),
        (f'I give the role "{name}" to a test account',),
        (f'the account has the role "{name}"', "it can do what was agreed for the role"),
    )
