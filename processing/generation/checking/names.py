"""Machine names and labels in a ticket that the specification does not have."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from processing.generation.offline.drupal import BASE_FIELDS, FIELD_TYPES, KINDS
from sessions_app.marks import find_words

from .claims import Claim, Section
from .evidence import Evidence
from .vocabulary import CORE_IN, LABEL_WORDS, NAME_PARTS, NAMES, word_set

# Machine names

MOST_CANDIDATES: Final = 400
MOST_SPANS: Final = 2_000
"""A text with more unknown names or code spans than this is no ticket: each of them costs a look around it."""

_PIECE: Final = re.compile(r"[\w./:-]+\(?")
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_ONE_WORD: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_NOT_NAME: Final = re.compile(r"[^a-z0-9_]+")
_SPAN: Final = re.compile(r"`([a-z0-9][a-z0-9_-]{0,63})`")
_FILE: Final = re.compile(
    r"\.(?:jpe?g|png|gif|svg|webp|avif|pdf|docx?|xlsx?|pptx?|csv|tsv|txt|zip|mp[34]|css|js|ts|html?|php|inc|module|theme"
    r"|install|test|feature|sh|sql|md|json|xml|lock|twig|log|py|info|gz)\b"
)
_COLUMN: Final = re.compile(
    r"_(?:value|target_id|target_revision_id|uri|url|title|format|summary|end_value|alt|width|height|delta|options|reference)"
)
_NUMBERED: Final = re.compile(r"_[0-9]+")
_FENCE: Final = re.compile(r"^[ \t]*```(?!gherkin|feature|cucumber)[^\n`]*\n(?:(?![ \t]*```).*\n?)*", re.MULTILINE)
_TEST_WORDS: Final = word_set(
    """
    test tests testing tester qa example sample demo my your foo bar baz some dummy tmp temp temporary fake
    mymodule mytheme old legacy behat phpunit playwright cypress selenium lorem ipsum bundle entity machine
    """
)
_OTHERWISE: Final = re.compile(
    r"\b(?:modules?|plugins?|permissions?|themes?|library|libraries|hooks?|functions?|services?|keys?|options?|settings?"
    r"|propert(?:y|ies)|variables?|parameters?|columns?|tables?|routes?|tokens?|class(?:es)?|attributes?|tags?|branch"
    r"|recipes?|packages?|drush (?:en|pm|then|php|role)|composer|drupal/|formatters?|widgets?|handlers?|effects?"
    r"|commands?|files?|folders?|cookies?|constraints?|conditions?|selectors?|events?|queues?|source|process|csv|"
    r"xpath|database|accounts?|users?|log(?:ged)? in as|named|regions?|formats?)\b"
)
_LABELS: Final = re.compile(r"[“\"][^”\"]*[”\"]")
_OTHERWISE_AFTER: Final = re.compile(
    r"`?\**[ -](?:sub-?)?(?:modules?|plugins?|permissions?|themes?|library|hooks?|functions?|services?|keys?|options?"
    r"|settings?|propert(?:y|ies)|variables?|parameters?|columns?|tables?|routes?|tokens?|class|attributes?|tags?|formatters?|widgets?"
    r"|handlers?|effects?|commands?|files?|accounts?|users?|regions?|formats?|process)\b"
)

_CONFIG: Final[dict[str, tuple[str, ...]]] = {
    "node.type": ("bundle",),
    "media.type": ("bundle",),
    "comment.type": ("bundle",),
    "block_content.type": ("bundle",),
    "taxonomy.vocabulary": ("bundle",),
    "paragraphs.paragraphs_type": ("bundle",),
    "image.style": ("image style",),
    "views.view": ("view",),
    "user.role": ("role",),
    "workflows.workflow": ("workflow",),
    "system.menu": ("menu",),
    "responsive_image.styles": ("image style",),
    "migrate_plus.migration": ("migration",),
    "field.storage": ("entity", "field"),
    "field.field": ("entity", "bundle", "field"),
    "core.base_field_override": ("entity", "bundle", "field"),
    "core.entity_form_display": ("entity", "bundle"),
    "core.entity_view_display": ("entity", "bundle", "view mode"),
    "language.content_settings": ("entity", "bundle"),
}
"""First two parts of a configuration name -> what the next parts are. Names that people choose freely are left out."""

_PATH: Final = re.compile(
    r"/(?:(?:types|taxonomy|media|block-content|comment)/manage|structure/paragraphs_type|node/add|media/add|block/add"
    r"|(?P<image_style>image-styles/manage|styles)|(?P<role>roles/manage)|(?P<workflow>workflows/manage)|(?P<view>views/view))"
    r"/(?P<name>[a-z0-9_-]+)"
)
_SLOT: Final = re.compile(
    r"\b(?P<kind>machine[- ]names?|content type|vocabulary|media type|paragraphs? type|(?:custom |content )?block type"
    r"|comment type|bundle|roles?|image style|view mode|view|workflow|states?|transition|menu|migration|field)"
    r"(?: (?:is|be|called|named|of|with(?: the)? machine name|must be|should be|id))*[\s:=|*(“\"]*$"
)
_SLOT_AFTER: Final = re.compile(
    r"`\**[”\"]? (?P<kind>content type|vocabulary|media type|paragraphs? type|(?:custom |content )?block type"
    r"|comment type|bundle|role|image style|view mode|workflow|menu|migration|field)s?\b"
)
_AFTER_LABEL: Final = re.compile(r"(?:[”\"]|\*\*) \(`?$")
_BUNDLES: Final = frozenset(
    {"content type", "vocabulary", "media type", "paragraph type", "paragraphs type", "block type", "custom block type",
     "content block type", "comment type", "bundle"}
)  # fmt: skip
_ENTITY_TYPES: Final = frozenset({*KINDS, "file", "menu_link_content", "shortcut", "group", "profile", "custom"})
_FIELDS: Final = frozenset({"body", "alias", "comment", "path"}).union(*BASE_FIELDS.values())
_NO_NAMES: Final = frozenset({"all", "n", "y", "default", "field", "name"})
_CORE: Final = {
    **CORE_IN,
    **dict.fromkeys(_BUNDLES, _ENTITY_TYPES),
    "field": _FIELDS | FIELD_TYPES.keys(),
    "machine name": _FIELDS | _ENTITY_TYPES,
}
"""What Drupal brings of a kind, as the finder asks for it."""


def machine_names(section: Section, evidence: Evidence) -> Iterator[Claim]:
    candidates = dict.fromkeys(islice(_candidates(section, evidence), MOST_CANDIDATES))
    for name, kind, word in candidates:
        at = _place(section, name, word)
        if section.text.startswith(("…", "..."), at + len(name)):
            continue  # shortened
        if at >= 0 and (kind or not _is_something_else(section, at, at + len(name))):
            yield Claim("machine_name", at, at + len(name), _instead(name, evidence))


def _place(section: Section, name: str, word: str) -> int:
    """Where the name stands in the first such word; -1 where it does not stand by itself."""
    inside = find_words(word, name)
    return section.text.find(word) + inside if inside >= 0 else -1


def _candidates(section: Section, evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    """Names that nobody knows, the kind of thing that they are said to name (or nothing), the word they stand in."""
    text = section.text
    strange = dict.fromkeys(word for word in text.split() if "_" in word or "/" in word or "." in word[1:-1])
    code = " ".join(_FENCE.findall(text)) if "```" in text else ""
    prose = set(_FENCE.sub(" ", text).split()) if code else strange
    for word in strange:
        for piece in _PIECE.findall(word):
            for name, kind in _in_places(piece, evidence):
                yield name, kind, word
            for name in _loose(piece, evidence, only_fields=word not in prose) if "_" in piece else ():
                yield name, "", word
    for span in islice(_SPAN.finditer(text), MOST_SPANS):
        kind = _slot(section, span.start(), span.end())
        if kind and not _known_as(span[1], kind, evidence):
            yield span[1], kind, span[0]


def _in_places(piece: str, evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Names in a configuration name or an administration path, where everybody knows what they name."""
    if "/" in piece:
        for path in _PATH.finditer(piece):
            name = path["name"]
            kind = next((word for word in ("image_style", "role", "workflow", "view") if path[word]), "bundle")
            kind = kind.replace("_", " ")
            if name not in {"add", "overview", "public", "private"} and not _known_as(name, kind, evidence):
                yield name, kind
    elif "." in piece:
        parts = piece.split(".")
        kinds = _CONFIG.get(".".join(parts[:2]), ())
        for name, kind in zip(parts[2:], kinds, strict=False):
            if kind != "entity" and _ONE_WORD.fullmatch(name) and not _known_as(name, kind, evidence):
                yield name, kind
        if not kinds and parts[0] in KINDS and len(parts) < 4 and not _FILE.search(piece):
            name = parts[1]
            if _ONE_WORD.fullmatch(name) and not (_known(name, evidence) or name in LABEL_WORDS or name in _FIELDS):
                yield name, "bundle"


def _loose(piece: str, evidence: Evidence, *, only_fields: bool) -> Iterator[str]:
    """Names with an underscore anywhere in the text."""
    if piece in evidence.words or _FILE.search(piece):
        return
    called = piece.endswith("(")
    for name in _NOT_NAME.split(piece):
        if name.startswith("field_"):
            if _NAME.fullmatch(name) and not _known(name, evidence):
                yield name
        elif "_" in name and not (called or only_fields) and _NAME.fullmatch(name) and not _known(name, evidence):
            yield name


def _known(name: str, evidence: Evidence) -> bool:
    """In the cells, in Drupal's vocabulary, made of the words of both, or test data."""
    if name in evidence.words or name in NAMES or name in NAME_PARTS:
        return True
    if "__" in name:
        return all(_known(part, evidence) for part in name.split("__") if part)
    if name.startswith("field_"):
        stem, column, _ = name.rpartition(_last_column(name))
        return (bool(column) and stem in evidence.words) or name in evidence.slugs
    words = _NUMBERED.sub("", name).split("_")
    if not _TEST_WORDS.isdisjoint(words):
        return True
    return all(word in NAME_PARTS or word in evidence.label_words or word.isdigit() for word in words) or (
        name in evidence.slugs
    )


def _last_column(name: str) -> str:
    columns = _COLUMN.findall(name)
    return columns[-1] if columns and name.endswith(columns[-1]) else "\n"


def _known_as(name: str, kind: str, evidence: Evidence) -> bool:
    """Known as the name of this kind of thing, for which made-up combinations do not count."""
    if name in evidence.names:
        return True
    plain = name.replace("-", "_")
    words = evidence.identifiers if kind in _BUNDLES else evidence.words
    if name in words or plain in words or plain in evidence.slugs:
        return True
    if plain in _NO_NAMES or not _TEST_WORDS.isdisjoint(plain.split("_")) or ("-" in name and name in evidence.text):
        return True
    if kind == "label":
        return _known(plain, evidence)
    if kind == "field":
        return plain in NAME_PARTS or plain in NAMES or plain in _CORE["field"]
    return plain in _CORE.get(kind, ())


def _slot(section: Section, start: int, end: int) -> str:
    """What the code span between is said to name; nothing where it is not said."""
    before = section.before(start, 48)
    found = _SLOT.search(before)
    if found:
        kind = found["kind"].replace("-", " ")
        return kind.removesuffix("s") if kind != "machine names" else "machine name"
    after = _SLOT_AFTER.match(section.after(end - 1, 40))
    if after:
        return after["kind"]
    return "label" if _AFTER_LABEL.search(before) else ""


def _is_something_else(section: Section, start: int, end: int) -> bool:
    """Said to be a module, a permission, a setting …, which no row lists; what starts like a field is one."""
    if _OTHERWISE_AFTER.match(section.lower, end):
        return True
    before = _LABELS.sub("", section.before(start, 60))
    return not section.lower.startswith("field_", start) and bool(_OTHERWISE.search(before))


def _instead(name: str, evidence: Evidence) -> str:
    own = evidence.entity["data"]["machine_name"]
    nearest = evidence.nearest_name(name) or (own if name.startswith("field_") and own.startswith("field_") else "")
    return f"the specification has {nearest}" if nearest else "no cell has this name"


# Labels

_QUOTED: Final = (
    re.compile(r"“([^“”\n]{2,80})”"),
    re.compile(r'"([^"\n]{2,80})"'),
    re.compile(r"\*\*([^*\n]{2,80})\*\*"),
)
_NOUN: Final = (
    r"content type|vocabulary|media type|paragraphs? type|(?:custom |content )?block type|comment type|bundle"
    r"|user role|role|view mode|image style|workflow|transition|field group|field"
)
_NOUN_BEFORE: Final = re.compile(
    rf"(?:\b(?:{_NOUN})|\b(?:the|this|a|an|of|to|in|from) (?:view|state|display|menu|migration|label))"
    r"(?: (?:is|labell?ed|called|named|with the label))? (?:the )?$"
)
_NOUN_AFTER: Final = re.compile(rf" (?:(?:required|optional|new|existing) )?(?:{_NOUN})s?\b")
_LABEL_LINE: Final = re.compile(
    r"^[ \t]*(?:[-*+|]|[0-9]{1,3}\.)?[ \t]*[*_`|]*(?:field )?label[*_`]*[ \t]*[:|][*_`\t ]*"
)
_WORD: Final = re.compile(r"[^\W_]+")
_PLACEHOLDER: Final = re.compile(r"[<>{}\[\]%@=]|\.\.\.|…|://|^/")


def labels(section: Section, evidence: Evidence) -> Iterator[Claim]:
    for pattern in _QUOTED:
        for found in pattern.finditer(section.text):
            start, end = found.span(1)
            if _is_named(section, *found.span()) and not _known_label(found[1], evidence):
                yield Claim("label", start, end, _instead(found[1], evidence))
    if section.name == "analysis":
        yield from _label_lines(section, evidence)


def _is_named(section: Section, start: int, end: int) -> bool:
    return bool(_NOUN_AFTER.match(section.lower, end) or _NOUN_BEFORE.search(section.before(start, 40)))


def _label_lines(section: Section, evidence: Evidence) -> Iterator[Claim]:
    """``- Label: Summary`` and ``| Label | Summary |``."""
    for at in section.each("label"):
        begin = section.lower.rfind("\n", 0, at) + 1
        head = _LABEL_LINE.match(section.lower, begin, at + 24) if at - begin < 24 else None
        if head:
            value = section.text[head.end() : head.end() + 100].partition("\n")[0]
            value = value.partition("|")[0].strip(" \t*_`.“”\"'")
            start = section.text.find(value, head.end()) if value else -1
            if start >= 0 and not _known_label(value, evidence):
                yield Claim("label", start, start + len(value), _instead(value, evidence))


def _known_label(label: str, evidence: Evidence) -> bool:
    """Made of words that the cells or Drupal's pages have, or no label at all. Very short words and numbers pass."""
    words = [word for word in _WORD.findall(label.casefold()) if len(word) > 2 and not word.isdigit()]
    if not words or len(words) > 6 or label[-1:] in ".!?:" or _PLACEHOLDER.search(label):
        return True
    if not _TEST_WORDS.isdisjoint(words):
        return True
    return all(any(form in evidence.label_words or form in LABEL_WORDS for form in _forms(word)) for word in words)


def _forms(word: str) -> Iterable[str]:
    """The word, its singular and its plural, as far as an ending tells."""
    yield word
    yield f"{word}s"
    if word.endswith("s"):
        yield word[:-1]
        yield word.removesuffix("es")
        if word.endswith("ies"):
            yield f"{word[:-3]}y"
    elif word.endswith("y"):
        yield f"{word[:-1]}ies"
