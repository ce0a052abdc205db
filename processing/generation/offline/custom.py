"""Rows of a tab that the product does not know: say what is there, and ask for the rest."""

from sessions_app.parsing.payload import EntityPayload

from . import cells, prose
from .draft import Draft, Scenario, SiteContext, Story, notes, present


def write_custom(entity: EntityPayload, site: SiteContext) -> Draft:
    label = entity["data"]["label"] or _somewhere(entity)
    machine_name = entity["data"]["machine_name"]
    description = cells.cell(entity, "Description")
    headers = [prose.inline(header, 60) for header in (*entity["cells"], *entity["extra"]) if header not in _KNOWN]
    named = prose.named(label, machine_name)
    source = entity["csv_source"]["filename"]
    return Draft(
        noun="item",
        label=label,
        machine_name=machine_name,
        verb="Build",
        detail="" if entity["data"]["label"] and entity["data"]["machine_name"] else entity["type"],
        story=Story(
            "site builder",
            f"{named} as the specification has it",
            "nothing of the specification is left out",
            f"In the words of the specification: {prose.quoted(description, 500)}" if description else "",
        ),
        scenario=Scenario(
            "It is there as specified",
            ("the exported configuration is imported",),
            (f'I look for "{prose.spoken(label, 80)}" on the site',),
            ("it is there", "it agrees with its row of the specification"),
        ),
        intro=f"{named}, from {prose.code(source, 120)}. Its sheet is none of the Drupal Spec Tool's known tabs, so "
        "this ticket "
        "cannot name the Drupal steps; all cells stand in the configuration table.",
        settings=_custom_settings(entity, description, headers),
        steps=_custom_steps(),
        checks=(
            "Compare the result with the row of the specification, cell by cell.",
            "Show it to the person who wrote the row, and have it confirmed.",
        ),
        decisions=_custom_decisions(description, machine_name),
        removal=("Find what it is in Drupal, and delete it there.",),
        loss="The cells do not tell whether content hangs on it: find out before deleting.",
        heads=("Description",),
        row=(prose.inline(description, 120),),
        part_check="compare it with its row of the specification.",
    )


def _custom_decisions(description: str, machine_name: str) -> tuple[str, ...]:
    return present(
        "What is this in Drupal, and which ticket type of the specification does it belong to?",
        cells.machine_name_decision(machine_name),
        "" if description else "No description is given: what is it for?",
    )


def _custom_steps() -> tuple[str, ...]:
    return (
        "Decide what it is in Drupal: configuration, content, a module or theme, or work outside Drupal.",
        "Write down admin path and configuration names here before starting.",
        "Build it as its row says.",
    )


def _custom_settings(entity: EntityPayload, description: str, headers: list[str]) -> tuple[str, ...]:
    return present(
        f"Description: {prose.quoted(description)}" if description else "",
        f"Further columns: {prose.listed(headers, most=30)}" if headers else "",
        *notes(entity),
    )


_KNOWN = frozenset({"ID", "X", "Dev", "QA", "Name", "Machine name", "Description", "Notes"})


def _somewhere(entity: EntityPayload) -> str:
    rows = ", ".join(str(row) for row in entity["csv_source"]["rows"][:5])
    return f"{entity['csv_source']['filename'] or 'specification'}, row {rows or '?'}"
