"""Sessions: made, changed, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import transaction

from sessions_app.errors import AppError, WrongState
from sessions_app.models import AuditEvent, Session, Workspace
from sessions_app.models.workspaces import MAY_EDIT

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

UNFINISHED = ("pending", "running", "paused")


class NoWorkspace(AppError):
    """The user has no workspace, or several and named none."""

    code = "no_workspace"


def default_workspace(user: AbstractBaseUser | AnonymousUser) -> Workspace:
    """The workspace of a user who may edit in exactly one. Raises NoWorkspace otherwise."""
    mine = list(Workspace.objects.editable_by(user)[:2])
    if len(mine) != 1:
        reason = "You may not edit in any workspace." if not mine else "You are in several workspaces: say which one."
        raise NoWorkspace(reason)
    return mine[0]


def create_session(workspace: Workspace, *, by: AbstractBaseUser | AnonymousUser | None, **fields: Any) -> Session:
    """Make a session with the workspace's next number."""
    with transaction.atomic():
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        session = Session(workspace=workspace, created_by_id=by.pk if by else None, **fields)
        session.full_clean(exclude=["number", "workspace", "created_by"])
        session.save()
        AuditEvent.record("session.created", session, by=by)
    return session


def change_session(session: Session, *, by: AbstractBaseUser | AnonymousUser | None, **fields: Any) -> Session:
    """Change what was chosen for a session; not while a run that uses it is under way."""
    with transaction.atomic():
        refuse_while_running(session)
        for name, value in fields.items():
            setattr(session, name, value)
        session.full_clean(exclude=["workspace", "created_by"])
        session.save(update_fields=list(fields))
        session.touch()
        AuditEvent.record("session.changed", session, by=by, details={"fields": sorted(fields)})
    return session


def delete_session(session: Session, *, by: AbstractBaseUser | AnonymousUser | None) -> None:
    """Remove a session with its files and tickets. The audit log keeps that it was there."""
    with transaction.atomic():
        refuse_while_running(session)
        AuditEvent.record("session.deleted", session, by=by, details={"tickets": session.tickets.count()})
        session.delete()


def refuse_while_running(session: Session) -> None:
    """What a run reads must not change under it."""
    if session.tasks.filter(status__in=UNFINISHED).exists():
        raise WrongState("A run is under way on this session. Wait for its end or cancel it first.")


def require_editor(workspace: Workspace, user: AbstractBaseUser | AnonymousUser) -> None:
    """Raises PermissionDenied unless the user may edit in this workspace."""
    if workspace.role_of(user) not in MAY_EDIT:
        raise PermissionDenied("Your role in this workspace does not allow that.")
