"""Text that is encrypted at rest, with keys of its own (settings.FIELD_ENCRYPTION_KEYS)."""

from __future__ import annotations

from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

from processing.errors import ProcessingError
from sessions_app.errors import Category


class WrongEncryptionKey(ProcessingError):
    """A secret was encrypted with a key that is not among those configured."""

    code = "wrong_encryption_key"


def _cipher() -> MultiFernet:
    """The first key encrypts, all of them decrypt: so a key is rotated by putting a new one in front."""
    try:
        return MultiFernet([Fernet(key) for key in settings.FIELD_ENCRYPTION_KEYS])
    except ValueError:
        raise WrongEncryptionKey(
            "FIELD_ENCRYPTION_KEYS does not hold usable keys (32 random bytes each, as URL-safe base64).",
            Category.ADMIN_REQUIRED,
        ) from None


class Secret:
    """An encrypted text on its way from the database. It shows itself to nobody: only :meth:`reveal` decrypts."""

    __slots__ = ("_token",)

    def __init__(self, token: str) -> None:
        self._token = token

    @classmethod
    def of(cls, text: str) -> Secret:
        return cls(_cipher().encrypt(text.encode()).decode() if text else "")

    def reveal(self) -> str:
        """The text. Raises WrongEncryptionKey if none of the configured keys opens it."""
        if not self._token:
            return ""
        try:
            return _cipher().decrypt(self._token.encode()).decode()
        except InvalidToken:
            raise WrongEncryptionKey(
                "A stored key cannot be read: it was encrypted with another FIELD_ENCRYPTION_KEYS.",
                Category.ADMIN_REQUIRED,
                recovery_actions=("Put the former key back behind the present one.", "Or enter the secret again."),
            ) from None

    def encrypted(self) -> str:
        """What the database holds."""
        return self._token

    def __bool__(self) -> bool:
        return bool(self._token)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._token == other._token

    def __hash__(self) -> int:
        return hash(self._token)

    def __repr__(self) -> str:
        return "Secret(•••)" if self else "Secret()"

    __str__ = __repr__


class EncryptedTextField(models.TextField[Any, Any]):
    """Holds a :class:`Secret`. A plain text that is assigned gets encrypted when it is saved; dumps hold ciphertext."""

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Secret:
        return Secret(value or "")

    def to_python(self, value: Any) -> Secret:
        return value if isinstance(value, Secret) else Secret(str(value or ""))

    def get_prep_value(self, value: Any) -> str:
        return (value if isinstance(value, Secret) else Secret.of(str(value or ""))).encrypted()

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj))
