"""A gzip-compressed tar archive, read once from front to back, within limits and trusting nothing it says of itself.

Python's ``tarfile`` is not used on purpose: it reads extended headers of any size into memory and recurses from one
header into the next, and both are in the hands of whoever made the file. What Drupal and ordinary programs write is a
handful of header kinds, and those are read here. Nothing is ever written to a disk.
"""

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from sessions_app.parsing.tables import Finding, UnreadableFile

from .findings import Skipped

READ: Final = "read"
IGNORE: Final = "ignore"

_BLOCK: Final = 512
_CHUNK: Final = 64 * 1024
_RATIO_FROM: Final = 1024 * 1024
"""Below this many unpacked bytes the ratio says nothing: a tar archive of one short file is mostly zeros."""
_LONGEST_EXTENDED_HEADER: Final = 64 * 1024
_REGULAR: Final = (b"0", b"\0", b"7")
_DIRECTORY: Final = b"5"
_WITHOUT_CONTENT: Final = (b"1", b"2", b"3", b"4", b"5", b"6")
"""Links, devices, folders and pipes: whatever size such a header states, no content follows it."""
_PAX_RECORD = re.compile(rb"([0-9]{1,6}) ([^=\n]+)=")
_OCTAL = re.compile(rb"[ \0]*([0-7]*)[ \0]*\Z")


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may hold. Bytes are counted while unpacking; what the headers promise does not matter."""

    max_members: int = 20_000
    max_unpacked: int = 200 * 1024 * 1024
    max_member: int = 5 * 1024 * 1024
    max_ratio: int = 200


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive. ``path`` is relative, with ``/`` between its parts and without ``.`` and ``..``."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Archive:
    members: tuple[Member, ...]
    warnings: tuple[Finding, ...]


def read_archive(data: bytes, limits: ArchiveLimits, screen: Callable[[str], str]) -> Archive:
    """Unpack the members for whose path ``screen`` says READ, in the order of the archive.

    ``screen`` may also say IGNORE, or give the reason (a code of ``findings``) for which a file is left out.
    Raises UnreadableFile where this is no archive, a damaged one, or one beyond the limits.
    """
    unpacker = _Unpacker(data, limits)
    skipped = Skipped()
    members = []
    for number, header in enumerate(_headers(unpacker), start=1):
        if number > limits.max_members:
            raise _too_many(limits)
        path = _safe_path(header.path)
        verdict = _verdict(header, path, limits, screen)
        if verdict == READ:
            members.append(Member(path, unpacker.take(header.size)))
        elif verdict != IGNORE:
            skipped.add(verdict, header.path)
    unpacker.skip_to_end()
    return Archive(tuple(members), skipped.findings())


def _verdict(header: "_Header", path: str, limits: ArchiveLimits, screen: Callable[[str], str]) -> str:
    if header.kind == _DIRECTORY:
        return IGNORE
    if not path:
        return "config_unsafe_names"
    if header.kind not in _REGULAR:
        return "config_links"
    verdict = screen(path)
    return "config_too_large" if verdict == READ and header.size > limits.max_member else verdict


def _safe_path(path: str) -> str:
    """The path without ``./``; empty where it is absolute or climbs out of the archive, with slashes of either kind."""
    parts = path.replace("\\", "/").split("/")
    if path[1:2] == ":" or parts[0] == "" or ".." in parts:
        return ""
    return "/".join(part for part in parts if part not in {"", "."})


class _Unpacker:
    """Unpacked bytes, counted: stops with bounded memory as soon as a limit is passed."""

    def __init__(self, data: bytes, limits: ArchiveLimits) -> None:
        if not data.startswith(b"\x1f\x8b"):
            raise _not_an_archive()
        self._file = gzip.GzipFile(fileobj=io.BytesIO(data))
        self._limits = limits
        self._most = min(limits.max_unpacked, max(_RATIO_FROM, len(data) * limits.max_ratio))
        self.position = 0

    def take(self, size: int) -> bytes:
        """Exactly ``size`` bytes; the caller has checked that so many are bearable."""
        pieces = []
        while size > 0:
            piece = self._piece(size)
            if not piece:
                raise _damaged()
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def block(self) -> bytes:
        """The next block of the archive; empty at its end."""
        block = b""
        while len(block) < _BLOCK and (piece := self._piece(_BLOCK - len(block))):
            block += piece
        if 0 < len(block) < _BLOCK:
            raise _not_an_archive() if self.position < _BLOCK else _damaged()
        return block

    def skip_to(self, position: int) -> None:
        while self.position < position:
            if not self._piece(position - self.position):
                raise _damaged()

    def skip_to_end(self) -> None:
        """Read what follows the last member, so that gzip can compare its checksum."""
        while self._piece(_CHUNK):
            pass

    def _piece(self, size: int) -> bytes:
        try:
            piece = self._file.read(min(size, _CHUNK))
        except (EOFError, OSError, zlib.error):
            raise _damaged() from None
        self.position += len(piece)
        if self.position > self._most:
            raise _too_large(self._limits, by_ratio=self._most < self._limits.max_unpacked)
        return piece


@dataclass(frozen=True, slots=True)
class _Header:
    path: str
    kind: bytes
    size: int

    @property
    def blocks(self) -> int:
        return -(-self.size // _BLOCK)


def _headers(unpacker: _Unpacker) -> Iterator[_Header]:
    """The header of every member. Content that the caller has not taken is skipped before the next one."""
    extended: dict[str, str] = {}
    while any(block := unpacker.block()):
        header = _parse_header(block, is_first=unpacker.position == _BLOCK)
        is_member = header.kind not in {b"L", b"K", b"x", b"g"}
        if is_member:
            header, extended = _with_extended(header, extended), {}
        end = unpacker.position + header.blocks * _BLOCK
        if is_member:
            yield header
        elif header.kind in {b"L", b"x"}:
            extended |= _extended_header(unpacker, header)
        unpacker.skip_to(end)


def _parse_header(block: bytes, *, is_first: bool) -> _Header:
    counted = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    size = _number(block[124:136])
    if counted != _number(block[148:156]) or size is None:
        raise _not_an_archive() if is_first else _damaged()
    name = _text(block[:100])
    if block[257:263] == b"ustar\0" and (prefix := _text(block[345:500])):
        name = f"{prefix}/{name}"
    kind = block[156:157]
    return _Header(name, kind, 0 if kind in _WITHOUT_CONTENT else size)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")


def _number(field: bytes) -> int | None:
    """Octal digits, or for large values a big-endian number behind a byte 0x80; None for anything else."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    octal = _OCTAL.match(field)
    return int(octal[1] or b"0", 8) if octal else None


def _extended_header(unpacker: _Unpacker, header: _Header) -> dict[str, str]:
    """What a GNU ("L") or POSIX ("x") header says about the member behind it: its path, its size."""
    if header.size > _LONGEST_EXTENDED_HEADER:
        raise _damaged()
    content = unpacker.take(header.size)
    return {"path": _text(content)} if header.kind == b"L" else dict(_pax_records(content))


def _pax_records(content: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while record := _PAX_RECORD.match(content, at):
        end = at + int(record[1])
        if end <= record.end():
            raise _damaged()
        if record[2] in {b"path", b"size"}:
            yield record[2].decode(), content[record.end() : end - 1].decode("utf-8", "replace")
        at = end


def _with_extended(header: _Header, extended: dict[str, str]) -> _Header:
    """The header as the extended one before it completes it: its own path may be cut off after 100 bytes."""
    size = extended.get("size", "")
    if size and header.kind not in _WITHOUT_CONTENT:
        if not re.fullmatch(r"[0-9]{1,15}", size):
            raise _damaged()
        header = replace(header, size=int(size))
    path = extended.get("path", header.path)
    is_old_directory = header.kind == b"\0" and path.endswith("/")
    return replace(header, path=path, kind=_DIRECTORY if is_old_directory else header.kind)


def _not_an_archive() -> UnreadableFile:
    return UnreadableFile(
        "not_an_archive",
        "This is not a configuration export. In Drupal, open Configuration synchronization > Export > Full archive and "
        "upload the config.tar.gz that it gives you.",
    )


def _damaged() -> UnreadableFile:
    return UnreadableFile(
        "archive_damaged",
        "The archive is damaged or was not copied completely. Download it again and upload that file.",
    )


def _too_many(limits: ArchiveLimits) -> UnreadableFile:
    return UnreadableFile(
        "archive_too_many_members",
        f"The archive holds more than {limits.max_members:,} files and folders. Upload only the configuration export, "
        "not the whole site.",
    )


def _too_large(limits: ArchiveLimits, *, by_ratio: bool) -> UnreadableFile:
    if by_ratio:
        return UnreadableFile(
            "archive_ratio",
            f"The archive unpacks to more than {limits.max_ratio} times its size, which no configuration export does. "
            "Export the configuration again.",
        )
    return UnreadableFile(
        "archive_too_large",
        f"The archive unpacks to more than {limits.max_unpacked // 1024 // 1024:,} MB. Upload only the configuration "
        "export, not the whole site.",
    )
