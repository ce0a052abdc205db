"""Reading a ticket's text: words worth searching for, addresses, names of hosts, excerpts. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_READ: Final = 20_000
"""Characters of a ticket that are looked at; nobody describes a problem in more."""
MOST_TERMS: Final = 40
MOST_NAMES: Final = 300
MOST_NETWORKS: Final = 50
SHORTEST_TERM, LONGEST_TERM = 3, 40

_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_HOST: Final = re.compile(r"(?<![\w.@-])[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}))*\.?")
_ADDRESS: Final = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+)(?:%\w+)?(?:/\d{1,3})?"
)
_SENTENCE: Final = re.compile(r"(?<=[.!?…])\s+|\n+")
_COMMON: Final = """
    about above after again all also and any are because been before being below between both but can cannot could did
    does doing down during each few for from further get gets got had has have having her here hers him his how into its
    itself just let more most not now off once only other our ours out over own please same she should since some still
    such than that the their theirs them then there these they this those through too try trying under until very was
    were what when where which while who whom why will with would you your yours dear hello hi thanks thank regards kind
    best team help need needs want today yesterday tomorrow morning afternoon user users ticket issue issues problem
    problems every
    aber alle als auch auf aus bei bin bis das dass dem den der des die dies diese dieser dieses ein eine einem einen
    einer eines für habe haben hat ich ihr ist kann kein keine mein mich mir mit nach nicht noch nur oder sich sie sind
    über und uns von vor war warum was wenn wer wie wir wird wurde zum zur bitte danke hallo
"""
STOP: Final = frozenset(_COMMON.split())
"""Words that every ticket has."""


@dataclass(frozen=True, slots=True)
class Reading:
    """``terms``: words worth searching for, each once, the most used first; ``networks``: addresses (as networks of
    one) and networks; ``names``: what may be names of hosts, in small letters.
    """

    terms: list[str] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def read(title: str, description: str) -> Reading:
    """What a ticket's text gives to search with."""
    text = f"{title}\n{description}"[:LONGEST_READ]
    return Reading(terms_of(text, title), networks_of(text), names_of(text))


def terms_of(text: str, title: str = "") -> list[str]:
    """Words, without those that every text has; those of the title count twice."""
    counted: Counter[str] = Counter()
    for source, weight in ((text, 1), (title, 1)):
        for found in _WORD.finditer(source):
            word = found[0].replace("’", "'").partition("'")[0].casefold()
            if SHORTEST_TERM <= len(word) <= LONGEST_TERM and word not in STOP:
                counted[word] += weight
    return [word for word, _ in counted.most_common(MOST_TERMS)]


def networks_of(text: str) -> list[Network]:
    """IPv4 and IPv6 addresses and networks, each once, in the order of the text. Host bits of a network are dropped."""
    found: dict[Network, None] = {}
    for match in _ADDRESS.finditer(text):
        network = network_of(match[0].rstrip(".:") if not match[0].endswith("::") else match[0])
        if network is not None and len(found) < MOST_NETWORKS:
            found.setdefault(network)
    return list(found)


def network_of(text: str) -> Network | None:
    """``10.0.0.5`` is ``10.0.0.5/32``. IPv4 written as IPv6 (::ffff:10.0.0.5) is IPv4. None if it is neither."""
    address, slash, prefix = text.strip().partition("/")
    try:
        host = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped and not slash:
            host = host.ipv4_mapped
        return ipaddress.ip_network(f"{host}/{prefix}" if slash else str(host), strict=False)
    except ValueError:
        return None


def names_of(text: str) -> list[str]:
    """Words that a host may be called by; what is an address is not one."""
    found: dict[str, None] = {}
    for match in _HOST.finditer(text):
        name = match[0].rstrip(".-").casefold()
        if len(name) < SHORTEST_TERM or len(name) > 253 or name in STOP or name.replace(".", "").isdigit():
            continue
        found.setdefault(name)
        if len(found) >= MOST_NAMES:
            break
    return list(found)


def marks_of(networks: Iterable[Network]) -> list[tuple[str, str, str]]:
    """(kind, text, first address in hexadecimal) of each, as they are looked up."""
    return [(f"ipv{each.version}", str(each), hexadecimal(each, first=True)) for each in networks]


def hexadecimal(network: Network, *, first: bool) -> str:
    """The first or last address, in as many digits as the family has."""
    address = network.network_address if first else network.broadcast_address
    return f"{int(address):0{8 if network.version == 4 else 32}x}"


def wider(network: Network) -> list[str]:
    """The network itself and all that contain it, as texts."""
    return [str(network.supernet(new_prefix=length)) for length in range(network.prefixlen, -1, -1)]


def sentences(text: str) -> list[str]:
    """Sentences and lines, without white space around."""
    return [each.strip() for each in _SENTENCE.split(text) if each.strip()]


def excerpt(text: str, terms: Sequence[str], length: int = 300) -> str:
    """The stretch of a text in which most of the terms occur, cut at words, in one line."""
    line = " ".join(text[:LONGEST_READ].split())
    if len(line) <= length:
        return line
    folded = line.casefold()
    if len(folded) != len(line):  # letters that fold to several would shift all places
        folded = line.lower() if len(line.lower()) == len(line) else line
    stems = sorted({stem(term) for term in terms[:10]}, key=len, reverse=True)
    found = re.finditer("|".join(map(re.escape, stems)), folded) if stems else iter(())
    places = [(each.start(), each[0]) for each in islice(found, 500)]
    best, start, end = 0, 0, 0
    within: Counter[str] = Counter()
    for place, term in places:
        while end < len(places) and places[end][0] < place + length - 40:
            within[places[end][1]] += 1
            end += 1
        if len(within) > best:
            best, start = len(within), max(0, place - 40)
        within[term] -= 1
        if not within[term]:
            del within[term]
    start = line.rfind(" ", 0, start) + 1 if start else 0
    cut = line[start : start + length]
    if start + length < len(line):
        cut = (cut.rpartition(" ")[0] or cut) + " …"
    return f"… {cut}" if start else cut


def stem(term: str) -> str:
    """A crude beginning of a word that its other forms share; for marking, not for searching."""
    return term[: max(4, len(term) - 2)] if len(term) > 5 else term


def shared(terms: Iterable[str], text: str) -> list[str]:
    """Those terms that occur in the text in some form."""
    words = {stem(word) for word in terms_of_all(text)}
    return [term for term in terms if stem(term) in words]


def terms_of_all(text: str) -> set[str]:
    """All words of a text, for comparing."""
    return {found[0].replace("’", "'").partition("'")[0].casefold() for found in _WORD.finditer(text[:LONGEST_READ])}
