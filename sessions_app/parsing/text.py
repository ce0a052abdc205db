"""How cells and headers are compared: the same normal form everywhere."""

import hashlib
import re
import unicodedata
from functools import lru_cache
from typing import Final, Literal

SHEET_ERRORS: Final = frozenset(
    {"#n/a", "#value!", "#ref!", "#name?", "#div/0!", "#null!", "#num!", "#error!", "#spill!"}
)

_SPACE = re.compile(r"\s+")
_REMOVED = re.compile(r"['’`()]")
_SEPARATORS = re.compile(r"[^\w+#]+|_+")
_INVISIBLE = re.compile(r"[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_LIST_SEPARATOR = re.compile(r"[,;\n]")
_DISARMED = re.compile(r"'(?=[=+@-])")
_HYPERLINK = re.compile(r'^=\s*HYPERLINK\s*\(\s*"[^"]*"\s*[,;]\s*"(?P<label>(?:[^"]|"")*)"\s*\)\s*$', re.IGNORECASE)
_FORMULA = re.compile(r"^(?:[=@][^\s=@]|[+-]\d[\d\s().]*[-+*/(])")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME: Final = 256
"""Longer texts are prose: they are not remembered, and as a header they are compared by their beginning."""


def normal(text: str) -> str:
    """Compare labels by this: NFKC, invisible characters gone, white space collapsed, case folded.

    Spreadsheet errors and a lone dash mean "nothing" in the Spec Tool, so they become the empty string.
    """
    return _remembered_normal(text) if len(text) <= _LONGEST_NAME else _normal(text)


def _normal(text: str) -> str:
    folded = _SPACE.sub(" ", _INVISIBLE.sub("", _normalised("NFKC", text))).strip().casefold()
    return "" if folded in SHEET_ERRORS or folded in {"-", "–", "—"} else folded


_remembered_normal = lru_cache(maxsize=65_536)(_normal)


def normal_header(text: str) -> str:
    """Compare headers by this: as :func:`normal`, and ``Machine_name``, ``Req'd``, ``Settings / Notes`` lose their
    marks.
    """
    return _remembered_header(text[:_LONGEST_NAME])


@lru_cache(maxsize=4_096)
def _remembered_header(text: str) -> str:
    folded = _REMOVED.sub("", _INVISIBLE.sub("", _normalised("NFKC", text))).casefold()
    return _SPACE.sub(" ", _SEPARATORS.sub(" ", folded)).strip()


def _normalised(form: Literal["NFKC", "NFKD"], text: str) -> str:
    """In pieces: putting a run of n combining marks in order takes n² steps, and no name is that long."""
    if text.isascii():
        return text
    pieces = (text[at : at + _LONGEST_NAME] for at in range(0, len(text), _LONGEST_NAME))
    return "".join(unicodedata.normalize(form, piece) for piece in pieces)


def split_list(text: str) -> list[str]:
    """The names in a list typed by hand, parted by commas, semicolons or line ends."""
    return [name for part in _LIST_SEPARATOR.split(text) if (name := part.strip())]


def clean(text: str) -> str:
    """A cell as people mean it: trimmed, line ends as ``\\n``, spreadsheet errors and lone dashes empty.

    A ``=HYPERLINK("address", "label")`` formula is read as its label; no other formula is interpreted. The apostrophe
    with which our own CSV files disarm a formula is taken off again.
    """
    stripped = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ").strip()
    stripped = _DISARMED.sub("", stripped, count=1) if _DISARMED.match(stripped) else stripped
    if not stripped or not normal(stripped):
        return ""
    link = _HYPERLINK.match(stripped)
    return link["label"].replace('""', '"').strip() if link else stripped


def storable(text: str) -> str:
    """Without what no database takes: NUL, and halves of surrogate pairs, which JSON's escapes can make."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def is_formula(text: str) -> bool:
    """Would a spreadsheet evaluate this cell? A dash before words (``-- Disabled --``) is no formula."""
    return bool(_FORMULA.match(text.lstrip()))


def is_sheet_error(text: str) -> bool:
    return text.strip().casefold() in SHEET_ERRORS


def slug(text: str, longest: int = 96) -> str:
    """A machine-like name for a key where the sheet gives only a label; long ones keep a hash so that they stay
    apart.
    """
    plain = _normalised("NFKD", text).encode("ascii", "ignore").decode().casefold()
    made = _NOT_SLUG.sub("_", plain).strip("_")
    if not made or len(made) > longest:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        made = f"{made[: longest - 13]}_{digest}".strip("_")
    return made


def shortened(text: str, longest: int = 200) -> str:
    """For messages: one line, at most ``longest`` characters."""
    flat = _SPACE.sub(" ", text).strip()
    return flat if len(flat) <= longest else flat[: longest - 1] + "…"
