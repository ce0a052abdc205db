"""Bytes to text, with the name of the encoding that was used, so that a person can correct it."""

import codecs
from typing import Final

from charset_normalizer import from_bytes

from .tables import UnreadableFile

OFFERED: Final = (
    "utf-8",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "cp1252",
    "cp1250",
    "cp1251",
    "iso-8859-15",
    "mac-roman",
    "cp437",
    "shift_jis",
    "gb18030",
)
"""What the preview page offers when the guess is wrong."""

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(data: bytes, encoding: str = "") -> tuple[str, str]:
    """Return (text, encoding). ``encoding`` is a person's choice and wins; otherwise the bytes decide.

    A byte order mark decides first, then strict UTF-8, then Windows-1252 (Excel's CSV in Western Europe), and only then
    a statistical guess. Raises UnreadableFile for binary data and for a chosen encoding that does not fit.
    """
    if encoding:
        return _decode_as_told(data, encoding)
    for mark, name in _BOMS:
        if data.startswith(mark):
            return _decode_as_told(data, name)
    if b"\0" in data:
        return _decode_as_told(data, _utf16_without_mark(data))
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return _decode_legacy(data)


def _decode_as_told(data: bytes, encoding: str) -> tuple[str, str]:
    try:
        text = data.decode(encoding)
    except (UnicodeError, LookupError):
        raise UnreadableFile(
            "wrong_encoding", f"The file cannot be read as {encoding}. Choose another encoding."
        ) from None
    if "\0" in text:
        raise UnreadableFile("binary_file", "The file holds NUL bytes, so it is no text table. Export it again as CSV.")
    if not _is_whole(text):
        raise UnreadableFile("wrong_encoding", f"The file cannot be read as {encoding}. Choose another encoding.")
    return text.removeprefix("\ufeff"), encoding


def _is_whole(text: str) -> bool:
    """No halves of a surrogate pair (UTF-7 and escapes can make them): they can neither be stored nor shown."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _utf16_without_mark(data: bytes) -> str:
    """UTF-16 of mostly Western text has a zero in every second byte; anything else with zeros is binary."""
    sample = data[:4096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) / 2
    if len(data) % 2 == 0 and odd > 0.6 * half and even < 0.1 * half:
        return "utf-16-le"
    if len(data) % 2 == 0 and even > 0.6 * half and odd < 0.1 * half:
        return "utf-16-be"
    raise UnreadableFile("binary_file", "The file holds NUL bytes, so it is no text table. Export it again as CSV.")


def _decode_legacy(data: bytes) -> tuple[str, str]:
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        guess = from_bytes(data[:200_000]).best()
        name = guess.encoding if guess else "latin-1"
        try:
            return _decode_as_told(data, name)
        except UnreadableFile:
            return data.decode("latin-1"), "latin-1"
    if sum(ord(c) < 32 and c not in "\t\r\n\f" for c in text[:4096]) > 0.02 * len(text[:4096]):
        raise UnreadableFile(
            "binary_file", "This is a binary file, not a table. Upload CSV, TSV, XLSX or a config.tar.gz."
        )
    return text, "cp1252"
