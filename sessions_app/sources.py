"""Specifications on disk, for the command line: files, a folder, or a config.tar.gz."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TABLES: Final = (".csv", ".tsv", ".xlsx", ".txt")
ARCHIVES: Final = (".tar.gz", ".tgz")


@dataclass(frozen=True, slots=True)
class Source:
    """A file to import. ``named`` is true if it was named itself and not found in a folder."""

    path: Path
    named: bool


class NoSuchSource(Exception):
    """A path that is not there, or a folder without anything to import."""


def find_sources(paths: Iterable[str]) -> list[Source]:
    """Files in the order given; of a folder its tables by name, or its archives where it has no table.

    (A folder with both holds one specification twice.)
    """
    sources: list[Source] = []
    for given in paths:
        path = Path(given)
        if path.is_dir():
            files = sorted(each for each in path.iterdir() if each.is_file() and not each.name.startswith((".", "_")))
            tables = [each for each in files if each.suffix.lower() in TABLES]
            archives = [each for each in files if each.name.lower().endswith(ARCHIVES)]
            if not tables and not archives:
                raise NoSuchSource(f"{given}: the folder holds no CSV, TSV or XLSX file and no config.tar.gz.")
            sources += [Source(each, named=False) for each in tables or archives]
        elif path.is_file():
            sources.append(Source(path, named=True))
        else:
            raise NoSuchSource(f"{given}: there is no such file or folder.")
    return sources
