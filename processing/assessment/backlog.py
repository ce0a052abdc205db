"""A session's backlog in the order of a ranking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessions_app.actions.order import order_by
from sessions_app.errors import WrongState

from .models import AssessmentBatch, ScoringRun

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


def sort_backlog(batch: AssessmentBatch, *, by: AbstractBaseUser | AnonymousUser) -> None:
    """Tickets by their rank; whatever is needed first still comes first. Raises WrongState without final scores."""
    run = batch.scoring_runs.filter(kind=ScoringRun.Kind.FINAL).first()
    if run is None or batch.session is None or batch.kind != AssessmentBatch.Kind.RANKING:
        raise WrongState("Only a finished ranking of a session's tickets can order its backlog.")
    keys = {str(pk): key for pk, key in batch.items.filter(ticket__isnull=False).values_list("pk", "ticket__key")}
    order_by(batch.session, [keys[row["item"]] for row in run.rankings if row["item"] in keys], by=by)
