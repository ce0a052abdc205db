"""Migrations and the mapping of their fields."""

import re
from typing import Final

from sessions_app.parsing.payload import EntityPayload

from . import cells, prose
from .draft import Draft, Scenario, SiteContext, Story, notes, parent_name, place, present

_KEY: Final = re.compile(r"[\w/.-]{1,80}")
_PLUGIN: Final = re.compile(r"[a-z][a-z0-9_]{1,60}")


def write_migration(entity: EntityPayload, site: SiteContext) -> Draft:
    label, machine_name = entity["data"]["label"], entity["data"]["machine_name"]
    name = cells.usable(machine_name)
    source, destination = cells.cell(entity, "Source"), cells.cell(entity, "Destination")
    bundle = cells.cell(entity, "Bundle")
    description = cells.cell(entity, "Description")
    into = bundle or destination
    return Draft(
        noun="migration",
        label=label,
        machine_name=machine_name,
        story=Story(
            "content editor",
            f"what the source{f' {_coded(source)}' if source else ''} holds to arrive as "
            f"{prose.inline(into, 120) or 'content of the new site'}",
            "nothing has to be typed again or is left behind",
            f"In the words of the specification: {prose.quoted(description, 500)}" if description else "",
        ),
        scenario=_migration_scenario(name or prose.spoken(label, 80), into),
        intro=f"A migration {prose.named(label, machine_name)}.",
        settings=_migration_settings(entity, source, destination, bundle),
        steps=_migration_steps(entity, name),
        finish=_migration_runs(name),
        modules=("migrate", "migrate_plus", "migrate_tools"),
        objects=present(f"migrate_plus.migration.{name}" if name else ""),
        checks=_migration_checks(name),
        decisions=_migration_decisions(entity, source, destination, bundle),
        removal=present(
            "Decide whether the imported items stay; then they must not be rolled back.",
            f"If they are to go: {prose.code(f'drush migrate:rollback {name}')}."
            if name
            else "If they are to go, roll the migration back.",
            "Delete the migration's configuration and its source files, and take it out of the dependencies of "
            "other migrations.",
        ),
        loss="A rollback deletes every imported item, later edits included. Without the migration's map no item can "
        "be updated again.",
    )


def _migration_settings(entity: EntityPayload, source: str, destination: str, bundle: str) -> tuple[str, ...]:
    dependencies, status = cells.cell(entity, "Dependencies"), cells.cell(entity, "Status")
    return present(
        f"Source: {_coded(source)}" if source else "",
        f"Destination: {_coded(destination)}" if destination else "",
        f"Bundle: {prose.inline(bundle, 120)}" if bundle else "",
        f"Runs after: {prose.listed([_coded(part) for part in cells.options(dependencies)])}" if dependencies else "",
        f"Status: {prose.inline(status, 60)}" if status else "",
        *notes(entity),
    )


def _coded(text: str) -> str:
    return prose.code(text) if re.fullmatch(r"[\w:./-]{1,120}", text) else prose.inline(text, 200)


def _migration_steps(entity: EntityPayload, name: str) -> tuple[str, ...]:
    dependencies = cells.cell(entity, "Dependencies")
    written = prose.code(f"migrate_plus.migration.{name}") if name else ""
    return present(
        f"Write the migration{f' {written}' if name else ''}: source, process and destination.",
        "Declare what it runs after under `migration_dependencies`." if dependencies else "",
        "" if entity["children"] else "Map each field as its own row of the specification says.",
    )


def _migration_runs(name: str) -> tuple[str, ...]:
    if not name:
        return ()
    return (
        f"Try a few items: {prose.code(f'drush migrate:import {name} --limit=10')}; look at them and roll back."
        if name
        else "",
        f"Import all: {prose.code(f'drush migrate:import {name}')}; read "
        f"{prose.code(f'drush migrate:messages {name}')}."
        if name
        else "",
    )


def _migration_checks(name: str) -> tuple[str, ...]:
    if not name:
        return ("Run the migration and compare the number of imported items with the source.", *_SAMPLES)
    return (
        f"Run {prose.code(f'drush migrate:import {name}')}: it must end without a failed item.",
        (
            f"Run {prose.code(f'drush migrate:status {name}')}: the numbers of total and imported items must be equal, "
            "none unprocessed."
        ),
        f"Run {prose.code(f'drush migrate:messages {name}')}: no message may be left unexplained.",
        *_SAMPLES,
        f"Run {prose.code(f'drush migrate:import {name} --update')}: no item may appear twice.",
        (
            f"On a copy of the site, run {prose.code(f'drush migrate:rollback {name}')}: what it imported must be "
            "gone, and nothing else."
        ),
    )


_SAMPLES: Final = (
    "Compare at least five items, the longest and one with special characters among them, with their source.",
)


def _migration_decisions(entity: EntityPayload, source: str, destination: str, bundle: str) -> tuple[str, ...]:
    described = cells.cell(entity, "Description")
    return present(
        cells.machine_name_decision(entity["data"]["machine_name"]),
        "" if source else "The source is not given.",
        "The source is described in words: which source plugin, and who provides access?"
        if source and not _plugin_like(source)
        else "",
        "" if destination else "The destination is not given.",
        "The bundle that it fills is not given."
        if not bundle and (not destination or destination.startswith("entity:node"))
        else "",
        "" if described else "No description is given: which items, and which not?",
    )


def _plugin_like(text: str) -> bool:
    return bool(re.fullmatch(r"[a-z][\w:]*", text))


def _migration_scenario(name: str, into: str) -> Scenario:
    outcome = (
        f'each source item exists once as "{prose.spoken(into, 80)}"'
        if into
        else "each source item exists once on the site"
    )
    return Scenario(
        "The migration runs twice",
        ("the source can be read", "the migrations that it needs have run"),
        (f'I run "drush migrate:import {name}"', f'I run "drush migrate:import {name} --update"'),
        (outcome, "no item failed"),
    )


# Mappings


def write_mapping(entity: EntityPayload, site: SiteContext) -> Draft:
    label = cells.cell(entity, "Destination field") or entity["data"]["label"]
    source, process = cells.cell(entity, "Source field"), cells.cell(entity, "Process")
    migration = entity["parent_label"] or cells.raw(entity, "Migration")
    name = cells.usable(parent_name(entity, "migrations"))
    target = _coded(label)
    plugin = bool(_PLUGIN.fullmatch(process))
    origin = _coded(source) if source else "a value that is not from the source"
    return Draft(
        noun="field mapping",
        label=label,
        machine_name="",
        verb="Add",
        detail=f"from {source}" if source else "",
        place=place("migration", migration, name),
        story=Story(
            "developer",
            f"{origin} to fill {target} in the migration {prose.quoted(migration, 80)}",
            "each imported item carries this value where the new site expects it",
        ),
        scenario=_mapping_scenario(label, source, migration),
        intro=f"The mapping of {target} in the migration {prose.named(migration, name)}.",
        settings=_mapping_settings(entity, process, source, target, plugin=plugin),
        steps=_mapping_steps(name, process, source, target, plugin=plugin),
        modules=("migrate", "migrate_plus"),
        part_of=f"migrate_plus.migration.{name}" if name else "",
        part_key=f"process.{label}" if _KEY.fullmatch(label) else "process",
        checks=_mapping_checks(source, target),
        decisions=_mapping_decisions(label, name, process, source, plugin=plugin),
        removal=("Remove the key from `process` of the migration.",),
        loss="Values imported before stay until the migration is run again with `--update`.",
        heads=("Source", "Process", "Notes"),
        row=(
            _coded(source) if source else "",
            prose.inline(process, 120),
            prose.inline(cells.cell(entity, "Notes"), 120),
        ),
        part_step="In `process`, write one key per row of the table below.",
        part_check="compare the value of three imported items with the source.",
    )


def _mapping_steps(name: str, process: str, source: str, target: str, *, plugin: bool) -> tuple[str, ...]:
    return present(
        f"In `process` of {prose.code(f'migrate_plus.migration.{name}') if name else 'the migration'}, "
        f"add the key {target}{_process_clause(source, process, plugin=plugin)}.",
        f"Import the configuration, then {prose.code(f'drush migrate:import {name} --update')}." if name else "",
    )


def _mapping_checks(source: str, target: str) -> tuple[str, ...]:
    return (
        (
            f"Compare {target} of three imported items with {_coded(source) if source else 'what is specified'} in "
            "the source."
        ),
        "Import an item whose source value is empty: the import must not fail.",
        "Import an item with special characters and with a very long value: nothing may be lost.",
    )


def _mapping_settings(
    entity: EntityPayload, process: str, source: str, target: str, *, plugin: bool
) -> tuple[str, ...]:
    return present(
        f"From the source field: {_coded(source)}" if source else "",
        f"To the destination field: {target}",
        f"Process: {prose.code(process) if plugin else prose.inline(process)}" if process else "",
        *notes(entity),
    )


def _mapping_decisions(label: str, name: str, process: str, source: str, *, plugin: bool) -> tuple[str, ...]:
    return present(
        "" if label else "The destination field is not given.",
        "" if source else "The source field is not given: which value is meant?",
        "" if process else "The process is not given; this ticket reads that as a plain copy.",
        "The process is described in words: which process plugins?" if process and not plugin else "",
        "" if name else "The migration is not in the specification, or its machine name is unknown.",
    )


def _process_clause(source: str, process: str, *, plugin: bool) -> str:
    origin = f" with the source {_coded(source)}" if source else ""
    if not process:
        return origin
    return (
        f"{origin} and the plugin {prose.code(process)}"
        if plugin
        else f"{origin}, processed so: {prose.inline(process)}"
    )


def _mapping_scenario(label: str, source: str, migration: str) -> Scenario:
    value = f'a source item with a value in "{prose.spoken(source, 80)}"' if source else "a source item"
    return Scenario(
        "The value arrives",
        (value,),
        (f'the migration "{prose.spoken(migration, 80)}" imports the item',),
        (f'the new item holds the specified value in "{prose.spoken(label, 80)}"',),
    )
