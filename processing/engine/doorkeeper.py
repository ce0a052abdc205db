"""Who may keep a socket open. Asked when a person signs out, gets another password or loses a place or a role
(sessions_app/doors.py), and every half minute of everybody, as such words can be lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session as Login
from django.db import DatabaseError
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from processing.portions import portions

from .presence import keep_telling

logger = logging.getLogger(__name__)

EVERY: Final = 30.0
"""Seconds between two looks at everybody."""
AT_ONCE: Final = 500
NOT_SIGNED_IN: Final = 4401
NOT_FOUND: Final = 4404


@dataclass(eq=False, slots=True)
class Visitor:
    """One open socket, to one of the ``things`` (a model whose rows belong to a workspace). ``login`` is the key of the
    browser's session (``""`` where there is none to look up); ``show_out`` closes the socket with a code.
    """

    user_id: Any
    login: str
    things: Any
    thing_id: UUID
    show_out: Callable[[int], Awaitable[None]]


class Doorkeeper:
    """The open sockets of one event loop."""

    def __init__(self) -> None:
        self.visitors: set[Visitor] = set()
        self.sockets_of: Counter[Any] = Counter()
        self.asked_for: set[str] = set()
        self.everybody = False
        self.bell = asyncio.Event()
        self.rounds: asyncio.Task[None] | None = None
        self.telling: asyncio.Task[None] | None = None

    def enter(self, visitor: Visitor) -> bool:
        """False if the person has as many open sockets as one may have."""
        if settings.SOCKETS_PER_USER and self.sockets_of[visitor.user_id] >= settings.SOCKETS_PER_USER:
            return False
        self.visitors.add(visitor)
        self.sockets_of[visitor.user_id] += 1
        if self.rounds is None or self.rounds.done():
            self.rounds = asyncio.create_task(self._make_rounds(), name="doorkeeper")
        if self.telling is None or self.telling.done():
            self.telling = asyncio.create_task(keep_telling(lambda: len(self.visitors)), name="presence")
        return True

    def leave(self, visitor: Visitor) -> None:
        if visitor in self.visitors:
            self.visitors.remove(visitor)
            self.sockets_of[visitor.user_id] -= 1
        if not self.visitors:
            for task in (self.rounds, self.telling):
                if task:
                    task.cancel()
            self.rounds = self.telling = None

    def look_at(self, user_id: str) -> None:
        """Something about this person has changed."""
        self.asked_for.add(user_id)
        self.bell.set()

    def look_at_everybody(self) -> None:
        """Words may have been lost."""
        self.everybody = True
        self.bell.set()

    async def _make_rounds(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self.bell.wait(), timeout=EVERY)
            except TimeoutError:
                self.everybody = True
            self.bell.clear()
            asked_for, self.asked_for = self.asked_for, set()
            everybody, self.everybody = self.everybody, False
            await self._look([each for each in self.visitors if everybody or str(each.user_id) in asked_for])

    async def _look(self, visitors: Sequence[Visitor]) -> None:
        for some in portions(visitors, AT_ONCE):
            try:
                gone = await _those_who_have_to_go(some)
            except DatabaseError as error:
                logger.warning("open sockets are looked at later: %s", error)
                return
            for visitor, code in gone.items():
                await visitor.show_out(code)


@database_sync_to_async
def _those_who_have_to_go(visitors: Sequence[Visitor]) -> dict[Visitor, int]:
    """Close codes: 4401 for those who are no longer signed in, 4404 for those who may no longer see the thing."""
    ids = {each.user_id for each in visitors}
    users = {user.pk: user for user in get_user_model().objects.filter(pk__in=ids, is_active=True)}
    logins = Login.objects.filter(
        session_key__in={each.login for each in visitors if each.login}, expire_date__gt=timezone.now()
    )
    held = {login.session_key: login.get_decoded() for login in logins}
    may_see = {
        things: _pairs(things, [each.thing_id for each in visitors if each.things is things], users)
        for things in {each.things for each in visitors}
    }
    signed_in = {
        (user_id, login): user_id in users and (not login or _is_login_of(held.get(login, {}), users[user_id]))
        for user_id, login in {(each.user_id, each.login) for each in visitors}
    }
    gone = {}
    for each in visitors:
        if not signed_in[each.user_id, each.login]:
            gone[each] = NOT_SIGNED_IN
        elif (each.thing_id, each.user_id) not in may_see[each.things]:
            gone[each] = NOT_FOUND
    return gone


def _pairs(things: Any, ids: Iterable[UUID], users: Iterable[Any]) -> set[tuple[UUID, Any]]:
    """Which of these rows which of these users may see: (id of the row, id of the user)."""
    seen = things.objects.filter(pk__in=set(ids), workspace__memberships__user_id__in=list(users))
    return set(seen.values_list("pk", "workspace__memberships__user_id"))


def _is_login_of(held: dict[str, Any], user: Any) -> bool:
    known = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    kept = str(held.get(HASH_SESSION_KEY, ""))
    return held.get(SESSION_KEY) == str(user.pk) and any(constant_time_compare(kept, each) for each in known)
