"""Uploads that wait for a person's word. Nothing durable is written before the import is confirmed.

A batch lies in the file storage under names of our own; the stranger's file name is only data in its index. Batches
that nobody confirms are pruned.
"""

from __future__ import annotations

import json
import logging
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from sessions_app.errors import NoStorage, WrongState

logger = logging.getLogger(__name__)

ROOT = "staging"


@dataclass(slots=True)
class StagedFile:
    """One upload of a batch: its name as data and what was chosen per tab (tab name -> choices)."""

    number: int
    filename: str
    size: int
    choices: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Batch:
    """Files of one drop, bound to one session."""

    session_id: uuid.UUID
    id: uuid.UUID
    files: list[StagedFile]

    @property
    def folder(self) -> str:
        return f"{ROOT}/{self.session_id}/{self.id}"

    def bytes_of(self, staged: StagedFile) -> bytes:
        """Raises WrongState if the batch was confirmed, discarded or pruned in the meantime."""
        try:
            with default_storage.open(f"{self.folder}/{staged.number}.bin") as stored:
                data: bytes = stored.read()
        except FileNotFoundError:
            raise WrongState("This preview is over. Upload the files again.") from None
        return data

    def save(self) -> None:
        """Write the index: file names and choices."""
        name = f"{self.folder}/index.json"
        default_storage.delete(name)
        default_storage.save(name, ContentFile(json.dumps([asdict(staged) for staged in self.files]).encode()))

    def discard(self) -> None:
        for staged in self.files:
            default_storage.delete(f"{self.folder}/{staged.number}.bin")
        default_storage.delete(f"{self.folder}/index.json")
        default_storage.delete(self.folder)


def stage(session_id: uuid.UUID, uploads: list[tuple[str, bytes]]) -> Batch:
    """Keep uploads for a preview. ``uploads``: (file name, bytes). Raises NoStorage if the disk takes nothing."""
    batch = Batch(session_id, uuid.uuid4(), [])
    try:
        for number, (filename, data) in enumerate(uploads):
            batch.files.append(StagedFile(number, filename, len(data)))
            default_storage.save(f"{batch.folder}/{number}.bin", ContentFile(data))
        batch.save()
    except OSError as error:
        logger.error("an upload cannot be stored: %s", error)
        with suppress(OSError):
            batch.discard()
        raise NoStorage("The upload cannot be stored just now.") from None
    return batch


def load(session_id: uuid.UUID, batch_id: uuid.UUID) -> Batch | None:
    """The batch, or None if it was confirmed, discarded or pruned."""
    name = f"{ROOT}/{session_id}/{batch_id}/index.json"
    if not default_storage.exists(name):
        return None
    with default_storage.open(name) as stored:
        return Batch(session_id, batch_id, [StagedFile(**entry) for entry in json.load(stored)])


def prune() -> int:
    """Remove batches older than STAGING_SECONDS, half-written ones included; returns how many."""
    pruned = 0
    deadline = timezone.now() - timedelta(seconds=settings.STAGING_SECONDS)
    for session_id in _folders(ROOT):
        for batch_id in _folders(f"{ROOT}/{session_id}"):
            folder = f"{ROOT}/{session_id}/{batch_id}"
            names = default_storage.listdir(folder)[1]
            if all(default_storage.get_modified_time(f"{folder}/{name}") < deadline for name in names):
                for name in names:
                    default_storage.delete(f"{folder}/{name}")
                default_storage.delete(folder)
                pruned += 1
        if not any(default_storage.listdir(f"{ROOT}/{session_id}")):
            default_storage.delete(f"{ROOT}/{session_id}")
    return pruned


def _folders(path: str) -> list[str]:
    return default_storage.listdir(path)[0] if default_storage.exists(path) else []
