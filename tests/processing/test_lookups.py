"""What is looked up by a key is found by that key's index. A default ordering made SQLite, which keeps no statistics,
go through all rows of a workspace or a session instead: the more there were, the slower was each lookup.
"""

import pytest
from django.db import connection

from processing.engine.kinds import Outcome
from processing.enhancement.context import assets
from processing.enhancement.library import import_objects
from processing.enhancement.models import EnhancementHistory
from processing.enhancement.texts import read
from processing.generation.kind import Generation, Written
from processing.models import SessionTask
from tests.factories import make_specified_session

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="needs SQLite: PostgreSQL plans by what it has counted"),
]


@pytest.fixture
def plan_of():
    """(table, its column that is searched) -> how SQLite finds the rows of the last such query."""
    asked = []

    def wrap(execute, sql, params, many, context):
        if sql.startswith("SELECT"):
            asked.append((sql, params))
        return execute(sql, params, many, context)

    def look(table, column):
        wanted = [each for each in asked if f'FROM "{table}"' in each[0] and f'"{column}" IN (' in each[0]]
        assert wanted, f"{table} was not searched by {column}"
        sql, params = wanted[-1]
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            return " ".join(row[3] for row in cursor.fetchall())

    with connection.execute_wrapper(wrap):
        yield look


def test_paid_answers_and_present_tickets_are_found_by_their_keys(people, plan_of):
    session = make_specified_session(people.workspace, 1, 2)
    task = SessionTask.objects.create(session=session, provider="offline")
    items = list(Generation().plan(task))
    text = dict.fromkeys(("title", "user_story", "analysis", "verification"), "A text.")

    Generation().open(task).prepare(items)
    Generation().write(task, [Outcome(items[0], result=Written(text, "offline", "rules", "ticket-1"))])

    assert "input_hash=?" in plan_of("processing_llmcall", "input_hash")
    assert "key=?" in plan_of("sessions_app_ticket", "key")


@pytest.mark.parametrize(("kind", "table"), [("tickets", "resolvedticket"), ("assets", "asset")])
def test_what_is_brought_in_again_is_found_by_its_own_id(people, plan_of, kind, table):
    rows = [{"external_id": str(number), "title": "Printer jams", "name": "prn-03"} for number in range(100)]
    for _ in range(2):
        import_objects(people.workspace, kind, rows)

    assert "external_id=?" in plan_of(f"enhancement_{table}", "external_id")


def test_hosts_and_networks_are_found_by_their_marks(people, plan_of):
    ticket = EnhancementHistory(workspace=people.workspace, description="web-01 at 10.0.0.1 does not answer.")
    assets(ticket, read("", ticket.description), 10)

    assert "text=?" in plan_of("enhancement_assetmark", "text")
