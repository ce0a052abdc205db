"""Workspaces and their members. A workspace never loses its last owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.text import slugify

from sessions_app import doors
from sessions_app.errors import WrongState
from sessions_app.models import AuditEvent, Membership, Workspace

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    Person = AbstractBaseUser | AnonymousUser


def create_workspace(name: str, *, owner: AbstractBaseUser) -> Workspace:
    """Make a workspace with its first owner; the slug comes from the name and is made unique."""
    base = slugify(name)[:50] or "workspace"
    slug, number = base, 1
    with transaction.atomic():
        while Workspace.objects.filter(slug=slug).exists():
            number += 1
            slug = f"{base}-{number}"
        workspace = Workspace.objects.create(name=name, slug=slug)
        Membership.objects.create(workspace=workspace, user_id=owner.pk, role=Membership.Role.OWNER)
        AuditEvent.record("workspace.created", workspace, by=owner)
    return workspace


def add_member(workspace: Workspace, user: AbstractBaseUser, role: str, *, by: Person) -> Membership:
    """Make a user a member, or give a member another role."""
    membership = workspace.memberships.filter(user_id=user.pk).first()
    if membership:
        return change_role(membership, role, by=by)
    with transaction.atomic():
        membership = Membership.objects.create(workspace=workspace, user_id=user.pk, role=role)
        AuditEvent.record("member.added", workspace, by=by, details={"user": user.get_username(), "role": role})
    return membership


def change_role(membership: Membership, role: str, *, by: Person) -> Membership:
    """Raises WrongState for an unknown role and for the last owner."""
    if role not in Membership.Role.values:
        raise WrongState("There is no such role.")
    with transaction.atomic():
        _keep_an_owner(membership, stays=role == Membership.Role.OWNER)
        membership.role = role
        membership.save(update_fields=["role"])
        AuditEvent.record(
            "member.changed",
            membership.workspace,
            by=by,
            details={"user": membership.user.get_username(), "role": role},
        )
        doors.look_again(membership.user_id)
    return membership


def remove_member(membership: Membership, *, by: Person) -> None:
    """Raises WrongState for the last owner."""
    with transaction.atomic():
        _keep_an_owner(membership, stays=False)
        AuditEvent.record(
            "member.removed", membership.workspace, by=by, details={"user": membership.user.get_username()}
        )
        doors.look_again(membership.user_id)
        membership.delete()


def _keep_an_owner(membership: Membership, *, stays: bool) -> None:
    Workspace.objects.select_for_update().get(pk=membership.workspace_id)
    owners = Membership.objects.filter(workspace=membership.workspace_id, role=Membership.Role.OWNER)
    if not stays and not owners.exclude(pk=membership.pk).exists():
        raise WrongState("A workspace needs an owner. Make somebody else owner first.")
