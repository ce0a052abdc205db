"""Three real sites, as CSV files and as the configuration export that these were made from."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from sessions_app.actions.imports import ReadUpload, Upload, read_upload
from sessions_app.parsing.specification import (
    PER_PARENT,
    PER_ROW,
    Specification,
    backlog,
    cycle_findings,
    read_specification,
)
from sessions_app.parsing.text import slug
from tests.conftest import SHARED
from tests.sessions_app.reading import sheets_of

SITES = ("drupal-core-standard-profile", "umami", "open-social")
TABS = {
    "Bundles": "bundles",
    "Fields": "fields",
    "Views": "views",
    "ViewsDisplays": "view_displays",
    "ImageStyles": "image_styles",
    "ImageEffects": "image_effects",
    "ResponsiveImageStyles": "responsive_image_styles",
    "ViewModes": "view_modes",
    "UserRoles": "user_roles",
    "Workflows": "workflows",
    "WorkflowStates": "workflow_states",
    "WorkflowTransitions": "workflow_transitions",
    "Menus": "menus",
    "Migrations": "migrations",
}
BINDING = ("D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D9", "D10")

pytestmark = [
    pytest.mark.usefixtures("shared_data"),
    pytest.mark.parametrize("site", SITES),
]


@pytest.fixture(params=["csv", "config"])
def form(request) -> str:
    return request.param


@cache
def uploads(site: str, form: str) -> tuple[ReadUpload, ...]:
    folder: Path = SHARED / "specs" / site
    paths = sorted(folder.glob("*.csv")) if form == "csv" else [folder / "config.tar.gz"]
    return tuple(read_upload(Upload(path.name, path.read_bytes())) for path in paths)


@cache
def specification(site: str, form: str) -> Specification:
    return read_specification(sheets_of(uploads(site, form)))


def expected(site: str, name: str):
    return json.loads((SHARED / "specs" / site / name).read_text())


def expected_edges(site: str, form: str) -> list[tuple[str, str, str]]:
    """(source key, target key, rule) of all edges but those of effects, whose ids are UUIDs that no CSV has."""
    names = {}
    if form == "csv":
        modes = [each for each in specification(site, "config").entities if each.csv_type == "view_modes"]
        names = {mode.key: f"view_modes:{mode.entity_type}.{slug(mode.label)}" for mode in modes}

    def key(end: list[str]) -> str:
        made = f"{TABS[end[0]]}:{end[1]}"
        return names.get(made, made)

    return [
        (key(edge["from"]), key(edge["to"]), edge["rule"].split()[0])
        for edge in expected(site, "_dependencies_from_csv.json")
        if edge["from"][0] != "ImageEffects"
    ]


def test_every_tab_is_accepted_without_an_error(site, form):
    for upload in uploads(site, form):
        for reading in upload.readings:
            assert reading.accepted, [error.message for error in reading.errors]


def test_every_type_has_as_many_entities_as_were_counted(site, form):
    counts = {TABS[tab]: count["entities"] for tab, count in expected(site, "_counts.json")["counts"].items()}

    found = Counter(entity.csv_type for entity in specification(site, form).entities)

    # The CSV files leave out what the configuration has beyond them: core's own view modes and menus.
    wanted = {csv_type: count for csv_type, count in counts.items() if count}
    assert {csv_type: found[csv_type] for csv_type in wanted} == wanted


def test_rows_are_accounted_for(site, form):
    for upload in uploads(site, form):
        for reading in upload.readings:
            assert sum(reading.read.dispositions.values()) == len(reading.table.rows)


def test_every_row_of_the_csv_files_is_counted(site):
    counts = expected(site, "_counts.json")["counts"]

    found = {upload.readings[0].filename.removesuffix(".csv"): upload.readings[0] for upload in uploads(site, "csv")}

    for tab, count in counts.items():
        assert count["rows"] == (len(found[tab].read.rows) if tab in found else 0)


def test_every_edge_is_found(site, form):
    found = {(each.source, each.target) for each in specification(site, form).dependencies}

    assert [edge for edge in expected_edges(site, form) if edge[:2] not in found] == []


def test_no_binding_edge_is_made_up(site, form):
    wanted = {edge[:2] for edge in expected_edges(site, form)}

    made_up = [
        (each.source, each.target, each.rule)
        for each in specification(site, form).dependencies
        if each.rule in BINDING and each.rule != "D4" and (each.source, each.target) not in wanted
    ]

    assert made_up == []


def test_every_style_has_its_effects(site, form):
    wanted = Counter(
        f"image_styles:{edge['to'][1]}"
        for edge in expected(site, "_dependencies_from_csv.json")
        if edge["from"][0] == "ImageEffects"
    )

    assert Counter(each.target for each in specification(site, form).dependencies if each.rule == "D4") == wanted


@pytest.mark.parametrize("granularity", [PER_ROW, PER_PARENT])
def test_every_entity_is_in_exactly_one_item(site, form, granularity):
    entities = specification(site, form).entities

    made = backlog(specification(site, form), granularity)

    inside = [key for item in made for key in (item["key"], *(child["key"] for child in item["children"]))]
    assert Counter(inside) == Counter({entity.key: 1 for entity in entities})


@pytest.mark.parametrize("granularity", [PER_ROW, PER_PARENT])
def test_there_is_one_item_per_entity_or_per_parent(site, form, granularity):
    parts = {"fields", "image_effects", "view_displays", "workflow_states", "workflow_transitions"}
    entities = specification(site, form).entities

    items = backlog(specification(site, form), granularity)

    whole = [each for each in entities if granularity == PER_ROW or each.csv_type not in parts]
    assert sorted(item["key"] for item in items) == sorted(entity.key for entity in whole)


@pytest.mark.parametrize("granularity", [PER_ROW, PER_PARENT])
def test_the_order_respects_every_dependency_that_is_not_cut(site, form, granularity):
    made = backlog(specification(site, form), granularity)

    place = {item["key"]: at for at, item in enumerate(made)}
    binding = [(each.source, each.target) for each in made.dependencies if each.kind == "blocks"]
    broken = [edge for edge in binding if place[edge[1]] > place[edge[0]]]
    assert binding
    assert [edge for edge in broken if edge not in made.cut] == []


def test_at_one_ticket_per_row_there_is_no_cycle(site, form):
    made = backlog(specification(site, form), PER_ROW)

    assert (made.cycles, made.cut) == ((), frozenset())


@pytest.mark.parametrize("granularity", [PER_ROW, PER_PARENT])
def test_a_cycle_is_condensed_with_proposed_cuts(site, form, granularity):
    """A knot of migrations joins the site: it is reported, cut, and everything else keeps its order."""
    rows = "Migration name,Machine name,Source,Destination,Bundle,Dependencies\n" + "".join(
        f"Step {n},step_{n},url,entity:node,,step_{(n + 1) % 5}\n" for n in range(5)
    )
    knot = read_upload(Upload("Migrations.csv", rows.encode()))
    with_knot = read_specification(sheets_of([*uploads(site, form), knot]))

    made = backlog(with_knot, granularity)

    assert [len(cycle) for cycle in made.cycles] == [5]
    assert len(made.cut) == 1
    assert "A dependency cycle of 5" in cycle_findings(made)[0].message
    place = {item["key"]: at for at, item in enumerate(made)}
    kept = [each for each in made.dependencies if each.kind == "blocks" and (each.source, each.target) not in made.cut]
    assert all(place[each.target] < place[each.source] for each in kept)


def test_both_forms_name_the_same_entities(site):
    """View modes have no machine name in the sheet, and a sheet of effects no more than their order."""
    forms = [
        {
            each.key
            for each in specification(site, form).entities
            if each.csv_type not in {"view_modes", "image_effects"}
        }
        for form in ("csv", "config")
    ]

    assert forms[0] <= forms[1]
