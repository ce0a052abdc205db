"""The second step of signing in (django-allauth's MFA): its secrets are encrypted like all others that are kept."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter

from processing.models.encrypted import Secret


class MFAAdapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return Secret.of(text).encrypted()

    def decrypt(self, encrypted_text: str) -> str:
        """Raises WrongEncryptionKey if none of the configured keys opens it."""
        return Secret(encrypted_text).reveal()
