"""What can go wrong for a reason that a person can be told.

Every error has a code for programs, a sentence for people, a category that says who can mend it, and recovery actions.
Anything else that is raised is a bug: it is logged with its traceback and shown as a calm sentence with the request id.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar


class Category(StrEnum):
    """Who mends it: the person with the data, an administrator, or time (requirements A-132 to A-134)."""

    USER_FIXABLE = "user_fixable"
    ADMIN_REQUIRED = "admin_required"
    TEMPORARY = "temporary"


class AppError(Exception):
    """Base of all expected errors. ``details`` goes to programs as it is, so it holds no secrets."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 400
    category: Category = Category.USER_FIXABLE
    recovery_actions: tuple[str, ...] = ()

    def __init__(
        self, message: str, *, details: dict[str, Any] | None = None, recovery_actions: tuple[str, ...] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or {}
        if recovery_actions is not None:
            self.recovery_actions = recovery_actions


class WrongState(AppError):
    """The thing is not in a state in which this can be done."""

    code = "wrong_state"
    http_status = 409
    recovery_actions = ("Reload the page and look at the present state.",)


class StaleEdit(AppError):
    """Somebody else changed the text since it was read; ``details`` holds the present version."""

    code = "stale_edit"
    http_status = 409
    recovery_actions = ("Compare both texts and save again.",)


class InvalidUpload(AppError):
    """A file or a pasted table cannot be imported."""

    code = "invalid_upload"
    http_status = 422
    recovery_actions = ("Correct the file and upload it again.",)


class TooLarge(AppError):
    """More than a limit allows."""

    code = "too_large"
    http_status = 413
    recovery_actions = ("Split the file or remove what is not needed.",)


class NothingToDo(AppError):
    """The request is fine but there is nothing it could act on."""

    code = "nothing_to_do"
    http_status = 409


class CyclicDependency(AppError):
    """A dependency would close a cycle; ``details["path"]`` names it."""

    code = "cyclic_dependency"
    http_status = 409
    recovery_actions = ("Remove one of the dependencies on the path first.",)


class TooManyRequests(AppError):
    """Too often within an hour; ``retry_after``: seconds until it may be tried again."""

    code = "too_many_requests"
    http_status = 429
    category = Category.TEMPORARY
    recovery_actions = ("Wait and try again.",)

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NoStorage(AppError):
    """The disk is full or cannot be written to."""

    code = "no_storage"
    http_status = 507
    category = Category.ADMIN_REQUIRED
    recovery_actions = ("Tell an administrator, then upload again.",)
