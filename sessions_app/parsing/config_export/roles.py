"""Rows for user roles with their permissions."""

from collections.abc import Iterator

from .objects import ConfigObject, ConfigObjects, is_on, text, texts, whole
from .tabs import Record


def roles_in_order(objects: ConfigObjects) -> list[ConfigObject]:
    """As Drupal lists them: by weight."""
    return sorted(objects.of_kind("user.role"), key=lambda role: whole(role.values, "weight"))


def user_role_records(objects: ConfigObjects) -> Iterator[Record]:
    for role in roles_in_order(objects):
        yield (
            role.origin,
            {
                "Name": text(role.values, "label") or role.id,
                "Machine name": role.id,
                "Notes": _permissions(role),
            },
        )


def _permissions(role: ConfigObject) -> str:
    if is_on(role.values, "is_admin"):
        return "All permissions (administrator role)"
    granted = texts(role.values, "permissions")
    noun = "permission" if len(granted) == 1 else "permissions"
    return f"{len(granted)} {noun}: {', '.join(granted)}" if granted else ""
