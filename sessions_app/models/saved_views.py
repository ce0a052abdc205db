"""Filters of the list of tickets that a person wants to come back to."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import UniqueConstraint

from sessions_app.errors import WrongState

from .sessions import Session

LONGEST_NAME = 60
MOST_VIEWS = 20
"""Of one person in one session: more is no help above a table."""


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def keep(self, session: Session, user: User, name: str, filters: Mapping[str, str]) -> SavedView:
        """Name these filters; a name that the person has in this session already is given to the new ones.

        Raises :class:`WrongState` beyond 20.
        """
        with transaction.atomic():
            view, is_new = self.update_or_create(
                session=session,
                user=user,
                name=name,
                defaults={"filters": {key: value for key, value in filters.items() if value}},
            )
            if is_new and self.filter(session=session, user=user).count() > MOST_VIEWS:
                raise WrongState(
                    f"You have {MOST_VIEWS} views in this session already.",
                    recovery_actions=("Remove one of them first.",),
                )
        return view


class SavedView(models.Model):
    """A name for filters of the list, {filter: value}; of one person in one session, and seen by nobody else."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="saved_views")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=LONGEST_NAME)
    filters = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        constraints = [
            UniqueConstraint(fields=["session", "user", "name"], name="one_view_per_name_person_and_session")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def query(self) -> str:
        """The filters as they stand in the list's address."""
        return urlencode(self.filters)
