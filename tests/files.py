"""What is stored, put back after a test that shares its rows with others: rows are rolled back, files are not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

Stamp = tuple[int, int, int]


class Files:
    """All files of a folder as they are now."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.kept = {path: (stamp, path.read_bytes()) for path, stamp in self._there()}

    def put_back(self) -> None:
        """Write again what was changed or removed, and remove what is new."""
        there = dict(self._there())
        for path in there.keys() - self.kept.keys():
            path.unlink()
        for path, (stamp, content) in self.kept.items():
            if there.get(path) != stamp:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                _, written_at, _ = stamp
                os.utime(path, ns=(written_at, written_at))
                self.kept[path] = (_stamp(path), content)

    def _there(self) -> Iterator[tuple[Path, Stamp]]:
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = Path(folder, name)
                yield path, _stamp(path)


def _stamp(path: Path) -> Stamp:
    """Size, time and inode: a file that was replaced has another."""
    told = path.stat()
    return told.st_size, told.st_mtime_ns, told.st_ino
