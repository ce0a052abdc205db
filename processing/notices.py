"""Administrators hear of what only they can mend: by mail and by a webhook, once per cause and hour.

The errors' own rows are read (every 30 s), so nothing is lost with a worker or with Redis. A message holds codes,
sentences, names of workspaces and keys of sessions: no texts, no secrets, no technical details.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import send_mail
from django.utils import timezone

from processing.export.errors import Lost, NotSent
from processing.export.wire import call
from processing.models import AdminNotice, SessionError

logger = logging.getLogger(__name__)

LOOK_BACK: Final = timedelta(days=1)
"""Older errors are not told of any more, should nobody have been able to for so long."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One error for administrators. ``where``: workspace and key, for people."""

    code: str
    stage: str
    message: str
    where: str
    at: datetime

    @property
    def cause(self) -> str:
        """The same for errors that are mended in one go."""
        return hashlib.sha256(f"{self.stage}\0{self.code}\0{self.message}".encode()).hexdigest()


def of_sessions(since: datetime) -> Iterable[Trouble]:
    errors = SessionError.objects.filter(error_category=SessionError.Category.ADMIN_REQUIRED, created_at__gt=since)
    for error in errors.select_related("session__workspace").order_by("created_at").iterator(chunk_size=500):
        where = f"{error.session.workspace.name}, {error.session.short_key}"
        yield Trouble(error.code, error.operation_stage, error.user_message, where, error.created_at)


SOURCES: Final[list[Callable[[datetime], Iterable[Trouble]]]] = [of_sessions]
"""Who knows of such errors. Apps on top of this one add theirs when they start."""


def notify_administrators() -> dict[str, int]:
    """Tell of every cause that is due. Returns how many were told of."""
    if not (settings.NOTIFY_WEBHOOK or _recipients()):
        return {"notified_causes": 0}
    now = timezone.now()
    by_cause: dict[str, list[Trouble]] = defaultdict(list)
    for source in SOURCES:
        for trouble in source(now - LOOK_BACK):
            by_cause[trouble.cause].append(trouble)
    told = 0
    for cause, troubles in by_cause.items():
        notice, _ = AdminNotice.objects.get_or_create(cause=cause)
        fresh = [trouble for trouble in troubles if not notice.told_until or trouble.at > notice.told_until]
        if not fresh or not notice.claim(now):
            continue
        if _tell(fresh):
            notice.told(max(trouble.at for trouble in fresh))
            told += 1
        else:
            notice.give_back(now)
    if told:
        logger.info("administrators were told of %s causes", told)
    return {"notified_causes": told}


def _tell(troubles: list[Trouble]) -> bool:
    """By every way that is set; True if one of them worked."""
    worked = [way(troubles) for way in (_mail, _call) if way is not _call or settings.NOTIFY_WEBHOOK]
    return any(worked)


def _recipients() -> list[str]:
    if settings.NOTIFY_EMAILS:
        return list(settings.NOTIFY_EMAILS)
    staff = get_user_model().objects.filter(is_superuser=True, is_active=True).exclude(email="")
    return list(staff.values_list("email", flat=True)[:20])


def _mail(troubles: list[Trouble]) -> bool:
    recipients = _recipients()
    if not recipients:
        return False
    first, places = troubles[0], list(dict.fromkeys(trouble.where for trouble in troubles))
    text = [
        first.message,
        "",
        f"Code: {first.code} ({first.stage})",
        f"Times: {len(troubles)}, last at {troubles[-1].at:%Y-%m-%d %H:%M} UTC",
        "Where: " + "; ".join(places[:10]) + (f"; and {len(places) - 10} more" if len(places) > 10 else ""),
        "",
        "The page /operation/ shows the last errors. You hear of this cause again in an hour at the earliest.",
    ]
    subject = " ".join(f"ticketgen: {first.message}".split())[:150]
    try:
        return send_mail(subject, "\n".join(text), None, recipients) > 0
    except OSError as error:  # smtplib's errors too
        logger.warning("administrators could not be told by mail: %s", error)
        return False


def _call(troubles: list[Trouble]) -> bool:
    first = troubles[0]
    body = {
        "text": f"ticketgen: {first.message} ({len(troubles)} times; {troubles[-1].where})",
        "code": first.code,
        "stage": first.stage,
        "count": len(troubles),
        "last_at": troubles[-1].at.isoformat(),
        "where": list(dict.fromkeys(trouble.where for trouble in troubles))[:50],
    }
    try:
        answer = call(
            "POST",
            settings.NOTIFY_WEBHOOK,
            {"Content-Type": "application/json"},
            body=json.dumps(body).encode(),
            seconds=10,
            allowed_hosts=settings.NOTIFY_ALLOWED_HOSTS,
        )
    except (NotSent, Lost) as error:
        logger.warning("administrators could not be told by the webhook: %s", error.message)
        return False
    if answer.status >= 300:
        logger.warning("administrators could not be told by the webhook: it answered %s", answer.status)
    return answer.status < 300
