"""What the texts are found by: FTS5 kept up by triggers on SQLite, a generated column of words on PostgreSQL.

On SQLite the index holds no texts, only where words stand. Its column ``tenant`` has one word per workspace, so that a
search never looks at the texts of others.
"""

from django.db import migrations

TABLES = {
    "enhancement_resolvedticket": (("title", "A"), ("description", "C"), ("resolution", "C")),
    "enhancement_knowledgearticle": (("title", "A"), ("body", "C")),
}
LONGEST = 200_000  # PostgreSQL's word lists end at 1 MB


def make(apps, schema_editor):
    for table, columns in TABLES.items():
        for statement in _sqlite(table, columns) if schema_editor.connection.vendor == "sqlite" else _other(table, columns):
            schema_editor.execute(statement)


def drop(apps, schema_editor):
    for table in TABLES:
        if schema_editor.connection.vendor == "sqlite":
            for moment in ("insert", "delete", "update"):
                schema_editor.execute(f"DROP TRIGGER {table}_{moment}")
            schema_editor.execute(f"DROP TABLE {table}_fts")
        else:
            schema_editor.execute(f"ALTER TABLE {table} DROP COLUMN words")


def _sqlite(table, columns):
    names = ", ".join(name for name, _ in columns)
    new = ", ".join(f"new.{name}" for name, _ in columns)
    old = ", ".join(f"old.{name}" for name, _ in columns)
    differs = " OR ".join(f"old.{name} IS NOT new.{name}" for name in ("workspace_id", *(name for name, _ in columns)))
    add = f"INSERT INTO {table}_fts (rowid, tenant, {names}) VALUES (new.id, 'w' || new.workspace_id, {new});"
    remove = (
        f"INSERT INTO {table}_fts ({table}_fts, rowid, tenant, {names}) "
        f"VALUES ('delete', old.id, 'w' || old.workspace_id, {old});"
    )
    yield (
        f"CREATE VIRTUAL TABLE {table}_fts USING fts5(tenant, {names}, content='', "
        "tokenize='porter unicode61 remove_diacritics 2')"
    )
    yield f"CREATE TRIGGER {table}_insert AFTER INSERT ON {table} BEGIN {add} END"
    yield f"CREATE TRIGGER {table}_delete AFTER DELETE ON {table} BEGIN {remove} END"
    yield f"CREATE TRIGGER {table}_update AFTER UPDATE ON {table} WHEN {differs} BEGIN {remove} {add} END"


def _other(table, columns):
    words = " || ".join(
        f"setweight(to_tsvector('english', left({name}, {LONGEST})), '{weight}')" for name, weight in columns
    )
    yield f"ALTER TABLE {table} ADD COLUMN words tsvector GENERATED ALWAYS AS ({words}) STORED"
    yield f"CREATE INDEX {table}_words ON {table} USING gin (words)"


class Migration(migrations.Migration):
    dependencies = [("enhancement", "0001_initial")]

    operations = [migrations.RunPython(make, drop)]
