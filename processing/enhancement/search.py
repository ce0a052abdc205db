"""Full-text search over what was imported, by the database itself. Knows both of them.

Words that stand in a large part of all texts cost much and say little. So texts with any of the rare words of a ticket
are ranked first; only where these are few come texts in which several of its common words stand together.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django.db import DatabaseError, connection

from processing.enhancement.models import KnowledgeArticle, ResolvedTicket
from sessions_app.models import Workspace

RANKED: Final = 8_000
"""Texts that one search ranks, at most about; beyond that the commoner of the rare words are left out."""
MOST_WORDS: Final = 10
COMMON: Final = 5_001
"""A word that stands in so many texts is common; counting ends here."""
BELIEVED: Final = 60.0
"""Seconds that a word is taken to be common, or rare, without asking again."""
REMEMBERED: Final = 10_000
TOGETHER: Final = 6
"""Common words that are tried together, at most."""


class TooSlow(Exception):
    """The search was ended because its time was over."""


@dataclass(frozen=True, slots=True)
class Hit:
    """``score`` grows with how well it fits; it can be compared within one search only."""

    pk: int
    score: float


@dataclass(frozen=True, slots=True)
class Index:
    """A table and where its words stand. ``weights``: of its columns, for the ranking."""

    table: str
    columns: tuple[str, ...]
    weights: tuple[float, ...]

    @property
    def fts(self) -> str:
        return f"{self.table}_fts"


INDEXES: Final = {
    ResolvedTicket: Index("enhancement_resolvedticket", ("title", "description", "resolution"), (3.0, 1.0, 1.0)),
    KnowledgeArticle: Index("enhancement_knowledgearticle", ("title", "body"), (3.0, 1.0)),
}


def search(
    model: type[ResolvedTicket] | type[KnowledgeArticle],
    workspace: Workspace,
    terms: Sequence[str],
    count: int,
    *,
    seconds: float,
    without: str = "",
) -> list[Hit]:
    """The best ``count`` texts of the workspace that have one of the words, the best first.

    ``without``: an external id that is left out. Raises TooSlow.
    """
    if not terms:
        return []
    database = _SQLite(INDEXES[model]) if connection.vendor == "sqlite" else _PostgreSQL(INDEXES[model])
    with limited(seconds):
        counts = database.counts(terms)
        hits = database.find(database.any_of(rare(counts)), workspace, count, without)
        if len(hits) < count:
            together = _together(database, [term for term in counts if counts[term] >= COMMON])
            known = {hit.pk for hit in hits}
            more = database.find(together, workspace, count, without)
            hits += [hit for hit in more if hit.pk not in known][: count - len(hits)]
    return hits


def rare(counts: dict[str, float]) -> list[str]:
    """The rarest words that occur at all, as many as leave few enough texts to rank."""
    found: list[str] = []
    ranked = 0.0
    for term, number in sorted(counts.items(), key=lambda each: each[1]):
        if number >= COMMON or (found and ranked + number > RANKED) or len(found) >= MOST_WORDS:
            break
        if number:
            found.append(term)
            ranked += number
    return found


def _together(database: _Database, terms: list[str]) -> str:
    """Common words that still occur together, as many as it takes to be no longer common; "" if there are none."""
    chosen: list[str] = []
    for term in terms[:TOGETHER]:
        number = database.count(database.all_of([*chosen, term]))
        if number:
            chosen.append(term)
        if 0 < number < COMMON:
            break
    return database.all_of(chosen)


def forget_statistics() -> None:
    """There are new ones."""
    _PostgreSQL._statistics.clear()


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Let the database end what takes longer, so that nobody works on after nobody waits. Raises TooSlow."""
    deadline = time.monotonic() + seconds
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        connection.connection.set_progress_handler(lambda: int(time.monotonic() > deadline), 20_000)
    else:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", [str(max(1, int(1000 * seconds)))])
    try:
        yield
    except DatabaseError as error:
        if time.monotonic() < deadline - 0.05:
            raise
        raise TooSlow from error
    finally:
        _unlimited()


def _unlimited() -> None:
    if connection.vendor == "sqlite":
        if connection.connection is not None:
            connection.connection.set_progress_handler(None, 0)
    elif connection.connection is not None and not connection.needs_rollback:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', '0', false)")


def _rows(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


class _Database:
    """How one database counts and finds. Expressions are in its own language; an empty one finds nothing."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def counts(self, terms: Sequence[str]) -> dict[str, float]:
        """Texts with each word, by estimate, or ``COMMON`` and more; under what the word is searched as."""
        raise NotImplementedError

    def count(self, expression: str) -> int:
        """Texts of any workspace that fit, at most ``COMMON``."""
        raise NotImplementedError

    def any_of(self, terms: Sequence[str]) -> str:
        raise NotImplementedError

    def all_of(self, terms: Sequence[str]) -> str:
        raise NotImplementedError

    def find(self, expression: str, workspace: Workspace, count: int, without: str) -> list[Hit]:
        """The best of the workspace, but for the one with the external id ``without``."""
        raise NotImplementedError

    @property
    def _own(self) -> str:
        """What is left out, as SQL with places for the workspace and its external id."""
        return f"coalesce((SELECT id FROM {self.index.table} WHERE workspace_id = %s AND external_id = %s), 0)"  # noqa: S608 - our names


class _SQLite(_Database):
    """FTS5. The words are quoted, so that none of them is an operator."""

    _common: ClassVar[dict[tuple[str, str], float]] = {}
    """(Table, word) that was found to be common -> until when that is believed: counting those takes the longest."""

    def counts(self, terms: Sequence[str]) -> dict[str, float]:
        to_count = [term for term in terms if not self._is_known_as_common(term)]
        counted = dict(zip(to_count, self._counted([_quoted(term) for term in to_count]), strict=True))
        for term, number in counted.items():
            if number >= COMMON:
                self._believe_common(term)
        return {term: counted.get(term, COMMON) for term in terms}

    def _is_known_as_common(self, term: str) -> bool:
        return self._common.get((self.index.table, term), 0.0) > time.monotonic()

    def _believe_common(self, term: str) -> None:
        if len(self._common) >= REMEMBERED:
            self._common.clear()
        self._common[self.index.table, term] = time.monotonic() + BELIEVED

    def count(self, expression: str) -> int:
        return self._counted([expression])[0]

    def _counted(self, expressions: Sequence[str]) -> list[int]:
        """All of them in one statement."""
        if not expressions:
            return []
        fts = self.index.fts
        one = f"(SELECT count(*) FROM (SELECT 1 FROM {fts} WHERE {fts} MATCH %s LIMIT {COMMON}))"  # noqa: S608 - our names
        return list(_rows(f"SELECT {', '.join([one] * len(expressions))}", expressions)[0])

    def any_of(self, terms: Sequence[str]) -> str:
        return " OR ".join(map(_quoted, terms))

    def all_of(self, terms: Sequence[str]) -> str:
        return " AND ".join(map(_quoted, terms))

    def find(self, expression: str, workspace: Workspace, count: int, without: str) -> list[Hit]:
        if not expression:
            return []
        fts = self.index.fts
        weights = ", ".join(map(str, (0.0, *self.index.weights)))
        sql = (
            f"SELECT rowid, -bm25({fts}, {weights}) AS score FROM {fts} "  # noqa: S608 - names of ours
            f"WHERE {fts} MATCH %s AND rowid <> {self._own} ORDER BY score DESC, rowid LIMIT %s"
        )
        wanted = f"tenant : {_quoted(f'w{workspace.pk.hex}')} AND ({expression})"
        rows = _rows(sql, [wanted, workspace.pk.hex, without, count])
        return [Hit(pk, float(score)) for pk, score in rows]


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'


class _PostgreSQL(_Database):
    """A column of words with an index. How common a word is, the statistics of the column know; what they do not list
    is rare. A word stands under its stem, so that two forms of it are one.
    """

    _statistics: ClassVar[dict[tuple[str, str], tuple[float, float, dict[str, float]]]] = {}
    """(Database, table) -> until when this is believed, texts, and the share of them that has each common word."""

    def counts(self, terms: Sequence[str]) -> dict[str, float]:
        total, shares = self._known()
        sql = "SELECT lexeme FROM unnest(to_tsvector('english', %s)) AS l(lexeme, positions, weights)"
        lexemes = [lexeme for (lexeme,) in _rows(sql, [" ".join(terms)]) if lexeme.isalnum()]
        return {lexeme: shares.get(lexeme, 0.0) * total + 1 for lexeme in lexemes}

    def _known(self) -> tuple[float, dict[str, float]]:
        name = (str(connection.settings_dict["NAME"]), self.index.table)
        until, total, shares = self._statistics.get(name, (0.0, 0.0, {}))
        if until <= time.monotonic() or connection.in_atomic_block:  # which may see what nobody else ever will
            (row,) = _rows(
                "SELECT greatest(reltuples, 0), most_common_elems::text::text[], most_common_elem_freqs "
                "FROM pg_class LEFT JOIN pg_stats ON tablename = relname AND attname = 'words' "
                "AND schemaname = current_schema() WHERE oid = %s::regclass",
                [self.index.table],
            )
            total, shares = float(row[0]), dict(zip(row[1] or (), row[2] or (), strict=False))  # three numbers more
            if not connection.in_atomic_block:
                self._statistics[name] = (time.monotonic() + BELIEVED, total, shares)
        return total, shares

    def count(self, expression: str) -> int:
        sql = (
            f"SELECT count(*) FROM (SELECT 1 FROM {self.index.table} "  # noqa: S608 - our names
            f"WHERE words @@ to_tsquery('english', %s) LIMIT {COMMON}) AS found"
        )
        return int(_rows(sql, [expression])[0][0])

    def any_of(self, terms: Sequence[str]) -> str:
        return " | ".join(terms)

    def all_of(self, terms: Sequence[str]) -> str:
        return " & ".join(terms)

    def find(self, expression: str, workspace: Workspace, count: int, without: str) -> list[Hit]:
        if not expression:
            return []
        sql = (
            "SELECT id, ts_rank(words, query) AS score "  # noqa: S608 - our names
            f"FROM {self.index.table}, to_tsquery('english', %s) query "
            f"WHERE workspace_id = %s AND words @@ query AND id <> {self._own} ORDER BY score DESC, id LIMIT %s"
        )
        rows = _rows(sql, [expression, workspace.pk, workspace.pk, without, count])
        return [Hit(pk, float(score)) for pk, score in rows]
