"""A copy of all that is worth keeping, in a folder: every row, every file, and a list of digests.

    manifest.json        engine, migrations, rows and digest of each table, size and digest of each file; its own digest
                         lies beside it
    database.sqlite3     SQLite: the whole database, as of one moment
    tables/NAME.copy.gz  PostgreSQL: each table by COPY, all as of one moment
    files/…              uploads and bundles

Needs no tools beside Python. The keys of the environment (SECRET_KEY, FIELD_ENCRYPTION_KEYS) are not part of it:
without the latter the secrets in it cannot be read.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

MANIFEST: Final = "manifest.json"
MANIFEST_DIGEST: Final = "manifest.json.sha256"
SQLITE_FILE: Final = "database.sqlite3"
AT_ONCE: Final = 1024 * 1024
OWN_OF_TARGET: Final = frozenset({"django_migrations"})


class BackupError(Exception):
    """It cannot be written or put back; nothing was changed."""


def backup(folder: Path) -> dict[str, Any]:
    """Write the folder, which must not be there yet; returns the manifest. A half-written one is never left under its
    name.
    """
    if folder.exists():
        raise BackupError(f"{folder} is there already. A backup goes into a folder of its own.")
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    try:
        manifest = {
            "version": str(settings.SPECTACULAR_SETTINGS["VERSION"]),
            "made_at": timezone.now().isoformat(),
            "engine": connection.vendor,
            "migrations": _migrations(),
            "tables": _keep_sqlite(partial) if connection.vendor == "sqlite" else _keep_postgresql(partial),
            "files": _keep_files(partial),
        }
        _write_manifest(partial, manifest)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return manifest


def restore(folder: Path, *, overwrite: bool = False) -> dict[str, Any]:
    """Put a backup back: everything is checked before anything is changed. Stop web, workers and schedules first.

    Raises BackupError if it is damaged, does not fit this database, or would overwrite something without being told to.
    """
    manifest = verified(folder)
    if manifest["engine"] != connection.vendor:
        raise BackupError(f"This is a backup of {manifest['engine']}, the database here is {connection.vendor}.")
    if not overwrite and _is_in_use():
        raise BackupError("The database here is not empty. With --overwrite all that is in it is lost.")
    if connection.vendor == "sqlite":
        _put_back_sqlite(folder)
    else:
        _put_back_postgresql(folder, manifest)
    _put_back_files(folder, manifest)
    return manifest


def verified(folder: Path) -> dict[str, Any]:
    """The manifest, once every file has been found to be what it says."""
    try:
        if _digest(folder / MANIFEST) != (folder / MANIFEST_DIGEST).read_text().strip():
            raise BackupError(f"{MANIFEST} is damaged.")
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        expected = {name: table["sha256"] for name, table in manifest["tables"].items()}
        expected |= {f"files/{name}": file["sha256"] for name, file in manifest["files"].items()}
        if manifest["engine"] == "sqlite":
            expected = {name: digest for name, digest in expected.items() if name.startswith("files/")}
            expected[SQLITE_FILE] = manifest["tables"][SQLITE_FILE]["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{folder} is not a backup: {error}") from None
    for name, digest in expected.items():
        path = folder / (name if "/" in name or name == SQLITE_FILE else f"tables/{name}.copy.gz")
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BackupError(f"{name} lies outside of the backup.")
        if not path.is_file() or _digest(path) != digest:
            raise BackupError(f"{name} is missing or damaged.")
    return manifest


def _migrations() -> list[str]:
    return sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())


def _is_in_use() -> bool:
    """Is there anything that people made? A database without tables is empty too."""
    names = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table in ("auth_user", "sessions_app_workspace"):
            if table in names:
                cursor.execute(f"SELECT 1 FROM {connection.ops.quote_name(table)} LIMIT 1")  # noqa: S608 - our own names
                if cursor.fetchone():
                    return True
    return False


# SQLite


def _keep_sqlite(folder: Path) -> dict[str, Any]:
    """Rows are counted per table, in the copy."""
    target = folder / SQLITE_FILE
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(target)])
    target.chmod(0o600)
    with closing(sqlite3.connect(target)) as copy:
        names = [row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        rows = {name: copy.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608
    return {SQLITE_FILE: {"sha256": _digest(target), "rows": rows}}


def _put_back_sqlite(folder: Path) -> None:
    connection.ensure_connection()
    with closing(sqlite3.connect(f"{(folder / SQLITE_FILE).resolve().as_uri()}?mode=ro", uri=True)) as source:
        source.backup(connection.connection)
    connection.close()


# PostgreSQL


def _keep_postgresql(folder: Path) -> dict[str, Any]:
    (folder / "tables").mkdir()
    found = {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for table in sorted(connection.introspection.table_names(cursor)):
            path = folder / "tables" / f"{table}.copy.gz"
            columns = _columns(cursor, table)
            names = ", ".join(map(connection.ops.quote_name, columns))
            command = f"COPY {connection.ops.quote_name(table)} ({names}) TO STDOUT"
            with gzip.open(path, "wb", compresslevel=3) as target, cursor.copy(command) as copy:
                for block in copy:
                    target.write(block)
            found[table] = {"sha256": _digest(path), "rows": cursor.rowcount, "columns": columns}
    return found


def _columns(cursor: Any, table: str) -> list[str]:
    """Those that hold something of their own: not the generated ones."""
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = %s"
        " AND is_generated = 'NEVER' ORDER BY ordinal_position",
        [table],
    )
    return [row[0] for row in cursor.fetchall()]


def _put_back_postgresql(folder: Path, manifest: dict[str, Any]) -> None:
    """Into tables that are there: `migrate` made them, and they have to be those of the backup."""
    if different := set(manifest["migrations"]) ^ set(_migrations()):
        raise BackupError(
            f"The tables here are not those of the backup. Run `migrate` of version {manifest['version']} first. "
            f"Different: {', '.join(sorted(different)[:5])}"
        )
    tables = [name for name in manifest["tables"] if name not in OWN_OF_TARGET]
    with transaction.atomic(), connection.cursor() as cursor:
        if unknown := set(tables) - set(connection.introspection.table_names(cursor)):
            raise BackupError(f"There is no table {min(unknown)} here.")
        quoted = ", ".join(map(connection.ops.quote_name, tables))
        cursor.execute(f"TRUNCATE {quoted}")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in tables:
            names = ", ".join(map(connection.ops.quote_name, manifest["tables"][table]["columns"]))
            command = f"COPY {connection.ops.quote_name(table)} ({names}) FROM STDIN"
            with gzip.open(folder / "tables" / f"{table}.copy.gz", "rb") as source, cursor.copy(command) as copy:
                while block := source.read(AT_ONCE):
                    copy.write(block)
            if cursor.rowcount != manifest["tables"][table]["rows"]:
                raise BackupError(f"{table} has {cursor.rowcount} rows instead of {manifest['tables'][table]['rows']}.")
        models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


# Files


def _keep_files(folder: Path) -> dict[str, Any]:
    found = {}
    root = Path(settings.MEDIA_ROOT)
    for path in _files_below(root):
        name = path.relative_to(root).as_posix()
        target = folder / "files" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, target)
        except FileNotFoundError:  # forgotten meanwhile
            continue
        found[name] = {"sha256": _digest(target), "size": target.stat().st_size}
    return found


def _put_back_files(folder: Path, manifest: dict[str, Any]) -> None:
    """Exactly the backup's: what is not in it is removed."""
    root = Path(settings.MEDIA_ROOT)
    for path in list(_files_below(root)):
        if path.relative_to(root).as_posix() not in manifest["files"]:
            path.unlink(missing_ok=True)
    for name in manifest["files"]:
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / "files" / name, target)


def _files_below(root: Path) -> Iterator[Path]:
    return (path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink())


def _digest(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    with (folder / MANIFEST).open("w") as target:
        json.dump(manifest, target, indent=1, ensure_ascii=False)
        target.flush()
        os.fsync(target.fileno())
    (folder / MANIFEST_DIGEST).write_text(_digest(folder / MANIFEST) + "\n")
