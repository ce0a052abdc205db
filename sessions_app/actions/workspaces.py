"""Workspaces and their members. A workspace never loses its last owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.text import slugify

from sessions_app import doors
from sessions_app.errors import WrongState
from sessions_app.models import AuditEvent, Invitation, Membership, Workspace

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
        # What somebody who is shown out had prepared must not let them, or a friend, in again.
        membership.workspace.invitations.open().filter(made_by_id=membership.user_id).delete()
        membership.delete()


def invite(workspace: Workspace, role: str, *, by: Person) -> tuple[Invitation, str]:
    """(the invitation, its token). Raises WrongState for an unknown role."""
    if role not in Membership.Role.values:
        raise WrongState("There is no such role.")
    with transaction.atomic():
        made, token = Invitation.make(workspace, role, by=by)
        AuditEvent.record("member.invited", workspace, by=by, details={"invitation": str(made.pk), "role": role})
    return made, token


def withdraw(invitation: Invitation, *, by: Person) -> None:
    """Nobody gets in by it any more."""
    with transaction.atomic():
        details = {"invitation": str(invitation.pk), "role": invitation.role}
        AuditEvent.record("member.invitation_withdrawn", invitation.workspace, by=by, details=details)
        invitation.delete()


def accept(token: str, *, by: Person) -> Workspace:
    """Join by a link. It neither changes the role of one who belongs already nor is it used up by them.

    Raises WrongState for a token that is unknown, used, withdrawn or too old; which of these is not said.
    """
    invitation = Invitation.objects.of_token(token).select_related("workspace").first()
    if invitation is not None and invitation.workspace.role_of(by):
        raise WrongState(f"You belong to {invitation.workspace} already.")
    with transaction.atomic():
        if invitation is None or not invitation.take(by=by):
            raise WrongState("This invitation does not open anything, or no longer. Ask for a new one.")
        Membership.objects.get_or_create(
            workspace=invitation.workspace, user_id=int(by.pk or 0), defaults={"role": invitation.role}
        )
        details = {"user": by.get_username(), "role": invitation.role, "invitation": str(invitation.pk)}
        AuditEvent.record("member.joined", invitation.workspace, by=by, details=details)
    return invitation.workspace


def _keep_an_owner(membership: Membership, *, stays: bool) -> None:
    Workspace.objects.select_for_update().get(pk=membership.workspace_id)
    owners = Membership.objects.filter(workspace=membership.workspace_id, role=Membership.Role.OWNER)
    if not stays and not owners.exclude(pk=membership.pk).exists():
        raise WrongState("A workspace needs an owner. Make somebody else owner first.")
