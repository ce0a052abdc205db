"""Full-text search over what was imported, by the database itself. Knows both of them.

Words that stand in a large part of all texts cost much and say little, so the rarest of a ticket's words are searched
for, as many as stay within a bound of texts to rank.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.db import DatabaseError, connection

from processing.enhancement.models import KnowledgeArticle, ResolvedTicket
from sessions_app.models import Workspace

RANKED: Final = 12_000
"""Texts that one search ranks, at most about; beyond that the commoner words are left out."""
MOST_WORDS: Final = 10
COMMON: Final = 5_001
"""Counting the texts that have a word ends here."""


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
    index = INDEXES[model]
    find = _on_sqlite if connection.vendor == "sqlite" else _on_postgresql
    with limited(seconds):
        return find(index, workspace, list(terms), count, without)


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


def _chosen(counts: dict[str, float]) -> list[str]:
    """The rarest words that occur at all; always the two rarest."""
    found: list[str] = []
    ranked = 0.0
    for term, number in sorted(counts.items(), key=lambda each: each[1]):
        if not number:
            continue
        if len(found) >= 2 and (ranked + number > RANKED or len(found) >= MOST_WORDS):
            break
        found.append(term)
        ranked += number
    return found


# SQLite: FTS5. The words are quoted, so that none of them is an operator.


def _on_sqlite(index: Index, workspace: Workspace, terms: list[str], count: int, without: str) -> list[Hit]:
    chosen = _chosen({term: _count_on_sqlite(index, term) for term in terms})
    if not chosen:
        return []
    wanted = " OR ".join(map(_quoted, chosen))
    tenant = _quoted(f"w{workspace.pk.hex}")
    weights = ", ".join(map(str, (0.0, *index.weights)))
    sql = (
        f"SELECT {index.fts}.rowid, -bm25({index.fts}, {weights}) AS score FROM {index.fts} "  # noqa: S608 - our names
        f"JOIN {index.table} t ON t.id = {index.fts}.rowid WHERE {index.fts} MATCH %s AND t.external_id <> %s "
        f"ORDER BY score DESC, {index.fts}.rowid LIMIT %s"
    )
    rows = _rows(sql, [f"tenant : {tenant} AND ({wanted})", without, count])
    return [Hit(pk, float(score)) for pk, score in rows]


def _count_on_sqlite(index: Index, term: str) -> int:
    sql = f"SELECT count(*) FROM (SELECT 1 FROM {index.fts} WHERE {index.fts} MATCH %s LIMIT {COMMON})"  # noqa: S608
    return int(_rows(sql, [_quoted(term)])[0][0])


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'


# PostgreSQL: a column of words with an index. How common a word is, is known from the statistics of the column.


def _on_postgresql(index: Index, workspace: Workspace, terms: list[str], count: int, without: str) -> list[Hit]:
    chosen = _chosen(_commonness(index, terms))
    if not chosen:
        return []
    sql = (
        f"SELECT id, ts_rank(words, query) AS score FROM {index.table}, to_tsquery('english', %s) query "  # noqa: S608
        "WHERE workspace_id = %s AND words @@ query AND external_id <> %s ORDER BY score DESC, id LIMIT %s"
    )
    rows = _rows(sql, [" | ".join(chosen), workspace.pk, without, count])
    return [Hit(pk, float(score)) for pk, score in rows]


def _commonness(index: Index, terms: list[str]) -> dict[str, float]:
    """Texts that have the word, by estimate; words that the statistics do not list are rare. Each stands under its
    stem, so that two forms of a word are one.
    """
    rows = _rows(
        "SELECT coalesce(reltuples, 0) FROM pg_class WHERE oid = %s::regclass",
        [index.table],
    )
    total = max(0.0, float(rows[0][0]))
    rows = _rows(
        "SELECT lexeme, (SELECT freq FROM pg_stats s, "
        "unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) AS m(word, freq) "
        "WHERE s.tablename = %s AND s.attname = 'words' AND s.schemaname = current_schema() "
        "AND m.word = lexeme) FROM unnest(to_tsvector('english', %s)) AS l(lexeme, positions, weights)",
        [index.table, " ".join(terms)],
    )
    return {lexeme: (freq or 0.0) * total + 1 for lexeme, freq in rows if lexeme.isalnum()}
