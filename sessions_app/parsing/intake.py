"""From a table to what an import would do with it: the same answer for the preview, the API and the command line."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .csv_types import CSV_TYPES
from .recognition import Recognition, recognise
from .rows import ReadTable, read_rows
from .tables import Finding, Table, UnreadableFile
from .text import normal_header, shortened


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person decided about a file; empty means: find out."""

    csv_type: str = ""
    encoding: str = ""
    delimiter: str = ""
    mapping: tuple[str, ...] = ()
    exclusions: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """One tab of an upload as it would be imported. ``errors`` block it, ``warnings`` do not."""

    filename: str
    table: Table | None
    recognition: Recognition | None
    read: ReadTable | None
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    remembered: bool = False
    exclusions: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        return self.read is not None and not self.errors

    @property
    def csv_type(self) -> str:
        return self.recognition.csv_type if self.recognition else ""


def header_signature(headers: Sequence[str]) -> str:
    """The same for two files of the same shape; spelling marks and case do not matter."""
    return hashlib.sha256("\x1f".join(map(normal_header, headers)).encode()).hexdigest()


def refused(filename: str, error: UnreadableFile) -> Reading:
    """A reading of a file that is no table at all."""
    return Reading(filename, None, None, None, (Finding(error.code, error.message, blocks=True, filename=filename),))


def read_tab(
    table: Table, filename: str, choices: Choices, remembered: Mapping[str, tuple[str, tuple[str, ...]]] | None = None
) -> Reading:
    """Recognise the tab, map its columns and read its rows. ``remembered``: header signature -> (csv_type, mapping)."""
    known = (remembered or {}).get(header_signature(table.headers))
    use_known = bool(known) and not choices.csv_type and not choices.mapping and not table.csv_type
    if known and use_known:
        choices = replace(choices, csv_type=known[0], mapping=known[1])
    recognition = _recognised(table, filename, choices)
    errors = tuple(_blocking(table, recognition, filename))
    if errors:
        return Reading(filename, table, recognition, None, errors, remembered=use_known)
    read = read_rows(table, recognition.csv_type, recognition.mapping, choices.exclusions)
    warnings = tuple(replace(finding, filename=filename) for finding in read.findings)
    if recognition.confidence == "low":
        note = (
            "The headers fit no tab of the Spec Tool, so the file is taken as custom. "
            "Choose another type if that is wrong."
        )
        warnings = (Finding("type_unsure", note, filename=filename), *warnings)
    errors = tuple(_nothing_usable(read, filename))
    return Reading(filename, table, recognition, read, errors, warnings, use_known, choices.exclusions)


def _recognised(table: Table, filename: str, choices: Choices) -> Recognition:
    recognition = recognise(table, filename, csv_type=choices.csv_type)
    if len(choices.mapping) != len(table.headers) or not recognition.csv_type:
        return recognition
    kind = CSV_TYPES[recognition.csv_type]
    mapping = tuple(name if name in kind.column_names else "" for name in choices.mapping)
    missing = tuple((name, "") for name in kind.required if name not in mapping)
    return Recognition(kind.name, mapping, "high", missing)


def _blocking(table: Table, recognition: Recognition, filename: str) -> list[Finding]:
    if not recognition.csv_type:
        shown = ", ".join(f"“{shortened(header, 40)}”" for header in table.headers[:8] if header) or "none"
        return [
            Finding(
                "type_unknown",
                f"The headers fit no tab of the Spec Tool. They are: {shown}. "
                "Check that the first row names the columns, or choose the type and map the columns yourself.",
                line=table.header_line,
                blocks=True,
                filename=filename,
            )
        ]
    noun = CSV_TYPES[recognition.csv_type].noun
    findings = []
    for name, closest in recognition.missing:
        hint = f" The closest header is “{closest}”: map it to “{name}” if that is what it means." if closest else ""
        findings.append(
            Finding(
                "column_missing",
                f"The column “{name}” is missing; without it no {noun} can be told from another.{hint}",
                line=table.header_line,
                column=name,
                value=closest,
                expected=f"a column “{name}”",
                blocks=True,
                filename=filename,
            )
        )
    return findings


def _nothing_usable(read: ReadTable, filename: str) -> list[Finding]:
    if read.entity_count or read.dispositions["filtered"]:
        return []
    below = sum(bool(row.number) for row in read.rows)
    noun = CSV_TYPES[read.csv_type].noun
    if below:
        message = f"None of the {below:,} rows names a {noun}. Fill the columns that name it, or leave the tab out."
    else:
        message = "There are no rows below the header. If the tab is not used yet, leave it out."
    return [Finding("no_entities", message, blocks=True, filename=filename)]
