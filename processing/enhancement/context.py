"""What is known about a ticket's problem: three places searched side by side, each in its own time.

A place that is slow or broken is left out and said to be; the others count.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.db.models import IntegerField, Value
from django.db.models.functions import Cast, StrIndex, Substr

from .crew import Crew
from .models import Asset, AssetMark, ContextItem, EnhancementHistory, KnowledgeArticle, ResolvedTicket
from .search import TooSlow, limited, search
from .texts import Reading, excerpt, hexadecimal, read, shared, wider

logger = logging.getLogger(__name__)

TICKETS: Final = 5
ARTICLES: Final = 3
ASSETS: Final = 10
SEARCHERS: Final = 3
"""Threads of a worker that search, one for each place, each with a connection to the database. More searches at once
are no sooner done.
"""
LOOKED_UP: Final = 20
"""Addresses and networks of a ticket that are looked up."""
_LENGTH: Final = Cast(Substr("text", StrIndex("text", Value("/")) + 1), IntegerField())
"""Of a network's prefix: a network with many hosts must not crowd out the host itself."""
GRACE: Final = 1.0
"""Seconds that a place may take beyond its time before nobody waits for it."""


@dataclass(slots=True)
class Found:
    """``items`` with their labels, not saved; ``sources``: place -> {status, count, ms}, status ok, slow or failed."""

    items: list[ContextItem] = field(default_factory=list)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def is_partial(self) -> bool:
        return any(each["status"] != "ok" for each in self.sources.values())


def searching_crew() -> Crew:
    return Crew(SEARCHERS, "source")


Look = Callable[[EnhancementHistory, Reading, float], list[ContextItem]]


def gather(history: EnhancementHistory, seconds: float | None = None, crew: Crew | None = None) -> Found:
    """Search everywhere for at most so many seconds (SOURCE_LIMIT), by ``crew`` or by threads of its own."""
    limit = min(settings.ENHANCEMENT["SOURCE_LIMIT"], seconds if seconds is not None else float("inf"))
    reading = read(history.title, history.description)
    searchers = crew or searching_crew()
    asked = {name: searchers.submit(partial(_looked, look, history, reading, limit)) for name, look in SOURCES.items()}
    wait(asked.values(), timeout=limit + GRACE)
    if crew is None:
        searchers.close()
    found = Found()
    for name, future in asked.items():
        items, found.sources[name] = _outcome(name, future, limit)
        for item in items:
            item.position = len(found.items) + 1
            item.label = f"C{item.position}"
            item.enhancement = history
            found.items.append(item)
    return found


def _outcome(name: str, future: Future[Any], limit: float) -> tuple[list[ContextItem], dict[str, Any]]:
    if not future.done():
        return [], {"status": "slow", "count": 0, "ms": int(1000 * limit)}
    error = future.exception()
    if error is None:
        items, milliseconds = future.result()
        return items, {"status": "ok", "count": len(items), "ms": milliseconds}
    if isinstance(error, TooSlow):
        return [], {"status": "slow", "count": 0, "ms": int(1000 * limit)}
    logger.error("the place %s could not be searched", name, exc_info=error)
    return [], {"status": "failed", "count": 0, "ms": 0}


def _looked(look: Look, history: EnhancementHistory, reading: Reading, limit: float) -> tuple[list[ContextItem], int]:
    """In a thread of its own, with a connection of its own."""
    began = time.monotonic()
    return look(history, reading, limit), int(1000 * (time.monotonic() - began))


def similar_tickets(history: EnhancementHistory, reading: Reading, limit: float) -> list[ContextItem]:
    """Solved tickets with the same words; not the ticket itself."""
    hits = search(ResolvedTicket, history.workspace, reading.terms, TICKETS, seconds=limit, without=history.ticket_id)
    rows = ResolvedTicket.objects.filter(workspace=history.workspace).in_bulk([hit.pk for hit in hits])
    found = []
    for row, score in ((rows[hit.pk], hit.score) for hit in hits if hit.pk in rows):
        item = _item(row, row.description or row.resolution, score, reading)
        item.kind = ContextItem.Kind.TICKET
        item.matched = shared(reading.terms, f"{row.title}\n{row.description}\n{row.resolution}")[:12]
        item.details = {
            "resolution": row.resolution[:2_000],
            "category": row.category,
            "priority": row.priority,
            "assignee": row.assignee,
            "resolved_at": row.resolved_at.isoformat() if row.resolved_at else "",
        }
        found.append(item)
    return found


def articles(history: EnhancementHistory, reading: Reading, limit: float) -> list[ContextItem]:
    """Articles with the same words."""
    hits = search(KnowledgeArticle, history.workspace, reading.terms, ARTICLES, seconds=limit)
    rows = KnowledgeArticle.objects.filter(workspace=history.workspace).in_bulk([hit.pk for hit in hits])
    found = []
    for row, score in ((rows[hit.pk], hit.score) for hit in hits if hit.pk in rows):
        item = _item(row, row.body, score, reading)
        item.kind = ContextItem.Kind.ARTICLE
        item.matched = shared(reading.terms, f"{row.title}\n{row.body}")[:12]
        found.append(item)
    return found


def _item(row: ResolvedTicket | KnowledgeArticle, text: str, score: float, reading: Reading) -> ContextItem:
    return ContextItem(
        external_id=row.external_id,
        title=row.title,
        excerpt=excerpt(text, reading.terms),
        url=row.url,
        score=round(score, 6),
    )


def assets(history: EnhancementHistory, reading: Reading, limit: float) -> list[ContextItem]:
    """Hosts and networks that the ticket names: by address, by a network around or within, by name."""
    with limited(limit):
        marks = _marks(history, reading)
        rows = Asset.objects.filter(workspace=history.workspace).in_bulk({pk for pk, _, _ in marks})
    found: dict[int, ContextItem] = {}
    for pk, score, matched in sorted(marks, key=lambda each: -each[1]):
        row = rows.get(pk)
        if row is None:
            continue
        if pk in found:
            found[pk].matched = list(dict.fromkeys([*found[pk].matched, matched]))[:12]
            continue
        if len(found) >= ASSETS:
            continue
        found[pk] = ContextItem(
            kind=ContextItem.Kind.ASSET,
            external_id=row.external_id,
            title=row.name,
            excerpt=excerpt(row.notes, reading.terms),
            url=row.url,
            score=score,
            matched=[matched],
            details={
                "kind": row.kind,
                "location": row.location,
                "owner": row.owner,
                "names": row.names[:500],
                "networks": row.networks[:500],
            },
        )
    return list(found.values())


def _marks(history: EnhancementHistory, reading: Reading) -> list[tuple[int, float, str]]:
    """(Asset, score, what of the ticket it was found by). A network counts the more, the narrower it is."""
    # In no order: for the sake of one, SQLite would go through all marks of the workspace.
    mine = AssetMark.objects.filter(workspace=history.workspace).order_by()
    found: list[tuple[int, float, str]] = []
    for network in reading.networks[:LOOKED_UP]:
        kind = f"ipv{network.version}"
        around = mine.filter(kind=kind, text__in=wider(network)).order_by(_LENGTH.desc(), "pk")
        for asset, text in around.values_list("asset_id", "text")[:LOOKED_UP]:
            narrow = int(text.rpartition("/")[2]) / network.max_prefixlen
            found.append((asset, 2.0 + narrow, _shown(str(network))))
        if network.prefixlen < network.max_prefixlen:
            ends = hexadecimal(network, first=True), hexadecimal(network, first=False)
            within = mine.filter(kind=kind, first__range=ends).values_list("asset_id", flat=True)[:LOOKED_UP]
            found += [(asset, 2.0, _shown(str(network))) for asset in within]
    names = {name: name for name in reading.names}
    names |= {short: name for name in reading.names if _is_telling(short := name.partition(".")[0])}
    for asset, text in mine.filter(kind="name", text__in=list(names)).values_list("asset_id", "text")[:LOOKED_UP]:
        found.append((asset, 3.5 if "." in text else 2.5, names[text]))
    return found


def _is_telling(name: str) -> bool:
    """A first label that is a host's own and not a word: it has a digit or a hyphen."""
    return len(name) > 2 and any(character.isdigit() or character == "-" for character in name)


def _shown(network: str) -> str:
    return network.removesuffix("/32") if "." in network else network.removesuffix("/128")


SOURCES: Final[dict[str, Look]] = {"tickets": similar_tickets, "articles": articles, "assets": assets}
"""Name -> where to look. The order is that of the labels."""
