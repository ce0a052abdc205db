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
from django.db.models import Model

from processing.enhancement.models import KnowledgeArticle, ResolvedTicket
from sessions_app.models import Workspace

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
        """SQLite's table of words."""
        return f"{self.table}_fts"

    @property
    def words(self) -> str:
        """PostgreSQL's index of them."""
        return f"{self.table}_words"


INDEXES: Final[dict[type[Model], Index]] = {
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
        chosen = rare(counts, database.ranked)
        hits = database.with_any(chosen, workspace, count, without)
        if len(hits) < count:
            together = _together(database, {term: counts[term] for term in counts if term not in chosen})
            known = {hit.pk for hit in hits}
            more = database.with_all(together, workspace, count, without)
            hits += [hit for hit in more if hit.pk not in known][: count - len(hits)]
    return hits


def rare(counts: dict[str, float], most: int) -> list[str]:
    """The rarest words that occur at all, as many as leave about ``most`` texts to rank."""
    found: list[str] = []
    ranked = 0.0
    for term, number in sorted(counts.items(), key=lambda each: each[1]):
        if number >= COMMON or (found and ranked + number > most) or len(found) >= MOST_WORDS:
            break
        if number:
            found.append(term)
            ranked += number
    return found


def _together(database: _Database, counts: dict[str, float]) -> list[str]:
    """Words that still occur together, as many as it takes to be no longer common."""
    chosen: list[str] = []
    for term in [term for term in counts if counts[term]][:TOGETHER]:
        number = COMMON if not chosen and counts[term] >= COMMON else database.count([*chosen, term])
        if number:
            chosen.append(term)
        if 0 < number < COMMON:
            break
    return chosen


def take_up(model: type[Model]) -> None:
    """Many rows of it are new. PostgreSQL counts them, as the search asks its statistics how common a word is; and puts
    their words into the index, as those that wait for it (in a "pending list") are all read for each word looked for.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {model._meta.db_table}")
        if index := INDEXES.get(model):
            cursor.execute("SELECT gin_clean_pending_list(%s::regclass)", [index.words])
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
            # Its own helpers take longer to start than such a search takes, and the processor of others.
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, false), "
                "set_config('max_parallel_workers_per_gather', '0', false)",
                [str(max(1, int(1000 * seconds)))],
            )
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
            cursor.execute("SET statement_timeout = 0; RESET max_parallel_workers_per_gather")


def _rows(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


class _Database:
    """How one database counts and finds. No words find nothing."""

    ranked: ClassVar[int]
    """Texts that one search ranks, at most about; beyond that the commoner of the rare words are left out."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def counts(self, terms: Sequence[str]) -> dict[str, float]:
        """Texts with each word, by estimate, or ``COMMON`` and more; under what the word is searched as."""
        raise NotImplementedError

    def count(self, terms: Sequence[str]) -> int:
        """Texts of any workspace with all of these, at most ``COMMON``."""
        raise NotImplementedError

    def with_any(self, terms: Sequence[str], workspace: Workspace, count: int, without: str) -> list[Hit]:
        """The best of the workspace, but for the one with the external id ``without``. Rare words are worth more."""
        raise NotImplementedError

    def with_all(self, terms: Sequence[str], workspace: Workspace, count: int, without: str) -> list[Hit]:
        """The same of those that have all of these."""
        raise NotImplementedError

    @property
    def _own(self) -> str:
        """What is left out, as SQL with places for the workspace and its external id."""
        return f"coalesce((SELECT id FROM {self.index.table} WHERE workspace_id = %s AND external_id = %s), 0)"  # noqa: S608 - our names


class _SQLite(_Database):
    """FTS5, ranked by BM25. The words are quoted, so that none of them is an operator."""

    ranked = 8_000
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

    def count(self, terms: Sequence[str]) -> int:
        return self._counted([" AND ".join(map(_quoted, terms))])[0]

    def _counted(self, expressions: Sequence[str]) -> list[int]:
        """All of them in one statement."""
        if not expressions:
            return []
        fts = self.index.fts
        one = f"(SELECT count(*) FROM (SELECT 1 FROM {fts} WHERE {fts} MATCH %s LIMIT {COMMON}))"  # noqa: S608 - our names
        return list(_rows(f"SELECT {', '.join([one] * len(expressions))}", expressions)[0])

    def with_any(self, terms: Sequence[str], workspace: Workspace, count: int, without: str) -> list[Hit]:
        return self._found(" OR ".join(map(_quoted, terms)), workspace, count, without)

    def with_all(self, terms: Sequence[str], workspace: Workspace, count: int, without: str) -> list[Hit]:
        return self._found(" AND ".join(map(_quoted, terms)), workspace, count, without)

    def _found(self, expression: str, workspace: Workspace, count: int, without: str) -> list[Hit]:
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

    Its own ranking (ts_rank) knows nothing of how rare a word is, and so found the text that was asked for half as
    often as BM25 does. Here a word is worth the logarithm of how few of the workspace's texts have it (the inverse
    document frequency, of all texts as they were last counted), and three times that in a title, as in the weights for
    SQLite.
    """

    ranked = 4_000
    """Half of SQLite's, as a row costs twice as much. Of 100 texts in a library of made-up words this finds 30 by six
    tenths of their words among others, twice as many 35, and ts_rank found 20.
    """
    looked_at: ClassVar[int] = 50
    """Texts with the most worth that are looked at for what stands in their titles."""
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

    def count(self, terms: Sequence[str]) -> int:
        sql = (
            f"SELECT count(*) FROM (SELECT 1 FROM {self.index.table} "  # noqa: S608 - our names
            f"WHERE words @@ %s::tsquery LIMIT {COMMON}) AS found"
        )
        return int(_rows(sql, [_all_of(terms)])[0][0])

    def with_any(self, terms: Sequence[str], workspace: Workspace, count: int, without: str) -> list[Hit]:
        if not terms:
            return []
        table = self.index.table
        one = f"SELECT id, %s::int AS place FROM {table} WHERE words @@ %s::tsquery AND workspace_id = %s"  # noqa: S608 - our names
        sql = (
            f"WITH found AS MATERIALIZED ({' UNION ALL '.join([one] * len(terms))}), "  # noqa: S608 - our names
            "texts AS (SELECT greatest(%s::float, count(*)) AS number FROM found), "
            "worth AS (SELECT place, ln(1 + number / count(*)) AS worth FROM found, texts GROUP BY place, number), "
            "best AS (SELECT id FROM found JOIN worth USING (place) GROUP BY id ORDER BY sum(worth) DESC, id LIMIT %s) "
            "SELECT id, sum(worth * CASE WHEN words @@ (%s::tsquery[])[place] THEN 3 ELSE 1 END) AS score "
            f"FROM best JOIN found USING (id) JOIN worth USING (place) JOIN {table} USING (id) "
            f"WHERE id <> {self._own} GROUP BY id ORDER BY score DESC, id LIMIT %s"
        )
        values: list[Any] = []
        for place, term in enumerate(terms, start=1):
            values += [place, _all_of([term]), workspace.pk]
        titles = [f"'{term}':A" for term in terms]
        total, _ = self._known()
        rows = _rows(sql, [*values, total, self.looked_at, titles, workspace.pk, without, count])
        return [Hit(pk, float(score)) for pk, score in rows]

    def with_all(self, terms: Sequence[str], workspace: Workspace, count: int, without: str) -> list[Hit]:
        if not terms:
            return []
        sql = (
            "SELECT id, ts_rank(words, query) AS score "  # noqa: S608 - our names
            f"FROM {self.index.table}, CAST(%s AS tsquery) query "
            f"WHERE workspace_id = %s AND words @@ query AND id <> {self._own} ORDER BY score DESC, id LIMIT %s"
        )
        rows = _rows(sql, [_all_of(terms), workspace.pk, workspace.pk, without, count])
        return [Hit(pk, float(score)) for pk, score in rows]


def _all_of(lexemes: Sequence[str]) -> str:
    """Letters and digits only, so that none of them is an operator."""
    return " & ".join(f"'{lexeme}'" for lexeme in lexemes)
